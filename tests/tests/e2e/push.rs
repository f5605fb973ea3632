//! Devices and pushes: who is told while they are away, of what, and when not.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tidings_sdk::protocol::devices::{DevicePlatform, DeviceRegistration};
use tidings_tests::{
    Opening, Stack, User, await_pushes, calls, direct, encoded, eventually, fresh, get_item, message, now_ms,
    push_endpoints, push_fault, pushes, queue_put, register_push, run_dev,
};
use web_push_native::{Auth, decrypt, p256::SecretKey};

/// Says something over HTTP, with what else is in the message.
async fn say(by: &User, conversation: &str, more: Value) -> Value {
    let mut body = message(conversation, &fresh("m"), "do not put this on a lock screen");
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    by.http("a").post("/messages", &body).await.ok()
}

/// A user with a phone that is pushed to by the token that is answered.
async fn with_phone(user: &User) -> String {
    let token = fresh("token");
    register_push(user, "phone", "apns", &token).await;
    token
}

/// Pushes are sent in the order in which they are due, so when another's has come, an earlier one would have.
async fn all_due_have_come(to: &User, token: &str) {
    let sentinel = User::new("sentinel");
    let already = pushes(token).await.len();
    say(&sentinel, &direct(&sentinel, to), json!({})).await;
    eventually("the push of a sentinel", || async {
        let found = pushes(token).await;
        (found.len() > already && found.iter().any(|push| push.to_string().contains(&sentinel.id))).then_some(())
    })
    .await;
}

async fn settings(user: &User, conversation: &str, body: Value) {
    let path = format!("/conversations/{}/settings", encoded(conversation));
    user.http("web").send(Method::PUT, &path, &body).await.ok();
}

#[tokio::test]
async fn who_is_away_gets_one_and_it_says_nothing_of_what_was_written() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let token = with_phone(&bob).await;
    let sent = say(&alice, &conversation, json!({})).await;
    let pushed = await_pushes(&token, 1).await;
    let (aps, headers) = (&pushed[0]["payload"]["aps"], &pushed[0]["headers"]);
    assert_eq!(
        (&aps["alert"]["title"], &aps["badge"], &aps["mutable-content"]),
        (&json!(alice.id), &json!(1), &json!(1))
    );
    let place = &pushed[0]["payload"]["tidings"];
    assert_eq!((&place["conversationId"], &place["messageId"]), (&json!(conversation), &sent["messageId"]));
    assert_eq!(place["sequence"], sent["sequence"].to_string());
    assert_eq!(headers["AWS.SNS.MOBILE.APNS.PRIORITY"], "10", "a conversation of two is urgent: {headers}");
    assert_eq!(headers["AWS.SNS.MOBILE.APNS.PUSH_TYPE"], "alert");
    let ttl: u64 = headers["AWS.SNS.MOBILE.APNS.TTL"].as_str().unwrap().parse().unwrap();
    assert!((600_000..=604_800).contains(&ttl), "{ttl}");
    assert!(!pushed[0].to_string().contains("lock screen"), "{}", pushed[0]);
    all_due_have_come(&bob, &token).await;
    assert_eq!(pushes(&token).await.len(), 2, "one, and the sentinel's");
    assert!(
        run_dev(&["push", "tail", "--once", &token])
            .unwrap()
            .contains(&format!("[1] {}: New message (high)", alice.id))
    );
}

#[tokio::test]
async fn an_acknowledgement_within_the_delay_cancels_and_who_is_there_is_never_queued() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let token = with_phone(&bob).await;
    let sent = say(&alice, &conversation, json!({})).await;
    let ack = json!({ "conversationId": conversation, "upTo": sent["sequence"] });
    bob.http("web").post("/acks", &ack).await.ok();
    all_due_have_come(&bob, &token).await;
    assert_eq!(pushes(&token).await.len(), 1, "the sentinel's alone");

    let (mut a, mut b) = (alice.connect("a").await, bob.connect("phone").await);
    let second = a.say(&conversation, "hey").await["sequence"].as_u64().unwrap();
    b.expect_message(&conversation, second).await;
    b.send(json!({ "type": "message.ack", "conversationId": conversation, "upTo": second })).await;
    a.expect("message.delivered").await;
    let queued = calls(&conversation).await.into_iter().filter(|call| call.action == "SendMessageBatch");
    assert_eq!(queued.count(), 1, "only of the first, when nobody was there");
}

#[tokio::test]
async fn who_is_connected_and_says_nothing_is_pushed_after_all() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let token = with_phone(&bob).await;
    let _silent = bob.connect("phone").await;
    say(&alice, &conversation, json!({})).await;
    await_pushes(&token, 1).await;
}

