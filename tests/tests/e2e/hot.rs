//! Hot conversations: many who write at once make the batch sequencer take over.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tidings_tests::{Socket, User, direct, dynamodb, message};

const SENDERS: usize = 12;
const MESSAGES: usize = 15;

/// Sends messages one after another; returns what each was answered.
async fn chatter(mut socket: Socket, conversation: &str, name: usize) -> (Socket, Vec<Value>) {
    let mut answers = Vec::new();
    for n in 0..MESSAGES {
        answers.push(socket.ask(message(conversation, &format!("{name}-{n}"), "all at once")).await);
    }
    (socket, answers)
}

/// How many entries each row of a log holds.
async fn row_lengths(conversation: &str) -> Vec<usize> {
    let query = json!({
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": format!("{conversation}#0") } },
        "ConsistentRead": true,
    });
    let answer = dynamodb("Query", "LogTable", query).await;
    let rows = answer["Items"].as_array().unwrap();
    rows.iter().map(|row| 1 + row["more"]["L"].as_array().map_or(0, Vec::len)).collect()
}

#[tokio::test]
async fn many_who_write_at_once_are_appended_in_batches() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let mut listener = bob.connect("listener").await;
    let devices: Vec<String> = (0..SENDERS).map(|n| format!("d{n}")).collect();
    let sockets = join_all(devices.iter().map(|device| alice.connect(device))).await;
    let http = alice.http("by-http");
    let by_http = async {
        let mut sent = Vec::new();
        for n in 0..5 {
            let mut body = message(&conversation, &format!("http-{n}"), "without a socket");
            body.as_object_mut().unwrap().remove("type");
            sent.push(http.post("/messages", &body).await.ok());
        }
        sent
    };
    let over_sockets = join_all(sockets.into_iter().enumerate().map(|(n, s)| chatter(s, &conversation, n)));
    let (by_http, over_sockets) = join(by_http, over_sockets).await;

    let mut sequences = BTreeSet::new();
    for answers in over_sockets.iter().map(|(_, answers)| answers).chain([&by_http]) {
        assert!(answers.iter().all(|answer| answer["type"] == "message.sent"), "{answers:?}");
        let own: Vec<u64> = answers.iter().map(|answer| answer["sequence"].as_u64().unwrap()).collect();
        assert!(own.is_sorted(), "a device's own order: {own:?}");
        sequences.extend(own);
    }
    let count = SENDERS * MESSAGES + by_http.len();
    assert_eq!(sequences, (1..=count as u64).collect::<BTreeSet<_>>(), "no gap and no repeat");

    let rows = row_lengths(&conversation).await;
    assert_eq!(rows.iter().sum::<usize>(), count);
    assert!(rows.iter().any(|length| *length > 1), "the batch sequencer wrote none of {rows:?}");

    // Everybody has everything, page by page and live.
    let log = bob.http("reader").log(&conversation).await;
    assert_eq!(log.len(), count);
    let mut heard = BTreeSet::new();
    while heard.len() < count {
        let frame = listener.expect("message.new").await;
        heard.insert(frame["sequence"].as_u64().unwrap());
    }
    // A resend of long ago, unmarked and marked.
    let (mut socket, answers) = over_sockets.into_iter().next().unwrap();
    let again = socket.ask(message(&conversation, "0-0", "again")).await;
    let mut marked = message(&conversation, "0-0", "again");
    (marked["attempt"], marked["baseSequence"]) = (json!(2), json!(0));
    for sent in [again, socket.ask(marked).await] {
        assert_eq!((&sent["sequence"], &sent["duplicate"]), (&answers[0]["sequence"], &json!(true)));
    }
}
