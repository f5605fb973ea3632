//! The three lanes together, under faults: what is in the log reaches every live device, and
//! watermarks only rise.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use tidings_domain::{
    conversation::{Member, Watermark},
    fanout::fan_out,
    ids::{ConversationId, Sender, Sequence},
    limits::RECEIPTS_PAGE_MAX,
    notice::Notice,
    receipts::{MarkAt, Status, raise, status},
    repair::repair,
    stream::StreamRecord,
};
use tidings_memory::{Faults, Posted, World};
use tokio::time::timeout;

use crate::support::*;

/// Sequences of entries that a device was posted, or was told of and pulls.
fn heard_by(world: &World, device: &Sender) -> BTreeSet<u64> {
    let heard = world.posted().into_iter().filter(|p| p.to == *device);
    heard
        .flat_map(|p| match p.notice {
            Notice::Entry(entry) => vec![entry.sequence.0],
            Notice::Updated { last_sequence, .. } => (1..=last_sequence.0).collect(),
            Notice::Ready(_) | Notice::Receipt(_) | Notice::Answer(_) => Vec::new(),
            other => panic!("nobody sets, drafts or hides here: {other:?}"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Promise 1 and bounded staleness: whichever calls fail while messages are sent, once the
    /// faults end and the repair lane has run, every device that is there has heard everything,
    /// or been told to pull it.
    #[test]
    fn every_live_device_hears_everything(seed: u64, refused in 0.0..0.3, answer_lost in 0.0..0.3) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            let conversation = alice_and_bob();
            let devices = [device("alice", "phone"), device("alice", "web"), device("bob", "phone"), device("bob", "web")];
            for owner in &devices {
                world.open(&session(owner, &format!("{}-{}", owner.user, owner.device), &world));
            }
            world.set_faults(Faults { refused, answer_lost, latency_ms_max: 5, ..Faults::default() });
            for n in 0..20 {
                let request = message(&devices[0], &conversation, &n.to_string());
                // One in four is killed between two awaits, as Lambda may do.
                let life_ms = if world.random_below(4) == 0 { world.random_below(30) } else { 60_000 };
                let _ = timeout(Duration::from_millis(life_ms), send(&world, &request)).await;
            }
            world.set_faults(Faults::default());
            drain_stream(&world).await;
            prop_assert!(repair(repair_ports(&world), world.log(&conversation)).await.is_empty());
            drain_stream(&world).await;
            let all: BTreeSet<u64> = world.log(&conversation).iter().map(|e| e.sequence.0).collect();
            for owner in &devices[1..] {
                prop_assert_eq!(&heard_by(&world, owner), &all, "{:?}", owner);
            }
            Ok(())
        })?;
    }

    /// Promise 5: in whatever order and however often marks come, they end at the highest.
    #[test]
    fn marks_only_rise(marks in proptest::collection::vec((1_u64..10, any::<bool>()), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(1);
            let (conversation, bob) = (alice_and_bob(), device("bob", "phone"));
            for n in 0..10 {
                send(&world, &message(&device("alice", "phone"), &conversation, &n.to_string())).await.unwrap();
            }
            world.take_published();
            let (mut delivered, mut read) = (0, 0);
            for (up_to, is_read) in marks {
                let mark = if is_read { Watermark::Read } else { Watermark::Delivered };
                let at = MarkAt::Sequence(Sequence(up_to));
                raise(receipt_ports(&world), &bob, &conversation, mark, at).await.unwrap();
                let rises = up_to > if is_read { read } else { delivered };
                prop_assert_eq!(world.take_published().len(), usize::from(rises), "only what rises is told");
                delivered = delivered.max(up_to);
                read = if is_read { read.max(up_to) } else { read };
                let row = world.member(&conversation, &bob.user).unwrap();
                prop_assert_eq!((row.delivered_up_to.0, row.read_up_to.0), (delivered, read));
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn the_durable_lane_skips_whom_the_express_lane_reached() {
    let world = World::new(1);
    let (alice, bob, web) = (device("alice", "phone"), device("bob", "phone"), device("alice", "web"));
    for (owner, connection) in [(&alice, "a"), (&bob, "b"), (&web, "w")] {
        world.open(&session(owner, connection, &world));
    }
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    drain_stream(&world).await;
    let told: Vec<Sender> = world.posted().into_iter().map(|p| p.to).collect();
    assert_eq!(told, [bob, web], "each once, and not the sender's own device");
}

#[tokio::test(start_paused = true)]
async fn an_express_post_that_fails_is_left_to_the_durable_lane() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let stale = session(&bob, "gone", &world);
    world.open(&stale);
    world.cut(&stale);
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    assert!(world.sessions().is_empty(), "the stale row of the recipient is removed");
}

#[tokio::test(start_paused = true)]
async fn a_stale_row_is_removed_only_if_it_still_names_the_socket() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let stale = session(&bob, "old", &world);
    world.open(&stale);
    world.cut(&stale);
    let message = message(&alice, &alice_and_bob(), "1");
    let sending = send(&world, &message);
    // Bob comes back while the express post to his old socket is under way.
    let coming_back = async {
        tokio::time::sleep(std::time::Duration::from_micros(2500)).await;
        world.open(&session(&bob, "new", &world));
    };
    futures_util::future::join(sending, coming_back).await.0.unwrap();
    assert_eq!(world.sessions()[&bob].connection.as_str(), "new");
}

#[tokio::test(start_paused = true)]
async fn the_repair_lane_publishes_what_was_not_and_tells_who_is_there_and_has_not_acknowledged() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let conversation = alice_and_bob();
    send(&world, &message(&alice, &conversation, "1")).await.unwrap();
    world.take_published(); // As if the function had died before it published.
    repair(repair_ports(&world), world.log(&conversation)).await;
    let again = world.take_published();
    assert!(matches!(&again[..], [StreamRecord::Appended { reached, .. }] if reached.is_empty()));

    fan_out(fanout_ports(&world), 256, again).await;
    repair(repair_ports(&world), world.log(&conversation)).await;
    assert!(world.take_published().is_empty(), "bob is away, and all rows have moved");

    world.open(&session(&bob, "b", &world));
    repair(repair_ports(&world), world.log(&conversation)).await;
    let behind = world.take_published();
    assert!(
        matches!(&behind[..], [StreamRecord::Behind { user, last_sequence: Sequence(1), .. }] if *user == bob.user)
    );
    fan_out(fanout_ports(&world), 256, behind).await;
    assert!(matches!(world.posted()[..], [Posted { notice: Notice::Updated { last_sequence: Sequence(1), .. }, .. }]));

    let up_to = MarkAt::Sequence(Sequence(1));
    raise(receipt_ports(&world), &bob, &conversation, Watermark::Delivered, up_to).await.unwrap();
    world.take_published();
    repair(repair_ports(&world), world.log(&conversation)).await;
    assert!(world.take_published().is_empty());
}

/// The stream refused an entry: the next one brings it along, and neither row nor ring passes over it.
#[tokio::test(start_paused = true)]
async fn an_entry_that_was_never_published_is_fanned_out_with_the_next() {
    let world = World::new(1);
    let (alice, web, conversation) = (device("alice", "phone"), device("alice", "web"), alice_and_bob());
    world.open(&session(&web, "w", &world));
    let lost = message(&alice, &conversation, "lost");
    let sent = send(&world, &lost).await.unwrap();
    world.take_published(); // As if the stream had refused it.
    for n in 0..20 {
        send(&world, &message(&alice, &conversation, &n.to_string())).await.unwrap();
    }
    drain_stream(&world).await;
    assert_eq!(heard_by(&world, &web), (1..=21).collect());
    let again = send(&world, &lost).await.unwrap();
    assert_eq!((again.duplicate, again.entry.sequence), (true, sent.entry.sequence), "the ring has it");
    repair(repair_ports(&world), world.log(&conversation)).await;
    assert!(world.take_published().is_empty(), "nothing is left to repair");
}

#[tokio::test(start_paused = true)]
async fn read_implies_delivered_and_is_told_once() {
    let world = World::new(1);
    let (alice, bob, bob_web) = (device("alice", "phone"), device("bob", "phone"), device("bob", "web"));
    let conversation = alice_and_bob();
    send(&world, &message(&alice, &conversation, "1")).await.unwrap();
    drain_stream(&world).await;
    for (owner, connection) in [(&alice, "a"), (&bob, "b"), (&bob_web, "w")] {
        world.open(&session(owner, connection, &world));
    }
    let up_to = MarkAt::Sequence(Sequence(1));
    raise(receipt_ports(&world), &bob, &conversation, Watermark::Delivered, up_to).await.unwrap();
    raise(receipt_ports(&world), &bob, &conversation, Watermark::Read, up_to).await.unwrap();
    drain_stream(&world).await;
    let marks: Vec<(Sender, Watermark)> = world
        .posted()
        .into_iter()
        .filter_map(|p| match p.notice {
            Notice::Receipt(receipt) => Some((p.to, receipt.mark)),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [(alice, Watermark::Read), (bob_web, Watermark::Read)]);
    let id = world.log(&conversation)[0].message_id();
    let report = status(receipt_ports(&world), &world, &user("alice"), &conversation, id, None, RECEIPTS_PAGE_MAX)
        .await
        .unwrap();
    assert_eq!(report.by_user, [(user("bob"), Status::Read)].into());
}

/// A record that is late must not show what the member may not see: not what was said before they
/// joined, and not what has expired meanwhile.
#[tokio::test(start_paused = true)]
async fn a_late_record_shows_no_more_than_a_read_would() {
    let world = World::new(11);
    let group = ConversationId::parse("g:late").unwrap();
    let (alice, bob, carol) = (device("alice", "phone"), device("bob", "phone"), device("carol", "phone"));
    for (member, joined_at) in [(&alice, 1), (&bob, 1), (&carol, 3)] {
        let row = Member { joined_at: Sequence(joined_at), ..Member::new(member.user.clone()) };
        world.set_member(&group, &member.user, Some(row));
    }
    for id in ["one", "two", "three"] {
        let mut request = message(&alice, &group, id);
        request.draft.content.ttl_seconds = (id == "three").then_some(1);
        send(&world, &request).await.unwrap();
    }
    // After the express lane: the durable lane alone posts to them.
    for (receiver, connection) in [(&bob, "b"), (&carol, "c")] {
        world.open(&session(receiver, connection, &world));
    }
    raise(receipt_ports(&world), &alice, &group, Watermark::Read, MarkAt::Sequence(Sequence(2))).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    drain_stream(&world).await;

    let posted = world.posted();
    let notices_of = |device: &Sender| posted.iter().filter(|p| p.to == *device).map(|p| &p.notice).collect::<Vec<_>>();
    assert_eq!(heard_by(&world, &bob), (1..=3).collect());
    assert_eq!(heard_by(&world, &carol), [3].into());
    assert!(notices_of(&bob).iter().any(|notice| matches!(notice, Notice::Receipt(r) if r.up_to == Sequence(2))));
    assert!(
        !notices_of(&carol).iter().any(|notice| matches!(notice, Notice::Receipt(_))),
        "it names a message of then"
    );
    for receiver in [&bob, &carol] {
        let third = notices_of(receiver).into_iter().find_map(|notice| match notice {
            Notice::Entry(entry) if entry.sequence == Sequence(3) => Some(entry.content.payload.to_string()),
            _ => None,
        });
        assert_eq!(third.as_deref(), Some("null"), "it has expired");
    }
}

/// As entries and receipts, so what tells that a member may be behind: not of before they joined.
#[tokio::test(start_paused = true)]
async fn who_joins_again_is_not_told_how_far_the_log_had_got_before() {
    let world = World::new(1);
    let group = ConversationId::parse("g:again").unwrap();
    let bob = device("bob", "phone");
    world.set_member(&group, &bob.user, Some(Member { joined_at: Sequence(5), ..Member::new(bob.user.clone()) }));
    world.open(&session(&bob, "b", &world));
    let behind = |last| StreamRecord::Behind {
        conversation: group.clone(),
        user: bob.user.clone(),
        last_sequence: Sequence(last),
        membership_version: Sequence(1),
    };
    fan_out(fanout_ports(&world), 256, [behind(4)]).await;
    assert!(world.posted().is_empty());
    fan_out(fanout_ports(&world), 256, [behind(5)]).await;
    assert_eq!(world.posted().len(), 1);
}

/// The stream refused one record and took those before and after it, which came as one batch.
#[tokio::test(start_paused = true)]
async fn a_gap_within_a_batch_is_read_from_the_log() {
    let world = World::new(1);
    let (alice, web, conversation) = (device("alice", "phone"), device("alice", "web"), alice_and_bob());
    world.open(&session(&web, "w", &world));
    for id in ["1", "2", "3"] {
        send(&world, &message(&alice, &conversation, id)).await.unwrap();
    }
    let mut records = world.take_published();
    records.remove(1);
    assert!(fan_out(fanout_ports(&world), 256, records).await.is_empty());
    assert_eq!(heard_by(&world, &web), (1..=3).collect());
    for n in 0..20 {
        send(&world, &message(&alice, &conversation, &format!("later {n}"))).await.unwrap();
    }
    drain_stream(&world).await;
    let again = send(&world, &message(&alice, &conversation, "2")).await.unwrap();
    assert_eq!((again.duplicate, again.entry.sequence), (true, Sequence(2)), "the ring has it");
}

/// In a group of many a reader's own other devices hear of a read, and nobody else of anything;
/// how far a message has got is asked for, a page of members at a time.
#[tokio::test(start_paused = true)]
async fn receipts_of_many_are_asked_for_and_not_told() {
    let world = World::new(1);
    let group = ConversationId::parse("g:many").unwrap();
    let names = ["a", "b", "c", "d", "e"];
    assert!(names.len() as u64 > AGGREGATE_MEMBERS);
    for name in names {
        let row = Member { joined_at: Sequence(1), ..Member::new(user(name)) };
        world.set_member(&group, &user(name), Some(row));
        world.open(&session(&device(name, "phone"), name, &world));
    }
    world.open(&session(&device("b", "web"), "b-web", &world));
    let sent = send(&world, &message(&device("a", "phone"), &group, "1")).await.unwrap();
    for (name, mark) in [("b", Watermark::Delivered), ("c", Watermark::Delivered), ("b", Watermark::Read)] {
        raise(receipt_ports(&world), &device(name, "phone"), &group, mark, MarkAt::Sequence(Sequence(1)))
            .await
            .unwrap();
    }
    let records = world.take_published();
    let receipts: Vec<StreamRecord> = records.into_iter().filter(|r| matches!(r, StreamRecord::Raised(_))).collect();
    assert_eq!(receipts.len(), 1, "of what was delivered nobody is told");
    world.take_posted();
    world.take_calls();
    assert!(fan_out(fanout_ports(&world), 3, receipts).await.is_empty());
    let told: Vec<Sender> = world.take_posted().into_iter().map(|posted| posted.to).collect();
    assert_eq!(told, [device("b", "web")]);
    let calls: Vec<&str> = world.take_calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["sessions_of_user", "post"]);

    // Who comes later is in no count, though the marks begin beyond the message.
    let late = Member { joined_at: Sequence(2), read_up_to: Sequence(1), ..Member::new(user("f")) };
    world.set_member(&group, &user("f"), Some(late));
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let id = sent.entry.message_id();
        let page = status(receipt_ports(&world), &world, &user("a"), &group, id, after.as_ref(), 2).await.unwrap();
        after = page.marks.keys().next_back().cloned();
        pages.push((page.counts.sent, page.counts.delivered, page.counts.read));
        if !page.has_more {
            break;
        }
    }
    assert_eq!(pages, [(0, 0, 1), (1, 1, 0), (1, 0, 0)]);
}
