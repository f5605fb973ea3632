use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tidings_sdk::{ConnectError, DisconnectReason, Draft, Event, SendError, Status, token_fn};

use crate::fake::{CONVERSATION, Fake, FakeHttp, entry, event, next_message};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test]
async fn connects_as_a_native_client_and_says_what_happens() {
    let fake = Fake::start().await;
    let (client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.accept().await;
    assert_eq!(peer.query, "device=d1");
    assert_eq!(peer.authorization.as_deref(), Some("Bearer t1"));
    assert_eq!(peer.expect("session.hello").await, json!({"type": "session.hello", "id": "hello"}));
    peer.ready().await;
    assert_eq!(client.ready().await.unwrap().user_id, "alice");
    peer.message(1).await;
    peer.complete().await;
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert!(matches!(events.next().await, Some(Event::Ready(_))));
    assert!(matches!(events.next().await, Some(Event::Message(message)) if message.sequence == 1));
    assert!(matches!(events.next().await, Some(Event::Synced { conversations: 0 })));

    client.close().await;
    assert!(peer.closed().await);
    assert!(matches!(client.ready().await, Err(ConnectError::Closed)));
    assert!(matches!(
        events.next().await,
        Some(Event::Disconnected { reason: DisconnectReason::Stopped(ConnectError::Closed), retry_in: None })
    ));
    assert!(events.next().await.is_none());
    assert!(matches!(client.send(CONVERSATION, Draft::text("late")).await.await, Err(SendError::Stopped)));
}

#[tokio::test]
async fn comes_back_with_its_resume_token_and_cursors() {
    let fake = Fake::start().await;
    let (_client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.greet().await;
    peer.message(1).await;
    peer.message(2).await;
    assert_eq!((next_message(&mut events).await, next_message(&mut events).await), (1, 2));
    peer.vanish();
    let retry_in = event(&mut events, |event| match event {
        Event::Disconnected { retry_in, .. } => retry_in,
        _ => None,
    })
    .await;
    assert!(retry_in <= ms(10), "{retry_in:?}");
    let mut peer = fake.accept().await;
    let hello = peer.expect("session.hello").await;
    assert_eq!((&hello["resumeToken"], &hello["cursors"]), (&json!("r1"), &json!({CONVERSATION: 2})));
    peer.ready().await;
    // What was held comes again, and something new.
    for sequence in [2, 3] {
        peer.message(sequence).await;
    }
    peer.complete().await;
    assert_eq!(next_message(&mut events).await, 3);
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_sent_again_and_marked() {
    let fake = Fake::start().await;
    let (client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.greet().await;
    let sending = client.send(CONVERSATION, Draft::text("hello")).await;
    let first = peer.expect("message.send").await;
    assert_eq!((&first["attempt"], &first["baseSequence"]), (&json!(1), &json!(0)));
    assert_eq!((&first["payload"], &first["kind"]), (&json!({"text": "hello"}), &json!(null)));
    let second = peer.expect("message.send").await;
    assert_eq!((&second["attempt"], &second["baseSequence"]), (&json!(2), &json!(0)));
    assert_eq!(second["clientMsgId"], first["clientMsgId"]);
    peer.vanish();
    let mut peer = fake.greet().await;
    let third = peer.expect("message.send").await;
    assert_eq!((&third["attempt"], &third["clientMsgId"]), (&json!(3), &first["clientMsgId"]));
    peer.accept_send(&third, 1).await;
    assert_eq!(sending.await.unwrap().sequence, 1);
    let told = event(&mut events, |event| if let Event::MessageSent(sent) = event { Some(sent) } else { None }).await;
    assert_eq!(told.client_msg_id, first["clientMsgId"]);
    peer.expect_silence(ms(500)).await;
}

#[tokio::test]
async fn messages_queue_while_there_is_no_connection_and_keep_their_order() {
    let fake = Fake::start().await;
    let (client, _events) = fake.client().connect().unwrap();
    let mut sendings = Vec::new();
    for number in 1..=3 {
        sendings.push(client.send(CONVERSATION, Draft::text(format!("{number}"))).await);
    }
    fake.refuse(500).await;
    let mut peer = fake.greet().await;
    for sequence in 1..=3 {
        let send = peer.expect("message.send").await;
        assert_eq!(send["payload"]["text"], sequence.to_string());
        peer.accept_send(&send, sequence).await;
    }
    for (sending, sequence) in sendings.into_iter().zip(1..) {
        assert_eq!(sending.await.unwrap().sequence, sequence);
    }
}

#[tokio::test]
async fn conversations_do_not_wait_for_each_other() {
    let fake = Fake::start().await;
    let (client, _events) = fake.client().answer_timeout(Duration::from_secs(5)).connect().unwrap();
    let mut peer = fake.greet().await;
    let _one = client.send("g:1", Draft::text("1")).await;
    let _two = client.send("g:1", Draft::text("2")).await;
    let _three = client.send("g:2", Draft::text("3")).await;
    assert_eq!(peer.expect("message.send").await["payload"]["text"], "1");
    assert_eq!(peer.expect("message.send").await["payload"]["text"], "3");
    peer.expect_silence(ms(200)).await;
}

#[tokio::test]
async fn a_refusal_that_passes_is_tried_again_and_another_is_told() {
    let fake = Fake::start().await;
    let (client, _events) = fake.client().answer_timeout(Duration::from_secs(5)).connect().unwrap();
    let mut peer = fake.greet().await;
    let sending = client.send(CONVERSATION, Draft::text("hello")).await;
    let send = peer.expect("message.send").await;
    let id = &send["clientMsgId"];
    peer.say(
        json!({"type": "error", "code": "rate_limited", "message": "slow", "clientMsgId": id, "retryAfterMs": 50}),
    )
    .await;
    assert_eq!(peer.expect("message.send").await["attempt"], 2);
    peer.say(json!({"type": "error", "code": "blocked", "message": "no", "clientMsgId": id})).await;
    let error = sending.await.unwrap_err();
    assert_eq!(error.to_string(), "the service refused the message: no");
}

#[tokio::test]
async fn a_gap_is_pulled_before_what_follows_it() {
    let fake = Fake::start().await;
    let (_client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.greet().await;
    peer.message(1).await;
    peer.message(4).await;
    let pull = loop {
        let frame = peer.next(ms(2_000)).await.unwrap();
        if frame["type"] == "sync.pull" {
            break frame;
        }
        // Never beyond the gap.
        assert_eq!((&frame["type"], &frame["upTo"]), (&json!("message.ack"), &json!(1)));
    };
    assert_eq!((&pull["conversationId"], &pull["since"]), (&json!(CONVERSATION), &json!(1)));
    let page = json!({"type": "sync.page", "conversationId": CONVERSATION, "messages": [entry(2), entry(3)], "next": 3,
        "hasMore": true, "replyTo": pull["id"]});
    peer.say(page).await;
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(next_message(&mut events).await);
    }
    assert_eq!(got, [1, 2, 3, 4]);
}

#[tokio::test]
async fn many_messages_are_acknowledged_in_one_frame_and_a_read_says_both() {
    let fake = Fake::start().await;
    let (client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.greet().await;
    for sequence in 1..=20 {
        peer.message(sequence).await;
    }
    let ack = peer.expect("message.ack").await;
    assert_eq!((&ack["conversationId"], &ack["upTo"]), (&json!(CONVERSATION), &json!(20)));
    peer.message(21).await;
    while next_message(&mut events).await != 21 {}
    client.mark_read(CONVERSATION, 21);
    let read = peer.expect("message.read").await;
    assert_eq!(read["upTo"], 21);
    peer.expect_silence(ms(300)).await;
}

#[tokio::test]
async fn what_waits_to_be_acknowledged_is_said_at_closing() {
    let fake = Fake::start().await;
    let (client, mut events) = fake.client().ack_delay(Duration::from_mins(1)).connect().unwrap();
    let mut peer = fake.greet().await;
    peer.message(1).await;
    assert_eq!(next_message(&mut events).await, 1);
    let closing = tokio::spawn(async move { client.close().await });
    assert_eq!(peer.expect("message.ack").await["upTo"], 1);
    assert!(peer.closed().await);
    closing.await.unwrap();
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let fake = Fake::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let tokens = token_fn(move |fresh| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(if fresh { "new".to_owned() } else { "old".to_owned() }) }
    });
    let (client, mut events) = fake.client().token_provider(tokens).connect().unwrap();
    assert_eq!(fake.refuse(401).await.as_deref(), Some("Bearer old"));
    let peer = fake.greet().await;
    assert_eq!(peer.authorization.as_deref(), Some("Bearer new"));
    client.ready().await.unwrap();
    peer.vanish();
    assert_eq!(fake.refuse(401).await.as_deref(), Some("Bearer old"));
    assert_eq!(fake.refuse(401).await.as_deref(), Some("Bearer new"));
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, retry_in: None } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, DisconnectReason::Stopped(ConnectError::Unauthorized)));
    assert_eq!(client.ready().await.unwrap_err(), ConnectError::Unauthorized);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert!(fake.is_left_alone(ms(200)).await);
}

