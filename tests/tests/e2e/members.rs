//! Promise 7: nothing of a conversation reaches a non-member, by any way in.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tidings_testkit::mls::private_message;
use tidings_tests::{
    Http, Template, User, direct, encoded, eventually, fresh, message, now_ms, seed_log, seed_member, seeded_payload,
};

/// What a stranger gets.
enum Answer {
    /// `not_a_member`.
    Refused,
    /// `forbidden`.
    Forbidden,
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
    let mut attempts = vec![
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
        ("typing", frame("typing", json!({ "conversationId": conversation, "active": true })), Refused),
        (
            "POST /typing",
            Call(Method::POST, "/typing".into(), json!({ "conversationId": conversation, "active": true })),
            Refused,
        ),
        ("POST /reads", Call(Method::POST, "/reads".into(), mark), Refused),
        ("POST /reads", Call(Method::POST, "/reads".into(), by_name), Refused),
    ];
    attempts.extend(attempts_on_a_message(conversation, message_id));
    attempts.extend(attempts_to_keep(conversation, message_id));
    attempts.extend(attempts_on_keys_and_mail(conversation, users[0]));
    attempts.extend(attempts_on_media(conversation));
    attempts.extend(attempts_of_ones_own(users[0]));
    attempts.extend(attempts_to_administrate(conversation, message_id, users[0]));
    attempts.extend(attempts_on_a_group(conversation, users[0]));
    // Last: the session takes the place of the socket.
    attempts.push(("GET /events", Call(Method::GET, "/events?timeout=0".into(), Value::Null), Nothing));
    attempts
}

/// What a user keeps of conversations.
fn attempts_to_keep(conversation: &str, message_id: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    use Attempt::Call;
    let of_message = format!("{}/{}?sequence=1", encoded(conversation), encoded(message_id));
    let put = |route: &'static str, path: String, body: Value| (route, Call(Method::PUT, path, body), Refused);
    let list = |route: &'static str, path: &str| (route, Call(Method::GET, path.into(), Value::Null), Nothing);
    vec![
        put(
            "PUT /conversations/{id}/settings",
            format!("/conversations/{}/settings", encoded(conversation)),
            json!({ "pinned": true }),
        ),
        put(
            "PUT /drafts/{conversationId}",
            format!("/drafts/{}", encoded(conversation)),
            json!({ "payload": { "text": "let me in" }, "ts": 1 }),
        ),
        put("PUT /stars/{conversationId}/{messageId}", format!("/stars/{of_message}"), json!({})),
        put("PUT /hidden/{conversationId}/{messageId}", format!("/hidden/{of_message}"), json!({})),
        (
            "DELETE /stars/{conversationId}/{messageId}",
            Call(Method::DELETE, format!("/stars/{of_message}"), Value::Null),
            Nothing,
        ),
        list("GET /personal", "/personal"),
        list("GET /drafts", "/drafts"),
        list("GET /stars", "/stars"),
        list("GET /search", "/search"),
        (
            "GET /search",
            Call(Method::GET, format!("/search?conversationId={}", encoded(conversation)), Value::Null),
            Refused,
        ),
    ]
}

/// What is reported, and what is for administrators alone.
fn attempts_to_administrate(
    conversation: &str,
    message_id: &str,
    member: &str,
) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Forbidden, Refused};
    use Attempt::Call;
    let report = json!({ "conversationId": conversation, "messageId": message_id, "ground": "other" });
    let admin = |route: &'static str, method, path: &str, body| (route, Call(method, path.into(), body), Forbidden);
    let (ban, key) = (format!("/admin/bans/{member}"), "/admin/keys/mine");
    vec![
        ("POST /reports", Call(Method::POST, "/reports".into(), report), Refused),
        admin("PUT /admin/bans/{userId}", Method::PUT, &ban, json!({ "reason": "mine" })),
        admin("DELETE /admin/bans/{userId}", Method::DELETE, &ban, Value::Null),
        admin("GET /admin/users/{userId}", Method::GET, &format!("/admin/users/{member}"), Value::Null),
        admin("GET /admin/reports", Method::GET, "/admin/reports", Value::Null),
        admin("POST /admin/reports/{reportId}", Method::POST, "/admin/reports/1-1", json!({ "note": "mine" })),
        admin("GET /admin/audit", Method::GET, "/admin/audit", Value::Null),
        admin("GET /admin/keys", Method::GET, "/admin/keys", Value::Null),
        admin("PUT /admin/keys/{name}", Method::PUT, key, json!({ "seconds": 60 })),
        admin("DELETE /admin/keys/{name}", Method::DELETE, key, Value::Null),
    ]
}

