//! Batches of the log table's stream: each inserted row is an entry or put away, and what was read
//! can be repaired.

use serde_json::{Value, json};
use tidings_domain::{
    log::Entry,
    repair::{RepairPorts, repair},
};
use tidings_events::log_entries;
use tidings_memory::World;
use tidings_record::EntryRecord;

use crate::{
    Seed, entry,
    stream_event::{example, example_row},
};

pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return false };
    let inserted = |records: &Vec<Value>| records.iter().filter(|record| record["eventName"] == "INSERT").count();
    let Some(count) = event["Records"].as_array().map(inserted) else { return false };
    let Ok(batch) = log_entries(event) else { return false };
    assert_eq!(batch.answer.by_conversation.len() + batch.answer.poison.len(), count, "each is read or put away");
    for entry in &batch.items {
        assert!(batch.answer.by_conversation.iter().any(|(conversation, _)| *conversation == entry.conversation));
        entry::read_back(std::slice::from_ref(entry));
    }
    for poison in &batch.answer.poison {
        assert!(!poison.reason.is_empty());
        assert!(serde_json::from_slice::<Value>(&poison.data).is_ok(), "poison is put away as an image");
    }
    let taken = !batch.items.is_empty();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(1);
        let ports = RepairPorts { conversations: &world, sessions: &world, bus: &world, clock: &world };
        assert!(repair(ports, batch.items).await.is_empty());
    });
    taken
}

fn record(name: &str, image: &serde_dynamo::Item, sequence_number: &str) -> Value {
    let mut image = serde_json::to_value(image).unwrap();
    // In one order, for a seed is the same each time.
    image.sort_all_objects();
    json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_800_000_000,
            "Keys": { "pk": image["pk"], "seq": image["seq"] },
            "NewImage": image,
            "SequenceNumber": sequence_number,
            "SizeBytes": 26,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/log/stream/2026-01-01T00:00:00.000",
    })
}

pub(crate) fn seeds() -> Vec<Seed> {
    let row_of = |entries: &[Entry]| {
        let mut row: serde_dynamo::Item = serde_dynamo::to_item(EntryRecord::of_row(entries).unwrap()).unwrap();
        row.insert("pk".into(), serde_dynamo::AttributeValue::S(format!("{}#1", entries[0].conversation)));
        row
    };
    let row = row_of(&[example()]);
    let mut later = row.clone();
    later.insert("v".into(), serde_dynamo::AttributeValue::N("2".into()));
    let records = [record("INSERT", &row, "1"), record("INSERT", &later, "2"), record("MODIFY", &row, "3")];
    vec![
        Seed::new("row", json!({ "Records": [record("INSERT", &row_of(&example_row()), "1")] })),
        Seed::new("inserted", json!({ "Records": [records[0].clone()] })),
        Seed::new("batch", json!({ "Records": records })),
    ]
}
