//! Sessions, devices and tickets.

use tidings_domain::{
    events::Kept,
    ids::{ConnectionId, ConversationId, FrameKey, Timestamp},
    ports::Refresh,
    session::{Grant, POLLED, Session},
};

use crate::Subject;

/// A moment on a whole second: rows keep the end of a session by the second.
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn connection(name: &str) -> ConnectionId {
    ConnectionId::parse(name).unwrap()
}

/// A session is its latest socket's alone: no other can prolong or remove it.
pub async fn a_session_is_its_sockets_alone(s: Subject<'_>) {
    let owner = s.device("alice", "phone");
    let session = |name: &str| Session {
        owner: owner.clone(),
        connection: connection(name),
        endpoint: "https://cell.example/v1".into(),
        connected_at: NOW,
        active_at: NOW,
        expires_at: NOW.plus_ms(300_000),
    };
    let refresh = async |name: &str, at: Timestamp| {
        let expires_at = at.plus_ms(300_000);
        s.sessions.refresh(&owner, &connection(name), at, expires_at, true).await.unwrap()
    };
    assert_eq!(refresh("one", NOW).await, Refresh::Lost, "there is none");
    assert_eq!(s.sessions.put(&session("one")).await.unwrap(), None);
    assert_eq!(s.sessions.put(&session("two")).await.unwrap(), Some(session("one")));
    s.sessions.remove(&owner, &connection("one")).await.unwrap();
    assert_eq!(s.sessions.of_user(&owner.user).await.unwrap(), [session("two")], "the late farewell of the first");
    assert_eq!(refresh("one", NOW).await, Refresh::Superseded);
    let later = NOW.plus_ms(200_000);
    assert_eq!(refresh("two", later).await, Refresh::Prolonged);
    let prolonged = s.sessions.of_user(&owner.user).await.unwrap().remove(0);
    assert_eq!((prolonged.expires_at, prolonged.active_at), (later.plus_ms(300_000), later));
    assert_eq!(refresh("two", NOW.plus_ms(900_000)).await, Refresh::Lost, "its time has passed");
    s.sessions.remove(&owner, &connection("two")).await.unwrap();
    assert!(s.sessions.of_user(&owner.user).await.unwrap().is_empty());
}

/// A device is known from its first use, and remembers its latest.
pub async fn a_device_is_known_from_its_first_use(s: Subject<'_>) {
    let (phone, web) = (s.device("dora", "phone"), s.device("dora", "web"));
    assert_eq!(s.devices.find(&phone).await.unwrap(), None);
    for (device, at) in [(&phone, 5), (&web, 6), (&phone, 9)] {
        s.devices.touch(device, Timestamp(at)).await.unwrap();
    }
    let found = s.devices.find(&phone).await.unwrap().unwrap();
    assert_eq!((found.seen_at, found.revoked), (Timestamp(9), false));
    assert_eq!(s.devices.of_user(&phone.user).await.unwrap().len(), 2);
}

/// A ticket is taken once.
pub async fn a_ticket_is_taken_once(s: Subject<'_>) {
    let grant = Grant { owner: s.device("alice", "web"), expires_at: Timestamp(1_800_000_030_123) };
    let hash = format!("hash-{}", s.run);
    assert_eq!(s.tickets.take(&hash).await.unwrap(), None);
    s.tickets.put(&hash, &grant).await.unwrap();
    assert_eq!(s.tickets.take(&hash).await.unwrap(), Some(grant));
    assert_eq!(s.tickets.take(&hash).await.unwrap(), None);
}

/// Subscribers of a group are listed by place, from any place on; one is its latest socket's alone.
pub async fn subscribers_are_listed_by_place(s: Subject<'_>) {
    let conversation = ConversationId::parse(&format!("g:subscribers-{}", s.run)).unwrap();
    let session = |user: &str, name: &str| Session {
        owner: s.device(user, "phone"),
        connection: connection(name),
        endpoint: "https://cell.example/v1".into(),
        connected_at: NOW,
        active_at: NOW,
        expires_at: NOW.plus_ms(7_200_000),
    };
    let mut all: Vec<Session> = ["a", "b", "c", "d", "e"].map(|user| session(user, "one")).into();
    for session in &all {
        s.sessions.subscribe(&conversation, session).await.unwrap();
        assert!(s.sessions.of_user(&session.owner.user).await.unwrap().is_empty(), "it is no session");
    }
    all.sort_by_key(Session::place);
    let from = async |place: u32, limit| s.sessions.subscribers(&conversation, place, limit).await.unwrap();
    assert_eq!(from(0, 9).await, all);
    assert_eq!(from(0, 2).await, all[..2]);
    assert_eq!(from(all[3].place(), 9).await, all[3..]);
    assert_eq!(from(all[1].place() + 1, 2).await, all[2..4]);
    let again = Session { connection: connection("two"), ..all[0].clone() };
    s.sessions.subscribe(&conversation, &again).await.unwrap();
    s.sessions.unsubscribe(&conversation, &all[0].owner, &connection("one")).await.unwrap();
    assert_eq!(from(0, 1).await, std::slice::from_ref(&again), "the late farewell of the first");
    s.sessions.unsubscribe(&conversation, &again.owner, &again.connection).await.unwrap();
    assert_eq!(from(0, 9).await, all[1..]);
}

/// Frames come in the order of their keys, as long as they are not taken away; of this session, and of no other.
pub async fn an_inbox_keeps_what_its_session_has_not_fetched(s: Subject<'_>) {
    let of = |name: &str| Session {
        owner: s.device("olga", "web"),
        connection: connection(name),
        endpoint: POLLED.into(),
        connected_at: NOW,
        active_at: NOW,
        expires_at: NOW.plus_ms(60_000),
    };
    let (one, other) = (of("inbox-1"), of("inbox-2"));
    let frame = |count: u32| Kept { key: FrameKey::of(NOW, count, 7), text: format!("{{\"n\":{count}}}").into() };
    assert!(s.inboxes.page(&one, 10).await.unwrap().is_empty());
    for count in [2, 1, 3, 300] {
        s.inboxes.put(&one, &frame(count)).await.unwrap();
    }
    s.inboxes.put(&one, &frame(2)).await.unwrap();
    s.inboxes.put(&other, &frame(9)).await.unwrap();
    let page = async |limit: usize| s.inboxes.page(&one, limit).await.unwrap();
    assert_eq!(page(2).await, [frame(1), frame(2)]);
    assert_eq!(page(10).await, [1, 2, 3, 300].map(frame), "looking takes nothing away");
    s.inboxes.remove(&one, &[frame(1).key, frame(3).key, frame(4).key]).await.unwrap();
    assert_eq!(page(10).await, [2, 300].map(frame));
    s.inboxes.remove(&one, &[]).await.unwrap();
    assert_eq!(s.inboxes.page(&other, 10).await.unwrap(), [frame(9)]);
}