#[tokio::test]
async fn muted_wakes_at_most_once_and_a_mention_breaks_through() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let group = alice.http("a").make_group(&[&bob]).await;
    let token = with_phone(&bob).await;
    settings(&bob, &group, json!({ "mutedUntil": now_ms() + 3_600_000 })).await;
    say(&alice, &group, json!({})).await;
    let woken = await_pushes(&token, 1).await;
    assert_eq!(woken[0]["payload"], json!({ "aps": { "content-available": 1 } }));
    assert_eq!(woken[0]["headers"]["AWS.SNS.MOBILE.APNS.PUSH_TYPE"], "background");
    say(&alice, &group, json!({})).await;
    all_due_have_come(&bob, &token).await;
    assert_eq!(pushes(&token).await.len(), 2, "the second does not wake: the first was not twenty minutes ago");
    for (nth, mention) in [(3, json!({ "mentions": [bob.id] })), (4, json!({ "mentions": ["@all"] }))] {
        say(&alice, &group, mention).await;
        let pushed = await_pushes(&token, nth).await;
        let last = pushed.last().unwrap();
        assert_eq!(last["payload"]["aps"]["alert"]["loc-key"], "PUSH_MENTION");
        assert_eq!(last["payload"]["aps"]["alert"]["title"], "Crew");
        assert_eq!(last["headers"]["AWS.SNS.MOBILE.APNS.PRIORITY"], "10");
    }
    settings(&bob, &group, json!({ "mutedUntil": null })).await;
    say(&alice, &group, json!({})).await;
    let pushed = await_pushes(&token, 5).await;
    let last = pushed.last().unwrap();
    assert_eq!(last["headers"]["AWS.SNS.MOBILE.APNS.PRIORITY"], "5", "one of many in a group");
    assert_eq!(last["payload"]["aps"]["alert"]["loc-key"], "PUSH_MESSAGE");
}

#[tokio::test]
async fn nobody_is_disturbed_who_does_not_want_to_be() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (token, http) = (with_phone(&bob).await, bob.http("web"));
    assert_eq!(http.get("/settings").await.ok(), json!({}));
    // All of every day, on a clock that is ahead.
    let hours = json!({ "fromMinute": 60, "toMinute": 60, "days": [1, 2, 3, 4, 5, 6, 7], "utcOffsetMinutes": 330 });
    let body = json!({ "quietHours": hours });
    assert_eq!(http.send(Method::PUT, "/settings", &body).await.ok(), body);
    assert_eq!(http.get("/settings").await.ok(), body);
    say(&alice, &conversation, json!({ "mentions": [bob.id] })).await;
    let woken = await_pushes(&token, 1).await;
    assert!(woken[0]["payload"]["aps"]["alert"].is_null(), "{woken:?}");
    http.send(Method::PUT, "/settings", &json!({ "quietUntil": 1 })).await.ok();
    say(&alice, &conversation, json!({})).await;
    assert_eq!(await_pushes(&token, 2).await[1]["payload"]["aps"]["badge"], 2);
}

#[tokio::test]
async fn a_blocked_user_does_not_reach_the_lock_screen() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (token, http) = (with_phone(&bob).await, bob.http("web"));
    let path = format!("/blocks/{}", alice.id);
    for _ in 0..2 {
        http.send(Method::PUT, &path, &json!({})).await.ok();
    }
    let listed = http.get("/blocks").await.ok();
    assert_eq!((&listed["blocks"][0]["userId"], &listed["hasMore"]), (&json!(alice.id), &json!(false)), "{listed}");
    say(&alice, &conversation, json!({ "mentions": [bob.id] })).await;
    all_due_have_come(&bob, &token).await;
    assert_eq!(pushes(&token).await.len(), 1, "the sentinel's alone");
    http.send(Method::DELETE, &path, &Value::Null).await.ok();
    assert_eq!(http.get("/blocks").await.ok(), json!({ "blocks": [], "hasMore": false }));
    say(&alice, &conversation, json!({})).await;
    await_pushes(&token, 2).await;
    let refused = http.send(Method::PUT, &format!("/blocks/{}", bob.id), &json!({})).await.refused(400, "bad_request");
    assert_eq!(refused["details"]["field"], "userId");
}

