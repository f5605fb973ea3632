//! The drain after `session.hello`, heartbeats, lists and pages.

use tidings_domain::{
    conversation::{Member, Watermark},
    fanout::fan_out,
    history::{ReadError, ReadPorts, Span, page},
    ids::{ConnectionId, ConversationId, Sender, Sequence, Timestamp},
    limits::{ACTIVITY_BUCKET_MS, DRAIN_MESSAGES_MAX},
    log::ConversationState,
    notice::Notice,
    receipts::{MarkAt, raise},
    send::Draft,
    sessions::Socket,
    sync::{HelloRequest, ListCursor, ResumeTokens, SessionTerms, heartbeat, hello, list},
};
use tidings_memory::World;

use crate::support::*;

struct Tokens;

impl ResumeTokens for Tokens {
    fn issue(&self, _: &Socket, at: Timestamp) -> String {
        at.0.to_string()
    }
}

const TERMS: SessionTerms = SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 32 };

fn socket(owner: &Sender, connection: &str, world: &World) -> Socket {
    Socket {
        owner: owner.clone(),
        connection: ConnectionId::parse(connection).unwrap(),
        endpoint: "https://cell".into(),
        connected_at: world.now(),
    }
}

async fn alice_says(world: &World, to: &str, count: u64) {
    let alice = device("alice", "phone");
    let conversation = tidings_domain::ids::ConversationId::direct(user("alice"), user(to));
    let start = world.log(&conversation).len() as u64;
    for n in start..start + count {
        send(world, &message(&alice, &conversation, &n.to_string())).await.unwrap();
        fan_out(fanout_ports(world), 256, world.take_published()).await;
    }
}

