//! Telling how users are: to whom, how often, and what it costs, on the world in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../core/support.rs"]
#[expect(dead_code, reason = "the tests of the other binary use more of it")]
mod support;

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::Member,
    ids::{ConversationId, Sender, Sequence, Timestamp},
    limits::{PRESENCE_COALESCE_MS, PRESENCE_SAMPLE_MAX, PRESENCE_THRESHOLD_MS, PRESENCE_TOLD_MAX},
    notice::Notice,
    ports::{Rules, Sessions},
    presence::{PresencePorts, State, presence_within},
    privacy::{Audience, Privacy},
    quiet::UserSettings,
    session::Session,
    watching::{WatchPorts, Watcher, Watches, look, may_have_changed, unwatch, watch},
};
use tidings_memory::World;
use tokio::time::{Duration, sleep};

use crate::support::*;

fn ports(world: &World) -> WatchPorts<'_> {
    let presence = PresencePorts { sessions: world, devices: world, conversations: world, rules: world, clock: world };
    WatchPorts { presence, watches: world, looks: world, gateway: world }
}

/// A world in which alice watches bob, with whom she has a conversation.
async fn alice_watches_bob() -> (World, Sender, Sender) {
    let (world, alice, bob) = (World::new(1), device("alice", "phone"), device("bob", "phone"));
    for (by, id) in [(&alice, "1"), (&bob, "2")] {
        send(&world, &message(by, &alice_and_bob(), id)).await.unwrap();
    }
    drain_stream(&world).await;
    let socket = session(&alice, "a1", &world);
    world.open(&socket);
    subscribe(&world, &socket, &bob, None).await;
    world.take_posted();
    (world, alice, bob)
}

async fn subscribe(world: &World, socket: &Session, of: &Sender, via: Option<&ConversationId>) -> State {
    let users = std::slice::from_ref(&of.user);
    let present = presence_within(ports(world).presence, &socket.owner.user, users, via).await.unwrap();
    watch(ports(world), socket, &present, via).await.unwrap();
    present[&of.user].map_or(State::Offline, |presence| presence.state)
}

async fn comes(world: &World, owner: &Sender, connection: &str) -> Session {
    let socket = Session { expires_at: world.now().plus_ms(300_000), ..session(owner, connection, world) };
    world.open(&socket);
    may_have_changed(world, world, world.now(), &owner.user).await;
    socket
}

async fn goes(world: &World, socket: &Session) {
    world.cut(socket);
    Sessions::remove(world, &socket.owner, &socket.connection).await.unwrap();
    may_have_changed(world, world, world.now(), &socket.owner.user).await;
}

/// Time goes by, and looks are made as they are due, all of a moment in one batch.
async fn let_pass(world: &World, ms: u64) {
    let until = world.now().plus_ms(ms);
    while let Some(at) = world.next_look_at().filter(|at| *at <= until) {
        sleep(Duration::from_millis(at.ms_since(world.now()) + 1)).await;
        look(ports(world), &world.take_due_looks()).await.unwrap();
    }
    sleep(Duration::from_millis(until.ms_since(world.now()))).await;
}

/// What a device was told, in its order: the states of each frame.
fn heard(world: &World, by: &Sender) -> Vec<Vec<State>> {
    let posted = world.take_posted().into_iter().filter(|posted| posted.to == *by);
    let states = |notice| match notice {
        Notice::Presence(users) => Some(users.into_iter().map(|(_, presence)| presence.state).collect()),
        _ => None,
    };
    posted.filter_map(|posted| states(posted.notice)).collect()
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_told_of_coming_and_going_and_others_are_not() {
    let (world, alice, bob) = alice_watches_bob().await;
    let carl = session(&device("carl", "phone"), "k1", &world);
    world.open(&carl);
    let socket = comes(&world, &bob, "b1").await;
    let_pass(&world, PRESENCE_THRESHOLD_MS + 10).await;
    assert_eq!(heard(&world, &alice), [[State::Online]]);
    let_pass(&world, PRESENCE_COALESCE_MS).await;
    goes(&world, &socket).await;
    let_pass(&world, PRESENCE_THRESHOLD_MS - 100).await;
    assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new(), "not yet");
    let_pass(&world, PRESENCE_THRESHOLD_MS).await;
    assert_eq!(heard(&world, &alice).len(), 1);
    // Who shares nothing with bob watches nothing, be it that they ask.
    assert_eq!(subscribe(&world, &carl, &bob, None).await, State::Offline);
    assert_eq!(Watches::watchers(&world, &bob.user, 0, 10).await.unwrap().len(), 1);
    // Who watches no more hears no more.
    unwatch(ports(&world), &alice, std::slice::from_ref(&bob.user)).await.unwrap();
    comes(&world, &bob, "b2").await;
    let_pass(&world, 60_000).await;
    assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new());
}

