//! Settings of conversations: mute, pin, archive and the life of messages, on several devices.

use reqwest::Method;
use serde_json::{Value, json};
use tidings_sdk::{Event, protocol::http::SettingsUpdate};
use tidings_tests::{Answer, User, direct, encoded, eventually, message, now_ms};

async fn set(user: &User, conversation: &str, settings: &Value) -> Answer {
    let path = format!("/conversations/{}/settings", encoded(conversation));
    user.http("settings").send(Method::PUT, &path, settings).await
}

#[tokio::test]
async fn what_one_device_sets_the_others_hear_and_read() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut phone, mut web, mut b) =
        (alice.connect("phone").await, alice.connect("web").await, bob.connect("b").await);
    let until = now_ms() + 3_600_000;
    let body = json!({ "mutedUntil": until, "pinned": true, "archived": true });
    let answer = set(&alice, &conversation, &body).await.ok();
    let expected = json!({ "conversationId": conversation, "mutedUntil": until, "pinned": true, "archived": true });
    assert_eq!(answer, expected);
    for socket in [&mut phone, &mut web] {
        let mut frame = socket.expect("conversation.settings").await;
        frame.as_object_mut().unwrap().remove("type");
        assert_eq!(frame, expected);
    }
    let listed = alice.http("web").summary(&conversation).await;
    assert_eq!((&listed["muted"], &listed["mutedUntil"]), (&json!(true), &json!(until)), "{listed}");
    assert_eq!((&listed["pinned"], &listed["archived"]), (&json!(true), &json!(true)));
    assert_eq!(bob.http("b").summary(&conversation).await, Value::Null);

    let answer = set(&alice, &conversation, &json!({ "mutedUntil": null, "archived": false })).await.ok();
    assert_eq!(answer, json!({ "conversationId": conversation, "pinned": true, "archived": false }));
    let listed = alice.http("web").summary(&conversation).await;
    assert_eq!(
        (&listed["muted"], &listed["mutedUntil"], &listed["pinned"]),
        (&json!(false), &Value::Null, &json!(true))
    );
    b.round_trip().await;
    assert_eq!(b.unread("conversation.settings"), Vec::<Value>::new(), "it is alice's alone");
}

#[tokio::test]
async fn the_list_tells_what_is_unread_and_who_is_meant_and_reading_shows_at_once() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let http = alice.http("a");
    for (id, mentions) in [("1", json!([])), ("2", json!([bob.id])), ("3", json!([alice.id, bob.id]))] {
        let mut message = message(&conversation, id, "hey");
        message["mentions"] = mentions;
        http.post("/messages", &message).await.ok();
    }
    let bobs = bob.http("phone");
    let listed = eventually("the list knows", || async {
        let listed = bobs.summary(&conversation).await;
        (listed["lastSequence"] == 3).then_some(listed)
    })
    .await;
    assert_eq!((&listed["unread"], &listed["mentions"]), (&json!(3), &json!(2)), "{listed}");
    let last = &listed["lastMessage"];
    assert_eq!((&last["sequence"], &last["senderUserId"]), (&json!(3), &json!(alice.id)));
    assert_eq!((&last["kind"], &last["event"], &last["payload"]), (&json!("text"), &json!("message"), &Value::Null));
    bob.http("web").post("/reads", &json!({ "conversationId": conversation, "upTo": 2 })).await.ok();
    let listed = bobs.summary(&conversation).await;
    assert_eq!((&listed["unread"], &listed["mentions"]), (&json!(1), &json!(1)), "read on another device");
}

#[tokio::test]
async fn the_life_of_messages_is_everybodys_and_the_admins_in_a_group() {
    let (alice, bob, eve) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let group = alice.http("a").make_group(&[&bob]).await;
    let refused = set(&bob, &group, &json!({ "ttlSeconds": 60, "pinned": true })).await.refused(403, "forbidden");
    assert_eq!(refused["details"]["rule"], "only_admins_configure");
    set(&eve, &group, &json!({ "pinned": true })).await.refused(403, "not_a_member");
    set(&eve, &direct(&alice, &bob), &json!({ "ttlSeconds": 60 })).await.refused(403, "not_a_member");
    assert_eq!(set(&alice, &group, &json!({ "ttlSeconds": 60 })).await.ok()["ttlSeconds"], 60);
    assert_eq!(
        set(&bob, &group, &json!({})).await.ok(),
        json!({ "conversationId": group, "pinned": false,
        "archived": false, "ttlSeconds": 60 })
    );

    let conversation = direct(&alice, &bob);
    let mut b = bob.connect("b").await;
    b.say(&conversation, "lives for ever").await;
    assert_eq!(set(&alice, &conversation, &json!({ "ttlSeconds": 1 })).await.ok()["ttlSeconds"], 1);
    let heard = b.expect("conversation.settings").await;
    assert_eq!((&heard["conversationId"], &heard["ttlSeconds"]), (&json!(conversation), &json!(1)));
    assert_eq!(bob.http("b").summary(&conversation).await["ttlSeconds"], 1);
    b.say(&conversation, "lives for a second").await;
    eventually("it has expired", || async {
        let log = alice.http("a").log(&conversation).await;
        (log[1]["expired"] == true && log[0]["payload"]["text"] == "lives for ever").then_some(())
    })
    .await;
    set(&bob, &conversation, &json!({ "ttlSeconds": null })).await.ok();
    assert_eq!(alice.http("a").summary(&conversation).await["ttlSeconds"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_set_names_its_field() {
    let alice = User::new("alice");
    for (body, field) in [
        (json!({ "ttlSeconds": 0 }), "ttlSeconds"),
        (json!({ "ttlSeconds": 365 * 24 * 3600 + 1 }), "ttlSeconds"),
        (json!({ "mutedUntil": -1 }), "mutedUntil"),
        (json!({ "mutedUntil": 1_u64 << 53 }), "mutedUntil"),
        (json!({ "pinned": "yes" }), "pinned"),
        (json!({ "archived": 1 }), "archived"),
    ] {
        let error = set(&alice, &alice.notes(), &body).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{body}");
    }
    let path = "/conversations/nobody/settings";
    alice.http("a").send(Method::PUT, path, &json!({})).await.refused(400, "bad_request");
    assert_eq!(alice.http("a").summary(&alice.notes()).await, Value::Null);
}

#[tokio::test]
async fn the_rust_client_sets_and_hears() {
    let alice = User::new("alice");
    let (phone, _phones) = alice.client("phone").await;
    let (_web, mut webs) = alice.client("web").await;
    let update = SettingsUpdate { pinned: Some(Some(true)), ..SettingsUpdate::default() };
    let set = phone.http().unwrap().set_settings(&alice.notes(), &update).await.unwrap();
    assert!(set.pinned);
    loop {
        if let Event::Settings(heard) = webs.next().await.unwrap() {
            assert_eq!(heard, set);
            return;
        }
    }
}
