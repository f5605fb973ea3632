//! What a 1:1 message costs, counted by the local AWS in the steady state: ring and tail are full,
//! both devices are connected, one each. The bounds are the design's.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use tidings_tests::{Call, Socket, User, WireFrame, calls, direct, dynamodb, eventually, frames, member_key, now_ms};

/// Messages that fill the dedupe ring of the sender's device, and the tail many times over.
const WARM_UP_MESSAGES: usize = 90;
/// The text of a frame of some 640 bytes: the average message of the reference design.
const TEXT_BYTES: usize = 420;
/// Activity is kept by the hour.
const HOUR_MS: u64 = 3_600_000;

#[derive(Debug, Default)]
struct Cost {
    calls: BTreeMap<String, usize>,
    read_units: f64,
    write_units: f64,
    frames_in: usize,
    frames_out: usize,
}

impl Cost {
    fn of(calls: &[Call], frames: &[WireFrame]) -> Self {
        let mut cost = Self::default();
        // Leases of rate limits come once in many messages, and are counted apart.
        let calls: Vec<&Call> = calls.iter().filter(|call| !is_lease(call)).collect();
        for call in calls.iter().filter(|call| call.app_id.as_deref().is_some_and(|app| app.starts_with("tidings-"))) {
            let name = format!("{} {}", call.app_id.as_deref().unwrap_or_default(), call.action);
            *cost.calls.entry(name).or_default() += 1;
            cost.read_units += call.read_units;
            cost.write_units += call.write_units;
        }
        cost.frames_in = frames.iter().filter(|frame| frame.direction == "in").count();
        cost.frames_out = frames.len() - cost.frames_in;
        cost
    }

    fn frames(&self) -> usize {
        self.frames_in + self.frames_out
    }

    fn as_step(&self) -> tidings_bench::steady::Step {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap());
        tidings_bench::steady::Step {
            requests: count(self.calls.values().sum()),
            read_units: self.read_units,
            write_units: self.write_units,
            frames: count(self.frames()),
        }
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} calls, {} read units, {} write units, {} frames",
            self.calls.values().sum::<usize>(),
            self.read_units,
            self.write_units,
            self.frames()
        );
        for (name, count) in &self.calls {
            println!("    {count} × {name}");
        }
    }
}

/// Whether a call charges a bucket of a rate limit.
fn is_lease(call: &Call) -> bool {
    call.request_body.contains("sends_per_")
}

/// Calls name what they are about: the conversation, or one of its two users.
async fn calls_about(conversation: &str, users: [&User; 2]) -> Vec<Call> {
    let mut all: Vec<Call> = calls(conversation).await;
    for user in users {
        let mut of_user = calls(&user.id).await;
        // One that is about both is one.
        of_user
            .retain(|call| !call.request_body.contains(conversation) && all.iter().all(|known| known.seq != call.seq));
        all.extend(of_user);
    }
    all
}

/// What a piece of work costs, with as many looks of the repair lane, which comes last.
async fn cost_of(conversation: &str, users: [&User; 2], repairs: usize, work: impl AsyncFnOnce()) -> Cost {
    let last_call = calls_about(conversation, users).await.iter().map(|call| call.seq).max().unwrap_or_default();
    let frames_before = frames(conversation).await.len();
    let new_calls = async || {
        let mut all = calls_about(conversation, users).await;
        all.retain(|call| call.seq > last_call);
        all
    };
    work().await;
    eventually("the repair lane has looked", async || {
        let looks = new_calls().await.iter().filter(|c| c.app_id.as_deref() == Some("tidings-repair")).count();
        (looks >= repairs).then_some(())
    })
    .await;
    Cost::of(&new_calls().await, &frames(conversation).await.split_off(frames_before))
}

/// Nothing more happens in the conversation: longer than the repair lane takes.
async fn at_rest(conversation: &str, users: [&User; 2]) {
    loop {
        let before = calls_about(conversation, users).await.len();
        tokio::time::sleep(Duration::from_secs(5)).await;
        if calls_about(conversation, users).await.len() == before {
            return;
        }
    }
}

async fn say_and_hear(a: &mut Socket, b: &mut Socket, conversation: &str) -> u64 {
    let sequence = a.say(conversation, &"x".repeat(TEXT_BYTES)).await["sequence"].as_u64().unwrap();
    b.expect_message(conversation, sequence).await;
    sequence
}

