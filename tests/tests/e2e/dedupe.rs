//! Promise 2: one message of a device is one entry, however often and however concurrently it is
//! sent.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings_tests::{User, direct, eventually, get_item, member_key, message, seed_log};

fn identity(sent: &Value) -> (String, u64) {
    assert_eq!(sent["clientMsgId"].as_str().map(str::is_empty), Some(false), "{sent}");
    (sent["messageId"].as_str().unwrap().to_owned(), sent["sequence"].as_u64().unwrap())
}

fn body(conversation: &str, id: &str, text: &str) -> Value {
    let mut body = message(conversation, id, text);
    body.as_object_mut().unwrap().remove("type");
    body
}

#[tokio::test]
async fn the_same_message_again_is_the_same_entry() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut a = alice.connect("a").await;
    let first = a.ask(message(&conversation, "once", "the first words")).await;
    assert_eq!(first["duplicate"], false);
    let again = a.ask(message(&conversation, "once", "other words")).await;
    let by_http = alice.http("a").post("/messages", &body(&conversation, "once", "and others")).await.ok();
    for sent in [&again, &by_http] {
        assert_eq!(identity(sent), identity(&first));
        assert_eq!((&sent["duplicate"], &sent["ts"]), (&json!(true), &first["ts"]));
    }
    let log = bob.http("b").log(&conversation).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["payload"]["text"], "the first words");
}

#[tokio::test]
async fn twenty_at_once_are_one_entry() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    // Sockets that have not said hello do not replace each other.
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(alice.open("a").await);
    }
    let http = alice.http("a");
    let over_sockets = join_all(sockets.iter_mut().map(|socket| socket.ask(message(&conversation, "once", "x"))));
    let over_http = join_all((0..10).map(|_| {
        let http = &http;
        let body = body(&conversation, "once", "x");
        async move { http.post("/messages", &body).await.ok() }
    }));
    let (one, other) = futures_util::future::join(over_sockets, over_http).await;
    let all: Vec<Value> = one.into_iter().chain(other).collect();
    assert!(all.iter().all(|sent| sent["type"] == "message.sent"), "{all:?}");
    assert_eq!(all.iter().map(identity).collect::<BTreeSet<_>>().len(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|sent| sent["duplicate"] == false).count(), 1, "{all:?}");
    assert_eq!(bob.http("b").log(&conversation).await.len(), 1);
}

/// Waits until the durable lane has seen everything up to a sequence.
async fn fanned_out(conversation: &str, user: &User, up_to: u64) -> Value {
    let key = member_key(conversation, user);
    eventually("the member row has moved", || async {
        let row = get_item("ConversationsTable", key.clone()).await;
        let last = row["ls"]["N"].as_str().map_or(0, |n| n.parse::<u64>().unwrap());
        (last >= up_to).then_some(row)
    })
    .await
}

#[tokio::test]
async fn an_unmarked_resend_is_known_behind_the_tail() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let first = a.ask(message(&conversation, "once", "x")).await;
    for n in 0..12 {
        b.say(&conversation, &format!("between {n}")).await;
    }
    fanned_out(&conversation, &alice, 13).await;
    let again = a.ask(message(&conversation, "once", "x")).await;
    assert_eq!((identity(&again), &again["duplicate"]), (identity(&first), &json!(true)));
    assert_eq!(b.say(&conversation, "next").await["sequence"], 14);
}

#[tokio::test]
async fn unmarked_resends_are_known_among_the_last_64_of_the_device() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let mut sent = Vec::new();
    for n in 0..100 {
        sent.push(a.ask(message(&conversation, &format!("n{n}"), "x")).await);
        if n % 10 == 9 {
            b.say(&conversation, "in between").await;
        }
    }
    let row = fanned_out(&conversation, &alice, 110).await;
    let ring = row["r#a"]["BS"].as_array().unwrap().len();
    assert!((64..=80).contains(&ring), "the ring is bounded: {ring}");
    for (n, earlier) in sent.iter().enumerate().skip(36) {
        let again = a.ask(message(&conversation, &format!("n{n}"), "x")).await;
        assert_eq!((identity(&again), &again["duplicate"]), (identity(earlier), &json!(true)), "n{n}");
    }
    assert_eq!(a.say(&conversation, "next").await["sequence"], 111);
}

#[tokio::test]
async fn a_marked_resend_is_known_for_ever() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    // 260 entries that no ring remembers: the first is the device's own.
    seed_log(&conversation, alice.device("a"), 1..=1).await;
    seed_log(&conversation, bob.device("b"), 2..=260).await;
    let mut a = alice.connect("a").await;
    let mut frame = message(&conversation, "seed-1", "x");
    frame["attempt"] = json!(2);
    frame["baseSequence"] = json!(0);
    let again = a.ask(frame.clone()).await;
    assert_eq!((&again["sequence"], &again["duplicate"]), (&json!(1), &json!(true)), "{again}");
    frame["attempt"] = json!(9);
    let again = alice.http("a").post("/messages", &frame).await.ok();
    assert_eq!((&again["sequence"], &again["duplicate"]), (&json!(1), &json!(true)), "{again}");

    // One that was never accepted is appended, wherever its first attempt stood.
    let mut lost = message(&conversation, "lost", "x");
    lost["attempt"] = json!(2);
    lost["baseSequence"] = json!(5);
    let sent = a.ask(lost.clone()).await;
    assert_eq!((&sent["sequence"], &sent["duplicate"]), (&json!(261), &json!(false)), "{sent}");

    // Nobody has held what is not there.
    lost["clientMsgId"] = json!("from the future");
    lost["baseSequence"] = json!(1000);
    let error = a.ask(lost).await;
    assert_eq!((&error["code"], &error["details"]["field"]), (&json!("bad_request"), &json!("baseSequence")));
}

#[tokio::test]
async fn names_are_told_apart_by_user_device_and_conversation() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut all = Vec::new();
    for (user, device, conversation) in [
        (&alice, "d", conversation.clone()),
        (&bob, "d", conversation.clone()),
        (&alice, "e", conversation.clone()),
        (&alice, "d", alice.notes()),
    ] {
        let sent = user.connect(device).await.ask(message(&conversation, "same", "x")).await;
        assert_eq!(sent["duplicate"], false, "{sent}");
        all.push(identity(&sent));
    }
    assert_eq!(all.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), 4, "{all:?}");
    assert_eq!(all.iter().map(|(_, sequence)| *sequence).collect::<Vec<_>>(), [1, 2, 3, 1]);
}