/// What is the caller's own, and names no conversation.
fn attempts_of_ones_own(member: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::Nothing;
    use Attempt::Call;
    let call = |route: &'static str, method, path: &str, body| (route, Call(method, path.into(), body), Nothing);
    let registration = json!({ "name": "mine", "platform": "other" });
    let block = format!("/blocks/{member}");
    vec![
        call("PUT /devices/{id}", Method::PUT, "/devices/b", registration),
        call("GET /devices", Method::GET, "/devices", Value::Null),
        // A device of this name is a member's, and none of the stranger's but the one just made.
        call("DELETE /devices/{id}", Method::DELETE, "/devices/b", Value::Null),
        call("PUT /blocks/{userId}", Method::PUT, &block, json!({})),
        call("GET /blocks", Method::GET, "/blocks", Value::Null),
        call("DELETE /blocks/{userId}", Method::DELETE, &block, Value::Null),
        // A block that is made by it is ended again.
        call("PUT /requests/{userId}", Method::PUT, &format!("/requests/{member}"), Value::Null),
        call("DELETE /requests/{userId}", Method::DELETE, &format!("/requests/{member}"), Value::Null),
        call("DELETE /blocks/{userId}", Method::DELETE, &block, Value::Null),
        call("GET /settings", Method::GET, "/settings", Value::Null),
        call("PUT /settings", Method::PUT, "/settings", json!({})),
    ]
}

/// What is said about a message, and what is known of it.
fn attempts_on_a_message(conversation: &str, message_id: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    use Attempt::{Call, Frame};
    let body = json!({
        "conversationId": conversation, "messageId": message_id, "clientMsgId": "a1", "messageSequence": 1,
        "payload": { "text": "let me in" }, "for": "everyone", "reaction": "!", "choices": ["!"], "pinned": true,
    });
    let frame = |name: &'static str| {
        let mut frame = body.clone();
        frame["type"] = json!(name);
        (name, Frame(frame), Refused)
    };
    let said = |route: &'static str, path: &str| (route, Call(Method::POST, path.into(), body.clone()), Refused);
    let base = format!("/conversations/{}", encoded(conversation));
    let of_message = format!("{base}/messages/{}", encoded(message_id));
    let thread = format!("{base}/threads/{}", encoded(message_id));
    let read = |route: &'static str, path: String| (route, Call(Method::GET, path, Value::Null), Refused);
    vec![
        frame("message.edit"),
        frame("message.delete"),
        frame("message.react"),
        frame("message.vote"),
        frame("message.pin"),
        said("POST /edits", "/edits"),
        said("POST /deletes", "/deletes"),
        said("POST /reactions", "/reactions"),
        said("POST /votes", "/votes"),
        said("POST /pins", "/pins"),
        read("GET /conversations/{id}/messages/{messageId}", of_message.clone()),
        read("GET /conversations/{id}/messages/{messageId}", format!("{of_message}?sequence=1")),
        read("GET /conversations/{id}/messages/{messageId}/edits", format!("{of_message}/edits?sequence=1")),
        read("GET /conversations/{id}/messages/{messageId}/reactions", format!("{of_message}/reactions?sequence=1")),
        read("GET /conversations/{id}/messages/{messageId}/votes", format!("{of_message}/votes?sequence=1")),
        (
            "POST /conversations/{id}/messages/{messageId}/open",
            Call(Method::POST, format!("{of_message}/open?sequence=1"), json!({})),
            Refused,
        ),
        read("GET /conversations/{id}/pins", format!("{base}/pins")),
        read("GET /conversations/{id}/threads", format!("{base}/threads")),
        read("GET /conversations/{id}/threads/{messageId}", thread.clone()),
        (
            "PUT /conversations/{id}/threads/{messageId}/mark",
            Call(Method::PUT, format!("{thread}/mark"), json!({ "upTo": 1 })),
            Refused,
        ),
        (
            "POST /scheduled",
            Call(
                Method::POST,
                "/scheduled".into(),
                json!({ "sendAt": now_ms() + 60_000, "message": message(conversation, "s1", "let me in") }),
            ),
            Refused,
        ),
        ("GET /scheduled", Call(Method::GET, "/scheduled".into(), Value::Null), Nothing),
        (
            "DELETE /scheduled/{messageId}",
            Call(Method::DELETE, format!("/scheduled/{}", encoded(message_id)), Value::Null),
            Nothing,
        ),
    ]
}

