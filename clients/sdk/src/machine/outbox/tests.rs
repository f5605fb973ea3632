use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

fn outbox(capacity: usize) -> Outbox {
    let mut outbox = Outbox::new(OutboxConfig { capacity, answer_timeout: TIMEOUT });
    outbox.connected(4);
    outbox
}

fn message(conversation: &str, id: &str) -> MessageSend {
    MessageSend { conversation_id: conversation.into(), client_msg_id: id.into(), ..MessageSend::default() }
}

fn all(outbox: &mut Outbox, now: Moment) -> Vec<(String, u32, u64)> {
    std::iter::from_fn(|| outbox.next(now, |_| Some(7)))
        .map(|send| (send.client_msg_id, send.attempt.unwrap(), send.base_sequence.unwrap()))
        .collect()
}

fn at(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

#[test]
fn one_at_a_time_in_a_conversation_and_conversations_in_parallel() {
    let mut outbox = outbox(10);
    for (conversation, id) in [("g:a", "1"), ("g:a", "2"), ("g:b", "3")] {
        outbox.push(message(conversation, id)).unwrap();
    }
    assert_eq!(all(&mut outbox, at(0)), [("1".into(), 1, 7), ("3".into(), 1, 7)]);
    assert!(outbox.accepted("g:a", "1"));
    assert!(!outbox.accepted("g:a", "1"), "an answer counts once");
    assert_eq!(all(&mut outbox, at(0)), [("2".into(), 1, 7)]);
}

#[test]
fn the_window_bounds_what_is_unanswered() {
    let mut outbox = outbox(10);
    outbox.connected(2);
    for id in ["1", "2", "3"] {
        outbox.push(message(&format!("g:{id}"), id)).unwrap();
    }
    assert_eq!(all(&mut outbox, at(0)).len(), 2);
    assert_eq!(outbox.wake(), Some(TIMEOUT), "a full window waits for an answer, it does not spin");
    assert!(outbox.accepted("g:1", "1"));
    assert_eq!(all(&mut outbox, at(0)), [("3".into(), 1, 7)]);
}

#[test]
fn an_unanswered_message_is_marked_as_resent_and_keeps_its_base() {
    let mut outbox = outbox(10);
    outbox.push(message("g:a", "1")).unwrap();
    assert_eq!(outbox.next(at(0), |_| Some(3)).unwrap().base_sequence, Some(3));
    assert_eq!(outbox.next(at(9), |_| Some(9)), None);
    let again = outbox.next(at(10), |_| Some(9)).unwrap();
    assert_eq!((again.attempt, again.base_sequence), (Some(2), Some(3)));
    outbox.disconnected();
    outbox.connected(4);
    let third = outbox.next(at(11), |_| Some(9)).unwrap();
    assert_eq!((third.attempt, third.base_sequence), (Some(3), Some(3)));
}

#[test]
fn a_first_attempt_waits_until_the_base_is_known() {
    let mut outbox = outbox(10);
    outbox.push(message("g:a", "1")).unwrap();
    assert_eq!(outbox.next(at(0), |_| None), None);
    assert_eq!(outbox.next(at(1), |_| Some(0)).unwrap().base_sequence, Some(0));
}

#[test]
fn refusals_that_pass_are_tried_again_in_order_and_others_fail() {
    let mut outbox = outbox(10);
    outbox.push(message("g:a", "1")).unwrap();
    outbox.push(message("g:a", "2")).unwrap();
    all(&mut outbox, at(0));
    assert_eq!(outbox.refused("1", Some(at(2)), at(1), 1.0), Refusal::Retry);
    assert_eq!(outbox.wake(), Some(at(3) + Duration::from_millis(100)));
    assert_eq!(all(&mut outbox, at(3)), [], "the second does not overtake");
    assert_eq!(all(&mut outbox, at(4)), [("1".into(), 2, 7)]);
    assert!(matches!(outbox.refused("1", None, at(5), 0.0), Refusal::Failed(send) if send.client_msg_id == "1"));
    assert_eq!(outbox.refused("1", None, at(5), 0.0), Refusal::Unknown);
    assert_eq!(all(&mut outbox, at(5)), [("2".into(), 1, 7)]);
}

#[test]
fn flow_control_pauses_and_narrows() {
    let mut outbox = outbox(10);
    for id in ["1", "2", "3"] {
        outbox.push(message(&format!("g:{id}"), id)).unwrap();
    }
    outbox.flow_control(1, at(5), at(0));
    assert_eq!(all(&mut outbox, at(4)), []);
    assert_eq!(outbox.wake(), Some(at(5)));
    assert_eq!(all(&mut outbox, at(5)).len(), 1);
}

#[test]
fn the_queue_is_bounded_and_knows_its_ids() {
    let mut outbox = outbox(1);
    outbox.push(message("g:a", "1")).unwrap();
    assert_eq!(outbox.push(message("g:a", "2")), Err(NotQueued::Full));
    assert!(outbox.holds("g:a", "1") && !outbox.holds("g:b", "1"));
    assert_eq!(outbox.drain().len(), 1);
    outbox.push(message("g:a", "2")).unwrap();
    assert_eq!(outbox.push(message("g:b", "2")), Err(NotQueued::Duplicate));
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8),
    Transmit,
    Answer(usize),
    Refuse(usize, bool),
    Wait(u64),
    Reconnect,
    Slow(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u8..3).prop_map(Step::Push),
        Just(Step::Transmit),
        (0_usize..8).prop_map(Step::Answer),
        (0_usize..8, any::<bool>()).prop_map(|(at, passing)| Step::Refuse(at, passing)),
        (0_u64..12_000).prop_map(Step::Wait),
        Just(Step::Reconnect),
        (0_u32..3).prop_map(Step::Slow),
    ]
}

