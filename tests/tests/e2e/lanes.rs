//! The three lanes: express from the sending function, durable from the stream, repair from the log.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_domain::{ids::Timestamp, log::Entry, stream::StreamRecord};
use tidings_record::to_stream;
use tidings_tests::{
    Device, User, calls, direct, dynamodb, entry, eventually, fresh, get_item, kinesis_put, member_key, message,
    now_ms, seed_conversation, seed_log, seed_members, seed_unreadable, seeded_payload, sender, take_failure,
};

/// A record of the stream, as a writer publishes it.
fn appended(entry: Entry, reached: &[Device<'_>]) -> Vec<u8> {
    let reached = reached.iter().copied().map(sender).collect();
    let conversation = entry.conversation.clone();
    to_stream(&StreamRecord::Appended { conversation, entries: vec![entry], reached }).unwrap()
}

/// Which functions have posted something with this in it to a socket, and with which status.
async fn posts(contains: &str) -> Vec<(String, u16)> {
    let calls = calls(contains).await;
    let posts = calls.into_iter().filter(|call| call.action == "PostToConnection");
    posts.map(|call| (call.app_id.unwrap_or_default(), call.status)).collect()
}

#[tokio::test]
async fn the_express_lane_serves_the_other_and_the_durable_lane_the_rest() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut phone, mut tablet) = (alice.connect("phone").await, alice.connect("tablet").await);
    let mut b = bob.connect("b").await;
    let id = fresh("c");
    phone.ask(message(&conversation, &id, "hello")).await;
    b.expect_message(&conversation, 1).await;
    b.send(json!({ "type": "message.ack", "conversationId": conversation, "upTo": 1 })).await;
    tablet.expect_message(&conversation, 1).await;
    tablet.expect("message.delivered").await;
    // Where the repair lane came in between, the durable lane has said it once more.
    let posts = posts(&id).await;
    assert_eq!(posts[0], ("tidings-send".to_owned(), 200), "{posts:?}");
    assert!(posts[1..].iter().all(|post| *post == ("tidings-fanout".to_owned(), 200)), "{posts:?}");
    assert_eq!(phone.unread("message.new"), Vec::<Value>::new());
}

#[tokio::test]
async fn more_sockets_than_the_express_lane_takes_are_all_served_by_the_durable_lane() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let mut sockets = Vec::new();
    for n in 0..17 {
        sockets.push(bob.connect(&format!("b{n}")).await);
    }
    let id = fresh("c");
    a.ask(message(&conversation, &id, "hello to many")).await;
    for socket in &mut sockets {
        socket.expect_message(&conversation, 1).await;
    }
    bob.http("b0").post("/acks", &json!({ "conversationId": conversation, "upTo": 1 })).await.ok();
    assert!(posts(&id).await.iter().all(|(function, _)| function == "tidings-fanout"));
}

#[tokio::test]
async fn what_the_stream_carries_reaches_live_sockets_that_were_not_reached() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut b1, mut b2) = (bob.connect("b1").await, bob.connect("b2").await);
    // As a writer leaves it whose express lane has served one of two devices.
    let record =
        |sequence, reached: &[Device<'_>]| appended(entry(&conversation, alice.device("a"), sequence), reached);
    kinesis_put(&conversation, &record(1, &[bob.device("b1")])).await;
    kinesis_put(&conversation, &record(2, &[])).await;
    b2.expect_message(&conversation, 1).await;
    b2.expect_message(&conversation, 2).await;
    b1.expect_message(&conversation, 2).await;
    assert_eq!(b1.unread("message.new"), Vec::<Value>::new(), "it had the first by express");
    // Repeats and an older record after a newer one do no harm, and move nothing back.
    kinesis_put(&conversation, &record(1, &[])).await;
    b2.expect_message(&conversation, 1).await;
    assert_eq!(bob.http("b").summary(&conversation).await["lastSequence"], 2);
}

#[tokio::test]
async fn what_has_expired_on_the_way_is_pushed_without_its_content() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut b = bob.connect("b").await;
    let mut late = entry(&conversation, alice.device("a"), 1);
    late.content.ttl_seconds = Some(1);
    late.ts = Timestamp(now_ms() - 2_000);
    kinesis_put(&conversation, &appended(late, &[])).await;
    let heard = b.expect_message(&conversation, 1).await;
    assert_eq!((&heard["expired"], &heard["payload"]), (&json!(true), &Value::Null), "{heard}");
}

