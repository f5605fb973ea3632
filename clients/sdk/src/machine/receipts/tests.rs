use proptest::prelude::*;

use super::*;

const DELAY: Duration = Duration::from_millis(300);
const CONVERSATION: &str = "g:a";

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn receipts() -> Receipts {
    Receipts::new(DELAY, true)
}

fn ack(up_to: u64) -> Mark {
    Mark { kind: MarkKind::Ack, conversation: CONVERSATION.into(), up_to }
}

fn read(up_to: u64) -> Mark {
    Mark { kind: MarkKind::Read, conversation: CONVERSATION.into(), up_to }
}

#[test]
fn acknowledgements_wait_and_are_cumulative() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, Some(1), ms(0));
    receipts.received(CONVERSATION, 2, Some(2), ms(200));
    assert_eq!(receipts.wake(), Some(ms(300)), "the wait starts with the first");
    assert_eq!(receipts.take(ms(299)), []);
    assert_eq!(receipts.take(ms(300)), [ack(2)]);
    assert_eq!(receipts.wake(), None);
}

#[test]
fn a_read_in_time_takes_the_place_of_the_acknowledgement() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, Some(1), ms(0));
    receipts.read(CONVERSATION, 1, ms(50));
    assert_eq!(receipts.take(ms(50)), [read(1)]);
    assert_eq!(receipts.take(ms(1_000)), []);
}

#[test]
fn reads_that_follow_closely_are_one() {
    let mut receipts = receipts();
    for sequence in 1..=3 {
        let now = ms(sequence * 20);
        receipts.received(CONVERSATION, sequence, Some(sequence), now);
        receipts.read(CONVERSATION, sequence, now);
        assert_eq!(receipts.take(now), if sequence == 1 { vec![read(1)] } else { vec![] });
    }
    assert_eq!(receipts.wake(), Some(ms(320)));
    assert_eq!(receipts.take(ms(320)), [read(3)]);
}

#[test]
fn a_read_of_a_part_leaves_the_rest_to_an_acknowledgement() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 2, 1..=2, ms(0));
    receipts.read(CONVERSATION, 1, ms(10));
    assert_eq!(receipts.take(ms(10)), [read(1)]);
    assert_eq!(receipts.take(ms(310)), [ack(2)]);
}

#[test]
fn an_acknowledgement_that_a_waiting_read_will_say_is_not_sent() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 2, 1..=2, ms(0));
    receipts.read(CONVERSATION, 1, ms(100));
    assert_eq!(receipts.take(ms(100)), [read(1)]);
    receipts.read(CONVERSATION, 2, ms(200));
    assert_eq!(receipts.take(ms(399)), [], "the acknowledgement was due at 300");
    assert_eq!(receipts.take(ms(400)), [read(2)]);
}

#[test]
fn own_messages_need_none_but_are_counted_in() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, None, ms(0));
    receipts.read(CONVERSATION, 1, ms(0));
    assert_eq!(receipts.wake(), None);
    receipts.received(CONVERSATION, 2, Some(2), ms(10));
    assert_eq!(receipts.take(ms(10)), [], "the read was of an own message");
    receipts.received(CONVERSATION, 3, None, ms(20));
    assert_eq!(receipts.take(ms(310)), [ack(3)]);
    receipts.received(CONVERSATION, 4, None, ms(400));
    assert_eq!(receipts.wake(), None);
}

#[test]
fn a_read_beyond_a_gap_waits_for_the_gap_to_close() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 3, Some(3), ms(0));
    receipts.read(CONVERSATION, 9, ms(0));
    assert_eq!(receipts.take(ms(0)), [read(3)]);
    receipts.received(CONVERSATION, 9, Some(9), ms(500));
    assert_eq!(receipts.take(ms(500)), [read(9)]);
}

#[test]
fn what_the_service_knows_is_not_said_again() {
    let mut receipts = receipts();
    receipts.known(CONVERSATION, 7, 7, 5, ms(0));
    receipts.read(CONVERSATION, 5, ms(0));
    assert_eq!(receipts.take(ms(0)), []);
    receipts.read(CONVERSATION, 7, ms(0));
    assert_eq!(receipts.take(ms(0)), [read(7)]);
}

#[test]
fn a_mark_that_the_service_does_not_show_is_sent_again() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, Some(1), ms(0));
    assert_eq!(receipts.take(ms(300)), [ack(1)]);
    receipts.known(CONVERSATION, 1, 0, 0, ms(1_000));
    assert_eq!(receipts.wake(), None, "too early to tell");
    receipts.known(CONVERSATION, 1, 0, 0, ms(6_000));
    assert_eq!(receipts.take(ms(6_300)), [ack(1)]);
    receipts.known(CONVERSATION, 1, 1, 0, ms(20_000));
    assert_eq!(receipts.wake(), None);
}

