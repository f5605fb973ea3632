//! Devices that ask for events: they hear what a socket would, also where answers get lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tidings_domain::{
    conversation::Watermark,
    events::{Event, Events, EventsError, EventsPorts, Kept, Place, begin, next},
    fanout::fan_out,
    ids::{ConnectionId, FrameKey, Sender, Timestamp},
    limits::{EVENTS_BYTES_MAX, EVENTS_SESSION_SECONDS},
    notice::Notice,
    ports::{Inboxes, Sessions},
    receipts::{MarkAt, raise},
    session::{POLLED, Session},
    sessions::Socket,
    sync::{HelloRequest, ResumeTokens, SessionTerms},
};
use tidings_memory::World;

use crate::support::*;

const TERMS: SessionTerms = SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 32 };

struct Tokens;

impl ResumeTokens for Tokens {
    fn issue(&self, _: &Socket, at: Timestamp) -> String {
        at.0.to_string()
    }
}

fn ports(world: &World) -> EventsPorts<'_> {
    EventsPorts { sync: sync_ports(world), devices: world, mailboxes: world, inboxes: world }
}

fn web() -> Sender {
    device("bob", "web")
}

async fn begun(world: &World) -> Events {
    begin(ports(world), &Tokens, TERMS, &web(), &HelloRequest::default()).await.unwrap()
}

async fn asked(world: &World, place: Place, wait_ms: u64) -> Result<Events, EventsError> {
    next(ports(world), TERMS, &web(), place, wait_ms).await
}

fn session_at(place: &Place) -> Session {
    Session {
        owner: web(),
        connection: place.connection.clone(),
        endpoint: POLLED.into(),
        connected_at: place.connected_at,
        active_at: place.connected_at,
        expires_at: place.connected_at,
    }
}

fn kept(world: &World, count: u32) -> Kept {
    Kept { key: FrameKey::of(world.now(), count, 0), text: count.to_string().into() }
}

async fn is_put(world: &World, place: &Place, count: u32) {
    let inboxes: &dyn Inboxes = world;
    inboxes.put(&session_at(place), &kept(world, count)).await.unwrap();
}

fn frames(events: &Events) -> Vec<Arc<str>> {
    let frame = |event: &Event| match event {
        Event::Frame(text) => Some(text.clone()),
        _ => None,
    };
    events.events.iter().filter_map(frame).collect()
}

#[tokio::test(start_paused = true)]
async fn a_beginning_answers_as_a_hello_and_opens_a_session_without_a_socket() {
    let world = World::new(1);
    let alice = device("alice", "phone");
    for id in ["1", "2"] {
        send(&world, &message(&alice, &alice_and_bob(), id)).await.unwrap();
    }
    drain_stream(&world).await;
    let events = begun(&world).await.events;
    assert!(matches!(&events[0], Event::Notice(Notice::Ready(ready)) if ready.owner == web()));
    let sequences: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Notice(Notice::Entry(entry)) => Some(entry.sequence.0),
            _ => None,
        })
        .collect();
    assert_eq!(sequences, [1, 2]);
    assert!(matches!(events.last(), Some(Event::Complete { conversations: 1, .. })), "{events:?}");
    assert!(world.posted().iter().all(|posted| posted.to != web()), "nothing went to a socket");
    let sessions: &dyn Sessions = &world;
    let sessions = sessions.of_user(&web().user).await.unwrap();
    assert!(sessions.iter().all(Session::is_polled) && sessions.len() == 1);
    let left_ms = sessions[0].expires_at.ms_since(world.now());
    assert!(left_ms <= EVENTS_SESSION_SECONDS * 1000 && left_ms + 1_000 > EVENTS_SESSION_SECONDS * 1000, "{left_ms}");
}