#[tokio::test]
async fn what_was_appended_and_not_published_is_repaired() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut tablet = alice.connect("tablet").await;
    let mut b = bob.connect("b").await;
    // As a function leaves it that died after the put.
    seed_log(&conversation, alice.device("phone"), 1..=2).await;
    for sequence in [1, 2] {
        let heard = b.expect_message(&conversation, sequence).await;
        assert_eq!(heard["payload"].to_string(), seeded_payload(sequence));
        tablet.expect_message(&conversation, sequence).await;
    }
    assert_eq!(bob.http("b").summary(&conversation).await["lastSequence"], 2);
}

#[tokio::test]
async fn what_no_device_acknowledges_is_told_of_and_what_one_does_is_left_alone() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let (to_bob, to_carol) = (direct(&alice, &bob), direct(&alice, &carol));
    let (mut b, mut c) = (bob.connect("b").await, carol.connect("c").await);
    // Fanned out, and received by one of the two: all rows are there before the lane sees the entry.
    seed_conversation(&to_bob, alice.device("a"), &bob, 1).await;
    seed_members(&to_carol, alice.device("a"), &carol, 1).await;
    let not_received = json!({
        "Key": member_key(&to_carol, &carol),
        "UpdateExpression": "SET dl = :none",
        "ExpressionAttributeValues": { ":none": { "N": "0" } },
    });
    dynamodb("UpdateItem", "ConversationsTable", not_received).await;
    seed_log(&to_carol, alice.device("a"), 1..=1).await;
    // A post that was taken is no delivery: the client is told what it should have, and pulls.
    let told = c.expect("conversation.updated").await;
    assert_eq!((&told["conversationId"], &told["lastSequence"]), (&json!(to_carol), &json!(1)));
    // The repair lane works in order, so when it has come to the second it is done with the first.
    assert_eq!(b.unread("conversation.updated"), Vec::<Value>::new());
    assert_eq!(b.unread("message.new"), Vec::<Value>::new());
    let of_repair: Vec<_> =
        calls(&to_bob).await.into_iter().filter(|call| call.app_id.as_deref() == Some("tidings-repair")).collect();
    assert_eq!(of_repair.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), ["Query"]);
    assert!((of_repair[0].read_units - 0.5).abs() < f64::EPSILON, "one eventually consistent read: {of_repair:?}");
}

#[tokio::test]
async fn a_dead_socket_is_forgotten_and_its_device_gets_all_on_coming_back() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let endpoint = get_item("SessionsTable", alice.device("a").key()).await["ep"].clone();
    // As an instance of API Gateway leaves it that went down with its sockets.
    let device = bob.device("b");
    let mut row = device.key();
    for (name, value) in [
        ("conn", json!({ "S": "deadConnection=" })),
        ("ep", endpoint),
        ("ca", json!({ "N": now_ms().to_string() })),
        ("aa", json!({ "N": now_ms().to_string() })),
        ("exp", json!({ "N": (now_ms() / 1000 + 300).to_string() })),
    ] {
        row[name] = value;
    }
    dynamodb("PutItem", "SessionsTable", json!({ "Item": row })).await;
    let id = fresh("c");
    a.ask(message(&conversation, &id, "anybody there?")).await;
    assert_eq!(posts(&id).await[0], ("tidings-send".to_owned(), 410));
    assert_eq!(get_item("SessionsTable", device.key()).await, Value::Null, "the stale row is gone");
    let deletes = calls("deadConnection=").await;
    let delete = deletes.iter().find(|call| call.action == "DeleteItem").unwrap();
    assert!(delete.request_body.contains("conn = :conn"), "by compare and delete: {delete:?}");

    let http = bob.http("b");
    eventually("the list knows", || async { (http.summary(&conversation).await["lastSequence"] == 1).then_some(()) })
        .await;
    let (_b, drained) = bob.connect_with("b", json!({})).await;
    assert_eq!((&drained[1]["type"], &drained[1]["clientMsgId"]), (&json!("message.new"), &json!(id)));
}

