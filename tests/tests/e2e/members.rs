//! Promise 7: nothing of a conversation reaches a non-member, by any way in.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{
    Http, Template, User, direct, encoded, eventually, fresh, message, seed_log, seed_member, seeded_payload,
};

/// What a stranger gets.
enum Answer {
    /// `not_a_member`.
    Refused,
    /// An answer in which nothing of the conversation is.
    Nothing,
}

/// What a stranger tries: a frame or a call, with what its route is called in the template.
enum Attempt {
    Frame(Value),
    Call(Method, String, Value),
}

/// A row for every way in. A route of the template that has none fails the test below.
fn attempts(conversation: &str, message_id: &str, members: &[&User]) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    use Attempt::{Call, Frame};
    let id = encoded(conversation);
    let mark = json!({ "conversationId": conversation, "upTo": 1 });
    let by_name = json!({ "conversationId": conversation, "messageId": message_id });
    let users: Vec<&str> = members.iter().map(|user| user.id.as_str()).collect();
    let frame = |frame_type: &str, mut fields: Value| {
        fields["type"] = json!(frame_type);
        Frame(fields)
    };
    let mut resend = message(conversation, "c0", "let me in");
    resend["attempt"] = json!(2);
    resend["baseSequence"] = json!(0);
    vec![
        ("$default", frame("whatever", json!({ "conversationId": conversation })), Refused),
        ("session.hello", frame("session.hello", json!({ "cursors": { conversation: 0 } })), Nothing),
        ("message.send", Frame(message(conversation, "c1", "let me in")), Refused),
        ("message.send", Frame(resend.clone()), Refused),
        ("message.ack", frame("message.ack", mark.clone()), Refused),
        ("message.read", frame("message.read", mark.clone()), Refused),
        ("message.read", frame("message.read", by_name.clone()), Refused),
        ("sync.pull", frame("sync.pull", json!({ "conversationId": conversation, "since": 0 })), Refused),
        ("presence.heartbeat", frame("presence.heartbeat", json!({ "active": true })), Nothing),
        ("presence.subscribe", frame("presence.subscribe", json!({ "userIds": users })), Nothing),
        ("presence.unsubscribe", frame("presence.unsubscribe", json!({ "userIds": users })), Nothing),
        (
            "POST /tickets",
            Call(Method::POST, "/tickets".into(), json!({ "deviceId": "d", "userId": users[0] })),
            Nothing,
        ),
        ("GET /sync", Call(Method::GET, "/sync".into(), Value::Null), Nothing),
        (
            "GET /conversations/{id}/messages",
            Call(Method::GET, format!("/conversations/{id}/messages"), Value::Null),
            Refused,
        ),
        (
            "GET /conversations/{id}/messages",
            Call(Method::GET, format!("/conversations/{id}/messages?before=99"), Value::Null),
            Refused,
        ),
        (
            "GET /conversations/{id}/receipts",
            Call(Method::GET, format!("/conversations/{id}/receipts?messageId={}", encoded(message_id)), Value::Null),
            Refused,
        ),
        ("POST /messages", Call(Method::POST, "/messages".into(), message(conversation, "c2", "let me in")), Refused),
        ("POST /messages", Call(Method::POST, "/messages".into(), resend), Refused),
        ("POST /acks", Call(Method::POST, "/acks".into(), mark.clone()), Refused),
        ("POST /reads", Call(Method::POST, "/reads".into(), mark), Refused),
        ("POST /reads", Call(Method::POST, "/reads".into(), by_name), Refused),
    ]
}

/// Ways in that no frame or call of a stranger goes through.
const HANDSHAKE: [&str; 2] = ["$connect", "$disconnect"];

#[tokio::test]
async fn every_way_in_has_a_row() {
    let template = Template::read();
    let user = User::new("any");
    let mut rows: BTreeSet<String> =
        attempts("g:any", "m:x", &[&user]).iter().map(|(route, ..)| (*route).into()).collect();
    rows.extend(HANDSHAKE.map(str::to_owned));
    let routes: BTreeSet<String> =
        ["WebSocketApi", "HttpApi"].iter().flat_map(|api| template.route_keys(api)).collect();
    assert_eq!(rows, routes, "each route of the template needs a row in `attempts`");
}