#[tokio::test]
async fn a_message_in_the_steady_state_is_within_its_budget() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let (conversation, users) = (direct(&alice, &bob), [&alice, &bob]);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let mark = |kind: &str, up_to: u64| json!({ "type": kind, "conversationId": conversation, "upTo": up_to });
    let mut last = 0;
    for _ in 0..WARM_UP_MESSAGES {
        last = say_and_hear(&mut a, &mut b, &conversation).await;
    }
    b.send(mark("message.read", last)).await;
    a.expect_where("the warm-up is read", |f| f["type"] == "message.read" && f["upTo"] == json!(last)).await;
    at_rest(&conversation, users).await;

    // Where the hour turns, both members move in the index of activity, which is not the steady state.
    let (acknowledged, receipt, read_at_once) = loop {
        let hour = now_ms() / HOUR_MS;
        let counted = (
            cost_of(&conversation, users, 1, async || {
                last = say_and_hear(&mut a, &mut b, &conversation).await;
                b.send(mark("message.ack", last)).await;
                a.expect("message.delivered").await;
            })
            .await,
            cost_of(&conversation, users, 0, async || {
                b.send(mark("message.read", last)).await;
                a.expect("message.read").await;
            })
            .await,
            cost_of(&conversation, users, 1, async || {
                last = say_and_hear(&mut a, &mut b, &conversation).await;
                b.send(mark("message.read", last)).await;
                a.expect("message.read").await;
            })
            .await,
        );
        if now_ms() / HOUR_MS == hour {
            break counted;
        }
    };
    // By device, user and conversation: what all messages so far were charged.
    let mut leases = calls_about(&conversation, users).await;
    leases.retain(is_lease);
    let lease_units: f64 = leases.iter().map(|call| call.write_units).sum();
    let messages = f64::from(u32::try_from(WARM_UP_MESSAGES).unwrap());
    println!("rate limits: {lease_units} write units for {messages} messages and a few");
    assert!(lease_units <= 0.2 * messages, "{lease_units} write units for {messages} messages");

    acknowledged.print("a message that is acknowledged");
    receipt.print("a receipt");
    read_at_once.print("a message that is read at once");

    // send: tail, standing and the recipient's sessions at once; the put; stream and socket at once.
    let calls = |name: &str| acknowledged.calls.get(name).copied().unwrap_or_default();
    assert_eq!(
        ["Query", "PutItem", "PutRecord", "PostToConnection"].map(|action| calls(&format!("tidings-send {action}"))),
        [3, 1, 1, 1]
    );
    assert_eq!(calls("tidings-repair Query"), 1, "all is well");
    let message_reads = read_at_once.read_units - receipt.read_units;
    let message_writes = read_at_once.write_units - receipt.write_units;
    // The model that docs/performance.md is made with says the same of each.
    let metered = [&acknowledged, &receipt, &read_at_once].map(Cost::as_step);
    let modelled = tokio::task::spawn_blocking(tidings_bench::steady::steps).await.unwrap();
    assert_eq!(metered, modelled);
    println!("a message alone: {message_reads} read units, {message_writes} write units");
    assert!(message_reads <= 5.0, "{message_reads} read units");
    assert!(message_writes <= 3.0, "{message_writes} write units");
    assert!(acknowledged.write_units + receipt.write_units <= 5.0, "with both receipts");
    assert!(read_at_once.frames() <= 5, "{read_at_once:?}");

    // Reported: the first message of an hour moves both members in the index of activity.
    for user in users {
        let hour_ago = json!({
            "Key": member_key(&conversation, user),
            "UpdateExpression": "SET act = :act",
            "ExpressionAttributeValues": { ":act": { "N": (now_ms() - now_ms() % HOUR_MS - HOUR_MS).to_string() } },
        });
        dynamodb("UpdateItem", "ConversationsTable", hour_ago).await;
    }
    let first = cost_of(&conversation, users, 1, async || {
        last = say_and_hear(&mut a, &mut b, &conversation).await;
        b.send(mark("message.read", last)).await;
        a.expect("message.read").await;
    })
    .await;
    first.print("the first message of an hour, read at once");
}
