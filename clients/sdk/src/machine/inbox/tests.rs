use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;

const CONVERSATION: &str = "u:a|u:b";

fn message(sequence: u64) -> Box<MessageNew> {
    let text = serde_json::json!({
        "conversationId": CONVERSATION, "messageId": format!("m{sequence}"), "sequence": sequence,
        "senderUserId": "a", "senderDeviceId": "d", "clientMsgId": format!("c{sequence}"),
        "payload": {"text": "hi"}, "ts": 1
    })
    .to_string();
    Box::new(serde_json::from_str(&text).unwrap())
}

fn page(range: RangeInclusive<u64>, has_more: bool) -> SyncPage {
    let next = *range.end();
    SyncPage {
        conversation_id: CONVERSATION.into(),
        messages: range.map(|sequence| *message(sequence)).collect(),
        next,
        has_more,
        reply_to: None,
    }
}

fn sequences(delivery: &Delivery) -> Vec<u64> {
    delivery.messages.iter().map(|message| message.sequence).collect()
}

fn held_at(sequence: u64) -> Inbox {
    Inbox::new([(CONVERSATION.to_owned(), sequence)])
}

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

#[test]
fn in_order_and_once() {
    let mut inbox = held_at(4);
    assert_eq!(sequences(&inbox.message(message(5), ms(0))), [5]);
    assert_eq!(sequences(&inbox.message(message(5), ms(0))), Vec::<u64>::new());
    assert_eq!(sequences(&inbox.message(message(3), ms(0))), Vec::<u64>::new());
    assert_eq!(inbox.wake(), None);
}

#[test]
fn overtaking_frames_cost_no_pull() {
    let mut inbox = held_at(4);
    assert_eq!(sequences(&inbox.message(message(6), ms(0))), Vec::<u64>::new());
    assert_eq!(inbox.pulls(ms(100)), []);
    let delivery = inbox.message(message(5), ms(100));
    assert_eq!(sequences(&delivery), [5, 6]);
    assert_eq!(delivery.held, Some(6));
    assert_eq!(inbox.pulls(ms(5_000)), []);
}

#[test]
fn a_gap_is_pulled_page_by_page() {
    let mut inbox = held_at(4);
    inbox.message(message(9), ms(0));
    assert_eq!(inbox.wake(), Some(GAP_GRACE));
    assert_eq!(inbox.pulls(ms(200)), [(CONVERSATION.to_owned(), 4)]);
    assert_eq!(inbox.pulls(ms(200)), [], "one pull at a time");
    assert_eq!(sequences(&inbox.page(4, page(5..=6, true), ms(210))), [5, 6]);
    assert_eq!(inbox.pulls(ms(210)), [(CONVERSATION.to_owned(), 6)], "the next page at once");
    assert_eq!(sequences(&inbox.page(6, page(7..=8, false), ms(220))), [7, 8, 9]);
    assert_eq!(inbox.wake(), None);
}

#[test]
fn a_page_is_the_truth_for_its_range() {
    // A member who joined at 40 sees nothing before.
    let mut inbox = held_at(0);
    inbox.message(message(42), ms(0));
    assert_eq!(inbox.pulls(ms(200)), [(CONVERSATION.to_owned(), 0)]);
    let delivery = inbox.page(0, page(40..=42, false), ms(210));
    assert_eq!(sequences(&delivery), [40, 41, 42]);
    assert_eq!(delivery.held, Some(42));
}

#[test]
fn a_log_that_shows_nothing_yet_is_asked_again_more_slowly() {
    let mut inbox = held_at(4);
    inbox.exists(CONVERSATION, 5, ms(0));
    assert_eq!(inbox.pulls(ms(0)).len(), 1);
    let empty = SyncPage { messages: Vec::new(), next: 4, ..page(4..=4, false) };
    inbox.page(4, empty.clone(), ms(0));
    assert_eq!(inbox.wake(), Some(ms(500)));
    inbox.pulls(ms(500));
    inbox.page(4, empty, ms(500));
    assert_eq!(inbox.wake(), Some(ms(1_500)));
}