/// What is encrypted, for whom, and what comes by mail.
fn attempts_on_keys_and_mail(conversation: &str, member: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    use Attempt::{Call, Frame};
    let payload = STANDARD.encode(private_message(conversation, 0, 3));
    let mut commit =
        json!({ "conversationId": conversation, "clientMsgId": "k1", "ts": 1, "epoch": 0, "payload": payload });
    let over_http = ("POST /commits", Call(Method::POST, "/commits".into(), commit.clone()), Refused);
    commit["type"] = json!("message.commit");
    let call = |route: &'static str, method, path: &str, body| (route, Call(method, path.into(), body), Nothing);
    let keys = json!({ "identityKey": STANDARD.encode([3; 32]), "keyPackages": [] });
    let mail = json!({ "clientMailId": "1", "kind": "keys", "payload": "let me in", "conversationId": conversation });
    vec![
        over_http,
        ("message.commit", Frame(commit), Refused),
        // Mail is asked for and acknowledged by the device whose it is: there is no way to name another's.
        ("mailbox.ack", Frame(json!({ "type": "mailbox.ack", "mailIds": [] })), Nothing),
        ("POST /mailbox/{userId}/{deviceId}", Call(Method::POST, format!("/mailbox/{member}/a"), mail), Refused),
        call("GET /mailbox", Method::GET, "/mailbox", Value::Null),
        call("POST /mailbox/acks", Method::POST, "/mailbox/acks", json!({ "mailIds": ["1-a"] })),
        call("PUT /devices/{id}/keys", Method::PUT, "/devices/s/keys", keys),
        call("GET /devices/{id}/keys", Method::GET, "/devices/s/keys", Value::Null),
        call("GET /users/{id}/keys", Method::GET, &format!("/users/{member}/keys"), Value::Null),
        call("GET /users/{id}/identities", Method::GET, &format!("/users/{member}/identities"), Value::Null),
    ]
}

/// Content of the conversation. A handle is a hash of it and tells nobody anything; of one that exists, `media.rs` shows
/// that a stranger is refused.
fn attempts_on_media(conversation: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    use Attempt::Call;
    let body = json!({
        "conversationId": conversation, "mime": "image/png", "size": 1, "sha256": "0".repeat(64),
        "parts": [{ "number": 1, "sha256": "0".repeat(64) }],
    });
    let one = "/media/md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d";
    let call = |route: &'static str, method, path: String| (route, Call(method, path, body.clone()), Nothing);
    vec![
        ("POST /media/presign", Call(Method::POST, "/media/presign".into(), body.clone()), Refused),
        call("GET /media/{handle}", Method::GET, one.into()),
        call("GET /media/{handle}/preview", Method::GET, format!("{one}/preview")),
        call("DELETE /media/{handle}", Method::DELETE, one.into()),
        call("POST /media/{handle}/parts", Method::POST, format!("{one}/parts")),
        call("GET /media/{handle}/parts", Method::GET, format!("{one}/parts")),
        call("POST /media/{handle}/complete", Method::POST, format!("{one}/complete")),
    ]
}