#[tokio::test]
async fn the_badge_counts_all_that_is_unread_and_one_conversation_is_one_notification() {
    let (alice, carol, bob) = (User::new("alice"), User::new("carol"), User::new("bob"));
    let token = fresh("token");
    register_push(&bob, "phone", "fcm", &token).await;
    say(&alice, &direct(&alice, &bob), json!({})).await;
    await_pushes(&token, 1).await;
    say(&alice, &direct(&alice, &bob), json!({})).await;
    await_pushes(&token, 2).await;
    say(&carol, &direct(&carol, &bob), json!({})).await;
    // A push may come twice; what it says is the same then.
    let shown = |push: &Value| push["payload"]["fcmV1Message"]["message"]["android"].clone();
    let pushed = eventually("three that differ", || async {
        let mut pushed: Vec<Value> = pushes(&token).await.iter().map(shown).collect();
        pushed.dedup();
        (pushed.len() >= 3).then_some(pushed)
    })
    .await;
    let android = |n: usize| pushed[n].clone();
    let badges: Vec<Value> = (0..3).map(|n| android(n)["notification"]["notification_count"].clone()).collect();
    assert_eq!(badges, [json!(1), json!(2), json!(3)]);
    assert_eq!(android(0)["collapse_key"], android(1)["collapse_key"]);
    assert_eq!(android(0)["notification"]["tag"], android(1)["notification"]["tag"]);
    assert_ne!(android(1)["collapse_key"], android(2)["collapse_key"]);
    assert_eq!(android(2)["priority"], "high");
}

#[tokio::test]
async fn an_endpoint_that_the_service_has_disabled_is_removed() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let token = with_phone(&bob).await;
    assert_eq!(push_endpoints(&token).await.len(), 1);
    push_fault(&token, Some("disabled")).await;
    say(&alice, &conversation, json!({})).await;
    eventually("the endpoint is gone", || async { push_endpoints(&token).await.is_empty().then_some(()) }).await;
    eventually("the device has none", || async {
        let row = get_item("DevicesTable", bob.device("phone").key()).await;
        row["pe"].is_null().then_some(())
    })
    .await;
    register_push(&bob, "phone", "apns", &token).await;
    say(&alice, &conversation, json!({})).await;
    await_pushes(&token, 1).await;
}

#[tokio::test]
async fn a_token_rotates_and_moves_between_users() {
    let (alice, bob, eve) = (User::new("alice"), User::new("bob"), User::new("eve"));
    let first = with_phone(&bob).await;
    let endpoint = push_endpoints(&first).await.remove(0)["arn"].clone();
    let second = fresh("token");
    register_push(&bob, "phone", "apns", &second).await;
    assert_eq!(push_endpoints(&second).await[0]["arn"], endpoint, "the endpoint has another token");
    assert!(push_endpoints(&first).await.is_empty());
    // The phone is given away, and signed in to by another.
    register_push(&eve, "phone", "apns", &second).await;
    let now = push_endpoints(&second).await;
    assert!(now.len() == 1 && now[0]["arn"] != endpoint, "the old owner's endpoint is gone: {now:?}");
    say(&alice, &direct(&alice, &bob), json!({})).await;
    say(&alice, &direct(&alice, &eve), json!({})).await;
    let pushed = await_pushes(&second, 1).await;
    assert!(pushed.iter().all(|push| !push.to_string().contains(&bob.id)), "{pushed:?}");
    let devices = bob.http("phone").get("/devices").await.ok();
    let phone = devices["devices"].as_array().unwrap().iter().find(|device| device["deviceId"] == "phone").unwrap();
    assert!(phone["pushService"].is_null(), "{phone}");
}

#[tokio::test]
async fn after_an_outage_exactly_one_collapsed_notification_comes() {
    for fault in ["outage", "throttled"] {
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let conversation = direct(&alice, &bob);
        let token = with_phone(&bob).await;
        push_fault(&token, Some(fault)).await;
        for _ in 0..4 {
            say(&alice, &conversation, json!({})).await;
        }
        eventually("all of them were tried", || async {
            let key = json!({ "uid": { "S": format!("p#{}", bob.id) }, "dev": { "S": conversation } });
            (get_item("DevicesTable", key).await["q"]["N"] == "4").then_some(())
        })
        .await;
        // One try may be under way that has not seen the later ones: longer than it takes, with what the SDK tries again.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(pushes(&token).await.is_empty());
        push_fault(&token, None).await;
        let pushed = await_pushes(&token, 1).await;
        assert_eq!(pushed[0]["payload"]["aps"]["badge"], 4, "{fault}");
        assert_eq!(pushed[0]["payload"]["tidings"]["sequence"], "4", "the latest");
        all_due_have_come(&bob, &token).await;
        // Longer than the waits of those that were put off.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let about = pushes(&conversation).await;
        assert_eq!(about.len(), 1, "{fault}: {about:?}");
    }
}

