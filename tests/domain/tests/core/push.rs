//! Pushes: who is queued one, and what the notifier makes of it.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use tidings_domain::{
    conversation::{Member, PreferencesPatch, Watermark},
    devices::{DevicePorts, Platform, PushAddress, PushService, Registration, WebPushKeys, register, revoke},
    fanout::fan_out,
    group::Role,
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    limits::{PUSH_LIFE_MS, PUSH_RETRY_SECONDS_MAX, WAKE_EVERY_MS},
    log::{ContentKind, EventKind},
    ports::{Clock, Conversations, PushMarks, Rules},
    push::{
        Alert, Dropped, Facts, Marks, Notified, Priority, Push, PushJob, PushPorts, Verdict, decide, notify,
        retry_after_seconds,
    },
    quiet::UserSettings,
    stream::StreamRecord,
};
use tidings_memory::{Pushed, World};

use crate::support::{alice_and_bob, device, fanout_ports, message, send, session, user};

fn ports(world: &World) -> PushPorts<'_> {
    PushPorts {
        log: world,
        conversations: world,
        devices: world,
        registry: world,
        rules: world,
        marks: world,
        provider: world,
        clock: world,
    }
}

fn device_ports(world: &World) -> DevicePorts<'_> {
    DevicePorts {
        registry: world,
        provider: world,
        keys: world,
        conversations: world,
        sessions: world,
        gateway: world,
        clock: world,
    }
}

async fn registered(world: &World, owner: &Sender, service: PushService, token: &str) {
    let keys = WebPushKeys { public: "p".into(), auth: "a".into() };
    let keys = (service == PushService::WebPush).then_some(keys);
    let push = Some(PushAddress { service, token: token.into(), keys });
    let wanted = Registration { name: "Phone".into(), platform: Platform::Ios, push };
    register(device_ports(world), owner, &wanted).await.unwrap();
}

async fn fanned_out(world: &World) -> Vec<PushJob> {
    let failed = fan_out(fanout_ports(world), 256, world.take_published()).await;
    assert!(failed.is_empty());
    world.take_push_jobs()
}

/// Sends and fans out; the pushes that were queued.
async fn said(
    world: &World,
    by: &Sender,
    conversation: &ConversationId,
    id: &str,
    mentions: &[UserId],
) -> Vec<PushJob> {
    let mut request = message(by, conversation, id);
    request.draft.content.mentions = mentions.to_vec();
    send(world, &request).await.unwrap();
    fanned_out(world).await
}

async fn notified(world: &World, jobs: &[PushJob]) -> Vec<Notified> {
    let mut all = Vec::new();
    for job in jobs {
        all.push(notify(ports(world), job).await.unwrap());
    }
    all
}

fn alert(pushed: &Pushed) -> &Alert {
    match &pushed.push {
        Push::Alert(alert) => alert,
        Push::Wake { .. } => panic!("{pushed:?}"),
    }
}

/// Alice, and Bob with a phone that is pushed to.
async fn alice_and_bobs_phone(world: &World) -> (Sender, Sender) {
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    registered(world, &bob, PushService::Apns, "token-bob").await;
    (alice, bob)
}

#[tokio::test(start_paused = true)]
async fn who_is_away_is_pushed_and_who_is_there_is_not() {
    let world = World::new(1);
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    world.open(&session(&alice, "a", &world));
    let jobs = said(&world, &alice, &alice_and_bob(), "1", &[]).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1)]);
    let pushed = world.take_pushed();
    let shown = alert(&pushed[0]);
    assert_eq!((shown.badge, shown.priority, shown.label.as_ref()), (1, Priority::High, "alice"));
    assert_eq!((shown.sequence, shown.ttl_seconds.div_ceil(3600)), (Sequence(1), 7 * 24));
    assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::Repeated)], "the queue gives it twice");

    world.open(&session(&bob, "b", &world));
    assert_eq!(said(&world, &alice, &alice_and_bob(), "2", &[]).await, []);
    world.cut(&session(&bob, "b", &world));
    assert_eq!(said(&world, &alice, &alice_and_bob(), "3", &[]).await.len(), 1, "the socket was gone");
}