#[tokio::test]
async fn a_refused_device_stops_the_client() {
    let fake = Fake::start().await;
    let (client, mut events) = fake.client().connect().unwrap();
    let sending = client.send(CONVERSATION, Draft::text("hello")).await;
    fake.refuse(403).await;
    assert_eq!(client.ready().await.unwrap_err(), ConnectError::Forbidden);
    assert_eq!(sending.await.unwrap_err(), SendError::Stopped);
    assert!(matches!(&*client.status().borrow(), Status::Stopped(ConnectError::Forbidden)));
    event(&mut events, |event| matches!(event, Event::SendFailed { .. }).then_some(())).await;
    assert!(fake.is_left_alone(ms(200)).await);
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let fake = Fake::start().await;
    let (_client, mut events) = fake.client().ping(ms(100), ms(200)).connect().unwrap();
    // A peer that is not polled answers no ping.
    let peer = fake.greet().await;
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, DisconnectReason::TimedOut), "{reason}");
    let mut next = fake.greet().await;
    next.expect_silence(ms(500)).await;
    assert!(next.pings >= 3, "a peer that answers is kept");
    drop(peer);
}

#[tokio::test]
async fn heartbeats_come_as_often_as_the_service_asks() {
    let fake = Fake::start().await;
    let (client, _events) = fake.client().connect().unwrap();
    let mut peer = fake.accept().await;
    peer.expect("session.hello").await;
    peer.ready_with(json!({"heartbeatSeconds": 1})).await;
    peer.complete().await;
    let heartbeat = peer.expect("presence.heartbeat").await;
    assert_eq!(heartbeat["active"], true);
    peer.say(json!({"type": "presence.ok", "serverTs": 1, "replyTo": heartbeat["id"]})).await;
    client.set_active(false);
    assert_eq!(peer.expect("presence.heartbeat").await["active"], false);
}

