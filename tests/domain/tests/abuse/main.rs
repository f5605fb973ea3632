//! Blocks, strangers, reports and bans, on the world in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../core/support.rs"]
#[expect(dead_code, reason = "the tests of the other binary use more of it")]
mod support;

use std::sync::Arc;

use tidings_domain::{
    bans::{BanPorts, OpenSockets, ban, unban},
    blocks::{BlockPorts, accept, block, decline, unblock},
    history::{ReadPorts, Span, page},
    ids::{ConversationId, Sender, Sequence, Timestamp, UserId},
    limits::COMMITMENT_MS,
    log::{ConversationState, Entry, Erasure, EventKind},
    moderation::{AdminPorts, Moderation, ban_user, look_up, note, reports_of, resolve, unban_user},
    notice::Notice,
    ports::Devices,
    push::{Dropped, Facts, Verdict, decide},
    quiet::UserSettings,
    rate::STRANGERS_PER_USER,
    reports::{Commitments, Ground, ReportError, ReportPorts, ReportRequest, report},
    send::{Draft, KnownTails, Outcome, Refusal, SendError, SendPorts, SendTerms, TargetRef},
    strangers::{Gate, Spam},
    stream::StreamRecord,
    sync::{ListCursor, list},
};
use tidings_memory::World;
use tokio::time::{Duration, sleep};

use crate::support::*;

fn block_ports(world: &World) -> BlockPorts<'_> {
    BlockPorts { rules: world, conversations: world, clock: world }
}

async fn seen_by(world: &World, user: &UserId, conversation: &ConversationId) -> Vec<Sequence> {
    let ports = ReadPorts { log: world, conversations: world, personal: world, clock: world };
    let page = page(ports, user, conversation, Span::After(Sequence::ZERO), 100).await.unwrap();
    page.entries.iter().map(|entry| entry.sequence).collect()
}

fn entries_told(world: &World, to: &Sender) -> Vec<Sequence> {
    let told = world.take_posted().into_iter().filter(|posted| posted.to == *to);
    told.filter_map(|p| if let Notice::Entry(entry) = p.notice { Some(entry.sequence) } else { None }).collect()
}

/// Alice and bob, who have written to each other, and are connected.
async fn both() -> (World, Sender, Sender, ConversationId) {
    let (world, alice, bob) = (World::new(1), device("alice", "phone"), device("bob", "phone"));
    send(&world, &message(&alice, &alice_and_bob(), "one")).await.unwrap();
    send(&world, &message(&bob, &alice_and_bob(), "two")).await.unwrap();
    drain_stream(&world).await;
    for (owner, connection) in [(&alice, "c1"), (&bob, "c2")] {
        world.open(&session(owner, connection, &world));
    }
    world.take_posted();
    world.take_push_jobs();
    (world, alice, bob, alice_and_bob())
}