/// A stranger tries everything; afterwards nothing has changed and no member has heard of it.
async fn nothing_reaches_a_stranger(conversation: &str, members: [&User; 2]) {
    const SECRET: &str = "for members only";
    let stranger = User::new("stranger");
    let [alice, bob] = members;
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let sent = a.say(conversation, SECRET).await;
    let message_id = sent["messageId"].as_str().unwrap();
    b.expect_message(conversation, sent["sequence"].as_u64().unwrap()).await;
    bob.http("b").post("/acks", &json!({ "conversationId": conversation, "upTo": sent["sequence"] })).await.ok();
    a.expect("message.delivered").await;
    let before = alice.http("a").log(conversation).await;
    let marks = alice.http("a").receipts(conversation, message_id).await.ok();

    let mut socket = stranger.connect("s").await;
    let http = stranger.http("s");
    for (route, attempt, expected) in attempts(conversation, message_id, &members) {
        let (answer, is_refusal) = match attempt {
            Attempt::Frame(frame) => {
                let answer = socket.ask(frame).await;
                let expected = if route == "$default" { "unknown_type" } else { "not_a_member" };
                (answer.to_string(), answer["type"] == "error" && answer["code"] == expected)
            }
            Attempt::Call(method, path, body) => {
                let request = http.request(method, &path).header("content-type", "application/json");
                let answer = Http::call(request.body(body.to_string())).await;
                (answer.text.clone(), answer.status == 403 && answer.body["code"] == "not_a_member")
            }
        };
        assert_eq!(is_refusal, matches!(expected, Answer::Refused), "{route}: {answer}");
        // A refusal may repeat the name that the stranger has said, and nothing else.
        assert!(!answer.contains(SECRET) && !answer.contains(message_id), "{route}: {answer}");
        if matches!(expected, Answer::Nothing) {
            assert!(!answer.contains(conversation) && !answer.contains("online"), "{route}: {answer}");
        }
    }
    // Neither the drain nor any lane has said a word of it to the stranger's socket.
    a.say(conversation, "still among us").await;
    b.expect_message(conversation, sent["sequence"].as_u64().unwrap() + 1).await;
    bob.http("b").post("/reads", &json!({ "conversationId": conversation, "messageId": message_id })).await.ok();
    let heard = a.expect("message.read").await;
    assert_eq!(heard["userId"], json!(bob.id));
    for frame_type in ["message.new", "message.delivered", "message.read", "conversation.updated"] {
        assert_eq!(socket.unread(frame_type), Vec::<Value>::new());
    }
    assert_eq!(a.unread("message.new"), Vec::<Value>::new(), "nothing of the stranger reached a member");
    let log = alice.http("a").log(conversation).await;
    assert_eq!(log[..before.len()], before);
    assert_eq!(log.len(), before.len() + 1);
    let after = alice.http("a").receipts(conversation, message_id).await.ok();
    assert_eq!(after["marksByUser"][&alice.id], marks["marksByUser"][&alice.id]);
    assert_eq!(after["marksByUser"].as_object().unwrap().len(), 2, "no mark of the stranger: {after}");
    assert_eq!(stranger.http("s").summary(conversation).await, Value::Null);
}

#[tokio::test]
async fn a_direct_conversation_is_its_two_users() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    nothing_reaches_a_stranger(&direct(&alice, &bob), [&alice, &bob]).await;
}

#[tokio::test]
async fn a_group_is_those_who_have_a_row() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let group = format!("g:{}", fresh("group"));
    seed_member(&group, &alice, 0, 1).await;
    seed_member(&group, &bob, 0, 1).await;
    nothing_reaches_a_stranger(&group, [&alice, &bob]).await;
}

#[tokio::test]
async fn who_joins_later_sees_from_the_joining_on() {
    let (alice, late) = (User::new("alice"), User::new("late"));
    let group = format!("g:{}", fresh("group"));
    seed_member(&group, &alice, 5, 1).await;
    seed_member(&group, &late, 5, 4).await;
    let mut early = late.connect("early").await;
    // The repair lane finds the rows and publishes them: what a member is pushed is what they may see.
    seed_log(&group, alice.device("a"), 1..=5).await;
    early.expect_message(&group, 5).await;
    early.expect_message(&group, 4).await;
    let http = late.http("l");
    let visible = |messages: &Value| -> Vec<u64> {
        messages.as_array().unwrap().iter().map(|m| m["sequence"].as_u64().unwrap()).collect()
    };
    for query in ["", "since=0", "since=2", "before=99", "since=0&before=99"] {
        let page = http.messages(&group, query).await.ok();
        assert_eq!((visible(&page["messages"]), &page["hasMore"]), (vec![4, 5], &json!(false)), "{query}");
        assert!(!page.to_string().contains(&seeded_payload(3)), "{query}");
    }
    assert_eq!(visible(&http.messages(&group, "before=4").await.ok()["messages"]), Vec::<u64>::new());
    let (mut socket, drained) = late.connect_with("l", json!({ "cursors": { group.as_str(): 0 } })).await;
    let news: Vec<u64> = drained
        .iter()
        .filter(|frame| frame["type"] == "message.new")
        .map(|frame| frame["sequence"].as_u64().unwrap())
        .collect();
    assert!(news.iter().all(|sequence| *sequence >= 4) && news.contains(&4), "{drained:?}");
    let page = socket.ask(json!({ "type": "sync.pull", "conversationId": group, "since": 0 })).await;
    assert_eq!(visible(&page["messages"]), [4, 5]);
    let unread = eventually("the list has the group", || async {
        let summary = http.summary(&group).await;
        (!summary.is_null()).then(|| summary["unread"].clone())
    })
    .await;
    assert_eq!(unread, 2, "what was before the joining is not unread");
    alice.http("x").post("/reads", &json!({ "conversationId": group, "upTo": 2 })).await.ok();
    alice.http("x").post("/reads", &json!({ "conversationId": group, "upTo": 5 })).await.ok();
    let receipt = early.expect("message.read").await;
    assert_eq!(receipt["upTo"], 5, "a mark before the joining names a message of then");
    assert_eq!(early.unread("message.new"), Vec::<Value>::new());
}
