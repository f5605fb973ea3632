//! Coming back: the drain after a hello, pulls, heartbeats, presence. Promise 6.

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tidings_tests::{
    Device, Socket, User, direct, dynamodb, encoded, eventually, get_item, member_key, message, now_ms,
    seed_conversation, seed_log, seeded_payload,
};

fn drained(frames: &[Value]) -> Vec<u64> {
    assert_eq!(frames[0]["type"], "session.ready", "{frames:?}");
    let news = frames.iter().filter(|frame| frame["type"] == "message.new");
    news.map(|frame| frame["sequence"].as_u64().unwrap()).collect()
}

/// Says so many messages, and waits until the list of the other knows of them.
async fn missed(from: &User, to: &User, count: u64) -> String {
    let conversation = direct(from, to);
    let mut socket = from.connect("sender").await;
    let mut last = 0;
    for n in 0..count {
        last = socket.say(&conversation, &format!("missed {n}")).await["sequence"].as_u64().unwrap();
    }
    listed(to, &conversation, last).await;
    conversation
}

async fn listed(user: &User, conversation: &str, up_to: u64) {
    let http = user.http("list");
    eventually("the list knows", || async {
        (http.summary(conversation).await["lastSequence"].as_u64() >= Some(up_to)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_is_ready_with_its_terms() {
    let user = User::new("alice");
    let before_ms = now_ms();
    let (mut socket, frames) = user.connect_with("phone", json!({})).await;
    let ready = &frames[0];
    let (token, reconnect, server) = (&ready["resumeToken"], &ready["reconnectBefore"], &ready["serverTs"]);
    assert_eq!(
        *ready,
        json!({
            "type": "session.ready",
            "userId": user.id,
            "deviceId": "phone",
            "resumeToken": token,
            "heartbeatSeconds": 240,
            "sendWindow": 32,
            "maxFrameBytes": 32_768,
            "encodings": ["gzip"],
            "reconnectBefore": reconnect,
            "serverTs": server,
        })
    );
    assert!((before_ms..=now_ms()).contains(&server.as_u64().unwrap()));
    // Before API Gateway ends the connection at 2 h, and not long before.
    let life_ms = reconnect.as_u64().unwrap() - server.as_u64().unwrap();
    assert!((90 * 60_000..120 * 60_000).contains(&life_ms), "{life_ms}");
    let complete = &frames[1];
    assert_eq!(complete["conversations"], 0);
    assert!(complete["resumeToken"].is_string() && token.is_string());
    // A hello may be said again: the session goes on.
    let again = socket.hello(json!({})).await;
    assert_eq!(again[0]["deviceId"], "phone");
}

#[tokio::test]
async fn what_was_missed_comes_in_order_from_where_the_user_was() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = missed(&alice, &bob, 6).await;
    let (_b, frames) = bob.connect_with("b1", json!({})).await;
    assert_eq!(drained(&frames), [1, 2, 3, 4, 5, 6]);
    assert_eq!(frames.last().unwrap()["conversations"], 1);

    // Another device of the user starts where the user's devices have got to.
    bob.http("b1").post("/acks", &json!({ "conversationId": conversation, "upTo": 4 })).await.ok();
    let (_b2, frames) = bob.connect_with("b2", json!({})).await;
    assert_eq!(drained(&frames), [5, 6]);

    // A cursor counts in place of that, lower or higher.
    for (cursor, expected) in
        [(0, vec![1, 2, 3, 4, 5, 6]), (2, vec![3, 4, 5, 6]), (5, vec![6]), (6, vec![]), (99, vec![])]
    {
        let (_b, frames) = bob.connect_with("b3", json!({ "cursors": { conversation.as_str(): cursor } })).await;
        assert_eq!(drained(&frames), expected, "from {cursor}");
    }
}

#[tokio::test]
async fn all_conversations_are_brought_up_to_date() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let with_bob = missed(&bob, &alice, 3).await;
    let with_carol = missed(&carol, &alice, 2).await;
    let notes = alice.notes();
    alice.connect("other").await.say(&notes, "buy milk").await;
    listed(&alice, &notes, 1).await;
    let (_a, frames) = alice.connect_with("phone", json!({ "cursors": { with_bob.as_str(): 2 } })).await;
    for (conversation, expected) in [(with_bob, vec![3]), (with_carol, vec![1, 2]), (notes, vec![1])] {
        let of_it: Vec<Value> = frames
            .iter()
            .filter(|f| f["type"] == "session.ready" || f["conversationId"] == conversation)
            .cloned()
            .collect();
        assert_eq!(drained(&of_it), expected, "{conversation}");
    }
    assert_eq!(frames.last().unwrap()["conversations"], 3);
}

#[tokio::test]
async fn a_resume_token_spares_what_was_not_active_since() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let old = direct(&alice, &bob);
    seed_conversation(&old, alice.device("a"), &bob, 3).await;
    // As it would be after three quiet hours, with what was delivered since taken back.
    let quiet = json!({
        "Key": member_key(&old, &bob),
        "UpdateExpression": "SET act = :act, dl = :none",
        "ExpressionAttributeValues": {
            ":act": { "N": (now_ms() - now_ms() % 3_600_000 - 3 * 3_600_000).to_string() },
            ":none": { "N": "0" },
        },
    });
    dynamodb("UpdateItem", "ConversationsTable", quiet).await;

    let (_b, frames) = bob.connect_with("b", json!({})).await;
    assert_eq!(drained(&frames), [1, 2, 3], "without a token all is looked at");
    let complete = frames.last().unwrap()["resumeToken"].clone();
    let ready = frames[0]["resumeToken"].clone();

    let (_b, frames) = bob.connect_with("b", json!({ "resumeToken": complete })).await;
    assert_eq!(drained(&frames), Vec::<u64>::new(), "that drain has said it");
    let (_b, frames) = bob.connect_with("b", json!({ "resumeToken": ready })).await;
    assert_eq!(drained(&frames), [1, 2, 3], "the drain after that ready may have failed");
    let (_b, frames) = bob.connect_with("b", json!({ "resumeToken": complete, "cursors": { old.as_str(): 1 } })).await;
    assert_eq!(drained(&frames), [2, 3], "what a cursor names is looked at in any case");
    let (_b, frames) = bob.connect_with("other", json!({ "resumeToken": complete })).await;
    assert_eq!(drained(&frames), [1, 2, 3], "it is of another device");
    for bad in ["", "garbage", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let (_b, frames) = bob.connect_with("b", json!({ "resumeToken": bad })).await;
        assert_eq!(drained(&frames), [1, 2, 3], "{bad:?} is no token");
    }
    // What has become active since is drained with the token too.
    alice.connect("a").await.say(&old, "wake up").await;
    listed(&bob, &old, 4).await;
    let (_b, frames) = bob.connect_with("b", json!({ "resumeToken": complete })).await;
    assert_eq!(drained(&frames), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_thousand_are_drained_and_more_are_told_of() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    seed_conversation(&conversation, alice.device("a"), &bob, 1005).await;
    let (mut b, frames) = bob.connect_with("b", json!({ "cursors": { conversation.as_str(): 4 } })).await;
    assert_eq!(drained(&frames), Vec::<u64>::new());
    let told = json!({ "type": "conversation.updated", "conversationId": conversation, "lastSequence": 1005 });
    assert_eq!(frames[1], told);
    assert_eq!(frames.last().unwrap()["conversations"], 0);

    // Pulled in pages, it is whole.
    let (mut since, mut pulled) = (4, Vec::new());
    loop {
        let page = b.ask(json!({ "type": "sync.pull", "conversationId": conversation, "since": since })).await;
        let messages = page["messages"].as_array().unwrap();
        assert!(messages.len() <= 100 && !messages.is_empty());
        pulled.extend(messages.iter().map(|m| m["sequence"].as_u64().unwrap()));
        since = page["next"].as_u64().unwrap();
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(pulled, (5..=1005).collect::<Vec<_>>());

    let (_b, frames) = bob.connect_with("b", json!({ "cursors": { conversation.as_str(): 5 } })).await;
    assert_eq!(drained(&frames), (6..=1005).collect::<Vec<_>>());
    assert_eq!(frames[1]["payload"].to_string(), seeded_payload(6));
    assert_eq!(frames.last().unwrap()["conversations"], 1);
}

async fn pull(socket: &mut Socket, conversation: &str, since: u64, limit: Value) -> Value {
    let mut frame = json!({ "type": "sync.pull", "conversationId": conversation, "since": since });
    if !limit.is_null() {
        frame["limit"] = limit;
    }
    socket.ask(frame).await
}

#[tokio::test]
async fn a_pull_answers_a_page() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    seed_log(&conversation, alice.device("a"), 1..=120).await;
    let mut b = bob.connect("b").await;
    for (since, limit, expected, more) in [
        (0, json!(1), 1..=1, true),
        (0, json!(50), 1..=50, true),
        (50, json!(69), 51..=119, true),
        (50, json!(70), 51..=120, false),
        (50, json!(71), 51..=120, false),
        (50, json!(100), 51..=120, false),
        (50, Value::Null, 51..=120, false),
        (119, Value::Null, 120..=120, false),
    ] {
        let page = pull(&mut b, &conversation, since, limit.clone()).await;
        assert_eq!((&page["type"], &page["conversationId"]), (&json!("sync.page"), &json!(conversation)));
        let sequences: Vec<u64> =
            page["messages"].as_array().unwrap().iter().map(|m| m["sequence"].as_u64().unwrap()).collect();
        assert_eq!(page["next"], json!(expected.end()), "since {since}, limit {limit}");
        assert_eq!(sequences, expected.collect::<Vec<_>>(), "since {since}, limit {limit}");
        assert_eq!(page["hasMore"], more, "since {since}, limit {limit}");
    }
    for since in [120, 5000] {
        let page = pull(&mut b, &conversation, since, Value::Null).await;
        assert_eq!(
            (&page["messages"], &page["next"], &page["hasMore"]),
            (&json!([]), &json!(since), &json!(false)),
            "past the end"
        );
    }
    let page = pull(&mut b, &bob.notes(), 0, Value::Null).await;
    assert_eq!((&page["messages"], &page["next"], &page["hasMore"]), (&json!([]), &json!(0), &json!(false)));
}

#[tokio::test]
async fn a_page_is_cut_where_a_frame_ends() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    for (n, kib) in [24, 24, 9, 9, 9, 1].into_iter().enumerate() {
        let mut frame = message(&conversation, &n.to_string(), "");
        frame["payload"] = json!("x".repeat(kib * 1024 - 2));
        assert_eq!(a.ask(frame).await["type"], "message.sent");
    }
    let mut b = bob.connect("b").await;
    let (mut since, mut pages) = (0, Vec::new());
    loop {
        // Socket panics on a frame of more than 32 KiB.
        let page = pull(&mut b, &conversation, since, Value::Null).await;
        let sequences: Vec<u64> =
            page["messages"].as_array().unwrap().iter().map(|m| m["sequence"].as_u64().unwrap()).collect();
        since = *sequences.last().unwrap();
        assert_eq!(page["next"], since);
        pages.push(sequences);
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(pages, [vec![1], vec![2], vec![3, 4, 5, 6]]);

    // Who reads compressed answers gets all of it at once, and the same, on either way.
    let frame = json!({ "type": "sync.pull", "conversationId": conversation, "since": 0, "encoding": "gzip" });
    let packed = b.ask(frame).await;
    assert_eq!((&packed["type"], &packed["encoding"]), (&json!("packed"), &json!("gzip")), "{packed}");
    let page = gunzip(&STANDARD.decode(packed["frame"].as_str().unwrap()).unwrap());
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["hasMore"]), (6, &json!(false)));
    let http = bob.http("b");
    let path = format!("/conversations/{}/messages?limit=100", encoded(&conversation));
    let plain = http.raw(&path, None).await;
    let (headers, bytes) = http.raw(&path, Some("br, gzip;q=0.5")).await;
    assert_eq!(
        (headers["content-encoding"].as_bytes(), headers["vary"].as_bytes()),
        (&b"gzip"[..], &b"accept-encoding"[..])
    );
    assert!(bytes.len() * 10 < plain.1.len(), "{} of {} bytes", bytes.len(), plain.1.len());
    let plain_page: Value = serde_json::from_slice(&plain.1).unwrap();
    assert_eq!(gunzip(&bytes), plain_page);
    assert_eq!(plain_page["messages"], page["messages"]);
    for (headers, _) in [plain, http.raw(&path, Some("gzip;q=0")).await, http.raw("/settings", Some("gzip")).await] {
        assert_eq!(headers.get("content-encoding"), None, "not asked for, or too short");
    }
    let odd = json!({ "type": "sync.pull", "conversationId": conversation, "since": 0, "encoding": "zip" });
    assert_eq!(b.ask(odd).await["details"]["field"], "encoding");
}