#[tokio::test(start_paused = true)]
async fn what_lasts_less_than_five_seconds_is_no_change() {
    let (world, alice, bob) = alice_watches_bob().await;
    let socket = comes(&world, &bob, "b1").await;
    sleep(Duration::from_millis(PRESENCE_THRESHOLD_MS / 2)).await;
    goes(&world, &socket).await;
    let_pass(&world, 60_000).await;
    assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new());
}

/// One closed tab is no going: the last device is.
#[tokio::test(start_paused = true)]
async fn a_user_is_there_while_any_device_is() {
    let (world, alice, bob) = alice_watches_bob().await;
    let phone = comes(&world, &bob, "b1").await;
    let tablet = comes(&world, &device("bob", "tablet"), "b2").await;
    let_pass(&world, 30_000).await;
    assert_eq!(heard(&world, &alice), [[State::Online]]);
    goes(&world, &phone).await;
    let_pass(&world, 30_000).await;
    assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new());
    goes(&world, &tablet).await;
    let_pass(&world, 30_000).await;
    assert_eq!(heard(&world, &alice).len(), 1);
}

/// A device that crashes says nothing: its session ends, and who watches is told then.
#[tokio::test(start_paused = true)]
async fn who_crashed_is_offline_when_the_session_has_ended() {
    let (world, alice, bob) = alice_watches_bob().await;
    comes(&world, &bob, "b1").await;
    let_pass(&world, 299_000).await;
    assert_eq!(heard(&world, &alice), [[State::Online]]);
    let_pass(&world, 10_000).await;
    let told = heard(&world, &alice);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_ne!(told[0], [State::Online]);
    assert_eq!(world.next_look_at(), None, "nobody is looked at for ever");
}