/// The ways into a group; of a direct conversation there are none, whoever asks for a group instead.
fn attempts_on_a_group(conversation: &str, member: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    let group = if conversation.starts_with("g:") { conversation } else { "g:unknown" };
    let (path, own) = (format!("/groups/{}", encoded(group)), format!("/groups/{}/members", encoded(group)));
    let one = format!("{own}/{member}");
    let call = |method, path: &str, body| Attempt::Call(method, path.to_owned(), body);
    vec![
        ("POST /groups", call(Method::POST, "/groups", json!({ "title": "mine" })), Nothing),
        ("GET /groups/{id}", call(Method::GET, &path, Value::Null), Refused),
        ("PATCH /groups/{id}", call(Method::PATCH, &path, json!({ "title": "taken over" })), Refused),
        ("DELETE /groups/{id}", call(Method::DELETE, &path, Value::Null), Refused),
        ("GET /groups/{id}/members", call(Method::GET, &own, Value::Null), Refused),
        ("POST /groups/{id}/members", call(Method::POST, &own, json!({ "userIds": [member, "eve"] })), Refused),
        ("PUT /groups/{id}/members/{userId}", call(Method::PUT, &format!("{own}/eve"), Value::Null), Refused),
        ("PATCH /groups/{id}/members/{userId}", call(Method::PATCH, &one, json!({ "role": "member" })), Refused),
        ("DELETE /groups/{id}/members/{userId}", call(Method::DELETE, &one, Value::Null), Refused),
    ]
    .into_iter()
    .chain(attempts_at_the_door(&path, member))
    .collect()
}

/// Invites: made and seen by members, and of use to others only with a token that nobody can guess.
fn attempts_at_the_door(group: &str, member: &str) -> Vec<(&'static str, Attempt, Answer)> {
    use Answer::{Nothing, Refused};
    const GUESS: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    let call = |method, path: String, body| Attempt::Call(method, path, body);
    let (invites, requests) = (format!("{group}/invites"), format!("{group}/requests"));
    let link = format!("/invites/{GUESS}.{}", group.trim_start_matches("/groups/g%3A"));
    vec![
        ("POST /groups/{id}/invites", call(Method::POST, invites.clone(), json!({})), Refused),
        ("GET /groups/{id}/invites", call(Method::GET, invites.clone(), Value::Null), Refused),
        (
            "DELETE /groups/{id}/invites/{inviteId}",
            call(Method::DELETE, format!("{invites}/{GUESS}"), Value::Null),
            Refused,
        ),
        ("GET /groups/{id}/requests", call(Method::GET, requests.clone(), Value::Null), Refused),
        (
            "POST /groups/{id}/requests/{userId}",
            call(Method::POST, format!("{requests}/{member}"), Value::Null),
            Refused,
        ),
        (
            "DELETE /groups/{id}/requests/{userId}",
            call(Method::DELETE, format!("{requests}/{member}"), Value::Null),
            Refused,
        ),
        ("GET /invites/{token}", call(Method::GET, link.clone(), Value::Null), Nothing),
        ("POST /invites/{token}", call(Method::POST, link, Value::Null), Nothing),
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
                let code = if matches!(expected, Answer::Forbidden) { "forbidden" } else { "not_a_member" };
                (answer.text.clone(), answer.status == 403 && answer.body["code"] == code)
            }
        };
        assert_eq!(is_refusal, !matches!(expected, Answer::Nothing), "{route}: {answer}");
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
        let mut heard = socket.unread(frame_type);
        // The stranger has made a group of their own.
        heard.retain(|frame| frame["conversationId"] == conversation);
        assert_eq!(heard, Vec::<Value>::new());
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
async fn a_group_is_its_members() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let group = alice.http("a").make_group(&[&bob]).await;
    // The event of its making has been fanned out once both have acknowledged it.
    for user in [&alice, &bob] {
        user.http("b").post("/acks", &json!({ "conversationId": group, "upTo": 1 })).await.ok();
    }
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