fn gunzip(bytes: &[u8]) -> Value {
    serde_json::from_reader(GzDecoder::new(bytes)).unwrap()
}

async fn session(device: Device<'_>) -> Value {
    get_item("SessionsTable", device.key()).await
}

fn expiry_s(row: &Value) -> u64 {
    row["exp"]["N"].as_str().unwrap().parse().unwrap()
}

async fn set_expiry(device: Device<'_>, at_s: u64) {
    let update = json!({
        "Key": device.key(),
        "UpdateExpression": "SET #exp = :exp",
        "ExpressionAttributeNames": { "#exp": "exp" },
        "ExpressionAttributeValues": { ":exp": { "N": at_s.to_string() } },
    });
    dynamodb("UpdateItem", "SessionsTable", update).await;
}

#[tokio::test]
async fn a_heartbeat_prolongs_the_session() {
    let user = User::new("alice");
    let device = user.device("phone");
    let mut socket = user.connect("phone").await;
    let now_s = now_ms() / 1000;
    assert!((now_s + 290..=now_s + 300).contains(&expiry_s(&session(device).await)), "300 s at the hello");
    set_expiry(device, now_s + 20).await;
    for active in [false, true] {
        let before_ms = now_ms();
        let pong = socket.ask(json!({ "type": "presence.heartbeat", "active": active })).await;
        assert_eq!(pong["type"], "presence.ok");
        assert!((before_ms..=now_ms()).contains(&pong["serverTs"].as_u64().unwrap()), "{pong}");
        assert!(expiry_s(&session(device).await) >= now_s + 290);
    }
}

