//! What users show of themselves, and typing, on the running stack.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{User, direct, dynamodb, encoded, eventually, get_item, member_key};

/// Waits until the durable lane has noted that a user has written in a conversation.
async fn has_written(conversation: &str, user: &User) {
    eventually("the row tells of the message", async || {
        let row = get_item("ConversationsTable", member_key(conversation, user)).await;
        (!row["st"].is_null()).then_some(())
    })
    .await;
}

async fn set(user: &User, settings: Value) {
    let answer = user.http("settings").send(Method::PUT, "/settings", &settings).await.ok();
    assert_eq!(answer, settings);
}

#[tokio::test]
async fn who_hides_what_they_have_read_does_not_see_it_of_others() {
    for (setting, is_shown) in [("contacts", true), ("nobody", false)] {
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let conversation = direct(&alice, &bob);
        let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
        b.say(&conversation, "hello").await;
        has_written(&conversation, &bob).await;
        set(&bob, json!({ "readReceipts": setting })).await;
        let sent = a.say(&conversation, "read me").await;
        b.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": 2 })).await;
        a.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": 1 })).await;
        let (at_a, at_b) =
            if is_shown { ("message.read", "message.read") } else { ("message.delivered", "message.delivered") };
        for (socket, expected, up_to) in [(&mut a, at_a, 2), (&mut b, at_b, 1)] {
            let heard = socket
                .expect_where("a receipt", |f| {
                    ["message.read", "message.delivered"].contains(&f["type"].as_str().unwrap()) && f["upTo"] == up_to
                })
                .await;
            assert_eq!(heard["type"], expected, "{setting}: {heard}");
        }
        let report = alice.http("a").receipts(&conversation, sent["messageId"].as_str().unwrap()).await.ok();
        let status = if is_shown { "read" } else { "delivered" };
        assert_eq!(report["statusByUser"][&bob.id], status, "{setting}: {report}");
        let read_up_to = if is_shown { 2 } else { 0 };
        assert_eq!(report["marksByUser"][&bob.id]["readUpTo"], read_up_to, "{setting}: {report}");
        let own = bob.http("b").receipts(&conversation, sent["messageId"].as_str().unwrap()).await.ok();
        assert_eq!(own["marksByUser"][&bob.id]["readUpTo"], 2, "{setting}: {own}");
    }
}

#[tokio::test]
async fn who_hides_when_they_were_there_is_offline_and_sees_nobody() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    a.say(&conversation, "hello").await;
    b.expect_message(&conversation, 1).await;
    has_written(&conversation, &alice).await;
    let watch = |user: &User| json!({ "type": "presence.subscribe", "userIds": [user.id] });
    assert_eq!(a.ask(watch(&bob)).await["users"][0]["state"], "online");
    set(&bob, json!({ "lastSeen": "nobody" })).await;
    let hidden = json!([{ "userId": bob.id, "state": "offline" }]);
    assert_eq!(a.ask(watch(&bob)).await["users"], hidden);
    assert_eq!(b.ask(watch(&alice)).await["users"][0]["state"], "offline", "both ways");
    set(&bob, json!({})).await;
    // Who is blocked sees as little.
    bob.http("b").send(Method::PUT, &format!("/blocks/{}", encoded(&alice.id)), &Value::Null).await.ok();
    assert_eq!(a.ask(watch(&bob)).await["users"], hidden);
}

#[tokio::test]
async fn a_setting_that_is_none_is_named() {
    let alice = User::new("alice");
    let before = alice.http("a").get("/settings").await.ok();
    for (name, value) in [("lastSeen", json!("friends")), ("readReceipts", json!(5))] {
        let refused = alice.http("a").send(Method::PUT, "/settings", &json!({ name: value })).await;
        assert_eq!(refused.refused(400, "bad_request")["details"]["field"], name);
    }
    assert_eq!(alice.http("a").get("/settings").await.ok(), before);
}

#[tokio::test]
async fn typing_is_heard_by_frame_and_by_call() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let frame = |active: bool| json!({ "type": "typing", "conversationId": conversation, "active": active });
    // A stranger's typing is not told.
    a.send(frame(true)).await;
    b.say(&conversation, "hello").await;
    has_written(&conversation, &bob).await;
    assert_eq!(b.unread("typing"), Vec::<Value>::new());
    a.send(frame(true)).await;
    let heard = b.expect("typing").await;
    assert_eq!(heard, json!({ "type": "typing", "conversationId": conversation, "userId": alice.id, "active": true }));
    let body = json!({ "conversationId": conversation, "active": false });
    alice.http("a").post("/typing", &body).await.ok();
    assert_eq!(b.expect("typing").await["active"], false);
    // It is in no log, and no answer came.
    assert_eq!(alice.http("a").log(&conversation).await.len(), 1);
    a.round_trip().await;
    // Too much of it is refused, on the socket as by the call.
    let bucket = json!({
        "bk": { "S": format!("typing_per_device#{}#a", alice.id) },
        "fa": { "N": ((tidings_tests::now_ms() + 60_000) * 1000).to_string() },
    });
    dynamodb("PutItem", "LimitsTable", json!({ "Item": bucket })).await;
    let mut calls = 0;
    let refused = loop {
        let answer = alice.http("a").post("/typing", &body).await;
        if answer.status == 429 {
            break answer.refused(429, "rate_limited");
        }
        calls += 1;
        assert!(calls < 500, "never refused");
    };
    assert_eq!(refused["details"]["limit"], "typing_per_device");
    b.forget();
}

#[tokio::test]
async fn who_watches_is_told_of_coming_and_going() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    a.say(&conversation, "hello").await;
    has_written(&conversation, &alice).await;
    let watch = json!({ "type": "presence.subscribe", "userIds": [bob.id] });
    assert_eq!(a.ask(watch).await["users"][0]["state"], "offline", "bob was never here");
    let b = bob.connect("b").await;
    let told = a.expect("presence.update").await;
    assert_eq!(told["users"], json!([{ "userId": bob.id, "state": "online" }]));
    b.close().await;
    let told = a.expect("presence.update").await;
    assert_eq!((&told["users"][0]["userId"], &told["users"][0]["state"]), (&json!(bob.id), &json!("recently")));
}
