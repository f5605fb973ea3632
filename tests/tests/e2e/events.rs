//! `GET /events`: what a socket would have received, for a device that has none.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tidings_sdk::{Draft, Event, Events};
use tidings_tests::{DEADLINE, Http, Stack, User, direct, message};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// The frames and the cursor of an answer.
async fn asked(http: &Http, query: &str) -> (Vec<Value>, String) {
    let answer = http.get(&format!("/events?{query}")).await.ok();
    let cursor = answer["cursor"].as_str().unwrap().to_owned();
    (answer["events"].as_array().unwrap().clone(), cursor)
}

/// Asks until an event is of the kind, as a client does; answers with all that came until then.
async fn until(http: &Http, cursor: &mut String, what: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut heard = Vec::new();
    for _ in 0..20 {
        let (events, next) = asked(http, &format!("timeout=5&cursor={cursor}")).await;
        heard.extend(events);
        *cursor = next;
        if heard.iter().any(&what) {
            return heard;
        }
    }
    panic!("it never came: {heard:?}");
}

#[tokio::test]
async fn a_device_without_a_socket_hears_what_one_would() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut phone = alice.connect("phone").await;
    phone.say(&conversation, "before").await;
    let http = bob.http("web");
    let (events, mut cursor) = asked(&http, "").await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("session.ready", "sync.complete"), "{events:?}");
    assert_eq!(events[0]["deviceId"], "web");
    // The row of a member moves soon after the message: it is in the first answer, or among the next.
    let before = |event: &Value| event["type"] == "message.new" && event["payload"]["text"] == "before";
    if !events.iter().any(before) {
        until(&http, &mut cursor, before).await;
    }

    let sent = phone.say(&conversation, "now").await;
    let heard = until(&http, &mut cursor, |event| event["sequence"] == sent["sequence"]).await;
    let new = heard.iter().find(|event| event["sequence"] == sent["sequence"]).unwrap();
    assert_eq!((&new["type"], &new["payload"]["text"]), (&json!("message.new"), &json!("now")));

    // And is heard: receipts go both ways, and so do messages.
    http.post("/reads", &json!({ "conversationId": conversation, "upTo": 2 })).await.ok();
    phone.expect("message.read").await;
    let mine = http.post("/messages", &message(&conversation, "w1", "hello")).await.ok();
    phone.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": mine["sequence"] })).await;
    let heard =
        until(&http, &mut cursor, |event| event["type"] == "message.read" && event["upTo"] == mine["sequence"]).await;
    assert!(heard.iter().all(|event| event["type"] != "message.new"), "its own message is no news: {heard:?}");

    // An answer that was lost is given again, and then nothing is left.
    let said = phone.say(&conversation, "again").await;
    let lost = until(&http, &mut cursor.clone(), |event| event["sequence"] == said["sequence"]).await;
    let again = until(&http, &mut cursor, |event| event["sequence"] == said["sequence"]).await;
    assert!(lost.iter().all(|event| again.contains(event)), "{lost:?} {again:?}");
    let (nothing, _) = asked(&http, &format!("timeout=0&cursor={cursor}")).await;
    assert!(nothing.iter().all(|event| event["sequence"] != said["sequence"]), "{nothing:?}");
}

#[tokio::test]
async fn an_event_source_goes_on_by_the_id() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let http = bob.http("web");
    let stream = async |last_event_id: Option<&str>| {
        let mut request = http.request(Method::GET, "/events?timeout=10").header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let answer = Http::call(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        let data: Vec<Value> = answer
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|json| serde_json::from_str(json).unwrap())
            .collect();
        let id = answer.text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        (data, id)
    };
    let (first, mut id) = stream(None).await;
    assert_eq!(first[0]["type"], "session.ready", "{first:?}");
    let sent = alice.connect("phone").await.say(&direct(&alice, &bob), "hey").await;
    let mut heard = Vec::new();
    while !heard.iter().any(|event: &Value| event["messageId"] == sent["messageId"]) {
        let (events, next) = stream(Some(&id)).await;
        assert_ne!(next, id);
        heard.extend(events);
        id = next;
    }
}

#[tokio::test]
async fn a_session_that_was_replaced_and_a_question_that_is_none_are_refused() {
    let bob = User::new("bob");
    let http = bob.http("web");
    let (_, cursor) = asked(&http, "").await;
    let field = |answer: Value| answer["message"].as_str().unwrap().split(':').next().unwrap().to_owned();
    assert_eq!(field(http.get("/events?cursor=nonsense").await.refused(400, "bad_request")), "cursor");
    assert_eq!(field(http.get("/events?timeout=26").await.refused(400, "bad_request")), "timeout");
    assert_eq!(field(http.get("/events?timeout=soon").await.refused(400, "bad_request")), "timeout");
    let _socket = bob.connect("web").await;
    http.get(&format!("/events?timeout=20&cursor={cursor}")).await.refused(409, "conflict");
    // Another device of the same user is another session.
    let other = bob.http("tablet");
    asked(&other, &format!("timeout=0&cursor={cursor}")).await;
}

async fn heard<T>(events: &mut Events, what: &str, wanted: impl Fn(Event) -> Option<T>) -> T {
    let hearing = async {
        loop {
            if let Some(found) = wanted(events.next().await.expect("the client goes on")) {
                return found;
            }
        }
    };
    timeout(DEADLINE, hearing).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// What comes in by a port goes to the stack: sockets come through again.
async fn let_through(port: u16, stack: String) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut service = TcpStream::connect(&stack).await.unwrap();
        tokio::spawn(async move {
            // The end of either is the end of both.
            let _ = copy_bidirectional(&mut socket, &mut service).await;
        });
    }
}

#[tokio::test]
async fn a_client_whose_sockets_are_blocked_goes_by_calls_and_comes_back() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    // Nobody listens there yet.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (address, path) = Stack::get().ws_url.trim_start_matches("ws://").split_once('/').unwrap();
    let options = bob.sdk("web").url(format!("ws://127.0.0.1:{port}/{path}"));
    let options = options.backoff(Duration::from_millis(5), Duration::from_millis(50));
    let (client, mut events) = options.fallback(2, Duration::from_millis(200)).connect().unwrap();
    client.ready().await.unwrap();

    let mut phone = alice.connect("phone").await;
    phone.say(&conversation, "through calls").await;
    let text = |event: Event| match event {
        Event::Message(message) => Some(message.payload.text().to_owned()),
        _ => None,
    };
    assert!(heard(&mut events, "a message", text).await.contains("through calls"));
    let sent = client.send(&conversation, Draft::text("and back")).await.await.unwrap();
    phone.expect_message(&conversation, sent.sequence).await;
    phone.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": sent.sequence })).await;
    let read = |event: Event| match event {
        Event::Read(receipt) if receipt.up_to == sent.sequence => Some(receipt.user_id),
        _ => None,
    };
    assert_eq!(heard(&mut events, "a receipt", read).await, alice.id);
    assert_eq!(client.pull(&conversation, 0, None).await.unwrap().messages.len(), 2);

    tokio::spawn(let_through(port, address.to_owned()));
    heard(&mut events, "a socket", |event| matches!(event, Event::Connected).then_some(())).await;
    client.ready().await.unwrap();
    phone.say(&conversation, "through a socket").await;
    assert!(heard(&mut events, "a message", text).await.contains("through a socket"));
    client.close().await;
}