#[test]
fn a_failed_pull_is_made_again() {
    let mut inbox = held_at(4);
    inbox.exists(CONVERSATION, 5, ms(0));
    inbox.pulls(ms(0));
    inbox.pull_failed(CONVERSATION, Some(ms(800)), ms(0), 1.0);
    assert_eq!(inbox.wake(), Some(ms(1_300)));
    assert_eq!(inbox.pulls(ms(1_300)).len(), 1);
}

#[test]
fn few_conversations_are_pulled_at_once() {
    let mut inbox = Inbox::new((0..10).map(|n| (format!("g:{n}"), 1)));
    for n in 0..10 {
        inbox.exists(&format!("g:{n}"), 2, ms(0));
    }
    let pulls = inbox.pulls(ms(0));
    assert_eq!((pulls.len(), inbox.pulls(ms(0)).len(), inbox.wake()), (PULLS_MAX, 0, None));
    inbox.pull_failed(&pulls[0].0, None, ms(0), 0.0);
    assert_eq!(inbox.pulls(ms(0)).len(), 1, "the next one has its turn");
}

#[test]
fn while_the_service_drains_a_gap_is_no_gap() {
    let mut inbox = held_at(4);
    inbox.drain_begins();
    inbox.message(message(8), ms(0));
    assert_eq!((inbox.wake(), inbox.pulls(ms(9_000))), (None, vec![]));
    inbox.message(message(5), ms(0));
    inbox.drain_ends(ms(9_000));
    assert_eq!(inbox.pulls(ms(9_000)), [(CONVERSATION.to_owned(), 5)]);
    inbox.disconnected(ms(9_100));
    assert_eq!(inbox.pulls(ms(9_100)).len(), 1, "an unanswered pull is made again after a loss");
}

#[test]
fn a_conversation_without_a_place_waits_for_it() {
    let mut inbox = Inbox::default();
    // The live message overtakes what is drained.
    assert_eq!(sequences(&inbox.message(message(11), ms(0))), Vec::<u64>::new());
    inbox.message(message(7), ms(0));
    assert_eq!(inbox.unplaced(), [(CONVERSATION.to_owned(), Some(7))]);
    assert_eq!(sequences(&inbox.place(CONVERSATION, 6, ms(0))), [7]);
    assert_eq!(inbox.pulls(ms(200)), [(CONVERSATION.to_owned(), 7)]);
    assert!(!inbox.has_unplaced());
}

#[test]
fn a_place_is_before_what_arrived() {
    let mut inbox = Inbox::default();
    inbox.message(message(7), ms(0));
    assert_eq!(sequences(&inbox.place(CONVERSATION, 12, ms(0))), [7], "another device was faster to acknowledge");
    assert_eq!(sequences(&inbox.place(CONVERSATION, 2, ms(0))), Vec::<u64>::new(), "placed once");
    assert_eq!(inbox.held(CONVERSATION), Some(7));
}

#[test]
fn a_new_conversation_needs_no_place() {
    let mut inbox = Inbox::default();
    assert_eq!(sequences(&inbox.message(message(1), ms(0))), [1]);
    assert!(!inbox.has_unplaced());
}

#[test]
fn own_messages_fill_their_place_silently() {
    let mut inbox = held_at(4);
    inbox.message(message(6), ms(0));
    let delivery = inbox.own(CONVERSATION, 5, ms(0));
    assert_eq!((sequences(&delivery), delivery.held), (vec![6], Some(6)));
    assert_eq!(sequences(&inbox.message(message(5), ms(0))), Vec::<u64>::new(), "by another lane, later");
}

#[test]
fn cursors_are_bounded_and_the_latest_win() {
    let mut inbox = Inbox::new((0..100).map(|n| (format!("g:{n:03}"), 1)));
    inbox.own("g:042", 2, ms(0));
    let (cursors, all) = inbox.cursors(60);
    assert!(!all);
    assert_eq!(cursors.len(), 2);
    assert_eq!(cursors.get("g:042"), Some(&2));
    assert!(inbox.cursors(10_000).1);
}