#[test]
fn a_loss_makes_the_last_marks_uncertain() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, Some(1), ms(0));
    receipts.read(CONVERSATION, 1, ms(0));
    receipts.take(ms(1));
    receipts.disconnected(ms(2_000));
    assert_eq!(receipts.take(ms(2_000)), [read(1)], "and a read again says both");
    receipts.disconnected(ms(90_000));
    assert_eq!(receipts.wake(), None, "long enough ago");
}

#[test]
fn a_refused_mark_is_sent_again_when_told_so() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 1, Some(1), ms(0));
    assert_eq!(receipts.take(ms(300)), [ack(1)]);
    receipts.refused(&ack(1), None, ms(310));
    assert_eq!(receipts.wake(), None);
    receipts.refused(&ack(1), Some(ms(700)), ms(310));
    assert_eq!(receipts.wake(), Some(ms(1_010)));
    assert_eq!(receipts.take(ms(1_010)), [ack(1)]);
}

#[test]
fn by_hand_only_what_is_named() {
    let mut receipts = Receipts::new(DELAY, false);
    receipts.received(CONVERSATION, 5, Some(5), ms(0));
    assert_eq!(receipts.wake(), None);
    receipts.ack(CONVERSATION, 4, ms(0));
    assert_eq!(receipts.take(ms(300)), [ack(4)]);
    receipts.received(CONVERSATION, 6, None, ms(300));
    receipts.ack(CONVERSATION, 6, ms(300));
    assert_eq!(receipts.take(ms(600)), [ack(6)], "own messages too, if the application says so");
}

#[test]
fn unread_messages_are_told_apart_up_to_a_bound() {
    let mut receipts = receipts();
    receipts.received(CONVERSATION, 2_000, 1..=2_000, ms(0));
    receipts.read(CONVERSATION, 3, ms(0));
    assert_eq!(receipts.take(ms(0)), [read(3)]);
    receipts.read(CONVERSATION, 2_000, ms(1_000));
    assert_eq!(receipts.take(ms(1_000)), [read(2_000)]);
    assert!(receipts.marks[CONVERSATION].unread.is_empty());
}

proptest! {
    /// Marks never pass what is held, rise with each kind, and in the end say all that was wanted
    /// with at most one frame of each kind per delay.
    #[test]
    fn marks_rise_and_stay_below_the_gap(steps in proptest::collection::vec((0_u8..4, 1_u64..40, 0_u64..400), 1..100)) {
        let mut receipts = receipts();
        let (mut now, mut held, mut wanted) = (ms(1), 0, 0);
        let mut foreign = BTreeSet::new();
        let mut last: HashMap<bool, (u64, Moment)> = HashMap::new();
        let mut finish = steps.clone();
        finish.push((3, 1, 5_000));
        for (what, sequence, wait) in finish {
            match what {
                0 if sequence > held => {
                    foreign.extend(held + 1..=sequence);
                    receipts.received(CONVERSATION, sequence, held + 1..=sequence, now);
                    held = sequence;
                }
                1 if sequence > held => {
                    held = sequence;
                    receipts.received(CONVERSATION, held, None, now);
                }
                2 => {
                    wanted = wanted.max(sequence);
                    receipts.read(CONVERSATION, sequence, now);
                }
                _ => now += ms(wait),
            }
            for mark in receipts.take(now) {
                prop_assert!(mark.up_to <= held);
                let is_read = mark.kind == MarkKind::Read;
                if let Some((up_to, at)) = last.insert(is_read, (mark.up_to, now)) {
                    prop_assert!(mark.up_to > up_to);
                    prop_assert!(at + DELAY <= now);
                }
            }
        }
        now += ms(5_000);
        for mark in receipts.take(now) {
            last.insert(mark.kind == MarkKind::Read, (mark.up_to, now));
        }
        let read = last.get(&true).map_or(0, |(up_to, _)| *up_to);
        let acked = last.get(&false).map_or(0, |(up_to, _)| *up_to).max(read);
        let last = foreign.last().copied().unwrap_or(0);
        prop_assert!(acked >= last, "acked {acked}, others up to {last}");
        let last_wanted = foreign.range(..=wanted).last().copied().unwrap_or(0);
        prop_assert!(read >= last_wanted, "read {read}, wanted {wanted}, of others {last_wanted}");
        prop_assert_eq!(receipts.wake(), None);
    }
}
