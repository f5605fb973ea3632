//! Rows put straight into the tables: long logs without sending each message, and what a function
//! leaves behind that dies in the middle.

use serde_json::{Value, json};
use tidings_domain::{ids::Sequence, log::partition_of};

use crate::{
    aws::{dynamodb, dynamodb_raw},
    stack::Stack,
    user::{Device, User, now_ms},
};

/// What `BatchWriteItem` takes.
const BATCH: usize = 25;

/// The payload of the seeded entry at a sequence.
pub fn seeded_payload(sequence: u64) -> String {
    format!(r#"{{"text":"seeded {sequence}"}}"#)
}

/// Puts entries into the log of a conversation, in the stored form of `tidings-record`.
pub async fn seed_log(conversation: &str, sender: Device<'_>, sequences: std::ops::RangeInclusive<u64>) {
    let table = Stack::get().table("LogTable");
    let now = now_ms();
    let rows: Vec<Value> = sequences
        .map(|sequence| {
            let item = json!({
                "pk": { "S": format!("{conversation}#{}", partition_of(Sequence(sequence))) },
                "v": { "N": "1" },
                "seq": { "N": sequence.to_string() },
                "u": { "S": sender.user.id },
                "d": { "S": sender.id },
                "c": { "S": format!("seed-{sequence}") },
                "ts": { "N": now.to_string() },
                "ct": { "N": now.to_string() },
                "p": { "S": seeded_payload(sequence) },
            });
            json!({ "PutRequest": { "Item": item } })
        })
        .collect();
    for batch in rows.chunks(BATCH) {
        dynamodb_raw("BatchWriteItem", &json!({ "RequestItems": { table: batch } })).await;
    }
}

/// Puts a member row: what the fan-out would have made of a log that ends at `last_sequence`.
pub async fn seed_member(conversation: &str, user: &User, last_sequence: u64, delivered_up_to: u64) {
    let now = now_ms();
    let item = json!({
        "cid": { "S": conversation },
        "sk": { "S": format!("m#{}", user.id) },
        "uid": { "S": user.id },
        "act": { "N": (now - now % 3_600_000).to_string() },
        "ls": { "N": last_sequence.to_string() },
        "lt": { "N": now.to_string() },
        "dl": { "N": delivered_up_to.to_string() },
    });
    dynamodb("PutItem", "ConversationsTable", json!({ "Item": item })).await;
}
