//! Promise 5: marks only rise, and read implies delivered.

use serde_json::{Value, json};
use tidings_tests::{User, direct};

fn ack(conversation: &str, up_to: u64) -> Value {
    json!({ "type": "message.ack", "conversationId": conversation, "upTo": up_to })
}

fn read(conversation: &str, up_to: u64) -> Value {
    json!({ "type": "message.read", "conversationId": conversation, "upTo": up_to })
}

#[tokio::test]
async fn an_ack_and_a_read_reach_the_sender_as_one_frame_each() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let sent = a.say(&conversation, "hello").await;
    b.expect_message(&conversation, 1).await;

    b.send(ack(&conversation, 1)).await;
    let delivered = a.expect("message.delivered").await;
    assert!(delivered["ts"].as_u64() >= sent["ts"].as_u64());
    assert_eq!(
        delivered,
        json!({
            "type": "message.delivered",
            "conversationId": conversation,
            "userId": bob.id,
            "upTo": 1,
            "messageId": sent["messageId"],
            "ts": delivered["ts"],
        })
    );
    b.send(read(&conversation, 1)).await;
    let read = a.expect("message.read").await;
    assert_eq!((&read["userId"], &read["upTo"]), (&json!(bob.id), &json!(1)));
    assert_eq!((&read["messageId"], &read["conversationId"]), (&sent["messageId"], &json!(conversation)));
}

#[tokio::test]
async fn marks_only_rise_and_what_does_not_rise_tells_nobody() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let mut ids = Vec::new();
    for n in 1..=6 {
        ids.push(a.say(&conversation, &n.to_string()).await["messageId"].as_str().unwrap().to_owned());
    }
    let b = bob.http("b");
    let acks = [("/acks", 3), ("/acks", 2), ("/acks", 3), ("/reads", 4), ("/acks", 4), ("/reads", 1), ("/acks", 6)];
    for (path, up_to) in acks {
        let answer = b.post(path, &json!({ "conversationId": conversation, "upTo": up_to })).await;
        assert_eq!((answer.status, &answer.body), (204, &Value::Null), "{path} {up_to}");
    }
    // The records of one conversation keep their order, so the last tells that all have come.
    let mut told = Vec::new();
    loop {
        let frame = a.expect_where("a receipt", |f| f["type"] != "message.new").await;
        told.push((frame["type"].as_str().unwrap().to_owned(), frame["upTo"].as_u64().unwrap()));
        if frame["upTo"] == 6 {
            break;
        }
    }
    let expected = [("message.delivered", 3), ("message.read", 4), ("message.delivered", 6)];
    assert_eq!(told, expected.map(|(kind, up_to)| (kind.to_owned(), up_to)));

    for (n, id) in ids.iter().enumerate() {
        let expected = if n < 4 { "read" } else { "delivered" };
        let report = alice.http("a").receipts(&conversation, id).await.ok();
        assert_eq!(report["statusByUser"], json!({ bob.id.as_str(): expected }), "message {}", n + 1);
        assert_eq!(report["marksByUser"][&bob.id], json!({ "deliveredUpTo": 6, "readUpTo": 4 }));
    }
}

#[tokio::test]
async fn a_read_implies_delivered_without_a_frame_of_its_own() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let mut b = bob.connect("b").await;
    for text in ["1", "2", "3"] {
        a.say(&conversation, text).await;
    }
    b.expect_message(&conversation, 3).await;
    b.send(read(&conversation, 2)).await;
    assert_eq!(a.expect("message.read").await["upTo"], 2);
    assert_eq!(bob.http("b").summary(&conversation).await["deliveredUpTo"], 2);
    b.send(ack(&conversation, 3)).await;
    assert_eq!(a.expect("message.delivered").await["upTo"], 3);
    assert_eq!(a.unread("message.delivered"), Vec::<Value>::new());
}

#[tokio::test]
async fn the_status_of_a_message_goes_from_sent_to_delivered_to_read() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let id = a.say(&conversation, "hello").await["messageId"].as_str().unwrap().to_owned();
    let (alice_http, bob_http) = (alice.http("a"), bob.http("b"));
    let status = || async {
        let report = alice_http.receipts(&conversation, &id).await.ok();
        let by_reader = bob_http.receipts(&conversation, &id).await.ok();
        assert_eq!(report, by_reader, "all members see the same");
        report["statusByUser"].clone()
    };
    assert_eq!(status().await, json!({ bob.id.as_str(): "sent" }));
    let mark = json!({ "conversationId": conversation, "upTo": 1 });
    bob_http.post("/acks", &mark).await.ok();
    assert_eq!(status().await, json!({ bob.id.as_str(): "delivered" }));
    bob_http.post("/reads", &mark).await.ok();
    assert_eq!(status().await, json!({ bob.id.as_str(): "read" }));
}

#[tokio::test]
async fn a_message_can_be_read_by_its_name() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(a.say(&conversation, &n.to_string()).await["messageId"].clone());
    }
    b.send(json!({ "type": "message.read", "conversationId": conversation, "messageId": ids[1] })).await;
    let receipt = a.expect("message.read").await;
    assert_eq!((&receipt["upTo"], &receipt["messageId"]), (&json!(2), &ids[1]));
    bob.http("b").post("/reads", &json!({ "conversationId": conversation, "messageId": ids[10] })).await.ok();
    assert_eq!(a.expect("message.read").await["upTo"], 11);

    let nobody = "m:00000000-0000-5000-8000-000000000000";
    let error = b.ask(json!({ "type": "message.read", "conversationId": conversation, "messageId": nobody })).await;
    assert_eq!((&error["code"], &error["details"]["field"]), (&json!("not_found"), &json!("messageId")));
}

#[tokio::test]
async fn nobody_has_received_what_was_not_sent() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut b = bob.connect("b").await;
    alice.connect("a").await.say(&conversation, "only one").await;
    for frame in [ack(&conversation, 2), read(&conversation, 2), ack(&bob.notes(), 1)] {
        let error = b.ask(frame.clone()).await;
        assert_eq!(error["code"], "bad_request", "{frame} {error}");
        assert_eq!(error["details"]["field"], "upTo");
        assert!(error["message"].as_str().unwrap().contains("upTo"), "{error}");
    }
    let beyond = json!({ "conversationId": conversation, "upTo": 2 });
    bob.http("b").post("/acks", &beyond).await.refused(400, "bad_request");
    bob.http("b").post("/reads", &beyond).await.refused(400, "bad_request");
    let id = bob.http("b").log(&conversation).await[0]["messageId"].as_str().unwrap().to_owned();
    let report = bob.http("b").receipts(&conversation, &id).await.ok();
    assert_eq!(report["statusByUser"][&bob.id], "sent", "nothing has changed");
}

#[tokio::test]
async fn the_readers_other_devices_learn_what_was_read_and_not_what_was_delivered() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut b1, mut b2) = (bob.connect("b1").await, bob.connect("b2").await);
    alice.connect("a").await.say(&conversation, "hello").await;
    b1.expect_message(&conversation, 1).await;
    bob.http("b1").post("/acks", &json!({ "conversationId": conversation, "upTo": 1 })).await.ok();
    b1.send(read(&conversation, 1)).await;
    let receipt = b2.expect("message.read").await;
    assert_eq!((&receipt["userId"], &receipt["upTo"]), (&json!(bob.id), &json!(1)));
    assert_eq!(b2.unread("message.delivered"), Vec::<Value>::new());
}
