//! Hot conversations: the switch to the batch sequencer and back loses, repeats and reorders nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use proptest::prelude::*;
use tidings_domain::{
    conversation::Member,
    ids::{ConversationId, MessageId, Sender, Sequence},
    limits::{HOT_BATCH_ENTRIES, HOT_MS, PARTITION_SEQUENCES, SEGMENT_ENTRIES_MAX},
    log::{ConversationState, Entry},
    notice::Notice,
    ports::{Conversations, Log},
    send::{AnswerTo, KnownTails, Outcome, Pending, Refusal, SendError, SendRequest, SendTerms},
    sequencer::{SequencerPorts, sequence},
    sessions::Socket,
};
use tidings_memory::{Faults, World};
use tokio::time::{sleep, timeout};

use crate::support::*;

fn sequencer_ports(world: &World) -> SequencerPorts<'_> {
    SequencerPorts { log: world, conversations: world, sessions: world, bus: world, gateway: world, clock: world }
}

/// One function's try to send. A send that loses one race makes the conversation hot.
async fn try_send(world: &World, known: &KnownTails, request: &SendRequest) -> Result<Outcome, SendError> {
    let terms = SendTerms { known, express_sockets_max: 16, races_lost_max: 1 };
    tidings_domain::send::send(send_ports(world), terms, request).await
}

fn at_socket(world: &World, mut request: SendRequest) -> SendRequest {
    let owner = request.draft.sender.clone();
    let name = format!("{}-{}", owner.user, owner.device);
    let session = session(&owner, &name, world);
    world.open(&session);
    let socket = Socket {
        owner,
        connection: session.connection,
        endpoint: session.endpoint,
        connected_at: session.connected_at,
    };
    request.answer_to = Some(AnswerTo { socket, reply_to: Some("f1".into()) });
    request
}

/// What a sender was answered by the batch sequencer.
fn answers(world: &World, sender: &Sender) -> Vec<Result<(u64, bool), Refusal>> {
    let posted = world.posted().into_iter().filter(|p| p.to == *sender);
    posted
        .filter_map(|p| match p.notice {
            Notice::Answer(answer) => {
                assert_eq!(answer.reply_to.as_deref(), Some("f1"));
                Some(answer.outcome.map(|sent| (sent.entry.sequence.0, sent.duplicate)))
            }
            _ => None,
        })
        .collect()
}

async fn queue(world: &World, request: SendRequest) {
    let known = KnownTails::default();
    assert_eq!(try_send(world, &known, &request).await.unwrap(), Outcome::Queued);
}

