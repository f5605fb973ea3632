//! Promises 1 to 3 under faults: what was acknowledged is in the log, one message is one
//! sequence, sequences have no gap and no repeat.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use proptest::prelude::*;
use tidings_domain::{
    fanout::fan_out,
    ids::{MessageId, Sequence},
    limits::{DELIVERY_MS_MAX, PARTITION_SEQUENCES},
    send::{KnownTails, Refusal, SendError, SendRequest},
};
use tidings_memory::{Faults, World};

use crate::support::*;

/// Sends until it is accepted, as a client does: resends are marked.
async fn send_until_sent(world: &World, mut request: SendRequest, base: Sequence) -> (MessageId, Sequence) {
    for _ in 0..200 {
        match send(world, &request).await {
            Ok(sent) => return (sent.entry.message_id(), sent.entry.sequence),
            Err(SendError::Unavailable(_) | SendError::Contended { .. }) => request.resend_after = Some(base),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("never accepted");
}

fn run(seed: u64, faults: Faults, copies: usize, messages: usize) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(seed);
        world.set_faults(faults);
        let conversation = alice_and_bob();
        let senders = [device("alice", "phone"), device("alice", "web"), device("bob", "phone")];
        // Every message is sent by several copies at once, among all other messages.
        let mut sends = Vec::new();
        for sender in &senders {
            for n in 0..messages {
                for _ in 0..copies {
                    let request = message(sender, &conversation, &n.to_string());
                    let world = world.clone();
                    sends.push(async move { send_until_sent(&world, request, Sequence::ZERO).await });
                }
            }
        }
        let acknowledged = join_all(sends).await;

        let log = world.log(&conversation);
        let sequences: Vec<u64> = log.iter().map(|e| e.sequence.0).collect();
        prop_assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>(), "no gap and no repeat");
        prop_assert_eq!(log.len(), senders.len() * messages, "one message is one entry");
        let mut by_id: BTreeMap<MessageId, Sequence> = BTreeMap::new();
        for entry in &log {
            prop_assert!(by_id.insert(entry.message_id(), entry.sequence).is_none(), "a message twice");
        }
        for (id, sequence) in acknowledged {
            prop_assert_eq!(by_id.get(&id), Some(&sequence), "acknowledged as it is in the log");
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn concurrent_copies_under_faults_are_one_entry(
        seed: u64,
        refused in 0.0..0.2,
        answer_lost in 0.0..0.3,
        latency_ms_max in 1_u64..40,
        copies in 1_usize..4,
    ) {
        run(seed, Faults { refused, answer_lost, latency_ms_max, ..Faults::default() }, copies, 6)?;
    }
}

/// Sends `count` messages one after another and fans each out; returns their sequences.
async fn send_in_order(world: &World, count: usize) -> Vec<Sequence> {
    let alice = device("alice", "phone");
    let mut sequences = Vec::new();
    for n in 0..count {
        let sent = send(world, &message(&alice, &alice_and_bob(), &n.to_string())).await.unwrap();
        fan_out(fanout_ports(world), 256, world.take_published()).await;
        sequences.push(sent.entry.sequence);
    }
    sequences
}

#[tokio::test(start_paused = true)]
async fn an_unmarked_resend_is_known_for_the_last_64_of_the_device() {
    let world = World::new(1);
    let sequences = send_in_order(&world, 100).await;
    let alice = device("alice", "phone");
    for (n, sequence) in sequences.into_iter().enumerate().skip(36) {
        let again = send(&world, &message(&alice, &alice_and_bob(), &n.to_string())).await.unwrap();
        assert!(again.duplicate, "message {n}");
        assert_eq!(again.entry.sequence, sequence);
    }
    assert_eq!(world.log(&alice_and_bob()).len(), 100);
}

/// The ring is the durable lane's, which may be behind: what it has not seen yet is read.
#[tokio::test(start_paused = true)]
async fn an_unmarked_resend_is_known_while_the_durable_lane_is_behind() {
    let world = World::new(1);
    let sequences = send_in_order(&world, 5).await;
    let alice = device("alice", "phone");
    for n in 5..60 {
        send(&world, &message(&alice, &alice_and_bob(), &n.to_string())).await.unwrap();
    }
    for (n, sequence) in [(0, sequences[0]), (5, Sequence(6)), (30, Sequence(31))] {
        let again = send(&world, &message(&alice, &alice_and_bob(), &n.to_string())).await.unwrap();
        assert_eq!((again.duplicate, again.entry.sequence), (true, sequence), "message {n}");
    }
}

/// The stream refused an entry, and later ones moved the member rows: nothing may be passed over.
#[tokio::test(start_paused = true)]
async fn an_unmarked_resend_is_known_though_the_stream_refused_the_entry() {
    let world = World::new(1);
    let (alice, conversation) = (device("alice", "phone"), alice_and_bob());
    let lost = send(&world, &message(&alice, &conversation, "lost")).await.unwrap();
    world.take_published();
    for n in 0..20 {
        send(&world, &message(&device("bob", "phone"), &conversation, &n.to_string())).await.unwrap();
        fan_out(fanout_ports(&world), 256, world.take_published()).await;
    }
    let again = send(&world, &message(&alice, &conversation, "lost")).await.unwrap();
    assert_eq!((again.duplicate, again.entry.sequence), (true, lost.entry.sequence));
}

#[tokio::test(start_paused = true)]
async fn a_marked_resend_is_known_for_ever() {
    let world = World::new(1);
    let sequences = send_in_order(&world, 400).await;
    let mut request = message(&device("alice", "phone"), &alice_and_bob(), "3");
    request.resend_after = Some(Sequence(2));
    let again = send(&world, &request).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.entry.sequence, sequences[3]);
}