#[tokio::test]
async fn a_connection_is_renewed_before_its_end() {
    let fake = Fake::start().await;
    let (_client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.accept().await;
    peer.expect("session.hello").await;
    peer.ready_with(json!({"serverTs": 1_000, "reconnectBefore": 1_500})).await;
    peer.complete().await;
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    });
    let (reason, closed) = tokio::join!(reason, peer.closed());
    assert!(matches!(reason, DisconnectReason::Renewed) && closed, "{reason}");
    fake.greet().await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_service_down_and_loses_nothing() {
    const LAST: u64 = 2_000;
    let fake = Fake::start().await;
    let (_client, mut events) = fake.client().connect().unwrap();
    let mut peer = fake.greet().await;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writer = tokio::spawn(async move {
        let text = "x".repeat(16 * 1024);
        for sequence in 1..=LAST {
            let mut frame = entry(sequence);
            (frame["type"], frame["payload"]) = (json!("message.new"), json!({"text": text}));
            peer.say(frame).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
        peer
    });
    // The service gets no further than what fits on the way.
    let stuck_at = loop {
        let before = written.load(Ordering::SeqCst);
        tokio::time::sleep(ms(250)).await;
        if written.load(Ordering::SeqCst) == before {
            break before;
        }
    };
    assert!(stuck_at < 2_000, "everything was taken in: {stuck_at}");
    for sequence in 1..=LAST {
        assert_eq!(next_message(&mut events).await, sequence);
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn requests_get_their_answers() {
    let fake = Fake::start().await;
    let (client, _events) = fake.client().request_timeout(ms(200)).connect().unwrap();
    let mut peer = fake.greet().await;
    client.ready().await.unwrap();
    let one = tokio::spawn({
        let client = client.clone();
        async move { client.pull(CONVERSATION, 3, Some(10)).await }
    });
    let pull = peer.expect("sync.pull").await;
    assert_eq!((&pull["since"], &pull["limit"]), (&json!(3), &json!(10)));
    let watch = tokio::spawn({
        let client = client.clone();
        async move { client.watch(["bob".to_owned()]).await }
    });
    let subscribe = peer.expect("presence.subscribe").await;
    // Answered in the other order.
    peer.say(json!({"type": "presence.update", "users": [{"userId": "bob", "state": "offline", "lastSeen": 5}],
        "replyTo": subscribe["id"]}))
        .await;
    peer.say(json!({"type": "sync.page", "conversationId": CONVERSATION, "messages": [entry(4)], "next": 4,
        "hasMore": false, "replyTo": pull["id"]}))
        .await;
    assert_eq!(one.await.unwrap().unwrap().messages[0].sequence, 4);
    assert_eq!(watch.await.unwrap().unwrap()[0].last_seen, Some(5));
    let unanswered = client.pull(CONVERSATION, 0, None).await;
    assert_eq!(unanswered.unwrap_err(), tidings_sdk::RequestError::TimedOut);
}

#[tokio::test]
async fn a_device_without_a_store_starts_at_the_users_mark() {
    let fake = Fake::start().await;
    let list = json!({"conversations": [{"conversationId": CONVERSATION, "lastSequence": 12, "deliveredUpTo": 10,
        "readUpTo": 10, "unread": 2, "muted": false, "lastTs": 1}], "next": "c", "hasMore": false});
    let http = FakeHttp::start([(200, list)]).await;
    let (_client, mut events) = fake.client().http(&http.url).connect().unwrap();
    let mut peer = fake.greet().await;
    let pull = peer.expect("sync.pull").await;
    assert_eq!(pull["since"], 10);
    peer.say(json!({"type": "sync.page", "conversationId": CONVERSATION, "messages": [entry(11), entry(12)],
        "next": 12, "hasMore": false, "replyTo": pull["id"]}))
        .await;
    assert_eq!((next_message(&mut events).await, next_message(&mut events).await), (11, 12));
    assert_eq!(http.calls()[0].line, "GET /v1/sync");
}

#[tokio::test]
async fn connects_as_a_browser_with_a_ticket() {
    let fake = Fake::start().await;
    let list = json!({"conversations": [], "next": "c", "hasMore": false, "ticket": "T/1", "expiresAt": 1});
    let http = FakeHttp::start([(200, list)]).await;
    let (_client, _events) = fake.client().http(&http.url).tickets(true).connect().unwrap();
    let peer = fake.greet().await;
    assert_eq!((peer.query.as_str(), peer.authorization.as_deref()), ("ticket=T%2F1", None));
    let ticket = http.calls().into_iter().find(|call| call.line == "POST /v1/tickets").unwrap();
    assert_eq!((ticket.body.as_str(), ticket.authorization.as_str()), (r#"{"deviceId":"d1"}"#, "Bearer t1"));
}
