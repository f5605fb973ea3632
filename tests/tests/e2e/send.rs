//! A message, from one device to all others.

use serde_json::{Value, json};
use tidings_tests::{User, direct, eventually, frames, fresh, message, now_ms, png};

#[tokio::test]
async fn a_message_is_acknowledged_and_reaches_the_other() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let before_ms = now_ms();
    let mut frame = message(&conversation, "first", "hello");
    frame["id"] = json!("my-id");
    frame["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    a.send(frame).await;
    let sent = a.expect("message.sent").await;
    let ts = sent["ts"].as_u64().unwrap();
    assert!((before_ms..=now_ms()).contains(&ts), "{sent}");
    let message_id = sent["messageId"].clone();
    assert_eq!(
        sent,
        json!({
            "type": "message.sent",
            "replyTo": "my-id",
            "conversationId": conversation,
            "clientMsgId": "first",
            "messageId": message_id,
            "sequence": 1,
            "ts": ts,
            "duplicate": false,
        })
    );
    assert_eq!(
        b.expect("message.new").await,
        json!({
            "type": "message.new",
            "conversationId": conversation,
            "messageId": message_id,
            "sequence": 1,
            "senderUserId": alice.id,
            "senderDeviceId": "a",
            "clientMsgId": "first",
            "event": "message",
            "kind": "text",
            "payload": { "text": "hello" },
            "ts": ts,
            "clientTs": 1_700_000_000_000_u64,
        })
    );
    // Without an id there is no replyTo.
    a.send(message(&conversation, "second", "again")).await;
    let sent = a.expect("message.sent").await;
    assert_eq!((&sent["sequence"], &sent["replyTo"]), (&json!(2), &Value::Null));
}

#[tokio::test]
async fn every_optional_field_arrives_by_push_pull_and_history() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let root = a.say(&conversation, "root").await["messageId"].clone();
    let handle = alice.http("a").upload(&conversation, "image/png", &png(&conversation)).await;
    let optional = json!({
        "kind": "image",
        "mediaHandle": handle,
        "inReplyTo": root,
        "threadRoot": root,
        "mentions": [bob.id, alice.id],
        "ttlSeconds": 3600,
    });
    let mut frame = message(&conversation, "full", "look");
    for (name, value) in optional.as_object().unwrap() {
        frame[name] = value.clone();
    }
    frame["envelopes"] = json!({ "b": "Ym9i", "elsewhere": "eA==" });
    let sent = a.ask(frame).await;
    assert_eq!(sent["sequence"], 2, "{sent}");

    let pushed = b.expect_message(&conversation, 2).await;
    let page = b.ask(json!({ "type": "sync.pull", "conversationId": conversation, "since": 1 })).await;
    let pulled = page["messages"][0].clone();
    let read = bob.http("b").log(&conversation).await[1].clone();
    for (how, entry) in [("push", &pushed), ("pull", &pulled), ("history", &read)] {
        for (name, value) in optional.as_object().unwrap() {
            assert_eq!(&entry[name], value, "{name} by {how}");
        }
        assert_eq!(entry["envelope"], "Ym9i", "by {how}");
        assert_eq!(entry["envelopes"], Value::Null, "nobody sees another device's: {how}");
    }
}

#[tokio::test]
async fn a_payload_keeps_its_bytes() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    for (n, payload) in [
        r#"{"z":1.10,"a":12345678901234567890123,"a":[ 1,2 ,  3]}"#,
        r#""\u00e9é\ud83d\ude00 \" \\ \/""#,
        "null",
        "0",
        "-0.0",
        "[]",
        r#""""#,
    ]
    .into_iter()
    .enumerate()
    {
        let id = fresh("bytes");
        a.send_text(format!(
            r#"{{"type":"message.send","conversationId":"{conversation}","clientMsgId":"{id}","payload":{payload},"ts":1}}"#
        ))
        .await;
        let sequence = n as u64 + 1;
        b.expect_message(&conversation, sequence).await;
        let expected = format!(r#""payload":{payload}"#);
        let out = frames(&id).await;
        let pushed = out.iter().find(|f| f.direction == "out" && f.body.contains("message.new")).unwrap();
        assert!(pushed.body.contains(&expected), "{expected} in {}", pushed.body);
        let pull = json!({ "type": "sync.pull", "id": id, "conversationId": conversation, "since": sequence - 1 });
        b.ask(pull).await;
        let out = frames(&id).await;
        let pulled = out.iter().find(|f| f.body.contains("sync.page")).unwrap();
        assert!(pulled.body.contains(&expected), "{expected} in {}", pulled.body);
        let read = bob.http("b").messages(&conversation, &format!("since={}", sequence - 1)).await;
        assert!(read.text.contains(&expected), "{expected} in {}", read.text);
    }
}

