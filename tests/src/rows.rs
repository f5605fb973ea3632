//! Rows and records put where functions put them: long logs without sending each message, and what
//! a function leaves behind that dies in the middle.

use std::{collections::BTreeMap, ops::RangeInclusive};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_domain::{
    ids::{ClientMsgId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    limits::RING_ENTRIES,
    log::{Content, ContentKind, ConversationState, Entry, EventKind, partition_of},
    ring::RingEntry,
};
use tidings_record::EntryRecord;

use crate::{
    aws::{dynamodb, dynamodb_raw},
    stack::Stack,
    user::{Device, User, now_ms},
};

/// What `BatchWriteItem` takes.
const BATCH: usize = 25;

/// The payload of the made entry at a sequence.
pub fn seeded_payload(sequence: u64) -> String {
    format!(r#"{{"text":"seeded {sequence}"}}"#)
}

/// A device, as entries name it.
pub fn sender(device: Device<'_>) -> Sender {
    Sender { user: UserId::parse(&device.user.id).unwrap(), device: DeviceId::parse(device.id).unwrap() }
}

/// An entry as the write path makes it; its `clientMsgId` is `seed-SEQUENCE`.
pub fn entry(conversation: &str, device: Device<'_>, sequence: u64) -> Entry {
    Entry {
        conversation: ConversationId::parse(conversation).unwrap(),
        sequence: Sequence(sequence),
        sender: sender(device),
        client_msg_id: ClientMsgId::parse(&format!("seed-{sequence}")).unwrap(),
        ts: Timestamp(now_ms()),
        event: EventKind::Message,
        target: None,
        content: Content {
            kind: ContentKind::Text,
            payload: seeded_payload(sequence).into(),
            client_ts: Timestamp(now_ms()),
            media_handle: None,
            in_reply_to: None,
            thread_root: None,
            mentions: Vec::new(),
            mentions_all: false,
            is_view_once: false,
            forwards: 0,
            choices: Vec::new(),
            ttl_seconds: None,
            envelopes: BTreeMap::new(),
            welcome: None,
            is_withheld: false,
        },
        membership: None,
        erased: None,
        state: ConversationState::default(),
    }
}

/// The row of an entry.
fn log_row(entry: &Entry) -> Value {
    let Value::Object(fields) = serde_json::to_value(EntryRecord::from(entry)).unwrap() else {
        panic!("a record is an object");
    };
    let mut row: Value = fields.into_iter().map(|(name, value)| (name, attribute(value))).collect();
    row["pk"] = json!({ "S": format!("{}#{}", entry.conversation, partition_of(entry.sequence)) });
    row
}

fn attribute(value: Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.into_iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            json!({ "M": fields.into_iter().map(|(name, value)| (name, attribute(value))).collect::<Value>() })
        }
    }
}

/// Puts entries into the log of a conversation.
pub async fn seed_log(conversation: &str, device: Device<'_>, sequences: RangeInclusive<u64>) {
    let table = Stack::get().table("LogTable");
    let puts =
        sequences.map(|sequence| json!({ "PutRequest": { "Item": log_row(&entry(conversation, device, sequence)) } }));
    for batch in puts.collect::<Vec<_>>().chunks(BATCH) {
        dynamodb_raw("BatchWriteItem", &json!({ "RequestItems": { table: batch } })).await;
    }
}

/// Puts a row into the log that is of a later version of the service than the running one.
pub async fn seed_unreadable(conversation: &str, device: Device<'_>) {
    let mut row = log_row(&entry(conversation, device, 1));
    row["v"] = json!({ "N": "99" });
    dynamodb("PutItem", "LogTable", json!({ "Item": row })).await;
}

/// The key of a member row.
pub fn member_key(conversation: &str, user: &User) -> Value {
    json!({ "cid": { "S": conversation }, "sk": { "S": format!("m#{}", user.id) } })
}

/// A member row as it is when a member has received everything up to `last_sequence`.
pub async fn seed_member(conversation: &str, user: &User, last_sequence: u64, joined_at: u64) {
    let row = member_row(conversation, user, last_sequence, joined_at);
    dynamodb("PutItem", "ConversationsTable", json!({ "Item": row })).await;
}

/// A log of one sender that all lanes are done with and both members have received. No lane has
/// anything left to say of it.
pub async fn seed_conversation(conversation: &str, device: Device<'_>, other: &User, last_sequence: u64) {
    seed_members(conversation, device, other, last_sequence).await;
    seed_log(conversation, device, 1..=last_sequence).await;
}

/// The member rows of such a log, and the sender's ring.
pub async fn seed_members(conversation: &str, device: Device<'_>, other: &User, last_sequence: u64) {
    let ring = (1..=last_sequence).rev().take(RING_ENTRIES).map(|sequence| {
        let id = entry(conversation, device, sequence).message_id();
        STANDARD.encode(RingEntry::of(id, Sequence(sequence)).as_bytes())
    });
    let mut row = member_row(conversation, device.user, last_sequence, 0);
    row[format!("r#{}", device.id)] = json!({ "BS": ring.collect::<Vec<_>>() });
    dynamodb("PutItem", "ConversationsTable", json!({ "Item": row })).await;
    seed_member(conversation, other, last_sequence, 0).await;
}

fn member_row(conversation: &str, user: &User, last_sequence: u64, joined_at: u64) -> Value {
    let now = now_ms();
    let mut row = member_key(conversation, user);
    let numbers =
        [("act", now - now % 3_600_000), ("ls", last_sequence), ("lt", now), ("dl", last_sequence), ("jn", joined_at)];
    for (name, number) in numbers {
        row[name] = json!({ "N": number.to_string() });
    }
    row["uid"] = json!({ "S": user.id });
    row
}