async fn heat(world: &World, conversation: &ConversationId) {
    Conversations::heat(world, conversation, world.now().plus_ms(HOT_MS)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hot_conversation_is_appended_in_batches_and_its_senders_are_answered() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    heat(&world, &conversation).await;
    let senders: Vec<Sender> = (0..5).map(|n| device("alice", &format!("d{n}"))).collect();
    for sender in &senders {
        queue(&world, at_socket(&world, message(sender, &conversation, "1"))).await;
    }
    let before = world.calls().len();
    assert!(sequence(sequencer_ports(&world), world.take_ingested()).await.is_empty());
    let appends = world.calls()[before..].iter().filter(|call| call.operation == "append").count();
    assert_eq!(appends, 1, "one row");
    for (n, sender) in senders.iter().enumerate() {
        assert_eq!(world.log(&conversation)[n].sender, *sender, "in the order of arrival");
        assert_eq!(answers(&world, sender), [Ok((n as u64 + 1, false))]);
    }
    assert_eq!(world.take_published().len(), 1, "one record");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_again_is_answered_again_and_appended_once() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    heat(&world, &conversation).await;
    let alice = device("alice", "phone");
    for id in ["1", "2", "1"] {
        queue(&world, at_socket(&world, message(&alice, &conversation, id))).await;
    }
    let batch = world.take_ingested();
    for _ in 0..2 {
        assert!(sequence(sequencer_ports(&world), batch.clone()).await.is_empty());
        // Others write one by one in between, more than a tail.
        for n in 0..20 {
            append_one_by_one(&world, &conversation, n).await;
        }
    }
    let mine = world.log(&conversation).into_iter().filter(|e| e.sender == alice).count();
    assert_eq!(mine, 2);
    let expected = [(1, false), (2, false), (1, true), (1, true), (2, true), (1, true)].map(Ok);
    assert_eq!(answers(&world, &alice), expected);
}

async fn append_one_by_one(world: &World, conversation: &ConversationId, n: usize) {
    let log = world.log(conversation);
    let next = log.last().map_or(Sequence::ZERO, |e| e.sequence).next();
    let request = message(&device("bob", "phone"), conversation, &format!("{next}-{n}"));
    let state = log.last().map(|e| e.state).unwrap_or_default();
    Log::append(world, &[request.draft.entry_at(next, world.now(), state)]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_is_bounded_and_does_not_cross_a_partition() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    for _ in 0..PARTITION_SEQUENCES - 30 {
        append_one_by_one(&world, &conversation, 0).await;
    }
    let alice = device("alice", "phone");
    let pending = |n: usize| Pending {
        draft: message(&alice, &conversation, &n.to_string()).draft,
        after: Sequence(PARTITION_SEQUENCES - 30),
        membership_version: Sequence::ZERO,
        hot_until: world.now(),
        pause_ms: 0,
        answer_to: None,
    };
    let count = SEGMENT_ENTRIES_MAX * 2;
    assert!(sequence(sequencer_ports(&world), (0..count).map(pending)).await.is_empty());
    let published: Vec<Vec<Entry>> = world.take_published().into_iter().map(entries_of).collect();
    let rows: Vec<usize> = published.iter().map(Vec::len).collect();
    assert_eq!(rows, [30, SEGMENT_ENTRIES_MAX, count - SEGMENT_ENTRIES_MAX - 30]);
    assert_eq!(world.log(&conversation).len() as u64, PARTITION_SEQUENCES - 30 + count as u64);
}

fn entries_of(record: tidings_domain::stream::StreamRecord) -> Vec<Entry> {
    match record {
        tidings_domain::stream::StreamRecord::Appended { entries, .. } => entries,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_left_since_and_who_is_of_another_epoch_is_refused() {
    let (world, group) = (World::new(1), ConversationId::parse("g:1").unwrap());
    for name in ["alice", "bob"] {
        let row = Member { joined_at: Sequence(1), ..Member::new(user(name)) };
        world.set_member(&group, &user(name), Some(row));
    }
    heat(&world, &group).await;
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let mut stale = message(&alice, &group, "stale");
    stale.draft.epoch = Some(7);
    for request in [message(&alice, &group, "1"), message(&bob, &group, "1"), stale] {
        queue(&world, at_socket(&world, request)).await;
    }
    // Bob is removed by an event that the log tells of.
    let mut removal =
        message(&alice, &group, "removal").draft.entry_at(Sequence(1), world.now(), ConversationState::default());
    removal.state.membership_version = Sequence(1);
    Log::append(&world, &[removal]).await.unwrap();
    world.set_member(&group, &bob.user, None);

    assert!(sequence(sequencer_ports(&world), world.take_ingested()).await.is_empty());
    assert_eq!(answers(&world, &alice), [Ok((2, false)), Err(Refusal::StaleEpoch { current: 0 })]);
    assert_eq!(answers(&world, &bob), [Err(Refusal::NotAMember(group.clone()))]);
    assert_eq!(world.log(&group).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_hot_while_batches_are_large_and_no_longer() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    heat(&world, &conversation).await;
    let late = Duration::from_millis(HOT_MS * 2 / 3);
    for (pause, batch, is_hot_after) in [(late, HOT_BATCH_ENTRIES, true), (late / 2, HOT_BATCH_ENTRIES - 1, false)] {
        sleep(pause).await;
        for n in 0..batch {
            queue(
                &world,
                at_socket(&world, message(&device("alice", &format!("d{n}")), &conversation, &batch.to_string())),
            )
            .await;
        }
        assert!(sequence(sequencer_ports(&world), world.take_ingested()).await.is_empty());
        sleep(Duration::from_millis(HOT_MS / 2)).await;
        let known = KnownTails::default();
        let request = at_socket(&world, message(&device("bob", "phone"), &conversation, &batch.to_string()));
        let outcome = try_send(&world, &known, &request).await.unwrap();
        assert_eq!(outcome == Outcome::Queued, is_hot_after, "after a batch of {batch}");
        sequence(sequencer_ports(&world), world.take_ingested()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_knows_of_the_heat_reads_no_tail() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    heat(&world, &conversation).await;
    let known = KnownTails::default();
    let alice = device("alice", "phone");
    try_send(&world, &known, &at_socket(&world, message(&alice, &conversation, "1"))).await.unwrap();
    let before = world.calls().len();
    try_send(&world, &known, &at_socket(&world, message(&alice, &conversation, "2"))).await.unwrap();
    let calls: Vec<&str> = world.calls()[before..].iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["standing", "ingest"]);
}

#[tokio::test(start_paused = true)]
async fn a_sender_without_a_socket_waits_for_its_row() {
    let (world, conversation) = (World::new(1), alice_and_bob());
    heat(&world, &conversation).await;
    let (known, alice) = (KnownTails::default(), device("alice", "phone"));
    let request = message(&alice, &conversation, "1");
    let sequencing = async {
        sleep(Duration::from_millis(300)).await;
        sequence(sequencer_ports(&world), world.take_ingested()).await;
    };
    let (outcome, ()) = futures_util::future::join(try_send(&world, &known, &request), sequencing).await;
    assert!(matches!(outcome, Ok(Outcome::Sent(sent)) if sent.entry.sequence == Sequence(1) && !sent.duplicate));
    let unheard = try_send(&world, &known, &message(&alice, &conversation, "2")).await;
    assert!(matches!(unheard, Err(SendError::Queued)));
}

/// Sends `messages` one after another, each until it is acknowledged, as a client does.
async fn client(
    world: World,
    sender: Sender,
    conversation: ConversationId,
    messages: usize,
    known: &KnownTails,
) -> Vec<(MessageId, u64)> {
    let mut acknowledged = Vec::new();
    for n in 0..messages {
        let mut request = message(&sender, &conversation, &n.to_string());
        let id = request.draft.message_id();
        loop {
            match timeout(Duration::from_secs(20), try_send(&world, known, &request)).await {
                Ok(Ok(Outcome::Sent(sent))) => {
                    acknowledged.push((id, sent.entry.sequence.0));
                    break;
                }
                Ok(Ok(Outcome::Queued)) => panic!("there is no socket to answer to"),
                Ok(Err(SendError::Refused(refusal))) => panic!("{refusal}"),
                Ok(Err(_)) | Err(_) => request.resend_after = Some(Sequence::ZERO),
            }
        }
    }
    acknowledged
}

/// Runs the batch sequencer as Lambda does: in order, killed at times, failed batches again.
async fn run_sequencer(world: World, done: &AtomicU64, clients: u64) {
    let mut batch: Vec<Pending> = Vec::new();
    while done.load(Ordering::Relaxed) < clients {
        sleep(Duration::from_millis(20)).await;
        batch.extend(world.take_ingested());
        if batch.is_empty() {
            continue;
        }
        let life_ms = if world.random_below(3) == 0 { world.random_below(60) } else { 60_000 };
        if let Ok(failed) =
            timeout(Duration::from_millis(life_ms), sequence(sequencer_ports(&world), batch.clone())).await
        {
            batch.retain(|pending| failed.contains_key(&pending.draft.conversation));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Promises 1 to 3 and each client's own order, while conversations become hot and cool down
    /// and both paths append at once, under faults and kills.
    #[test]
    fn the_switch_loses_repeats_and_reorders_nothing(
        seed: u64,
        refused in 0.0..0.1,
        answer_lost in 0.0..0.2,
        latency_ms_max in 1_u64..30,
        clients in 2_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (world, conversation, messages) = (World::new(seed), alice_and_bob(), 12);
            world.set_faults(Faults { refused, answer_lost, latency_ms_max, ..Faults::default() });
            let done = AtomicU64::new(0);
            // Functions that know of the heat at different times.
            let known: Vec<KnownTails> = (0..clients).map(|_| KnownTails::default()).collect();
            let sending = join_all(known.iter().enumerate().map(|(n, known)| {
                let sending = client(world.clone(), device("alice", &format!("d{n}")), conversation.clone(), messages, known);
                let done = &done;
                async move {
                    let acknowledged = sending.await;
                    done.fetch_add(1, Ordering::Relaxed);
                    acknowledged
                }
            }));
            let sequencing = run_sequencer(world.clone(), &done, clients as u64);
            let (acknowledged, ()) = futures_util::future::join(sending, sequencing).await;

            let log = world.log(&conversation);
            let sequences: Vec<u64> = log.iter().map(|e| e.sequence.0).collect();
            prop_assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>(), "no gap and no repeat");
            let by_id: BTreeMap<MessageId, u64> = log.iter().map(|e| (e.message_id(), e.sequence.0)).collect();
            prop_assert_eq!(by_id.len(), log.len(), "one message is one entry");
            for of_client in acknowledged {
                prop_assert_eq!(of_client.len(), messages);
                let order: Vec<u64> = of_client.iter().map(|(_, sequence)| *sequence).collect();
                prop_assert!(order.is_sorted(), "a client's own order");
                for (id, sequence) in of_client {
                    prop_assert_eq!(by_id.get(&id), Some(&sequence), "acknowledged as it is in the log");
                }
            }
            let senders: BTreeSet<&Sender> = log.iter().map(|e| &e.sender).collect();
            prop_assert_eq!(senders.len(), clients);
            Ok(())
        })?;
    }
}