#[tokio::test]
async fn a_lost_session_is_registered_again_by_its_heartbeat() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let device = bob.device("b");
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let beat = json!({ "type": "presence.heartbeat", "active": false });
    for (n, expired) in [(1, false), (2, true)] {
        // Gone in one of two ways: a stray 410 took the row, or its time has passed.
        if expired {
            set_expiry(device, now_ms() / 1000 - 5).await;
        } else {
            dynamodb("DeleteItem", "SessionsTable", json!({ "Key": device.key() })).await;
        }
        a.say(&conversation, "into the void").await;
        listed(&bob, &conversation, 2 * n - 1).await;
        assert_eq!(b.unread("message.new"), Vec::<Value>::new());
        assert_eq!(b.ask(beat.clone()).await["type"], "presence.ok");
        let told = b
            .expect_where("what was missed", |f| f["type"] == "conversation.updated" && f["lastSequence"] == 2 * n - 1)
            .await;
        assert_eq!(told["conversationId"], json!(conversation));
        assert!(expiry_s(&session(device).await) > now_ms() / 1000 + 200);

        a.say(&conversation, "heard again").await;
        b.expect_message(&conversation, 2 * n).await;
        bob.http("b").post("/acks", &json!({ "conversationId": conversation, "upTo": 2 * n })).await.ok();
        b.forget();
    }
}