#[tokio::test(start_paused = true)]
async fn who_is_connected_and_says_nothing_is_pushed_after_all() {
    let world = World::new(1);
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    world.open(&session(&bob, "b", &world));
    assert_eq!(said(&world, &alice, &alice_and_bob(), "1", &[]).await, []);
    let conversation = alice_and_bob();
    let behind = StreamRecord::Behind {
        conversation,
        user: user("bob"),
        last_sequence: Sequence(1),
        membership_version: Sequence::ZERO,
    };
    assert!(fan_out(fanout_ports(&world), 256, [behind]).await.is_empty());
    let jobs = world.take_push_jobs();
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1)]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_within_the_delay_cancels() {
    for mark in [Watermark::Delivered, Watermark::Read] {
        let world = World::new(1);
        let (alice, _) = alice_and_bobs_phone(&world).await;
        let jobs = said(&world, &alice, &alice_and_bob(), "1", &[]).await;
        world.raise(&alice_and_bob(), &user("bob"), mark, Sequence(1), world.now()).await.unwrap();
        assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::Acknowledged)]);
        assert_eq!(world.take_pushed(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn muted_wakes_once_in_twenty_minutes_and_a_mention_breaks_through() {
    let world = World::new(1);
    let (alice, _) = alice_and_bobs_phone(&world).await;
    registered(&world, &device("bob", "web"), PushService::WebPush, "https://push.example/1").await;
    said(&world, &alice, &alice_and_bob(), "0", &[]).await;
    let mute = PreferencesPatch { muted_until: Some(Timestamp(u64::MAX)), ..PreferencesPatch::default() };
    world.set_preferences(&alice_and_bob(), &user("bob"), &mute, world.now()).await.unwrap();
    let mut woken = Vec::new();
    for id in ["1", "2"] {
        let jobs = said(&world, &alice, &alice_and_bob(), id, &[]).await;
        woken.extend(notified(&world, &jobs).await);
    }
    // A browser shows every push, so it is not woken.
    assert_eq!(woken, [Notified::Woken(1, Dropped::Muted), Notified::Woken(0, Dropped::Muted)]);
    assert!(matches!(world.take_pushed()[..], [Pushed { push: Push::Wake { .. }, .. }]));
    world.wait(Duration::from_millis(WAKE_EVERY_MS)).await;
    let jobs = said(&world, &alice, &alice_and_bob(), "3", &[]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Woken(1, Dropped::Muted)]);
    world.take_pushed();
    let jobs = said(&world, &alice, &alice_and_bob(), "4", &[user("bob")]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(2)]);
    assert!(world.take_pushed().iter().all(|pushed| alert(pushed).is_mention));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_disturbed_who_does_not_want_to_be_nor_by_whom_they_have_blocked() {
    let world = World::new(1);
    let (alice, _) = alice_and_bobs_phone(&world).await;
    let quiet = UserSettings { quiet_until: world.now().plus_ms(60_000), ..UserSettings::default() };
    world.set_settings(&user("bob"), &quiet).await.unwrap();
    let jobs = said(&world, &alice, &alice_and_bob(), "1", &[user("bob")]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Woken(1, Dropped::Quiet)], "not even a mention");
    world.wait(Duration::from_mins(2)).await;
    world.block(&user("bob"), &user("alice"), world.now()).await.unwrap();
    let jobs = said(&world, &alice, &alice_and_bob(), "2", &[user("bob")]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::Blocked)]);
    world.unblock(&user("bob"), &user("alice")).await.unwrap();
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1)]);
}