proptest! {
    /// Whatever happens: one unanswered message per conversation, never more than the window,
    /// first transmissions in the order of the pushes, attempts that count up, one base.
    #[test]
    fn keeps_its_rules(steps in proptest::collection::vec(step(), 1..120), chance in 0.0..=1.0) {
        let mut outbox = outbox(32);
        let mut now = Moment::ZERO;
        let mut pushed = 0_u32;
        let mut flying: Vec<MessageSend> = Vec::new();
        let mut last_first: HashMap<String, u32> = HashMap::new();
        let mut attempts: HashMap<String, (u32, u64)> = HashMap::new();
        let mut window = 4_usize;
        let mut not_before = Moment::ZERO;
        let mut retry_at: HashMap<String, (Moment, Moment)> = HashMap::new();
        let (mut taken, mut ended) = (HashSet::new(), HashSet::new());
        for step in steps {
            match step {
                Step::Push(conversation) => {
                    pushed += 1;
                    if outbox.push(message(&format!("g:{conversation}"), &pushed.to_string())).is_ok() {
                        taken.insert(pushed.to_string());
                    }
                }
                Step::Transmit => {
                    let held = u64::from(pushed);
                    while let Some(send) = outbox.next(now, |_| Some(held)) {
                        let (id, attempt) = (send.client_msg_id.clone(), send.attempt.unwrap());
                        let base = send.base_sequence.unwrap();
                        let (before, first_base) = attempts.get(&id).copied().unwrap_or((0, base));
                        prop_assert_eq!(attempt, before + 1);
                        prop_assert_eq!(base, first_base);
                        attempts.insert(id.clone(), (attempt, base));
                        if attempt == 1 {
                            let number: u32 = id.parse().unwrap();
                            let last = last_first.insert(send.conversation_id.clone(), number);
                            prop_assert!(last.is_none_or(|last| last < number), "order within a conversation");
                        }
                        prop_assert!(now >= not_before, "the pause that was asked for is kept");
                        if let Some((earliest, latest)) = retry_at.remove(&id) {
                            prop_assert!(now >= earliest, "a refused message waits as long as it was told");
                            prop_assert!(latest <= earliest + Duration::from_secs(10), "and not much longer");
                        }
                        let is_again = flying.iter().any(|other| other.client_msg_id == id);
                        prop_assert!(is_again || flying.len() < window, "never more unanswered than the window");
                        flying.retain(|other| other.client_msg_id != id);
                        flying.push(send);
                        let conversations: HashSet<_> = flying.iter().map(|send| &send.conversation_id).collect();
                        prop_assert_eq!(conversations.len(), flying.len());
                    }
                }
                Step::Answer(index) if !flying.is_empty() => {
                    let send = flying.remove(index % flying.len());
                    prop_assert!(outbox.accepted(&send.conversation_id, &send.client_msg_id));
                    prop_assert!(!outbox.accepted(&send.conversation_id, &send.client_msg_id), "an answer counts once");
                    prop_assert!(ended.insert(send.client_msg_id));
                }
                Step::Refuse(index, passing) if !flying.is_empty() => {
                    let send = flying.remove(index % flying.len());
                    let after = passing.then_some(Duration::from_millis(500));
                    let refusal = outbox.refused(&send.client_msg_id, after, now, chance);
                    prop_assert_eq!(refusal == Refusal::Retry, passing);
                    if passing {
                        let State::Waiting(latest) = outbox.find(&send.client_msg_id).unwrap().state else {
                            panic!("a refused message waits");
                        };
                        retry_at.insert(send.client_msg_id, (now + Duration::from_millis(500), latest));
                    } else {
                        prop_assert!(ended.insert(send.client_msg_id));
                    }
                }
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Reconnect => {
                    outbox.disconnected();
                    outbox.connected(4);
                    window = 4;
                    not_before = Moment::ZERO;
                    flying.clear();
                }
                Step::Slow(to) => {
                    outbox.flow_control(to, Duration::from_millis(700), now);
                    window = (to as usize).max(1);
                    not_before = now + Duration::from_millis(700);
                }
                Step::Answer(_) | Step::Refuse(..) => {}
            }
            prop_assert_eq!(outbox.in_flight, flying.len());
        }
        // Nothing is forgotten: with an answer for everything the queue runs empty.
        let mut rounds = 0;
        while outbox.len() > 0 {
            now += TIMEOUT + Duration::from_secs(20);
            while let Some(send) = outbox.next(now, |_| Some(0)) {
                prop_assert!(outbox.accepted(&send.conversation_id, &send.client_msg_id));
                prop_assert!(ended.insert(send.client_msg_id));
            }
            rounds += 1;
            prop_assert!(rounds < 100);
        }
        prop_assert_eq!(outbox.wake(), None);
        prop_assert_eq!(ended, taken, "each message is answered exactly once");
    }
}