fn heard(world: &World) -> Vec<u64> {
    let entry = |notice: Notice| match notice {
        Notice::Entry(entry) => Some(entry.sequence.0),
        _ => None,
    };
    world.posted().into_iter().filter_map(|p| entry(p.notice)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hello_says_ready_and_then_what_was_missed_in_order() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    alice_says(&world, "bob", 5).await;
    let socket = socket(&bob, "b", &world);
    world.open(&socket.session(world.now(), 300));
    let drained = hello(sync_ports(&world), &Tokens, TERMS, &socket, &HelloRequest::default()).await.unwrap();
    assert_eq!(drained.conversations, 1);
    assert!(matches!(&world.posted()[0].notice, Notice::Ready(ready) if ready.resume_token == "0"));
    assert_eq!(heard(&world), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn the_drain_starts_at_the_cursor_or_else_at_what_the_user_has_received() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    let conversation = alice_and_bob();
    alice_says(&world, "bob", 5).await;
    let up_to = MarkAt::Sequence(Sequence(3));
    raise(receipt_ports(&world), &bob, &conversation, Watermark::Delivered, up_to).await.unwrap();
    let socket = socket(&bob, "b", &world);
    world.open(&socket.session(world.now(), 300));
    hello(sync_ports(&world), &Tokens, TERMS, &socket, &HelloRequest::default()).await.unwrap();
    assert_eq!(heard(&world), [4, 5]);
    // A token that says "up to date" does not hide what a cursor says is missing.
    let request = HelloRequest {
        up_to_date_at: Some(world.now().plus_ms(7_200_000)),
        cursors: [(conversation, Sequence(1))].into(),
    };
    hello(sync_ports(&world), &Tokens, TERMS, &socket, &request).await.unwrap();
    assert_eq!(heard(&world)[2..], [2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn too_much_is_told_of_and_not_pushed() {
    let world = World::new(1);
    alice_says(&world, "bob", DRAIN_MESSAGES_MAX as u64 + 1).await;
    alice_says(&world, "carol", 2).await;
    let bob = socket(&device("bob", "phone"), "b", &world);
    world.open(&bob.session(world.now(), 300));
    let drained = hello(sync_ports(&world), &Tokens, TERMS, &bob, &HelloRequest::default()).await.unwrap();
    assert_eq!(drained.conversations, 0);
    let told = world.posted();
    assert!(matches!(told[1].notice, Notice::Updated { last_sequence: Sequence(1001), .. }));
    assert_eq!(told.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_devices_later_socket_closes_the_earlier() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    let (old, new) = (socket(&bob, "old", &world), socket(&bob, "new", &world));
    for socket in [&old, &new] {
        world.open(&socket.session(world.now(), 300));
        hello(sync_ports(&world), &Tokens, TERMS, socket, &HelloRequest::default()).await.unwrap();
    }
    assert_eq!(world.sessions()[&bob].connection.as_str(), "new");
    heartbeat(sync_ports(&world), &world, TERMS, &old, true).await.unwrap();
    assert_eq!(world.sessions()[&bob].connection.as_str(), "new", "the old socket's heartbeat takes nothing back");
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_comes_back_with_its_heartbeat_and_is_told_where_it_is_behind() {
    let world = World::new(1);
    let bob = socket(&device("bob", "phone"), "b", &world);
    world.open(&bob.session(world.now(), 300));
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    alice_says(&world, "bob", 2).await;
    assert!(heard(&world).is_empty(), "an expired session counts for nothing");
    heartbeat(sync_ports(&world), &world, TERMS, &bob, true).await.unwrap();
    assert!(matches!(world.posted()[0].notice, Notice::Updated { last_sequence: Sequence(2), .. }));
    alice_says(&world, "bob", 1).await;
    assert_eq!(heard(&world), [3]);
}

/// The marks are the user's, not the device's: another device's ack must not hide what this one has missed.
#[tokio::test(start_paused = true)]
async fn a_lost_session_is_told_though_another_device_has_acknowledged() {
    let world = World::new(1);
    let bob = socket(&device("bob", "phone"), "b", &world);
    world.open(&bob.session(world.now(), 300));
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    alice_says(&world, "bob", 2).await;
    let web = device("bob", "web");
    raise(receipt_ports(&world), &web, &alice_and_bob(), Watermark::Delivered, MarkAt::Sequence(Sequence(2)))
        .await
        .unwrap();
    heartbeat(sync_ports(&world), &world, TERMS, &bob, true).await.unwrap();
    assert!(matches!(world.posted()[0].notice, Notice::Updated { last_sequence: Sequence(2), .. }));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_an_only_device_of_what_it_has_not_acknowledged_and_one_of_several_of_all() {
    let world = World::new(1);
    let (phone, web) = (socket(&device("bob", "phone"), "p", &world), socket(&device("bob", "web"), "w", &world));
    let beat = async |socket: &Socket| {
        let before = world.posted().len();
        heartbeat(sync_ports(&world), &world, TERMS, socket, true).await.unwrap();
        let told = world.posted().split_off(before);
        assert!(
            told.iter().all(|p| matches!(p.notice, Notice::Updated { last_sequence: Sequence(2), .. })),
            "{told:?}"
        );
        told.len()
    };
    alice_says(&world, "bob", 2).await;
    world.open(&phone.session(world.now(), 300));
    assert_eq!(beat(&phone).await, 1, "a post may have got lost");
    let up_to = MarkAt::Sequence(Sequence(2));
    raise(receipt_ports(&world), &phone.owner, &alice_and_bob(), Watermark::Delivered, up_to).await.unwrap();
    assert_eq!(beat(&phone).await, 0);
    world.open(&web.session(world.now(), 300));
    assert_eq!(beat(&web).await, 1, "the ack was the phone's");
    tokio::time::sleep(std::time::Duration::from_mins(11)).await;
    for socket in [&phone, &web] {
        world.open(&socket.session(world.now(), 300));
    }
    assert_eq!(beat(&web).await, 0, "nothing was active lately");
}

/// What was appended in the last second of an hour is filed under that hour, and the durable lane may
/// come to it in the next, after a hello that saw nothing of it.
#[tokio::test(start_paused = true)]
async fn a_token_of_the_next_hour_does_not_hide_what_came_late() {
    let world = World::new(1);
    tokio::time::sleep(std::time::Duration::from_millis(3_599_990)).await;
    send(&world, &message(&device("alice", "phone"), &alice_and_bob(), "1")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let token = world.now();
    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    let socket = socket(&device("bob", "phone"), "b", &world);
    world.open(&socket.session(world.now(), 300));
    let request = HelloRequest { up_to_date_at: Some(token), ..HelloRequest::default() };
    hello(sync_ports(&world), &Tokens, TERMS, &socket, &request).await.unwrap();
    assert_eq!(heard(&world), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_device_is_told_of_a_conversation_that_only_another_device_knows() {
    let world = World::new(1);
    let web = socket(&device("bob", "web"), "w", &world);
    let token = world.now();
    alice_says(&world, "bob", 3).await;
    let up_to = MarkAt::Sequence(Sequence(3));
    raise(receipt_ports(&world), &device("bob", "phone"), &alice_and_bob(), Watermark::Delivered, up_to).await.unwrap();
    world.open(&web.session(world.now(), 300));
    let request = HelloRequest { up_to_date_at: Some(token), ..HelloRequest::default() };
    hello(sync_ports(&world), &Tokens, TERMS, &web, &request).await.unwrap();
    let told =
        world.posted().into_iter().filter(|p| matches!(p.notice, Notice::Updated { last_sequence: Sequence(3), .. }));
    assert_eq!(told.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_list_counts_what_others_wrote_and_goes_on_where_it_ended() {
    let world = World::new(1);
    let bob = device("bob", "phone");
    alice_says(&world, "bob", 3).await;
    let with_carol = tidings_domain::ids::ConversationId::direct(user("bob"), user("carol"));
    send(&world, &message(&bob, &with_carol, "1")).await.unwrap();
    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    let all = list(sync_ports(&world), &bob.user, &ListCursor::default(), 100).await.unwrap();
    let unread: Vec<(String, u64)> = all.conversations.iter().map(|s| (s.conversation.to_string(), s.unread)).collect();
    assert_eq!(unread, [("u:bob|u:carol".into(), 0), ("u:alice|u:bob".into(), 3)]);

    let first = list(sync_ports(&world), &bob.user, &ListCursor::default(), 1).await.unwrap();
    assert!(first.has_more);
    let second = list(sync_ports(&world), &bob.user, &first.next, 1).await.unwrap();
    assert!(!second.has_more);
    assert_ne!(first.conversations[0].conversation, second.conversations[0].conversation);
    tokio::time::sleep(std::time::Duration::from_hours(2)).await;
    let later = list(sync_ports(&world), &bob.user, &ListCursor { since: world.now(), middle: None }, 9).await;
    assert!(later.unwrap().conversations.is_empty());
}

/// The hour turns between the append and its fan-out: the row is not there yet when the list is
/// read, and the next list starts in the new hour.
#[tokio::test(start_paused = true)]
async fn what_is_fanned_out_late_is_in_the_next_list_and_the_next_drain() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let hour_ms = ACTIVITY_BUCKET_MS;
    let to_the_hour = hour_ms - world.now().0 % hour_ms;
    tokio::time::sleep(std::time::Duration::from_millis(to_the_hour - 100)).await;
    send(&world, &message(&alice, &alice_and_bob(), "1")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    let first = list(sync_ports(&world), &bob.user, &ListCursor::default(), 100).await.unwrap();
    assert!(first.conversations.is_empty(), "nothing was fanned out yet");
    let socket = socket(&bob, "b", &world);
    world.open(&socket.session(world.now(), 300));
    let drained = hello(sync_ports(&world), &Tokens, TERMS, &socket, &HelloRequest::default()).await.unwrap();
    let up_to_date_at = Some(Timestamp(drained.resume_token.parse().unwrap()));
    world.cut(&socket.session(world.now(), 300));

    fan_out(fanout_ports(&world), 256, world.take_published()).await;
    let next = list(sync_ports(&world), &bob.user, &first.next, 100).await.unwrap();
    assert_eq!(next.conversations.len(), 1, "the next list has what the first could not");
    world.open(&socket.session(world.now(), 300));
    let request = HelloRequest { up_to_date_at, ..HelloRequest::default() };
    hello(sync_ports(&world), &Tokens, TERMS, &socket, &request).await.unwrap();
    assert_eq!(heard(&world), [1]);
}

#[tokio::test(start_paused = true)]
async fn pages_go_forwards_and_backwards() {
    let world = World::new(1);
    alice_says(&world, "bob", 10).await;
    let ports = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
    let (bob, conversation) = (user("bob"), alice_and_bob());
    let read = async |span, limit| {
        let page = page(ports, &bob, &conversation, span, limit).await.unwrap();
        (page.entries.iter().map(|e| e.sequence.0).collect::<Vec<_>>(), page.next.0, page.has_more)
    };
    assert_eq!(read(Span::After(Sequence(0)), 4).await, (vec![1, 2, 3, 4], 4, true));
    assert_eq!(read(Span::After(Sequence(6)), 4).await, (vec![7, 8, 9, 10], 10, false));
    assert_eq!(read(Span::After(Sequence(10)), 4).await, (vec![], 10, false));
    assert_eq!(read(Span::Before(Sequence(11)), 4).await, (vec![7, 8, 9, 10], 7, true));
    assert_eq!(read(Span::Before(Sequence(3)), 4).await, (vec![1, 2], 1, false));
    assert_eq!(read(Span::Between(Sequence(2), Sequence(5)), 4).await, (vec![3, 4], 4, false));
    let refused = page(ports, &user("eve"), &conversation, Span::After(Sequence(0)), 4).await;
    assert!(matches!(refused, Err(ReadError::NotAMember(_))));
}

#[tokio::test(start_paused = true)]
async fn an_expired_message_keeps_its_place_and_loses_its_content_on_the_second() {
    let world = World::new(1);
    let mut request = message(&device("alice", "phone"), &alice_and_bob(), "1");
    request.draft.content.ttl_seconds = Some(10);
    let sent_at = send(&world, &request).await.unwrap().entry.ts;
    let ports = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
    let payload = async || {
        let page = page(ports, &user("bob"), &alice_and_bob(), Span::After(Sequence(0)), 4).await.unwrap();
        page.entries[0].content.payload.to_string()
    };
    let left = 10_000 - world.now().ms_since(sent_at);
    tokio::time::sleep(std::time::Duration::from_millis(left - 2)).await;
    assert_eq!(payload().await, r#"{"text":"hey"}"#);
    assert_eq!(payload().await, "null");
}

/// A group with bob in it and one entry; so many milliseconds from now bob is out, and there is a second entry.
async fn bob_is_taken_out_in(ms: u64, world: &World) -> ConversationId {
    let group = ConversationId::parse("g:race").unwrap();
    let bob = user("bob");
    let row =
        Member { joined_at: Sequence(1), last_sequence: Sequence(1), last_ts: world.now(), ..Member::new(bob.clone()) };
    world.set_member(&group, &bob, Some(row));
    let entry = |n| {
        let draft = message(&device("alice", "phone"), &alice_and_bob(), &format!("{n}")).draft;
        Draft { conversation: group.clone(), ..draft }.entry_at(Sequence(n), world.now(), ConversationState::default())
    };
    world.overwrite_entry(&entry(1));
    let (world, group_then, second) = (world.clone(), group.clone(), entry(2));
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
        world.set_member(&group_then, &bob, None);
        world.overwrite_entry(&second);
    });
    tokio::task::yield_now().await;
    group
}

#[tokio::test(start_paused = true)]
async fn who_is_taken_out_while_a_page_is_read_is_not_shown_what_came_after() {
    let world = World::new(1);
    // The membership is looked at after one millisecond, and the log after two.
    let group = bob_is_taken_out_in(1, &world).await;
    let ports = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
    for span in [Span::After(Sequence::ZERO), Span::Between(Sequence::ZERO, Sequence(9)), Span::Before(Sequence(9))] {
        let refused = page(ports, &user("bob"), &group, span, 4).await;
        assert!(matches!(refused, Err(ReadError::NotAMember(_))), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_taken_out_during_a_drain_is_not_shown_what_came_after() {
    let world = World::new(1);
    // Session, ready, index, member rows, and then the log.
    let group = bob_is_taken_out_in(4, &world).await;
    let socket = socket(&device("bob", "phone"), "b", &world);
    world.open(&socket.session(world.now(), 300));
    hello(sync_ports(&world), &Tokens, TERMS, &socket, &HelloRequest::default()).await.unwrap();
    assert!(world.member(&group, &user("bob")).is_none());
    assert!(heard(&world).is_empty(), "{:?}", heard(&world));
}