#[tokio::test]
async fn the_senders_other_devices_hear_it_and_its_own_does_not() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut phone, mut tablet) = (alice.connect("phone").await, alice.connect("tablet").await);
    let (mut b1, mut b2) = (bob.connect("b1").await, bob.connect("b2").await);
    phone.say(&conversation, "to all").await;
    let mut seen = Vec::new();
    for socket in [&mut tablet, &mut b1, &mut b2] {
        seen.push(socket.expect_message(&conversation, 1).await);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    // The receipt travels the durable lane after the entry: an echo would have come before it.
    b1.send(json!({ "type": "message.ack", "conversationId": conversation, "upTo": 1 })).await;
    phone.expect("message.delivered").await;
    assert_eq!(phone.unread("message.new"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_envelope_goes_to_its_own_device_alone() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a1, mut a2) = (alice.connect("a1").await, alice.connect("a2").await);
    let (mut b1, mut b2, mut b3) = (bob.connect("b1").await, bob.connect("b2").await, bob.connect("b3").await);
    let mut frame = message(&conversation, "sealed", "-");
    frame["envelopes"] = json!({ "b1": "b25l", "b2": "dHdv", "a2": "bXk=" });
    a1.ask(frame).await;
    for (socket, envelope) in
        [(&mut b1, json!("b25l")), (&mut b2, json!("dHdv")), (&mut b3, Value::Null), (&mut a2, json!("bXk="))]
    {
        assert_eq!(socket.expect_message(&conversation, 1).await["envelope"], envelope);
    }
    assert_eq!(bob.http("b2").log(&conversation).await[0]["envelope"], "dHdv");
    assert_eq!(bob.http("b4").log(&conversation).await[0]["envelope"], Value::Null);
    let (_later, drained) = bob.connect_with("b1", json!({ "cursors": { conversation: 0 } })).await;
    assert_eq!(drained[1]["envelope"], "b25l", "{drained:?}");
}

#[tokio::test]
async fn notes_to_oneself_are_a_conversation() {
    let alice = User::new("alice");
    let conversation = alice.notes();
    let (mut phone, mut tablet) = (alice.connect("phone").await, alice.connect("tablet").await);
    phone.say(&conversation, "milk").await;
    assert_eq!(tablet.expect_message(&conversation, 1).await["payload"]["text"], "milk");
    tablet.say(&conversation, "bread").await;
    phone.expect_message(&conversation, 2).await;
    let summary = eventually("the list", || async {
        let summary = alice.http("web").summary(&conversation).await;
        (summary["lastSequence"] == 2).then_some(summary)
    })
    .await;
    assert_eq!(summary["unread"], 0, "one's own messages are read: {summary}");
}

#[tokio::test]
async fn a_payload_may_take_24_kib_and_no_more() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let payload_of = |bytes: usize| json!("x".repeat(bytes - 2));
    let mut frame = message(&conversation, "large", "");
    frame["payload"] = payload_of(24 * 1024);
    let sent = a.ask(frame.clone()).await;
    assert_eq!(sent["sequence"], 1, "{sent}");
    assert_eq!(b.expect_message(&conversation, 1).await["payload"], payload_of(24 * 1024));

    frame["payload"] = payload_of(24 * 1024 + 1);
    frame["clientMsgId"] = json!("larger");
    let error = a.ask(frame.clone()).await;
    assert_eq!((&error["code"], &error["details"]["field"]), (&json!("too_large"), &json!("payload")), "{error}");
    assert_eq!(error["clientMsgId"], "larger");
    frame.as_object_mut().unwrap().remove("type");
    alice.http("a").post("/messages", &frame).await.refused(413, "too_large");
    assert_eq!(alice.http("a").log(&conversation).await.len(), 1);
}

