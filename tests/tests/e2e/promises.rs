//! Promises 1 and 6: what was acknowledged is there for every member, and every device gets the
//! whole log, however often it is cut off.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use tidings_protocol::PresenceState;
use tidings_sdk::{Draft, Event, Events};
use tidings_tests::{User, direct, eventually, message};
use tokio::time::timeout;

#[tokio::test]
async fn what_was_acknowledged_is_there_although_every_socket_was_cut() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    for round in 1..=5_u64 {
        let b = bob.connect("b").await;
        let mut a = alice.connect("a").await;
        let sent = a.say(&conversation, &format!("round {round}")).await;
        drop((a, b));
        for (user, device) in [(&alice, "a"), (&alice, "other"), (&bob, "b"), (&bob, "other")] {
            let log = user.http(device).log(&conversation).await;
            assert_eq!(log.len() as u64, round, "for {}", user.id);
            assert_eq!(log.last().unwrap()["messageId"], sent["messageId"]);
        }
        // And over the socket of a device that comes back and asks.
        let mut back = bob.connect("b2").await;
        let page = back.ask(json!({ "type": "sync.pull", "conversationId": conversation, "since": round - 1 })).await;
        assert_eq!(page["messages"][0]["messageId"], sent["messageId"]);
    }
}

#[tokio::test]
async fn a_sender_that_is_cut_off_before_the_answer_finds_out_by_a_marked_resend() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    for round in 0..8_u64 {
        let name = format!("m{round}");
        let mut a = alice.connect("a").await;
        let mut frame = message(&conversation, &name, &name);
        frame["attempt"] = json!(1);
        frame["baseSequence"] = json!(round);
        a.send(frame.clone()).await;
        // Cut at once in some rounds, a little later in others: before, while or after it is taken.
        if round % 2 == 1 {
            a.round_trip().await;
        }
        drop(a);
        frame["attempt"] = json!(2);
        let sent = alice.connect("a").await.ask(frame).await;
        assert_eq!((&sent["type"], &sent["sequence"]), (&json!("message.sent"), &json!(round + 1)), "{sent}");
    }
    let log = bob.http("b").log(&conversation).await;
    let texts: Vec<Value> = log.iter().map(|entry| entry["payload"]["text"].clone()).collect();
    assert_eq!(texts, (0..8).map(|n| json!(format!("m{n}"))).collect::<Vec<_>>(), "each once");
}

/// The next messages of a conversation, until `count` have come; checks that none is missing.
async fn take_in_order(events: &mut Events, conversation: &str, held: &mut u64, count: u64) {
    for _ in 0..count {
        loop {
            let event = timeout(tidings_tests::DEADLINE, events.next()).await;
            let event = event.unwrap_or_else(|_| panic!("nothing after {held} of {conversation}"));
            if let Event::Message(message) = event.expect("the client goes on") {
                assert_eq!(message.conversation_id, conversation);
                assert_eq!(message.sequence, *held + 1, "in order, each once, without a gap");
                *held += 1;
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_device_that_comes_and_goes_gets_the_whole_log_in_order() {
    const MESSAGES: u64 = 60;
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let writes = async {
        let mut a = alice.connect("a").await;
        for n in 1..=MESSAGES {
            a.say(&conversation, &n.to_string()).await;
        }
    };
    // A device with its own store, started again and again at random points.
    let restarts = async {
        let mut random = SmallRng::seed_from_u64(2);
        let mut held = 0;
        while held < MESSAGES {
            let options = bob.sdk("b").auto_ack(random.random()).cursors([(conversation.clone(), held)]);
            let (_client, mut events) = options.connect().unwrap();
            let count = random.random_range(1..12).min(MESSAGES - held);
            take_in_order(&mut events, &conversation, &mut held, count).await;
        }
    };
    // A device that is cut off again and again while it runs.
    let reconnects = async {
        let mut random = SmallRng::seed_from_u64(3);
        let (client, mut events) = bob
            .sdk("tablet")
            .cursors([(conversation.clone(), 0)])
            .backoff(Duration::from_millis(1), Duration::from_millis(50))
            .connect()
            .unwrap();
        let mut held = 0;
        while held < MESSAGES {
            let count = random.random_range(1..8).min(MESSAGES - held);
            take_in_order(&mut events, &conversation, &mut held, count).await;
            client.reconnect();
        }
        client.close().await;
    };
    futures_util::join!(writes, restarts, reconnects);
}

#[tokio::test]
async fn a_client_that_is_cut_off_while_it_sends_sends_each_message_once() {
    const MESSAGES: usize = 40;
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let options = alice.sdk("a").answer_timeout(Duration::from_secs(5));
    let (client, _events) = options.backoff(Duration::from_millis(1), Duration::from_millis(50)).connect().unwrap();
    let mut random = SmallRng::seed_from_u64(4);
    let mut sendings = Vec::new();
    for n in 0..MESSAGES {
        sendings.push(client.send(&conversation, Draft::text(n.to_string())).await);
        if random.random_ratio(1, 6) {
            client.reconnect();
            // Let some of the queue through before the next cut.
            let sending: tidings_sdk::Sending = sendings.remove(0);
            sending.await.unwrap();
        }
    }
    for sending in sendings {
        sending.await.unwrap();
    }
    let log = bob.http("b").log(&conversation).await;
    let texts: Vec<&str> = log.iter().map(|entry| entry["payload"]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, (0..MESSAGES).map(|n| n.to_string()).collect::<Vec<_>>(), "in order, each once");
}

#[tokio::test]
async fn two_clients_talk() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (a, mut a_events) = alice.client("a").await;
    let (b, mut b_events) = bob.client("b").await;
    let sent = a.send(&conversation, Draft::text("hello")).await.await.unwrap();
    let mut held = 0;
    take_in_order(&mut b_events, &conversation, &mut held, 1).await;
    b.mark_read(&conversation, 1);
    let mut seen = BTreeMap::new();
    while !seen.contains_key("read") {
        match timeout(tidings_tests::DEADLINE, a_events.next()).await.expect("a receipt").expect("it goes on") {
            Event::Delivered(receipt) => seen.insert("delivered", receipt),
            Event::Read(receipt) => seen.insert("read", receipt),
            _ => continue,
        };
    }
    let read = &seen["read"];
    assert_eq!((read.up_to, &read.message_id, &read.user_id), (1, &sent.message_id, &bob.id));
    let users = a.watch([bob.id.clone()]).await.unwrap();
    assert_eq!(users[0].state, PresenceState::Online);
    a.unwatch([bob.id.clone()]).await.unwrap();
    eventually("the list of the other", || async {
        let page = b.http().unwrap().conversations(None, None).await.unwrap();
        page.conversations.iter().any(|c| c.conversation_id == conversation && c.read_up_to == 1).then_some(())
    })
    .await;
    let (browser, _events) = alice.sdk("browser").tickets(true).connect().unwrap();
    assert_eq!(browser.ready().await.unwrap().device_id, "browser");
    for client in [a, b, browser] {
        client.close().await;
    }
}