/// A service is away while several come; when it is back, one is shown, with all that is unread.
#[tokio::test(start_paused = true)]
async fn after_an_outage_one_push_tells_of_all() {
    let world = World::new(1);
    let (alice, _) = alice_and_bobs_phone(&world).await;
    world.set_outage(&["publish_push"]);
    let mut jobs = Vec::new();
    for id in ["1", "2", "3"] {
        let queued = said(&world, &alice, &alice_and_bob(), id, &[]).await;
        notify(ports(&world), &queued[0]).await.unwrap_err();
        jobs.extend(queued);
    }
    world.set_outage(&[]);
    let superseded = Notified::Dropped(Dropped::Superseded);
    assert_eq!(notified(&world, &jobs).await, [superseded, superseded, Notified::Sent(1)]);
    let pushed = world.take_pushed();
    assert_eq!((pushed.len(), alert(&pushed[0]).badge), (1, 3));
}

/// Of a user's devices one was told and the service of the other was away: the second try is for that one alone.
#[tokio::test(start_paused = true)]
async fn who_was_told_is_not_told_again() {
    let world = World::new(1);
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    registered(&world, &device("bob", "tablet"), PushService::Fcm, "token-tablet").await;
    let jobs = said(&world, &alice, &alice_and_bob(), "1", &[]).await;
    world.note_sent(&user("bob"), &alice_and_bob(), Sequence(1), &[bob.device]).await.unwrap();
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1)]);
    assert_eq!(world.take_pushed()[0].token.as_ref(), "token-tablet");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_disabled_goes_unless_it_was_renewed_meanwhile() {
    let world = World::new(1);
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    let before = world.push_endpoints().pop_first().unwrap();
    world.disable_endpoint(&before);
    let jobs = said(&world, &alice, &alice_and_bob(), "1", &[]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::Undeliverable)]);
    assert_eq!(world.push_endpoints(), BTreeSet::new());
    let jobs = said(&world, &alice, &alice_and_bob(), "2", &[]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::NoDevice)]);
    registered(&world, &bob, PushService::Apns, "token-bob").await;
    let jobs = said(&world, &alice, &alice_and_bob(), "3", &[]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_token_rotates_and_moves_with_its_installation() {
    let world = World::new(1);
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    let first = world.push_endpoints();
    registered(&world, &bob, PushService::Apns, "token-rotated").await;
    assert_eq!(world.push_endpoints(), first, "the endpoint stays, with another token");
    let eve = device("eve", "phone");
    registered(&world, &eve, PushService::Apns, "token-rotated").await;
    let moved = world.push_endpoints();
    assert!(moved.len() == 1 && moved.is_disjoint(&first), "the old owner's endpoint goes: {moved:?}");
    let jobs = said(&world, &alice, &alice_and_bob(), "1", &[]).await;
    assert_eq!(notified(&world, &jobs).await, [Notified::Dropped(Dropped::NoDevice)], "bob's pushes end");
    registered(&world, &bob, PushService::Apns, "token-bob").await;
    assert_eq!(world.push_endpoints().len(), 2, "the token that was let go is nobody's");

    world.open(&session(&bob, "b", &world));
    revoke(device_ports(&world), &bob.user, &bob.device).await.unwrap();
    assert_eq!(world.push_endpoints(), moved);
    assert!(world.sessions().is_empty(), "its socket is closed");
    let wanted = Registration { name: "Phone".into(), platform: Platform::Ios, push: None };
    register(device_ports(&world), &bob, &wanted).await.unwrap_err();
    revoke(device_ports(&world), &bob.user, &bob.device).await.unwrap();
    revoke(device_ports(&world), &bob.user, &DeviceId::parse("none").unwrap()).await.unwrap_err();
}

/// A blocked user's messages do not take the place of another's, nor does what is muted of a mention.
#[tokio::test(start_paused = true)]
async fn what_is_not_shown_replaces_nothing() {
    let world = World::new(1);
    let group = ConversationId::parse("g:crew").unwrap();
    for name in ["alice", "bob", "eve"] {
        let row = Member { joined_at: Sequence(1), ..Member::new(user(name)) };
        world.set_member(&group, &user(name), Some(row));
    }
    let (alice, _) = alice_and_bobs_phone(&world).await;
    world.block(&user("bob"), &user("eve"), world.now()).await.unwrap();
    let mut records = Vec::new();
    for (by, id) in [(&alice, "1"), (&device("eve", "phone"), "2")] {
        send(&world, &message(by, &group, id)).await.unwrap();
        records.extend(world.take_published());
    }
    assert!(fan_out(fanout_ports(&world), 256, records).await.is_empty());
    let jobs: Vec<PushJob> = world.take_push_jobs().into_iter().filter(|job| job.user == user("bob")).collect();
    assert_eq!(jobs.len(), 2, "one for each sender, for one of them is blocked");
    let mut outcomes = notified(&world, &jobs).await;
    outcomes.reverse();
    assert_eq!(outcomes, [Notified::Dropped(Dropped::Blocked), Notified::Sent(1)]);
    assert_eq!(alert(&world.take_pushed()[0]).priority, Priority::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_pulled_group_pushes_to_those_who_are_named_and_to_nobody_else() {
    let world = World::new(1);
    let group = ConversationId::parse("g:large").unwrap();
    let names = (0..300).map(|n| Member { joined_at: Sequence(1), ..Member::new(user(&format!("u{n}"))) });
    let admin = Member { role: Role::Admin, ..Member::new(user("alice")) };
    world.set_members(&group, names.chain([admin, Member::new(user("bob"))]).collect());
    world.pull(&group, Sequence::ZERO, Some(tidings_domain::conversation::Reach::default()));
    let (alice, bob) = alice_and_bobs_phone(&world).await;
    assert_eq!(said(&world, &alice, &group, "1", &[]).await, []);
    let mut everyone = message(&alice, &group, "2");
    everyone.draft.content.mentions_all = true;
    send(&world, &everyone).await.unwrap();
    assert_eq!(fanned_out(&world).await, []);
    let jobs = said(&world, &alice, &group, "3", &[user("bob"), user("stranger")]).await;
    assert_eq!(jobs.len(), 2);
    assert_eq!(notified(&world, &jobs).await, [Notified::Sent(1), Notified::Dropped(Dropped::NotAMember)]);
    world.open(&session(&bob, "b", &world));
    assert_eq!(said(&world, &alice, &group, "4", &[user("bob")]).await, [], "he is there");
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Case {
    of_self: bool,
    is_member: bool,
    joined: u64,
    delivered: u64,
    read: u64,
    age_ms: u64,
    muted_ms: u64,
    quiet_ms: u64,
    blocked: bool,
    named: bool,
    all: bool,
    event: EventKind,
    kind: ContentKind,
    is_direct: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let flags = prop::array::uniform6(prop::bool::weighted(0.3));
    let marks = (0_u64..8, 0_u64..8, 0_u64..8);
    let times = (prop_oneof![0..10_u64, Just(PUSH_LIFE_MS), Just(PUSH_LIFE_MS - 1)], 0_u64..3, 0_u64..3);
    let event = prop_oneof![5 => Just(EventKind::Message), 1 => Just(EventKind::Reaction), 1 => Just(EventKind::Edit)];
    let kind = prop_oneof![5 => Just(ContentKind::Text), 1 => Just(ContentKind::System)];
    (flags, marks, times, event, kind).prop_map(|(flags, marks, times, event, kind)| Case {
        of_self: flags[0],
        is_member: !flags[1],
        joined: marks.0,
        delivered: marks.1,
        read: marks.2,
        age_ms: times.0,
        muted_ms: times.1,
        quiet_ms: times.2,
        blocked: flags[2],
        named: flags[3],
        all: flags[4],
        event,
        kind,
        is_direct: flags[5],
    })
}

proptest! {
    /// What is decided is what the rules say, whatever comes together.
    #[test]
    fn a_decision_follows_the_rules(case in case()) {
        const PLACE: u64 = 4;
        let now = Timestamp(PUSH_LIFE_MS * 3);
        let (bob, other) = (user("bob"), if case.of_self { "bob" } else { "alice" });
        let conversation = if case.is_direct { alice_and_bob() } else { ConversationId::parse("g:crew").unwrap() };
        let mut entry = tidings_domain::log::Entry {
            conversation,
            sequence: Sequence(PLACE),
            sender: device(other, "phone"),
            client_msg_id: tidings_domain::ids::ClientMsgId::parse("1").unwrap(),
            ts: now.minus_ms(case.age_ms),
            event: case.event,
            target: None,
            content: tidings_domain::log::Content::empty(now),
            membership: None,
            erased: None,
            state: tidings_domain::log::ConversationState::default(),
        };
        entry.content.kind = case.kind.clone();
        entry.content.mentions_all = case.all;
        entry.content.mentions = if case.named { vec![bob.clone()] } else { Vec::new() };
        let row = Member {
            joined_at: Sequence(case.joined),
            delivered_up_to: Sequence(case.delivered),
            read_up_to: Sequence(case.read),
            muted_until: now.minus_ms(1).plus_ms(case.muted_ms),
            ..Member::new(bob.clone())
        };
        let settings = UserSettings { quiet_until: now.minus_ms(1).plus_ms(case.quiet_ms), ..UserSettings::default() };
        let member = case.is_member.then_some(&row);
        let verdict = decide(Facts { user: &bob, entry: &entry, member, settings: &settings, is_blocked: case.blocked, now });
        let is_in = case.is_direct || (case.is_member && case.joined <= PLACE);
        let has_it = case.is_member && case.delivered.max(case.read) >= PLACE;
        let is_message = case.event == EventKind::Message && case.kind == ContentKind::Text && !case.of_self;
        let may_tell = is_in && is_message && !has_it && case.age_ms < PUSH_LIFE_MS && !case.blocked;
        let (is_quiet, is_mention) = (case.quiet_ms > 1, case.named || case.all);
        let is_muted = case.is_member && case.muted_ms > 1 && !is_mention;
        match verdict {
            Verdict::Show(priority) => {
                prop_assert!(may_tell && !is_quiet && !is_muted);
                prop_assert_eq!(priority == Priority::High, is_mention || case.is_direct);
            }
            Verdict::Wake(Dropped::Quiet) => prop_assert!(may_tell && is_quiet),
            Verdict::Wake(Dropped::Muted) => prop_assert!(may_tell && !is_quiet && is_muted),
            Verdict::Wake(reason) => prop_assert!(false, "{reason:?}"),
            Verdict::Drop(_) => prop_assert!(!may_tell),
        }
    }

    /// Of pushes that are queued in any order, the latest of each sort is sent, and none that a later one replaces.
    #[test]
    fn the_latest_of_those_queued_is_never_dropped(queued in prop::collection::vec((1_u64..9, any::<bool>()), 1..12)) {
        let mut marks = Marks::default();
        for (at, is_mention) in &queued {
            let mark = if *is_mention { &mut marks.mentioned } else { &mut marks.queued };
            *mark = Sequence(*at).max(*mark);
        }
        let last = queued.iter().map(|(at, _)| *at).max().unwrap();
        let last_mention = queued.iter().filter(|(_, is_mention)| *is_mention).map(|(at, _)| *at).max();
        for (at, is_mention) in queued {
            let is_superseded = marks.supersede(Sequence(at), is_mention);
            if is_mention {
                prop_assert_eq!(is_superseded, last_mention > Some(at));
            } else {
                prop_assert_eq!(is_superseded, last > at);
            }
        }
    }

    #[test]
    fn waits_grow_and_end(seed in any::<u64>(), base in 1_u64..60, received in 1_u32..200) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let waits: Vec<u64> = runtime.block_on(async {
            let world = World::new(seed);
            let clock: &dyn Clock = &world;
            (0..20).map(|_| retry_after_seconds(clock, base, received)).collect()
        });
        let bound = (base << (received - 1).min(16)).min(PUSH_RETRY_SECONDS_MAX);
        prop_assert!(waits.iter().all(|wait| (1..=bound).contains(wait)), "{:?} within {}", waits, bound);
    }
}