#[tokio::test(start_paused = true)]
async fn a_log_longer_than_a_partition_is_appended_to_whatever_is_known_of_it() {
    let world = World::new(1);
    let conversation = alice_and_bob();
    let alice = device("alice", "phone");
    let known = KnownTails::default();
    for n in 0..PARTITION_SEQUENCES + 3 {
        send_knowing(&world, &known, &message(&alice, &conversation, &n.to_string())).await.unwrap();
    }
    // Nothing known, and no member row either: the log itself tells that it goes on.
    let cold = send(&world, &message(&alice, &conversation, "cold")).await.unwrap();
    assert_eq!(cold.entry.sequence, Sequence(PARTITION_SEQUENCES + 4));
    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    let before = world.calls().len();
    send(&world, &message(&alice, &conversation, "cold again")).await.unwrap();
    let reads = world.calls()[before..].iter().filter(|call| call.operation == "read_tail").count();
    assert_eq!(reads, 2, "the member row says where to look");
}

#[tokio::test(start_paused = true)]
async fn a_slow_socket_or_stream_does_not_hold_up_the_answer() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    world.open(&session(&bob, "b", &world));
    world.stall(&["post", "publish"]);
    let started = world.now();
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    assert_eq!(world.now().ms_since(started), 2 + DELIVERY_MS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_base_beyond_the_end_is_refused() {
    let world = World::new(1);
    let mut request = message(&device("alice", "phone"), &alice_and_bob(), "1");
    request.resend_after = Some(Sequence(1));
    let refused = send(&world, &request).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::BaseBeyondEnd { end: Sequence(0) }))));
    assert!(world.log(&alice_and_bob()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_in_the_conversation_changes_nothing() {
    let world = World::new(1);
    let refused = send(&world, &message(&device("eve", "phone"), &alice_and_bob(), "1")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::NotAMember(_)))));
    assert!(world.log(&alice_and_bob()).is_empty());
    assert!(world.take_published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_epoch_than_the_tails_is_stale() {
    let world = World::new(1);
    let mut request = message(&device("alice", "phone"), &alice_and_bob(), "1");
    request.draft.epoch = Some(1);
    assert!(matches!(send(&world, &request).await, Err(SendError::Refused(Refusal::StaleEpoch { current: 0 }))));
    request.draft.epoch = Some(0);
    assert!(send(&world, &request).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_sender_gets_through_a_crowd() {
    let world = World::new(1);
    world.set_faults(Faults { latency_ms_max: 10, ..Faults::default() });
    let sends = (0..12).map(|n| {
        let world = world.clone();
        async move {
            let request = message(&device("alice", &format!("d{n}")), &alice_and_bob(), "1");
            send_until_sent(&world, request, Sequence::ZERO).await.1
        }
    });
    let sequences: BTreeSet<Sequence> = join_all(sends).await.into_iter().collect();
    assert_eq!(sequences, (1..=12).map(Sequence).collect());
}
