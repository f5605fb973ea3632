//! Batches of the event stream. An input that is a JSON object is the whole event; any other is
//! the records of one, a line each. Each record is read or put away, and what was read can be
//! fanned out.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_domain::{
    conversation::Watermark,
    fanout::{FanoutPorts, fan_out},
    group::{AvatarChange, Change, MembershipEvent, Role},
    ids::{ClientMsgId, ConversationId, DeviceId, MediaHandle, MessageId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ConversationState, Entry, Erasure, EventKind, Target, Welcome},
    stream::{Receipt, StreamRecord},
};
use tidings_events::{Batch, EventError, stream_records};
use tidings_memory::World;
use tidings_record::{from_stream, to_stream};

use crate::{Seed, entry};

/// Records made of one input.
const RECORDS_MAX: usize = 32;

pub(crate) fn check(data: &[u8]) -> bool {
    let records = batch(data, stream_records, StreamRecord::conversation);
    for record in &records {
        assert_eq!(from_stream(&to_stream(record).unwrap()).unwrap(), *record);
        if let StreamRecord::Appended { entries, .. } = record {
            entry::read_back(entries);
        }
    }
    let taken = !records.is_empty();
    fanned_out(records);
    taken
}

/// What could be read of a batch. Whatever its records are, each is read or put away.
pub(crate) fn batch<T>(
    data: &[u8],
    read: fn(Value) -> Result<Batch<T>, EventError>,
    conversation: fn(&T) -> &ConversationId,
) -> Vec<T> {
    let lines: Vec<&[u8]> = data.splitn(RECORDS_MAX, |byte| *byte == b'\n').collect();
    let whole = serde_json::from_slice::<Value>(data).ok().filter(|event| event["Records"].is_array());
    let is_ours = whole.is_none();
    let event = whole.unwrap_or_else(|| event_of(lines.iter().copied()));
    let records = event["Records"].as_array().unwrap().clone();
    let Ok(batch) = read(event) else {
        assert!(!is_ours, "whatever is in the records, the batch is one");
        return Vec::new();
    };
    assert_eq!(batch.items.len() + batch.answer.poison.len(), records.len(), "each is read or put away");
    let named: Vec<&ConversationId> =
        batch.answer.by_conversation.iter().map(|(conversation, _)| conversation).collect();
    assert_eq!(named, batch.items.iter().map(conversation).collect::<Vec<_>>());
    for poison in &batch.answer.poison {
        assert!(!poison.reason.is_empty());
        if is_ours {
            let number: usize = poison.sequence_number.parse().unwrap();
            assert_eq!(poison.data, lines[number], "poison is put away whole");
        }
    }
    batch.items
}

/// Nothing that was read brings the fan-out down.
fn fanned_out(records: Vec<StreamRecord>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(1);
        let ports = FanoutPorts {
            log: &world,
            conversations: &world,
            sessions: &world,
            gateway: &world,
            pushes: &world,
            mailboxes: &world,
            rules: &world,
            clock: &world,
        };
        assert!(fan_out(ports, 256, records).await.is_empty());
    });
}

