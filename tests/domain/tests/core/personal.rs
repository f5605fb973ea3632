//! Drafts, stars and hidden messages: on all of a user's devices, and nobody else's.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tidings_domain::{
    group::GroupSettings,
    history::{ReadPorts, Span, page},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp},
    limits::{ACTIVITY_MARGIN_MS, DRAFTS_MAX},
    membership::{Command, GroupPorts, change, create},
    notice::Notice,
    personal::{
        ChangesCursor, PersonalError, PersonalItem, PersonalPorts, changes, drafts, hide, save_draft, star, stars,
        unstar,
    },
    sync::{HelloRequest, ListCursor, hello, list},
};
use tidings_memory::{Faults, World};

use crate::support::*;

fn ports(world: &World) -> PersonalPorts<'_> {
    PersonalPorts { log: world, conversations: world, personal: world, sessions: world, gateway: world, clock: world }
}

fn of(name: &str) -> Sender {
    device(name, "phone")
}

/// So many messages of bob to alice, fanned out.
async fn said(world: &World, count: u64) -> Vec<(MessageId, Sequence)> {
    let mut messages = Vec::new();
    for n in 0..count {
        let sent = send(world, &message(&of("bob"), &alice_and_bob(), &n.to_string())).await.unwrap();
        messages.push((sent.entry.message_id(), sent.entry.sequence));
    }
    drain_stream(world).await;
    messages
}

async fn save(world: &World, by: &Sender, text: Option<&str>, ts: u64) -> Result<PersonalItem, PersonalError> {
    save_draft(ports(world), by, &alice_and_bob(), text.map(Into::into), Timestamp(ts)).await
}

async fn read(world: &World, name: &str) -> Vec<u64> {
    let ports = ReadPorts { log: world, conversations: world, personal: world, clock: world };
    let page = page(ports, &user(name), &alice_and_bob(), Span::After(Sequence::ZERO), 100).await.unwrap();
    page.entries.iter().map(|entry| entry.sequence.0).collect()
}

async fn changed(world: &World, since: &ChangesCursor) -> (Vec<PersonalItem>, ChangesCursor) {
    let page = changes(ports(world), &user("alice"), since, 100).await.unwrap();
    assert!(!page.has_more);
    (page.items, page.next)
}

#[tokio::test(start_paused = true)]
async fn of_two_drafts_the_later_stands_in_whatever_order_they_come() {
    let world = World::new(1);
    let (phone, web) = (of("alice"), device("alice", "web"));
    for (owner, connection) in [(&phone, "p"), (&web, "w"), (&of("bob"), "b")] {
        world.open(&session(owner, connection, &world));
    }
    save(&world, &phone, Some("\"later\""), 20).await.unwrap();
    let told: Vec<Sender> = world.take_posted().into_iter().map(|posted| posted.to).collect();
    assert_eq!(told, std::slice::from_ref(&web), "the other devices of the user");
    let stands = save(&world, &web, Some("\"earlier\""), 10).await.unwrap();
    assert_eq!((stands.payload.as_deref(), stands.ts), (Some("\"later\""), Timestamp(20)), "what stands is answered");
    assert_eq!(world.take_posted(), [], "nothing has changed");
    save(&world, &web, None, 30).await.unwrap();
    assert!(matches!(&world.take_posted()[..], [posted] if posted.to == phone
        && matches!(&posted.notice, Notice::Draft(draft) if draft.is_deleted)));
    let stands = save(&world, &phone, Some("\"late\""), 25).await.unwrap();
    assert!(stands.is_deleted, "it was deleted after that");
    assert_eq!(drafts(ports(&world), &user("alice"), None, 10).await.unwrap().items, []);
    let ahead = world.now().plus_ms(3_600_000).0;
    let kept = save(&world, &phone, Some("\"from the future\""), ahead).await.unwrap();
    assert!(kept.ts <= world.now(), "a clock ahead counts as now");
    tokio::time::advance(std::time::Duration::from_millis(10)).await;
    let now = world.now().0;
    assert_eq!(save(&world, &web, Some("\"now\""), now).await.unwrap().payload.as_deref(), Some("\"now\""));
    let refused = save_draft(ports(&world), &of("eve"), &alice_and_bob(), None, Timestamp(1)).await;
    assert!(matches!(refused, Err(PersonalError::NotAMember(_))));
}