#[tokio::test(start_paused = true)]
async fn who_is_hidden_or_blocked_is_told_of_to_nobody() {
    for blocks in [true, false] {
        let (world, alice, bob) = alice_watches_bob().await;
        if blocks {
            Rules::block(&world, &bob.user, &alice.user, world.now()).await.unwrap();
        } else {
            let privacy = Privacy { last_seen: Audience::Nobody, read_receipts: Audience::Everyone };
            let settings = UserSettings { privacy, ..UserSettings::default() };
            Rules::set_settings(&world, &bob.user, &settings).await.unwrap();
        }
        comes(&world, &bob, "b1").await;
        let_pass(&world, 60_000).await;
        assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new(), "blocks: {blocks}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_a_group_see_each_other_by_it_and_of_a_large_one_a_sample() {
    let (world, group) = (World::new(1), ConversationId::parse("g:crew").unwrap());
    let alice = device("alice", "phone");
    let names: Vec<Sender> = (0..100).map(|n| device(&format!("m{n}"), "phone")).collect();
    let rows = names
        .iter()
        .chain([&alice])
        .map(|member| Member { joined_at: Sequence(1), ..Member::new(member.user.clone()) });
    world.set_members(&group, rows.collect());
    let socket = session(&alice, "a1", &world);
    world.open(&socket);
    names.iter().enumerate().for_each(|(n, member)| world.open(&session(member, &format!("s{n}"), &world)));
    let users: Vec<_> = names.iter().map(|member| member.user.clone()).collect();
    let online = async |asker: &Sender, via: Option<&ConversationId>| {
        let seen = presence_within(ports(&world).presence, &asker.user, &users, via).await.unwrap();
        seen.values().flatten().filter(|presence| presence.state == State::Online).count()
    };
    assert_eq!(online(&alice, None).await, 0, "they have no conversation of two");
    assert_eq!(online(&alice, Some(&group)).await, 100);
    assert_eq!(online(&device("eve", "d"), Some(&group)).await, 0, "who is not in it sees nobody");
    world.pull(&group, Sequence(1), None);
    assert_eq!(online(&alice, Some(&group)).await, PRESENCE_SAMPLE_MAX);
    // Who has left is told of nobody.
    subscribe(&world, &socket, &names[0], Some(&group)).await;
    world.take_posted();
    world.set_member(&group, &alice.user, None);
    goes(&world, &session(&names[0], "s0", &world)).await;
    let_pass(&world, 60_000).await;
    assert_eq!(heard(&world, &alice), Vec::<Vec<State>>::new());
}

#[tokio::test(start_paused = true)]
async fn a_device_is_told_of_all_of_a_batch_in_one_frame() {
    let (world, alice) = (World::new(1), device("alice", "phone"));
    let socket = session(&alice, "a1", &world);
    world.open(&socket);
    for n in 0..20 {
        let friend = device(&format!("f{n}"), "phone");
        let chat = ConversationId::direct(alice.user.clone(), friend.user.clone());
        send(&world, &message(&friend, &chat, "hi")).await.unwrap();
        drain_stream(&world).await;
        subscribe(&world, &socket, &friend, None).await;
        let watcher =
            Watcher { session: Session { expires_at: Timestamp(u64::MAX >> 8), ..socket.clone() }, via: None };
        Watches::watch(&world, &friend.user, &watcher).await.unwrap();
        world.open(&session(&friend, &format!("c{n}"), &world));
    }
    world.take_posted();
    let looks: Vec<_> = (0..20)
        .map(|n| tidings_domain::watching::Look {
            user: device(&format!("f{n}"), "phone").user,
            check_at: Timestamp::default(),
        })
        .collect();
    let looked = look(ports(&world), &looks).await.unwrap();
    assert_eq!((looked.changed, looked.frames), (20, 1));
    assert_eq!(heard(&world, &alice), [[State::Online; 20]]);
}

/// The frames of a minute in which a user comes and goes every other second, by how many watch: docs/performance.md has the figures.
#[tokio::test(start_paused = true)]
async fn the_flapping_of_a_popular_user_costs_a_bounded_number_of_frames() {
    let mut curve = BTreeMap::new();
    for contacts in [10, 1_000, 100_000] {
        let (world, bob) = (World::new(1), device("bob", "phone"));
        let fans = (0..contacts).map(|n| {
            let fan = device(&format!("f{n}"), "phone");
            let session = Session { expires_at: Timestamp(u64::MAX >> 8), ..session(&fan, &format!("c{n}"), &world) };
            if n < 2_000 {
                world.open(&session);
            }
            Watcher { session, via: None }
        });
        let fans: Vec<Watcher> = fans.collect();
        world.set_watchers(&bob.user, fans);
        let began = world.now();
        let mut frames = 0;
        // In the worst case each look finds another state than the last.
        let mut is_there = None;
        loop {
            match is_there.take() {
                None => is_there = Some(comes(&world, &bob, "b").await),
                Some(socket) => goes(&world, &socket).await,
            }
            let told = step(&world).await;
            if world.now().ms_since(began) >= 60_000 {
                break;
            }
            frames += told;
        }
        curve.insert(contacts, frames);
    }
    println!("frames of a minute, by contacts: {curve:?}");
    let looks = usize::try_from(60_000 / PRESENCE_COALESCE_MS).unwrap() + 1;
    for (contacts, frames) in &curve {
        assert!(*frames > 0 && *frames <= looks * PRESENCE_TOLD_MAX.min(*contacts), "{curve:?}");
    }
    assert!(curve[&100_000] <= curve[&1_000], "{curve:?}");
}

/// Waits for the next look, and counts what it posts.
async fn step(world: &World) -> usize {
    let Some(at) = world.next_look_at() else {
        sleep(Duration::from_secs(1)).await;
        return 0;
    };
    sleep(Duration::from_millis(at.ms_since(world.now()) + 1)).await;
    look(ports(world), &world.take_due_looks()).await.unwrap().frames
}