/// A batch with these records.
pub(crate) fn event_of<'a>(records: impl Iterator<Item = &'a [u8]>) -> Value {
    let records = records.enumerate().map(|(n, data)| record(&STANDARD.encode(data), &n.to_string()));
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn record(data: &str, sequence_number: &str) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "u:alice|u:bob",
            "sequenceNumber": sequence_number,
            "data": data,
            "approximateArrivalTimestamp": 1_800_000_000.5,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000000:{sequence_number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/fanout",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    })
}

/// An entry with everything in it.
pub(crate) fn example() -> Entry {
    let sender = Sender { user: UserId::parse("alice").unwrap(), device: DeviceId::parse("ios:3f2a").unwrap() };
    let conversation = ConversationId::parse("u:alice|u:bob").unwrap();
    let client_msg_id = ClientMsgId::parse("é-1").unwrap();
    let earlier = MessageId::of(&conversation, &sender, &client_msg_id);
    Entry {
        conversation,
        sequence: Sequence(4_097),
        sender: sender.clone(),
        client_msg_id,
        ts: Timestamp(1_800_000_000_000),
        event: EventKind::Edit,
        target: Some(Target { message: earlier, sequence: Sequence(4_096), author: sender.user.clone() }),
        content: Content {
            kind: tidings_domain::log::ContentKind::Image,
            payload: r#"{"text":"hey"}"#.into(),
            client_ts: Timestamp(1),
            media_handle: Some("h:1".into()),
            in_reply_to: Some(earlier),
            thread_root: Some(earlier),
            mentions: vec![UserId::parse("bob").unwrap()],
            mentions_all: true,
            is_view_once: true,
            forwards: 2,
            choices: vec!["yes".into()],
            ttl_seconds: Some(60),
            envelopes: [(sender.device.clone(), "AAAA".into())].into(),
            welcome: Some(Box::new(Welcome { payload: r#""AAEAAw==""#.into(), devices: vec![sender] })),
            is_withheld: true,
        },
        membership: None,
        erased: Some(Erasure::Deleted),
        state: ConversationState { epoch: 3, membership_version: Sequence(2), indexes_text: true },
    }
}

/// A row that the batch sequencer has made.
pub(crate) fn example_row() -> Vec<Entry> {
    let mut first = example();
    first.content.envelopes.clear();
    let next =
        Entry { sequence: first.sequence.next(), client_msg_id: ClientMsgId::parse("2").unwrap(), ..first.clone() };
    vec![first, next]
}

pub(crate) fn seeds() -> Vec<Seed> {
    let entry = example();
    let (conversation, by) = (entry.conversation.clone(), entry.sender.clone());
    let receipt = |mark| Receipt {
        conversation: conversation.clone(),
        by: by.clone(),
        mark,
        up_to: entry.sequence,
        message_id: entry.message_id(),
        membership_version: entry.state.membership_version,
        ts: entry.ts,
        is_own_alone: mark == Watermark::Read,
    };
    let records = [
        (
            "appended",
            StreamRecord::Appended {
                conversation: conversation.clone(),
                entries: vec![entry.clone()],
                reached: vec![by.clone()],
            },
        ),
        (
            "row",
            StreamRecord::Appended { conversation: conversation.clone(), entries: example_row(), reached: Vec::new() },
        ),
        ("delivered", StreamRecord::Raised(receipt(Watermark::Delivered))),
        ("read", StreamRecord::Raised(receipt(Watermark::Read))),
        (
            "behind",
            StreamRecord::Behind {
                conversation: conversation.clone(),
                user: by.user.clone(),
                last_sequence: entry.sequence,
                membership_version: entry.state.membership_version,
            },
        ),
    ];
    let text = |record| String::from_utf8(to_stream(record).unwrap()).unwrap();
    let picture = MediaHandle::of(&conversation, "image/png", 1, "00");
    let joining = Entry {
        conversation: ConversationId::parse("g:team").unwrap(),
        event: EventKind::Membership,
        target: None,
        membership: Some(Box::new(MembershipEvent {
            change: Change::Added,
            users: vec![by.user.clone(), UserId::parse("bob").unwrap()],
            role: Some(Role::Admin),
            title: Some("the team".into()),
            avatar: Some(AvatarChange { set: Some(picture), dropped: Some((picture, Sequence(1))) }),
        })),
        ..entry.clone()
    };
    let joined = StreamRecord::Appended {
        conversation: joining.conversation.clone(),
        entries: vec![joining],
        reached: Vec::new(),
    };
    let records: Vec<(&str, StreamRecord)> = records.into_iter().chain([("joined", joined)]).collect();
    let mut seeds: Vec<Seed> = records.iter().map(|(name, record)| Seed::new(*name, text(record))).collect();
    let all: Vec<String> = records.iter().map(|(_, record)| text(record)).collect();
    seeds.push(Seed::new("batch", format!("{}\nnot a record", all.join("\n"))));
    seeds.push(Seed::new("event", event_of([all[2].as_bytes(), b"!"].into_iter())));
    seeds
}