#[test]
fn what_waits_beyond_a_gap_is_bounded() {
    let mut inbox = held_at(0);
    for sequence in 2..=2_000 {
        inbox.message(message(sequence), ms(0));
    }
    assert_eq!(inbox.tracks[CONVERSATION].ahead.len(), AHEAD_MAX);
    let delivery = inbox.message(message(1), ms(0));
    assert_eq!(delivery.held, Some(1_001));
    assert_eq!(inbox.pulls(ms(1_000)), [(CONVERSATION.to_owned(), 1_001)], "the rest is pulled");
}

#[derive(Clone, Debug)]
enum Step {
    /// A frame arrives, perhaps late, perhaps twice.
    Arrive(u64),
    Own(u64),
    Wait(u64),
    /// The oldest unanswered pull is answered with so many messages, or not at all.
    Answer(Option<u64>),
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..30).prop_map(Step::Arrive),
        1 => (1_u64..30).prop_map(Step::Own),
        2 => (0_u64..400).prop_map(Step::Wait),
        2 => proptest::option::weighted(0.8, 1_u64..6).prop_map(Step::Answer),
        1 => Just(Step::Reconnect),
    ]
}

proptest! {
    /// Any frames in any order, twice, lost, with pulls answered, failed or cut off: the
    /// application gets each message of others once, in order, without a gap, and all in the end.
    #[test]
    fn order_without_gap_or_repeat(start in 0_u64..5, steps in proptest::collection::vec(step(), 0..150)) {
        const LAST: u64 = 30;
        let mut inbox = held_at(start);
        let mut now = Moment::ZERO;
        let mut place = start;
        let mut got: Vec<u64> = Vec::new();
        let mut own: BTreeSet<u64> = BTreeSet::new();
        let mut pulls: Vec<(String, u64)> = Vec::new();
        let mut check = |delivery: Delivery, got: &mut Vec<u64>| {
            got.extend(sequences(&delivery));
            let held = delivery.held.unwrap();
            assert!(held >= place, "a place never falls");
            assert!(got.last().is_none_or(|last| *last <= held), "nothing is handed over beyond the place");
            place = held;
        };
        for step in steps {
            match step {
                Step::Arrive(sequence) => check(inbox.message(message(sequence), now), &mut got),
                Step::Own(sequence) => {
                    if !got.contains(&sequence) {
                        own.insert(sequence);
                    }
                    check(inbox.own(CONVERSATION, sequence, now), &mut got);
                }
                Step::Wait(wait) => now += ms(wait),
                Step::Answer(Some(count)) if !pulls.is_empty() => {
                    let (_, since) = pulls.remove(0);
                    let last = (since + count).min(LAST);
                    check(inbox.page(since, page(since + 1..=last, last < LAST), now), &mut got);
                }
                Step::Answer(None) if !pulls.is_empty() => {
                    pulls.remove(0);
                    inbox.pull_failed(CONVERSATION, None, now, 0.5);
                }
                Step::Answer(_) => {}
                Step::Reconnect => {
                    pulls.clear();
                    inbox.drain_begins();
                    inbox.disconnected(now);
                    inbox.drain_ends(now);
                }
            }
            pulls.extend(inbox.pulls(now));
            prop_assert!(pulls.len() <= 1, "one pull of a conversation at a time");
        }
        inbox.disconnected(now);
        inbox.exists(CONVERSATION, LAST, now);
        for _ in 0..100 {
            now += Duration::from_mins(1);
            for (_, since) in inbox.pulls(now) {
                let last = (since + 7).min(LAST);
                check(inbox.page(since, page(since + 1..=last, last < LAST), now), &mut got);
            }
        }
        prop_assert_eq!(inbox.held(CONVERSATION), Some(LAST));
        prop_assert!(got.windows(2).all(|pair| pair[0] < pair[1]));
        let missing: Vec<u64> = (start + 1..=LAST).filter(|sequence| !got.contains(sequence)).collect();
        prop_assert!(missing.iter().all(|sequence| own.contains(sequence)), "missing {:?}", missing);
    }
}
