//! Promise 3: sequences start at 1 and have no gaps and no repeats, whoever writes at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings_tests::{Http, Socket, User, direct, eventually, message};

/// Where a sender sends.
enum Way {
    Socket(Box<Socket>),
    Http(Http),
}

impl Way {
    async fn send(&mut self, frame: Value) -> Value {
        match self {
            Self::Socket(socket) => socket.ask(frame).await,
            Self::Http(http) => {
                let answer = http.post("/messages", &frame).await;
                assert!(matches!(answer.status, 200 | 503), "{answer:?}");
                answer.body
            }
        }
    }
}

#[tokio::test]
async fn many_writers_at_once_leave_no_gap_and_no_repeat() {
    const EACH: usize = 12;
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut writers = Vec::new();
    for (user, device) in [(&alice, "a1"), (&alice, "a2"), (&bob, "b1"), (&bob, "b2")] {
        writers.push((device, Way::Socket(Box::new(user.connect(device).await))));
    }
    writers.push(("a3", Way::Http(alice.http("a3"))));
    writers.push(("b3", Way::Http(bob.http("b3"))));

    let writes = writers.into_iter().map(|(device, mut way)| {
        let conversation = &conversation;
        async move {
            let mut acknowledged = Vec::new();
            for n in 0..EACH {
                let name = format!("{device}-{n}");
                // Who loses too many races is told to come back, and does.
                let sent = loop {
                    let sent = way.send(message(conversation, &name, &name)).await;
                    if sent["type"] == "message.sent" {
                        break sent;
                    }
                    assert_eq!(sent["code"], "unavailable", "{sent}");
                    assert!(sent["retryAfterMs"].as_u64().unwrap() > 0, "{sent}");
                };
                acknowledged.push((sent["sequence"].as_u64().unwrap(), sent["messageId"].clone(), name));
            }
            assert!(acknowledged.is_sorted_by_key(|(sequence, ..)| *sequence), "a writer that waits is in order");
            acknowledged
        }
    });
    let acknowledged: BTreeMap<u64, (Value, String)> =
        join_all(writes).await.into_iter().flatten().map(|(sequence, id, name)| (sequence, (id, name))).collect();

    let log = bob.http("b1").log(&conversation).await;
    let sequences: Vec<u64> = log.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=6 * EACH as u64).collect::<Vec<_>>());
    for entry in &log {
        let (id, name) = &acknowledged[&entry["sequence"].as_u64().unwrap()];
        assert_eq!((&entry["messageId"], &entry["payload"]["text"]), (id, &json!(name)));
    }

    // Whatever came in which order, the rows of both members end where the log does.
    for user in [&alice, &bob] {
        eventually("the member rows have moved", || async {
            let summary = user.http("x").summary(&conversation).await;
            (summary["lastSequence"] == 6 * EACH as u64).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn conversations_do_not_share_sequences() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let mut a = alice.connect("a").await;
    for n in 1..=3 {
        for other in [&bob, &carol, &alice] {
            let sent = a.say(&direct(&alice, other), "x").await;
            assert_eq!(sent["sequence"], n, "{sent}");
        }
    }
}