#[tokio::test]
async fn what_was_given_up_can_be_sent_after_all() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let token = with_phone(&bob).await;
    let mut b = bob.connect("web").await;
    let sent = say(&alice, &conversation, json!({})).await;
    b.expect_message(&conversation, sent["sequence"].as_u64().unwrap()).await;
    let job = json!({ "v": 1, "cid": conversation, "user": bob.id, "seq": sent["sequence"] });
    let id = queue_put("NotifierFailures", &job).await;
    let listed = run_dev(&["dlq", "show", "notifier", "--id", &id]).unwrap();
    assert!(listed.contains(&conversation), "{listed}");
    let said = run_dev(&["dlq", "redrive", "notifier", "--id", &id]).unwrap();
    assert!(said.contains("1 record put on"), "{said}");
    await_pushes(&token, 1).await;
}

#[tokio::test]
async fn a_browser_is_sent_what_it_alone_can_read() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let http = bob.http("browser");
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let auth = [9; 16];
    let url = format!("{}/_tidings/web-push/{}", Stack::get().endpoint_url, fresh("subscription"));
    let public = URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_bytes());
    let subscription = |url: &str| {
        let keys = json!({ "p256dh": public, "auth": URL_SAFE_NO_PAD.encode(auth) });
        let push = json!({ "service": "webpush", "subscription": { "endpoint": url, "keys": keys } });
        json!({ "name": "Firefox", "platform": "web", "push": push })
    };
    for elsewhere in ["http://169.254.169.254/latest/meta-data", "https://push.example/1", "file:///etc/passwd"] {
        let refused = http.send(Method::PUT, "/devices/browser", &subscription(elsewhere)).await;
        assert_eq!(refused.refused(400, "bad_request")["details"]["field"], "push", "{elsewhere}");
    }
    http.send(Method::PUT, "/devices/browser", &subscription(&url)).await.ok();
    let key = http.get("/devices").await.ok()["webPushKey"].as_str().unwrap().to_owned();
    let sent = say(&alice, &direct(&alice, &bob), json!({})).await;
    let pushed = await_pushes(&url, 1).await.remove(0);
    let body = base64::engine::general_purpose::STANDARD.decode(pushed["body"].as_str().unwrap()).unwrap();
    let shown: Value = serde_json::from_slice(&decrypt(body, &secret, &Auth::from(auth)).unwrap()).unwrap();
    assert_eq!((&shown["title"], &shown["badge"]), (&json!(alice.id), &json!(1)));
    assert_eq!(shown["data"]["messageId"], sent["messageId"]);
    let headers = &pushed["headers"];
    assert_eq!((&headers["topic"], &headers["urgency"]), (&shown["tag"], &json!("high")));
    let authorization = headers["authorization"].as_str().unwrap();
    let (token, told) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(told, key, "by the key that the browser has subscribed with");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, URL_SAFE_NO_PAD.decode(key).unwrap());
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], Stack::get().endpoint_url);

    push_fault(&url, Some("gone")).await;
    say(&alice, &direct(&alice, &bob), json!({})).await;
    eventually("the subscription that ended is forgotten", || async {
        get_item("DevicesTable", bob.device("browser").key()).await["pe"].is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_revoked_device_is_out_at_once_and_stays_out() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let token = with_phone(&bob).await;
    let mut phone = bob.connect("phone").await;
    let mut web = bob.connect("web").await;
    let listed = bob.http("web").get("/devices").await.ok();
    let devices = listed["devices"].as_array().unwrap();
    let named = |name: &str| devices.iter().find(|device| device["deviceId"] == name).unwrap();
    assert_eq!(
        (&named("phone")["name"], &named("phone")["current"]),
        (&json!(format!("phone of {}", bob.id)), &json!(false))
    );
    assert_eq!((&named("phone")["pushService"], &named("web")["current"]), (&json!("apns"), &json!(true)));
    assert!(named("phone")["lastSeen"].as_u64().unwrap() > now_ms() - 60_000);

    bob.http("web").send(Method::DELETE, "/devices/phone", &Value::Null).await.ok();
    phone.closed().await;
    assert_eq!(Opening::with_token(bob.token(), "phone").open().await.err(), Some(403));
    bob.http("phone").get("/sync").await.refused(403, "forbidden");
    let again = json!({ "name": "Phone", "platform": "ios" });
    bob.http("web").send(Method::PUT, "/devices/phone", &again).await.refused(403, "forbidden");
    assert!(push_endpoints(&token).await.is_empty());
    bob.http("web").send(Method::DELETE, "/devices/phone", &Value::Null).await.ok();
    bob.http("web").send(Method::DELETE, "/devices/none", &Value::Null).await.refused(404, "not_found");
    alice.http("a").send(Method::DELETE, "/devices/web", &Value::Null).await.refused(404, "not_found");
    web.round_trip().await;
    let left = bob.http("web").get("/devices").await.ok();
    assert!(left["devices"].as_array().unwrap().iter().all(|device| device["deviceId"] != "phone"), "{left}");
}

#[tokio::test]
async fn what_cannot_be_registered_names_its_field() {
    let alice = User::new("alice");
    let http = alice.http("a");
    let with = |push: Value| json!({ "name": "A", "platform": "ios", "push": push });
    let keys = json!({ "p256dh": "x", "auth": "y" });
    let long = "n".repeat(65);
    for (body, field) in [
        (json!({ "platform": "ios" }), "name"),
        (json!({ "name": "", "platform": "ios" }), "name"),
        (json!({ "name": long, "platform": "ios" }), "name"),
        (json!({ "name": "a\u{7}", "platform": "ios" }), "name"),
        (json!({ "name": "A", "platform": "toaster" }), "platform"),
        (with(json!({ "service": "pigeon", "token": "t" })), "push.service"),
        (with(json!({ "service": "apns" })), "push.token"),
        (with(json!({ "service": "apns", "token": "" })), "push.token"),
        (with(json!({ "service": "apns", "token": "a b" })), "push.token"),
        (with(json!({ "service": "fcm", "token": "t".repeat(2049) })), "push.token"),
        (with(json!({ "service": "apns", "token": "bad-token" })), "push"),
        (with(json!({ "service": "webpush", "token": "t" })), "push.subscription"),
        (with(json!({ "service": "webpush", "subscription": { "endpoint": "https://x", "keys": keys } })), "push"),
        (
            with(json!({ "service": "apns", "token": "t", "subscription": { "endpoint": "x", "keys": keys } })),
            "push.subscription",
        ),
    ] {
        let refused = http.send(Method::PUT, "/devices/a", &body).await.refused(400, "bad_request");
        assert_eq!(refused["details"]["field"], field, "{body}");
    }
    http.send(Method::PUT, "/devices/a%20b", &json!({ "name": "A", "platform": "ios" }))
        .await
        .refused(400, "bad_request");
    let hours = |from: u32, days: Value, offset: i32| json!({ "quietHours": { "fromMinute": from, "toMinute": 0, "days": days, "utcOffsetMinutes": offset } });
    for (body, field) in [
        (hours(1440, json!([1]), 0), "quietHours.fromMinute"),
        (hours(0, json!([]), 0), "quietHours.days"),
        (hours(0, json!([8]), 0), "quietHours.days"),
        (hours(0, json!([1]), 841), "quietHours.utcOffsetMinutes"),
        (json!({ "quietUntil": 1_u64 << 53 }), "quietUntil"),
    ] {
        let refused = http.send(Method::PUT, "/settings", &body).await.refused(400, "bad_request");
        assert_eq!(refused["details"]["field"], field, "{body}");
    }
    assert_eq!(http.get("/settings").await.ok(), json!({}));
}

#[tokio::test]
async fn the_rust_client_registers_lists_and_revokes() {
    let alice = User::new("alice");
    let (client, _events) = alice.client("laptop").await;
    let http = client.http().unwrap();
    let registration = DeviceRegistration { name: "Laptop".into(), platform: DevicePlatform::Desktop, push: None };
    assert_eq!(http.register_device("laptop", &registration).await.unwrap().name.as_deref(), Some("Laptop"));
    http.register_device("old", &registration).await.unwrap();
    http.revoke_device("old").await.unwrap();
    let listed = http.devices().await.unwrap();
    let current: Vec<&str> = listed.devices.iter().filter(|d| d.current).map(|d| d.device_id.as_str()).collect();
    assert_eq!((current, listed.devices.len()), (vec!["laptop"], 1));
    http.block("mallory").await.unwrap();
    assert_eq!(http.blocks(None, None).await.unwrap().blocks[0].user_id, "mallory");
    http.unblock("mallory").await.unwrap();
    let quiet = tidings_sdk::protocol::devices::UserSettings { quiet_until: Some(9), ..Default::default() };
    assert_eq!(http.set_user_settings(&quiet).await.unwrap(), quiet);
    assert_eq!(http.user_settings().await.unwrap(), quiet);
}
