//! What cannot be done: it delays nobody else, is kept with its reason, and can be given to its
//! consumer once more. The queues are looked into by `cargo dev dlq`, as an operator does.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_domain::stream::StreamRecord;
use tidings_record::to_stream;
use tidings_tests::{
    Socket, User, direct, dynamodb, entry, eventually, fresh, kinesis_put, member_key, message, queue_put, run_dev,
    seed_unreadable, take_failure,
};

/// Poison records of one test.
const POISON: usize = 5;

/// A record of a later version of the service than the running one.
fn unreadable(conversation: &str, sender: &User) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(&appended(conversation, sender)).unwrap();
    record["entry"]["v"] = json!(99);
    record.to_string().into_bytes()
}

fn appended(conversation: &str, sender: &User) -> Vec<u8> {
    let entry = entry(conversation, sender.device("a"), 1);
    let conversation = entry.conversation.clone();
    to_stream(&StreamRecord::Appended { conversation, entries: vec![entry], reached: Vec::new() }).unwrap()
}

/// What `cargo dev dlq show` says of the message for which this holds, once it is in the queue.
async fn shown(queue: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("a message in the queue of {queue}"), || async {
        // Another test may hide the queue for a moment.
        let text = run_dev(&["dlq", "show", queue, "--json"]).ok()?;
        let messages: Vec<Value> = serde_json::from_str(&text).unwrap();
        messages.into_iter().find(&wanted)
    })
    .await
}

fn names(message: &Value, conversation: &str) -> bool {
    message["records"].to_string().contains(conversation)
}

/// Takes what a test leaves in a queue.
async fn take_poison(queue: &str, conversation: &str) {
    take_failure(queue, |failure| {
        let data = failure["data"].as_str().and_then(|data| STANDARD.decode(data).ok()).unwrap_or_default();
        String::from_utf8_lossy(&data).contains(conversation)
    })
    .await;
}

/// Redrives one message, and answers what the command says.
async fn redriven(queue: &str, message: &Value) -> String {
    let id = message["id"].as_str().unwrap();
    eventually("a redrive", || async { run_dev(&["dlq", "redrive", queue, "--id", id]).ok() }).await
}

/// The time of one message from its sender to the sender's other device, which only the durable
/// lane serves.
async fn durable_lane(phone: &mut Socket, tablet: &mut Socket, conversation: &str) -> Duration {
    let id = fresh("c");
    let started = Instant::now();
    phone.ask(message(conversation, &id, "hello")).await;
    tablet.expect_where("the message", |frame| frame["clientMsgId"] == json!(id)).await;
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn poison_and_a_failing_conversation_delay_no_other() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let (sound, broken) = (direct(&alice, &bob), direct(&alice, &carol));
    let (mut phone, mut tablet) = (alice.connect("phone").await, alice.connect("tablet").await);
    // A member row that no code of ours writes: moving it fails, however often it is tried.
    let mut row = member_key(&broken, &carol);
    row["ls"] = json!({ "S": "not a number" });
    let (mut calm, mut troubled) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        calm.push(durable_lane(&mut phone, &mut tablet, &sound).await);
    }
    dynamodb("PutItem", "ConversationsTable", json!({ "Item": row })).await;
    kinesis_put(&broken, &appended(&broken, &alice)).await;
    for n in 0..15 {
        if n < POISON {
            kinesis_put(&broken, &unreadable(&broken, &alice)).await;
        }
        troubled.push(durable_lane(&mut phone, &mut tablet, &sound).await);
    }
    let (calm, troubled) = (median(calm), median(troubled));
    assert!(troubled < calm * 5, "{calm:?} without, {troubled:?} beside a conversation in trouble");

    // Nothing is done for it as long as it fails, and all once it does not.
    let given_up = shown("fanout", |message| message["what"] == "batch given up" && names(message, &broken)).await;
    assert!(given_up["reason"].as_str().unwrap().starts_with("RetryAttemptsExhausted"), "{given_up}");
    dynamodb("DeleteItem", "ConversationsTable", json!({ "Key": member_key(&broken, &carol) })).await;
    let said = redriven("fanout", &given_up).await;
    assert!(said.contains("put on"), "{said}");
    tablet.expect_message(&broken, 1).await;
    for _ in 0..POISON {
        take_poison("FanoutFailures", &broken).await;
    }
}

#[tokio::test]
async fn poison_is_shown_without_its_content_and_comes_back_if_it_is_still_bad() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    kinesis_put(&conversation, &unreadable(&conversation, &alice)).await;
    let first = shown("fanout", |message| names(message, &conversation)).await;
    assert_eq!((&first["what"], &first["consumer"]), (&json!("poison record"), &json!("fanout")));
    assert_eq!(first["reason"], "form 99 is not known");
    let record = first["records"][0].as_str().unwrap();
    assert!(record.contains("sequence 1, message (text)") && record.contains("form 99"), "{record}");
    assert!(!record.contains("seeded"), "payloads are shown only where they are asked for: {record}");

    let id = first["id"].as_str().unwrap();
    let with_payload = eventually("the payload", || async {
        run_dev(&["dlq", "show", "fanout", "--id", id, "--payload", "--json"]).ok()
    })
    .await;
    assert!(with_payload.contains("seeded 1"), "{with_payload}");
    let tried =
        eventually("a dry run", || async { run_dev(&["dlq", "redrive", "fanout", "--id", id, "--dry-run"]).ok() })
            .await;
    assert!(tried.contains("would redrive 1 record"), "{tried}");

    redriven("fanout", &first).await;
    let again = shown("fanout", |message| message["id"] != first["id"] && names(message, &conversation)).await;
    assert_eq!((&again["what"], &again["reason"]), (&first["what"], &first["reason"]));
    let listed = run_dev(&["dlq", "list"]).unwrap();
    assert!(listed.contains("FanoutFailures") && listed.contains("RepairFailures"), "{listed}");
    take_poison("FanoutFailures", &conversation).await;
}

#[tokio::test]
async fn what_the_repair_lane_gave_up_is_found_in_the_stream_and_given_to_it_again() {
    let alice = User::new("alice");
    let notes = alice.notes();
    seed_unreadable(&notes, alice.device("a")).await;
    let put_away = shown("repair", |message| names(message, &notes)).await;
    assert_eq!(put_away["what"], "poison record");
    assert!(put_away["reason"].as_str().unwrap().ends_with("form 99 is not known"), "{put_away}");
    // As Lambda says it where a whole batch failed: only where the records are.
    let stream = dynamodb("DescribeTable", "LogTable", json!({})).await["Table"]["LatestStreamArn"].take();
    let number = put_away["place"].as_str().unwrap().rsplit_once(' ').unwrap().1.to_owned();
    let position = json!({
        "requestContext": {
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:tidings-repair",
        },
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": "2026-01-01T00:00:00Z",
            "batchSize": 1,
            "streamArn": stream,
        },
    });
    let id = queue_put("RepairFailures", &position).await;
    let given_up = shown("repair", |message| message["id"] == json!(id)).await;
    assert!(names(&given_up, &notes), "{given_up}");
    // The function reads it once more, and puts it away once more.
    for message in [&given_up, &put_away] {
        let said = redriven("repair", message).await;
        assert!(said.contains("1 record given to tidings-repair"), "{said}");
    }
    let known = [given_up["id"].clone(), put_away["id"].clone()];
    let again = shown("repair", |message| !known.contains(&message["id"]) && names(message, &notes)).await;
    assert_eq!((&again["what"], &again["reason"]), (&put_away["what"], &put_away["reason"]));
    for _ in 0..2 {
        take_poison("RepairFailures", &notes).await;
    }
}