#[tokio::test(start_paused = true)]
async fn what_is_put_into_the_inbox_is_answered_once_it_is_there() {
    let world = World::new(1);
    let place = begun(&world).await.place;
    let asking = asked(&world, place.clone(), 20_000);
    let putting = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        is_put(&world, &place, 1).await;
    };
    let started_at = world.now();
    let (events, ()) = tokio::join!(asking, putting);
    let events = events.unwrap();
    assert_eq!(frames(&events), ["1".into()]);
    let waited_ms = world.now().ms_since(started_at);
    assert!((7_000..9_000).contains(&waited_ms), "{waited_ms}");

    let nothing = asked(&world, events.place, 3_000).await.unwrap();
    assert!(nothing.events.is_empty(), "what the device has is not told again: {nothing:?}");
    assert!(world.now().ms_since(started_at) < 13_000, "it waits no longer than it was asked to");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_gets_lost_is_given_again() {
    let world = World::new(1);
    let place = begun(&world).await.place;
    for count in 1..=3 {
        is_put(&world, &place, count).await;
    }
    let lost = asked(&world, place.clone(), 0).await.unwrap();
    is_put(&world, &place, 4).await;
    let again = asked(&world, place, 0).await.unwrap();
    assert_eq!((frames(&lost).len(), frames(&again).len()), (3, 4));
    let more = asked(&world, again.place.clone(), 0).await.unwrap();
    assert!(more.events.is_empty());
    // A question that comes twice does no harm.
    is_put(&world, &again.place, 5).await;
    assert_eq!(frames(&asked(&world, again.place, 0).await.unwrap()), ["5".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_long_inbox_comes_in_pages_in_order() {
    let world = World::new(1);
    let mut place = begun(&world).await.place;
    for count in 0..120 {
        is_put(&world, &place, count).await;
    }
    let mut heard = Vec::new();
    for _ in 0..3 {
        let events = asked(&world, place, 0).await.unwrap();
        heard.extend(frames(&events));
        place = events.place;
    }
    assert_eq!(heard, (0..120).map(|count| count.to_string().into()).collect::<Vec<Arc<str>>>());
}

#[tokio::test(start_paused = true)]
async fn a_device_with_another_session_is_told_so() {
    let world = World::new(1);
    let place = begun(&world).await.place;
    let socket = session(&web(), "socket", &world);
    let sessions: &dyn Sessions = &world;
    sessions.put(&socket).await.unwrap();
    assert!(matches!(asked(&world, place.clone(), 20_000).await, Err(EventsError::Replaced)));
    // Also where it asks so late that a heartbeat is due.
    tokio::time::advance(Duration::from_secs(45)).await;
    assert!(matches!(asked(&world, place, 20_000).await, Err(EventsError::Replaced)));
    assert_eq!(sessions.of_user(&web().user).await.unwrap()[0].connection, socket.connection);
}

/// A session that is over is not posted to: what it missed is told of, and the session lives again.
#[tokio::test(start_paused = true)]
async fn who_asks_too_late_is_told_what_was_active() {
    let world = World::new(1);
    let place = begun(&world).await.place;
    tokio::time::advance(Duration::from_secs(EVENTS_SESSION_SECONDS + 1)).await;
    send(&world, &message(&device("alice", "phone"), &alice_and_bob(), "1")).await.unwrap();
    drain_stream(&world).await;
    let events = asked(&world, place, 0).await.unwrap();
    let updated = Event::Notice(Notice::Updated {
        conversation: alice_and_bob(),
        last_sequence: tidings_domain::ids::Sequence(1),
    });
    assert_eq!(events.events, [updated]);
    assert!(asked(&world, events.place, 0).await.unwrap().events.is_empty(), "once");
}

/// The lanes post to such a session as to any other; here the world takes the posts of sockets alone, so that what they tried shows.
#[tokio::test(start_paused = true)]
async fn both_lanes_and_receipts_find_the_session() {
    let world = World::new(1);
    let place = begun(&world).await.place;
    world.open(&Session { expires_at: world.now().plus_ms(60_000), ..session_at(&place) });
    let alice = device("alice", "phone");
    let at = MarkAt::Sequence(tidings_domain::ids::Sequence(1));
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    raise(receipt_ports(&world), &alice, &alice_and_bob(), Watermark::Read, at).await.unwrap();
    assert!(fan_out(fanout_ports(&world), 256, world.take_published()).await.is_empty());
    let connections: BTreeSet<ConnectionId> =
        world.posted().into_iter().filter(|posted| posted.to == web()).map(|posted| posted.connection).collect();
    assert_eq!(connections, [place.connection].into());
    assert!(world.posted().iter().any(|posted| matches!(posted.notice, Notice::Receipt(_))));
}

#[tokio::test(start_paused = true)]
async fn a_first_answer_is_bounded_and_the_rest_is_to_be_pulled() {
    let world = World::new(1);
    let alice = device("alice", "phone");
    let payload: Arc<str> = format!("\"{}\"", "x".repeat(24_000)).into();
    for n in 0..200 {
        let mut request = message(&alice, &alice_and_bob(), &n.to_string());
        request.draft.content.payload = payload.clone();
        send(&world, &request).await.unwrap();
    }
    drain_stream(&world).await;
    let events = begun(&world).await.events;
    let told = events.iter().filter(|event| matches!(event, Event::Notice(Notice::Entry(_)))).count();
    assert!(told > 50 && told * 24_000 < EVENTS_BYTES_MAX, "{told}");
    let rest = events.iter().find_map(|event| match event {
        Event::Notice(Notice::Updated { last_sequence, .. }) => Some(last_sequence.0),
        _ => None,
    });
    assert_eq!(rest, Some(200));
}