#[tokio::test(start_paused = true)]
async fn what_the_blocked_send_is_answered_and_goes_to_nobody() {
    let (world, alice, bob, chat) = both().await;
    block(block_ports(&world), &bob.user, &alice.user).await.unwrap();
    let sent = send(&world, &message(&alice, &chat, "are you there?")).await.unwrap();
    assert_eq!((sent.entry.sequence, sent.duplicate), (Sequence(3), false), "as ever");
    drain_stream(&world).await;
    assert_eq!(entries_told(&world, &bob), [], "neither by the express lane nor by the durable one");
    assert_eq!(world.take_push_jobs(), [], "nor by a push");
    assert_eq!(seen_by(&world, &bob.user, &chat).await, [Sequence(1), Sequence(2)]);
    assert_eq!(seen_by(&world, &alice.user, &chat).await, [Sequence(1), Sequence(2), Sequence(3)]);
    // Nothing in bob's list tells of it, and no heartbeat or drain.
    let summaries = list(sync_ports(&world), &bob.user, &ListCursor::default(), 20).await.unwrap().conversations;
    assert_eq!((summaries[0].unread, summaries[0].member.last_sequence), (1, Sequence(2)));
    // Repair is content: nothing is published again. Who is told that there is more is told of what is for them.
    tidings_domain::repair::repair(repair_ports(&world), world.log(&chat)).await;
    let told = world.take_published().into_iter().map(|record| match record {
        StreamRecord::Behind { user, last_sequence, .. } => (user, last_sequence),
        other => panic!("published again: {other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(alice.user.clone(), Sequence(3)), (bob.user.clone(), Sequence(2))]);
    // Alice's other devices have it, and a resend is found.
    let again = send(&world, &message(&alice, &chat, "are you there?")).await.unwrap();
    assert!(again.duplicate);
    // Who blocks does not write, either, and is told so.
    let refused = send(&world, &message(&bob, &chat, "no")).await;
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Blocked))), "{refused:?}");
    assert_eq!(world.log(&chat).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_withheld_stays_so_and_what_follows_comes() {
    let (world, alice, bob, chat) = both().await;
    block(block_ports(&world), &bob.user, &alice.user).await.unwrap();
    for id in ["w1", "w2"] {
        send(&world, &message(&alice, &chat, id)).await.unwrap();
    }
    drain_stream(&world).await;
    unblock(block_ports(&world), &bob.user, &alice.user).await.unwrap();
    world.take_posted();
    send(&world, &message(&alice, &chat, "after")).await.unwrap();
    drain_stream(&world).await;
    assert_eq!(entries_told(&world, &bob), [Sequence(5)]);
    assert_eq!(seen_by(&world, &bob.user, &chat).await, [1, 2, 5].map(Sequence));
    let row = world.member(&chat, &bob.user).unwrap();
    assert_eq!(row.last_sequence, Sequence(5), "the row has come along");
    let summaries = list(sync_ports(&world), &bob.user, &ListCursor::default(), 20).await.unwrap().conversations;
    assert_eq!(summaries[0].unread, 2, "the first and the last of alice's");
    send(&world, &message(&bob, &chat, "hello again")).await.unwrap();
}

/// A deletion takes back what was said, and a commit changes keys that both must agree on: neither says anything.
#[tokio::test(start_paused = true)]
async fn deletions_go_on_across_a_block() {
    let (world, alice, bob, chat) = both().await;
    block(block_ports(&world), &bob.user, &alice.user).await.unwrap();
    for (by, id) in [(&alice, "d1"), (&bob, "d2")] {
        let mut request = message(by, &chat, id);
        request.draft.event = EventKind::Delete;
        let sent = send(&world, &request).await.unwrap();
        assert!(!sent.entry.content.is_withheld);
    }
    drain_stream(&world).await;
    assert_eq!(seen_by(&world, &bob.user, &chat).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_block_of_a_stranger_makes_no_conversation() {
    let (world, bob) = (World::new(1), device("bob", "phone"));
    block(block_ports(&world), &bob.user, &user("alice")).await.unwrap();
    unblock(block_ports(&world), &bob.user, &user("alice")).await.unwrap();
    let ports = tidings_domain::presence::PresencePorts {
        sessions: &world,
        devices: &world,
        conversations: &world,
        rules: &world,
        clock: &world,
    };
    world.open(&session(&device("alice", "phone"), "c1", &world));
    let seen = tidings_domain::presence::presence_of(ports, &bob.user, &[user("alice")]).await.unwrap();
    assert_eq!(seen[&user("alice")], tidings_domain::presence::Presence::UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn what_strangers_send_is_a_request_until_it_is_accepted_or_answered() {
    for how in ["accept", "answer", "decline"] {
        let (world, alice, bob) = (World::new(1), device("alice", "phone"), device("bob", "phone"));
        send(&world, &message(&alice, &alice_and_bob(), "hello, stranger")).await.unwrap();
        drain_stream(&world).await;
        let is_request = async |who: &UserId| {
            let listed = list(sync_ports(&world), who, &ListCursor::default(), 20).await.unwrap().conversations;
            listed[0].is_request()
        };
        assert!(is_request(&bob.user).await);
        assert!(!is_request(&alice.user).await, "it is not one for who has written");
        let verdict = |quiet: bool| {
            let (log, row) = (world.log(&alice_and_bob()), world.member(&alice_and_bob(), &bob.user));
            let settings = UserSettings { has_quiet_requests: quiet, ..UserSettings::default() };
            decide(Facts {
                user: &bob.user,
                entry: &log[0],
                member: row.as_ref(),
                settings: &settings,
                is_blocked: false,
                now: world.now(),
            })
        };
        assert_eq!(verdict(true), Verdict::Drop(Dropped::Request));
        assert!(matches!(verdict(false), Verdict::Show(_)), "who has set nothing is told");
        match how {
            "accept" => accept(block_ports(&world), &bob.user, &alice.user).await.unwrap(),
            "decline" => decline(block_ports(&world), &bob.user, &alice.user).await.unwrap(),
            _ => {
                send(&world, &message(&bob, &alice_and_bob(), "hello")).await.unwrap();
                drain_stream(&world).await;
            }
        }
        let row = world.member(&alice_and_bob(), &bob.user).unwrap();
        assert_eq!((row.has_blocked(), row.is_archived), (how == "decline", how == "decline"), "{how}");
        assert_eq!(is_request(&bob.user).await, how == "decline", "{how}");
        if how != "decline" {
            assert!(matches!(verdict(true), Verdict::Show(_)), "{how}");
        }
    }
}

/// Sends with the gate of a function.
async fn send_gated(world: &World, spam: &Spam, by: &Sender, to: &str, id: &str) -> Result<(), SendError> {
    let gate = Gate { buckets: world, reporters: world, spam, clock: world };
    let ports = SendPorts { strangers: &gate, ..send_ports(world) };
    let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
    let conversation = ConversationId::direct(by.user.clone(), user(to));
    let outcome = tidings_domain::send::send(ports, terms, &message(by, &conversation, id)).await?;
    assert!(matches!(outcome, Outcome::Sent(_)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_many_strangers_is_limited_and_others_are_not() {
    let (world, spam, mallory) = (World::new(1), Spam::named([]).unwrap(), device("mallory", "phone"));
    for n in 0..STRANGERS_PER_USER.burst {
        send_gated(&world, &spam, &mallory, &format!("u{n}"), "hello").await.unwrap();
    }
    drain_stream(&world).await;
    let refused = send_gated(&world, &spam, &mallory, "one-more", "hello").await;
    let Err(SendError::Limited(limited)) = refused else { panic!("{refused:?}") };
    assert_eq!(limited.limit, STRANGERS_PER_USER.name);
    let chat = ConversationId::direct(mallory.user.clone(), user("one-more"));
    assert_eq!(world.log(&chat), [], "nothing was appended");
    // Conversations that there are go on, and whoever has written or accepted is no stranger.
    send_gated(&world, &spam, &mallory, "u0", "again").await.unwrap();
    send(&world, &message(&device("friend", "d"), &ConversationId::direct(mallory.user.clone(), user("friend")), "hi"))
        .await
        .unwrap();
    send_gated(&world, &spam, &mallory, "friend", "hi").await.unwrap();
    accept(block_ports(&world), &user("host"), &mallory.user).await.unwrap();
    send_gated(&world, &spam, &mallory, "host", "hi").await.unwrap();
    // And when it is time, the next stranger.
    sleep(Duration::from_millis(limited.retry_after_ms)).await;
    send_gated(&world, &spam, &mallory, "one-more", "hello").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_its_bucket_no_stranger_is_written_to_and_friends_are() {
    let (world, alice, _, _) = both().await;
    let spam = Spam::named([]).unwrap();
    world.set_outage(&["charge_bucket"]);
    let refused = send_gated(&world, &spam, &alice, "stranger", "hello").await;
    assert!(matches!(refused, Err(SendError::Unavailable(_))), "{refused:?}");
    send_gated(&world, &spam, &alice, "bob", "hello").await.unwrap();
}

fn report_ports(world: &World) -> ReportPorts<'_> {
    ReportPorts { log: world, conversations: world, commitments: world, reports: world, clock: world }
}

fn report_of(entry: &Entry, content: Option<&str>) -> ReportRequest {
    ReportRequest {
        conversation: entry.conversation.clone(),
        about: TargetRef { message: entry.message_id(), sequence: Some(entry.sequence) },
        ground: Ground::Abuse,
        comment: Some("look".into()),
        content: content.map(Into::into),
        plaintext: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_proves_what_the_service_carried_and_nothing_else() {
    let (world, alice, bob, chat) = both().await;
    let entry = world.log(&chat)[0].clone();
    let payload = entry.content.payload.to_string();
    // With and without what the reporter has.
    for content in [None, Some(payload.as_str())] {
        let made = report(report_ports(&world), &bob.user, &report_of(&entry, content)).await.unwrap();
        assert_eq!(made.content.as_deref(), Some(payload.as_str()));
        assert_eq!((&made.of, made.sent_at), (&alice, entry.ts));
    }
    let forged = report(report_ports(&world), &bob.user, &report_of(&entry, Some(r#""never said""#))).await;
    assert!(matches!(forged, Err(ReportError::NotCarried)), "{forged:?}");
    // One's own, and what one may not see, is not reported.
    for who in [&alice.user, &user("eve")] {
        assert!(report(report_ports(&world), who, &report_of(&entry, None)).await.is_err(), "{who}");
    }
    // What was deleted is proved by what the reporter got, for a week: the content is not in the service any more.
    let commitments: &dyn Commitments = &world;
    let commitment = tidings_domain::reports::Commitment::of(&entry);
    let until = world.now().plus_ms(COMMITMENT_MS);
    commitments.keep(&chat, entry.sequence, &commitment, until).await.unwrap();
    let mut erased = entry.clone();
    erased.content.erase();
    erased.erased = Some(Erasure::Deleted);
    world.overwrite_entry(&erased);
    let made = report(report_ports(&world), &bob.user, &report_of(&entry, Some(&payload))).await.unwrap();
    assert_eq!(made.content.as_deref(), Some(payload.as_str()));
    let bare = report(report_ports(&world), &bob.user, &report_of(&entry, None)).await.unwrap();
    assert_eq!(bare.content, None, "it happened; what it was, nobody has shown");
    let forged = report(report_ports(&world), &bob.user, &report_of(&entry, Some("null"))).await;
    assert!(matches!(forged, Err(ReportError::NotCarried)), "what stands there now is not what was carried");
    sleep(Duration::from_millis(COMMITMENT_MS)).await;
    let late = report(report_ports(&world), &bob.user, &report_of(&entry, Some(&payload))).await;
    assert!(matches!(late, Err(ReportError::TooLate)), "{late:?}");
}

#[test]
fn a_commitment_is_to_one_message_of_one_sender() {
    let entry = |by: &str, id: &str, payload: &str| {
        let draft: Draft = message(&device(by, "d"), &alice_and_bob(), id).draft;
        let mut entry = draft.entry_at(Sequence(1), Timestamp(5), ConversationState::default());
        entry.content.payload = payload.into();
        entry
    };
    let commitment = |entry: &Entry| tidings_domain::reports::Commitment::of(entry);
    let mut with_envelopes = entry("alice", "1", "null");
    with_envelopes.content.envelopes = [(device("bob", "phone").device, Arc::from("AAEC"))].into();
    assert!(commitment(&with_envelopes).has("AAEC"), "an envelope is what its device got");
    assert!(!commitment(&with_envelopes).has("AAED"));
    let one = commitment(&entry("alice", "1", "7"));
    assert!(one.has("7") && !one.has("8"));
    for other in [entry("bob", "1", "7"), entry("alice", "2", "7")] {
        assert!(one.hashes.is_disjoint(&commitment(&other).hashes));
    }
}

fn ban_ports(world: &World) -> BanPorts<'_> {
    BanPorts { bans: world, devices: world, sessions: world, sockets: world, gateway: world, clock: world }
}

fn admin_ports(world: &World) -> AdminPorts<'_> {
    AdminPorts { moderation: world, reporters: world, bans: ban_ports(world), clock: world }
}

#[tokio::test(start_paused = true)]
async fn a_ban_puts_every_device_out_and_its_end_lets_them_in() {
    let world = World::new(1);
    let (phone, tablet, mute) = (device("mallory", "phone"), device("mallory", "tablet"), device("mallory", "mute"));
    for owner in [&phone, &tablet, &mute] {
        assert!(Devices::touch(&world, owner, world.now()).await.unwrap());
    }
    let sessions = [session(&phone, "c1", &world), session(&tablet, "c2", &world)];
    for session in &sessions {
        world.open(session);
    }
    // This one has said no hello.
    let silent = session(&mute, "c3", &world);
    world.connect(&silent.connection);
    OpenSockets::note_open(&world, &silent).await.unwrap();
    let by: Arc<str> = "user:admin".into();
    let until = world.now().plus_ms(60_000);
    let (made, closed) = ban_user(admin_ports(&world), &by, &phone.user, &"spam".into(), until).await.unwrap();
    assert_eq!((closed, made.until), (3, until));
    assert!(world.sessions().is_empty());
    for owner in [&phone, &tablet, &mute] {
        assert!(!Devices::touch(&world, owner, world.now()).await.unwrap(), "{owner:?}");
        assert_eq!(Devices::find(&world, owner).await.unwrap().unwrap().banned_until, until);
    }
    assert_eq!(Devices::banned_until(&world, &phone.user).await.unwrap(), until, "new devices look here");
    let file = look_up(admin_ports(&world), &by, &phone.user).await.unwrap();
    assert_eq!((file.ban, file.devices, file.sockets), (Some(made.clone()), 3, 0));
    // Again: nothing breaks.
    assert_eq!(ban(ban_ports(&world), &phone.user, &made).await.unwrap(), 0);
    unban_user(admin_ports(&world), &by, &phone.user).await.unwrap();
    assert!(Devices::touch(&world, &phone, world.now()).await.unwrap());
    assert!(!unban(ban_ports(&world), &phone.user).await.unwrap());
    assert!(unban_user(admin_ports(&world), &by, &phone.user).await.is_err());
    let deeds = Moderation::deeds(&world, world.now(), None, 10).await.unwrap();
    let actions: Vec<&str> = deeds.iter().rev().map(|deed| &*deed.action).collect();
    assert_eq!(actions, ["ban", "look", "unban", "unban"], "what failed was asked for, too");
    // A ban that has an end needs nobody to end it.
    ban(ban_ports(&world), &phone.user, &made).await.unwrap();
    sleep(Duration::from_secs(61)).await;
    assert!(Devices::touch(&world, &tablet, world.now()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_that_is_not_written_down() {
    let (world, by) = (World::new(1), Arc::<str>::from("user:admin"));
    world.set_outage(&["note_deed"]);
    let until = Timestamp(u64::MAX >> 12);
    assert!(ban_user(admin_ports(&world), &by, &user("mallory"), &"spam".into(), until).await.is_err());
    assert_eq!(Devices::banned_until(&world, &user("mallory")).await.unwrap(), Timestamp::default());
    assert!(reports_of(admin_ports(&world), &by, world.now(), None, 10).await.is_err());
    assert!(note(admin_ports(&world), &by, "look", "bob", "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn reports_are_listed_resolved_and_counted_once_for_each_reporter() {
    let (world, alice, bob, chat) = both().await;
    let (entry, by) = (world.log(&chat)[0].clone(), Arc::<str>::from("key:night"));
    for _ in 0..3 {
        report(report_ports(&world), &bob.user, &report_of(&entry, None)).await.unwrap();
    }
    let file = look_up(admin_ports(&world), &by, &alice.user).await.unwrap();
    assert_eq!(file.reporters, 1);
    let listed = reports_of(admin_ports(&world), &by, world.now(), None, 2).await.unwrap();
    assert_eq!(listed.len(), 2);
    let place = |report: &tidings_domain::reports::Report| tidings_domain::moderation::Filed {
        at: report.at,
        nonce: report.nonce,
    };
    let rest = reports_of(admin_ports(&world), &by, world.now(), Some(place(&listed[1])), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    resolve(admin_ports(&world), &by, place(&rest[0]), &"warned".into()).await.unwrap();
    let again = reports_of(admin_ports(&world), &by, world.now(), Some(place(&listed[1])), 2).await.unwrap();
    assert_eq!(again[0].resolution.as_ref().map(|resolution| &*resolution.note), Some("warned"));
    let nowhere = tidings_domain::moderation::Filed { at: Timestamp(1), nonce: 1 };
    assert!(resolve(admin_ports(&world), &by, nowhere, &"?".into()).await.is_err());
}

/// A receiver that takes nothing holds nobody up: the batch is done, and the other has all of it.
#[tokio::test(start_paused = true)]
async fn a_slow_receiver_holds_nobody_up() {
    let (world, alice, _, chat) = both().await;
    for id in ["a", "b", "c"] {
        send(&world, &message(&alice, &chat, id)).await.unwrap();
    }
    // The express lane has not posted to this one.
    world.open(&session(&device("bob", "tablet"), "c3", &world));
    let records = world.take_published();
    world.stall(&["post"]);
    let began = world.now();
    let failed = tidings_domain::fanout::fan_out(fanout_ports(&world), 256, records).await;
    assert!(failed.is_empty(), "{failed:?}");
    let took_ms = world.now().ms_since(began);
    assert!(took_ms >= tidings_domain::limits::DELIVERY_MS_MAX, "it was waited for: {took_ms}");
    assert!(took_ms <= 2 * tidings_domain::limits::DELIVERY_MS_MAX + 500, "two posts were waited for: {took_ms}");
}