#[tokio::test]
async fn the_fullest_message_fits_a_frame_or_is_refused() {
    let unique = fresh("");
    let long = |name: &str| User::called(format!("{name}{unique}{}", "x".repeat(63 - unique.len())));
    let (alice, bob) = (long("a"), long("b"));
    let conversation = direct(&alice, &bob);
    let (a_device, b_device) = ("a".repeat(64), "b".repeat(64));
    let (mut a, mut b) = (alice.connect(&a_device).await, bob.connect(&b_device).await);
    let handle = alice.http("a").upload(&conversation, "image/png", &png(&conversation)).await;
    let root = a.say(&conversation, "root").await["messageId"].clone();
    let mut last = 1;
    let (mut taken, mut refused) = (0, 0);
    for (n, envelope) in (5_000..=8_192).step_by(256).enumerate() {
        for character in ["é", "\u{1f469}"] {
            // Names count characters, and some characters take four bytes, or six when they are written.
            let mut frame = message(&conversation, &format!("{n:03}{}", character.repeat(61)), "");
            for (name, value) in [
                ("payload", json!("x".repeat(24 * 1024 - 2))),
                ("envelopes", json!({ b_device.as_str(): "A".repeat(envelope / 4 * 4) })),
                ("mediaHandle", json!(handle)),
                ("inReplyTo", root.clone()),
                ("threadRoot", root.clone()),
                ("ttlSeconds", json!(31_536_000)),
                ("kind", json!("system")),
            ] {
                frame[name] = value;
            }
            if frame.to_string().len() > 32 * 1024 {
                continue;
            }
            let answer = a.ask(frame).await;
            if answer["type"] == "error" {
                assert_eq!(answer["code"], "too_large", "{answer}");
                refused += 1;
                continue;
            }
            taken += 1;
            last += 1;
            // The sockets of these tests take no frame of more than 32 KiB.
            b.expect_message(&conversation, last).await;
            let pull = json!({
                "type": "sync.pull",
                "id": "\u{1}".repeat(64),
                "conversationId": conversation,
                "since": last - 1,
                "limit": 1,
            });
            b.send(pull).await;
            assert_eq!(b.expect("sync.page").await["messages"][0]["sequence"], last);
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[tokio::test]
async fn every_kind_is_carried_and_names_have_a_form() {
    let alice = User::new("alice");
    let conversation = alice.notes();
    let mut socket = alice.connect("a").await;
    let kinds = ["text", "image", "audio", "video", "doc", "poll", "system", "sticker.v2"];
    for kind in kinds {
        let mut frame = message(&conversation, kind, kind);
        frame["kind"] = json!(kind);
        assert_eq!(socket.ask(frame).await["type"], "message.sent");
    }
    for kind in [json!("Text"), json!("a poem"), json!(""), json!("x".repeat(33)), json!(1)] {
        let mut frame = message(&conversation, "bad", "bad");
        frame["kind"] = kind.clone();
        let error = socket.ask(frame).await;
        assert_eq!((&error["code"], &error["details"]["field"]), (&json!("bad_request"), &json!("kind")), "{kind}");
    }
    let log = alice.http("a").log(&conversation).await;
    assert_eq!(log.iter().map(|entry| entry["kind"].as_str().unwrap()).collect::<Vec<_>>(), kinds);
}

#[tokio::test]
async fn an_expiring_message_loses_its_content_on_the_second() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let mut frame = message(&conversation, "brief", "burn this");
    frame["ttlSeconds"] = json!(1);
    frame["mentions"] = json!([bob.id]);
    frame["mediaHandle"] = json!(alice.http("a").upload(&conversation, "image/png", &png(&conversation)).await);
    frame["envelopes"] = json!({ "b": "Ym9i" });
    let sent = a.ask(frame).await;
    a.say(&conversation, "this stays").await;
    let expires_ms = sent["ts"].as_u64().unwrap() + 1000;

    let mut b = bob.connect("b").await;
    let http = bob.http("b");
    let mut gone = false;
    while !gone {
        let before_ms = now_ms();
        let page = b.ask(json!({ "type": "sync.pull", "conversationId": conversation, "since": 0 })).await;
        let pulled = page["messages"][0].clone();
        let between_ms = now_ms();
        let read = http.log(&conversation).await[0].clone();
        for (from_ms, until_ms, entry) in [(before_ms, between_ms, pulled), (between_ms, now_ms(), read)] {
            let is_gone = entry["expired"] == true;
            assert!(!is_gone || until_ms >= expires_ms, "too early: {entry}");
            assert!(is_gone || from_ms < expires_ms, "too late: {entry}");
            let content: Vec<&Value> =
                ["payload", "mediaHandle", "mentions", "envelope"].iter().map(|name| &entry[name]).collect();
            assert!(content.iter().all(|value| value.is_null() == is_gone), "{entry}");
            assert_eq!(entry["sequence"], 1, "its place stays");
            gone = is_gone;
        }
    }
    let (_again, drained) = bob.connect_with("b2", json!({ "cursors": { conversation: 0 } })).await;
    assert_eq!((&drained[1]["expired"], &drained[1]["payload"]), (&json!(true), &Value::Null), "{drained:?}");
    assert_eq!(drained[2]["payload"]["text"], "this stays");
}

#[tokio::test]
async fn content_of_another_epoch_is_refused() {
    let alice = User::new("alice");
    let conversation = alice.notes();
    let mut socket = alice.connect("a").await;
    let mut frame = message(&conversation, "sealed", "-");
    frame["epoch"] = json!(3);
    let error = socket.ask(frame.clone()).await;
    assert_eq!(error["code"], "stale_epoch", "{error}");
    assert_eq!(error["details"], json!({ "field": "epoch", "epoch": 0 }));
    assert_eq!(error["clientMsgId"], "sealed");
    let mut body = frame.clone();
    body.as_object_mut().unwrap().remove("type");
    alice.http("a").post("/messages", &body).await.refused(409, "stale_epoch");
    frame["epoch"] = json!(0);
    let sent = socket.ask(frame).await;
    assert_eq!((&sent["type"], &sent["sequence"]), (&json!("message.sent"), &json!(1)), "nothing was taken before");
}

#[tokio::test]
async fn a_socket_without_a_hello_may_send() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut b = bob.connect("b").await;
    alice.open("a").await.say(&direct(&alice, &bob), "in a hurry").await;
    b.expect_message(&direct(&alice, &bob), 1).await;
}