#[tokio::test]
async fn an_expired_session_is_not_posted_to() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let _b = bob.connect("b").await;
    let past = json!({
        "Key": bob.device("b").key(),
        "UpdateExpression": "SET #exp = :exp",
        "ExpressionAttributeNames": { "#exp": "exp" },
        "ExpressionAttributeValues": { ":exp": { "N": (now_ms() / 1000 - 1).to_string() } },
    });
    dynamodb("UpdateItem", "SessionsTable", past).await;
    let id = fresh("c");
    a.ask(message(&conversation, &id, "too late")).await;
    eventually("the durable lane is through", || async {
        (bob.http("b").summary(&conversation).await["lastSequence"] == 1).then_some(())
    })
    .await;
    assert_eq!(posts(&id).await, [], "storage deletes late, readers look themselves");
}

#[tokio::test]
async fn poison_on_the_stream_is_put_away_and_holds_nobody_up() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut phone, mut tablet) = (alice.connect("phone").await, alice.connect("tablet").await);
    let mut later: Value = serde_json::from_slice(&appended(entry(&conversation, alice.device("a"), 1), &[])).unwrap();
    later["entry"]["v"] = json!(99);
    let poisons =
        [format!("no JSON: {}", fresh("poison")).into_bytes(), later.to_string().into_bytes(), vec![0xff, 0xfe]];
    let mut sequence_numbers = Vec::new();
    for poison in &poisons {
        sequence_numbers.push(kinesis_put(&conversation, poison).await);
    }
    phone.say(&conversation, "behind the poison").await;
    tablet.expect_message(&conversation, 1).await;
    for (poison, sequence_number) in poisons.iter().zip(sequence_numbers) {
        let put_away =
            take_failure("FanoutFailures", |failure| failure["sequenceNumber"] == json!(sequence_number)).await;
        assert_eq!((&put_away["consumer"], &put_away["data"]), (&json!("fanout"), &json!(STANDARD.encode(poison))));
        assert!(put_away["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{put_away}");
    }
}

#[tokio::test]
async fn poison_in_the_log_is_put_away_by_the_repair_lane() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let notes = alice.notes();
    seed_unreadable(&notes, alice.device("a")).await;
    // Behind it, in the same batch or the next, another conversation is repaired all the same.
    let mut b = bob.connect("b").await;
    seed_log(&direct(&alice, &bob), alice.device("a"), 1..=1).await;
    b.expect_message(&direct(&alice, &bob), 1).await;
    let put_away = take_failure("RepairFailures", |failure| {
        let data = failure["data"].as_str().and_then(|data| STANDARD.decode(data).ok()).unwrap_or_default();
        String::from_utf8_lossy(&data).contains(&notes)
    })
    .await;
    assert_eq!(put_away["consumer"], "repair");
    assert!(put_away["reason"].as_str().unwrap().contains("99"), "{put_away}");
}

#[tokio::test]
async fn a_conversation_that_keeps_failing_ends_in_the_failure_queue_and_others_go_on() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let (broken, sound) = (direct(&alice, &bob), direct(&alice, &carol));
    // A member row that no code of ours writes: moving it fails, however often it is tried.
    let mut row = member_key(&broken, &alice);
    row["ls"] = json!({ "S": "not a number" });
    dynamodb("PutItem", "ConversationsTable", json!({ "Item": row })).await;
    let mut tablet = alice.connect("tablet").await;
    let record = |conversation: &str| appended(entry(conversation, alice.device("a"), 1), &[]);
    // One partition key, so one lane: what fails stands before what does not.
    let failing = kinesis_put(&broken, &record(&broken)).await;
    kinesis_put(&broken, &record(&sound)).await;
    tablet.expect_message(&sound, 1).await;
    let number = |text: &Value| text.as_str().and_then(|text| text.parse::<u128>().ok());
    let failing: u128 = failing.parse().unwrap();
    let given_up = take_failure("FanoutFailures", |failure| {
        let info = &failure["KinesisBatchInfo"];
        let (first, last) = (number(&info["startSequenceNumber"]), number(&info["endSequenceNumber"]));
        first.zip(last).is_some_and(|(first, last)| (first..=last).contains(&failing))
    })
    .await;
    let context = &given_up["requestContext"];
    assert_eq!(context["condition"], "RetryAttemptsExhausted", "{given_up}");
    assert_eq!(context["approximateInvokeCount"], 6, "once and five times again");
}