async fn presence(socket: &mut Socket, kind: &str, users: &[&str]) -> Value {
    let update = socket.ask(json!({ "type": kind, "userIds": users })).await;
    assert_eq!(update["type"], "presence.update", "{update}");
    update["users"].clone()
}

#[tokio::test]
async fn presence_is_told_to_those_who_share_a_conversation() {
    let (alice, bob, stranger) = (User::new("alice"), User::new("bob"), User::new("stranger"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    a.say(&conversation, "hello").await;
    listed(&alice, &conversation, 1).await;
    let _s = stranger.connect("s").await;
    let b = bob.connect("b").await;
    let nobody = "nobody-of-that-name";
    let users = [alice.id.as_str(), &bob.id, &stranger.id, nobody];
    let mut expected = vec![
        json!({ "userId": alice.id, "state": "online" }),
        json!({ "userId": bob.id, "state": "online" }),
        json!({ "userId": nobody, "state": "offline" }),
        // Connected, and it must not show: a stranger is told what is told of nobody.
        json!({ "userId": stranger.id, "state": "offline" }),
    ];
    expected.sort_by_key(|user| user["userId"].as_str().unwrap().to_owned());
    for kind in ["presence.subscribe", "presence.unsubscribe"] {
        let mut told = presence(&mut a, kind, &users).await.as_array().unwrap().clone();
        told.sort_by_key(|user| user["userId"].as_str().unwrap().to_owned());
        assert_eq!(told, expected, "{kind}");
    }

    b.close().await;
    eventually("the session is gone", || async { session(bob.device("b")).await.is_null().then_some(()) }).await;
    for (ago_ms, state) in [(1_000_u64, "online"), (60_000, "recently"), (25 * 3_600_000, "offline")] {
        let seen = now_ms() - ago_ms;
        let update = json!({
            "Key": bob.device("b").key(),
            "UpdateExpression": "SET seen = :seen",
            "ExpressionAttributeValues": { ":seen": { "N": seen.to_string() } },
        });
        dynamodb("UpdateItem", "DevicesTable", update).await;
        let told = presence(&mut a, "presence.subscribe", &[&bob.id]).await;
        let last_seen = if state == "online" { Value::Null } else { json!(seen) };
        assert_eq!((&told[0]["state"], &told[0]["lastSeen"]), (&json!(state), &last_seen), "{ago_ms} ms ago");
    }
}

#[tokio::test]
async fn two_hundred_users_may_be_asked_about() {
    let mut socket = User::new("alice").connect("a").await;
    let users: Vec<String> = (0..201).map(|n| format!("user-{n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(presence(&mut socket, "presence.subscribe", &users[..200]).await.as_array().unwrap().len(), 200);
    assert_eq!(presence(&mut socket, "presence.subscribe", &[]).await, json!([]));
    for kind in ["presence.subscribe", "presence.unsubscribe"] {
        let error = socket.ask(json!({ "type": kind, "userIds": users })).await;
        assert_eq!((&error["code"], &error["details"]["field"]), (&json!("too_large"), &json!("userIds")));
    }
}