#[tokio::test(start_paused = true)]
async fn drafts_that_race_end_as_the_latest() {
    for seed in 0..20 {
        let world = World::new(seed);
        world.set_faults(Faults { latency_ms_max: 20, ..Faults::default() });
        let texts: Vec<String> = (1..=6).map(|n| format!("\"{n}\"")).collect();
        let saves = texts.iter().zip(1..).map(|(text, ts)| {
            let world = &world;
            async move { save(world, &device("alice", &format!("d{ts}")), Some(text), ts).await }
        });
        join_all(saves).await;
        let found = drafts(ports(&world), &user("alice"), None, 10).await.unwrap().items;
        assert_eq!(found[0].payload.as_deref(), Some("\"6\""), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_drafts_and_no_more() {
    let world = World::new(1);
    let to = |n: u64| ConversationId::direct(user("alice"), user(&format!("friend{n}")));
    for n in 0..DRAFTS_MAX {
        save_draft(ports(&world), &of("alice"), &to(n), Some("1".into()), Timestamp(1)).await.unwrap();
    }
    let one_more = save_draft(ports(&world), &of("alice"), &to(DRAFTS_MAX), Some("1".into()), Timestamp(1)).await;
    assert!(matches!(one_more, Err(PersonalError::Full(DRAFTS_MAX))));
    save_draft(ports(&world), &of("alice"), &to(0), None, Timestamp(2)).await.unwrap();
    save_draft(ports(&world), &of("alice"), &to(DRAFTS_MAX), Some("1".into()), Timestamp(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_star_is_on_a_message_that_its_user_sees() {
    let world = World::new(1);
    let messages = said(&world, 3).await;
    let mark =
        async |name: &str, message, sequence| star(ports(&world), &of(name), &alice_and_bob(), message, sequence).await;
    for (message, sequence) in &messages {
        mark("alice", *message, *sequence).await.unwrap();
    }
    let again = mark("alice", messages[0].0, messages[0].1).await.unwrap();
    assert_eq!(again.version, 1, "marked already");
    assert!(matches!(mark("eve", messages[0].0, messages[0].1).await, Err(PersonalError::NotAMember(_))));
    let elsewhere = mark("alice", messages[0].0, messages[1].1).await;
    assert!(matches!(elsewhere, Err(PersonalError::NoSuchMessage(_))));
    assert!(matches!(mark("alice", messages[0].0, Sequence(99)).await, Err(PersonalError::NoSuchMessage(_))));
    let starred = async || {
        let page = stars(ports(&world), &user("alice"), None, 10).await.unwrap();
        page.items.into_iter().filter_map(|item| item.message_id).collect::<Vec<_>>()
    };
    let newest_first: Vec<MessageId> = messages.iter().rev().map(|(id, _)| *id).collect();
    assert_eq!(starred().await, newest_first);
    for _ in 0..2 {
        unstar(ports(&world), &of("alice"), &alice_and_bob(), messages[1].0, messages[1].1).await.unwrap();
    }
    assert_eq!(starred().await, [messages[2].0, messages[0].0]);
    mark("alice", messages[1].0, messages[1].1).await.unwrap();
    assert_eq!(starred().await, [messages[1].0, messages[2].0, messages[0].0], "marked anew");
}

#[tokio::test(start_paused = true)]
async fn who_joined_later_stars_and_hides_nothing_of_before() {
    let world = World::new(1);
    let group = ConversationId::parse("g:crew").unwrap();
    let groups = GroupPorts {
        log: &world,
        conversations: &world,
        invites: &world,
        media: &world,
        bus: &world,
        clock: &world,
        push_members_max: 256,
    };
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    create(groups, &of("olga"), &group, settings, Vec::new()).await.unwrap();
    let before = send(&world, &message(&of("olga"), &group, "1")).await.unwrap().entry;
    change(groups, &of("olga"), &group, &Command::Add(vec![user("carl")])).await.unwrap();
    let (id, sequence) = (before.message_id(), before.sequence);
    let starred = star(ports(&world), &of("carl"), &group, id, sequence).await;
    assert!(matches!(starred, Err(PersonalError::NoSuchMessage(_))));
    for place in [Some(sequence), None] {
        let hidden = hide(ports(&world), &of("carl"), &group, id, place).await;
        assert!(matches!(hidden, Err(PersonalError::NoSuchMessage(_))));
    }
    assert!(matches!(hide(ports(&world), &of("eve"), &group, id, None).await, Err(PersonalError::NotAMember(_))));
    assert!(!world.member(&group, &user("carl")).unwrap().has_hidden);
}

#[tokio::test(start_paused = true)]
async fn what_is_hidden_is_left_out_of_every_read_of_its_user_alone() {
    let world = World::new(1);
    let messages = said(&world, 5).await;
    for (owner, connection) in [(of("alice"), "p"), (device("alice", "web"), "w"), (of("bob"), "b")] {
        world.open(&session(&owner, connection, &world));
    }
    hide(ports(&world), &of("alice"), &alice_and_bob(), messages[1].0, Some(messages[1].1)).await.unwrap();
    hide(ports(&world), &of("alice"), &alice_and_bob(), messages[4].0, None).await.unwrap();
    let told: BTreeSet<(String, MessageId)> = world
        .take_posted()
        .into_iter()
        .filter_map(|posted| match posted.notice {
            Notice::Hidden { message, .. } => Some((posted.to.user.to_string() + posted.to.device.as_str(), message)),
            _ => None,
        })
        .collect();
    let both = |device: &str| [1, 4].map(|n: usize| (format!("alice{device}"), messages[n].0));
    assert_eq!(told, both("phone").into_iter().chain(both("web")).collect());
    assert_eq!(read(&world, "alice").await, [1, 3, 4]);
    assert_eq!(read(&world, "bob").await, [1, 2, 3, 4, 5]);
    let reads = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
    let last = page(reads, &user("alice"), &alice_and_bob(), Span::After(Sequence(3)), 2).await.unwrap();
    assert_eq!(
        (last.entries.len(), last.next, last.has_more),
        (1, Sequence(5), false),
        "it goes on past what is hidden"
    );
    let back = page(reads, &user("alice"), &alice_and_bob(), Span::Before(Sequence(3)), 2).await.unwrap();
    assert_eq!((back.entries.len(), back.next, back.has_more), (1, Sequence(1), false));

    let listed = list(sync_ports(&world), &user("alice"), &ListCursor::default(), 10).await.unwrap();
    let summary = &listed.conversations[0];
    assert_eq!((summary.unread, summary.last.as_ref()), (3, None), "the last one is hidden");
    world.take_posted();
    let socket = tidings_domain::sessions::Socket {
        owner: device("alice", "tablet"),
        connection: tidings_domain::ids::ConnectionId::parse("t").unwrap(),
        endpoint: "https://cell".into(),
        connected_at: world.now(),
    };
    world.open(&socket.session(world.now(), 300));
    let terms =
        tidings_domain::sync::SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 32 };
    hello(sync_ports(&world), &NoTokens, terms, &socket, &HelloRequest::default()).await.unwrap();
    let drained: Vec<u64> = world
        .take_posted()
        .into_iter()
        .filter_map(|posted| match posted.notice {
            Notice::Entry(entry) => Some(entry.sequence.0),
            _ => None,
        })
        .collect();
    assert_eq!(drained, [1, 3, 4]);
}

struct NoTokens;

impl tidings_domain::sync::ResumeTokens for NoTokens {
    fn issue(&self, _: &tidings_domain::sessions::Socket, _: Timestamp) -> String {
        String::new()
    }
}

#[tokio::test(start_paused = true)]
async fn only_who_has_hidden_something_pays_for_it() {
    let world = World::new(1);
    let messages = said(&world, 3).await;
    hide(ports(&world), &of("alice"), &alice_and_bob(), messages[0].0, Some(messages[0].1)).await.unwrap();
    let reads = async |name: &str| {
        world.take_calls();
        read(&world, name).await;
        world.take_calls().into_iter().map(|call| call.operation).collect::<Vec<_>>()
    };
    assert_eq!(reads("bob").await, ["read_after", "memberships"], "at once");
    assert_eq!(reads("alice").await, ["read_after", "memberships", "hidden"]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_away_learns_of_all_that_changed() {
    let world = World::new(1);
    let messages = said(&world, 3).await;
    let (all, cursor) = changed(&world, &ChangesCursor::default()).await;
    assert_eq!(all, []);
    tokio::time::advance(std::time::Duration::from_millis(2 * ACTIVITY_MARGIN_MS)).await;
    save(&world, &of("alice"), Some("1"), 10).await.unwrap();
    star(ports(&world), &of("alice"), &alice_and_bob(), messages[0].0, messages[0].1).await.unwrap();
    hide(ports(&world), &of("alice"), &alice_and_bob(), messages[1].0, None).await.unwrap();
    let (all, cursor) = changed(&world, &cursor).await;
    assert_eq!(all.iter().map(|item| item.is_deleted).collect::<Vec<_>>(), [false, false, false]);
    tokio::time::advance(std::time::Duration::from_millis(2 * ACTIVITY_MARGIN_MS)).await;
    unstar(ports(&world), &of("alice"), &alice_and_bob(), messages[0].0, messages[0].1).await.unwrap();
    save(&world, &of("alice"), None, 20).await.unwrap();
    let (all, cursor) = changed(&world, &cursor).await;
    assert_eq!(
        all.iter().map(|item| item.is_deleted).collect::<Vec<_>>(),
        [false, true, true],
        "the minutes before once more, and what is gone"
    );
    tokio::time::advance(std::time::Duration::from_millis(2 * ACTIVITY_MARGIN_MS)).await;
    assert_eq!(changed(&world, &cursor).await.0.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hide_that_was_cut_off_is_made_good_by_the_next_try() {
    for seed in 0..30 {
        let world = World::new(seed);
        let messages = said(&world, 2).await;
        world.set_faults(Faults { refused: 0.3, answer_lost: 0.3, ..Faults::default() });
        while hide(ports(&world), &of("alice"), &alice_and_bob(), messages[0].0, None).await.is_err() {}
        world.set_faults(Faults::default());
        assert_eq!(read(&world, "alice").await, [2], "seed {seed}");
    }
}
