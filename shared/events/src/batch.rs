//! Batches from streams, and which of their records are to come again.
//!
//! A record that cannot be read never will be: it is put away with its reason at once. Reported
//! as failed, it would be retried with every good record behind it, and take them to the
//! on-failure queue with it in the end.

use aws_lambda_events::event::{dynamodb::Event as DynamoDbEvent, kinesis::KinesisEvent};
use serde_json::Value;
use tidings_domain::{chain, ids::ConversationId, log::Entry, send::Pending, stream::StreamRecord};
use tidings_record::{Poison, RecordError, from_ingest, from_stream};

use crate::{EventError, entries_of_image, read};

/// A batch: what could be read, and what to answer.
#[derive(Debug)]
pub struct Batch<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// What to answer.
    pub answer: BatchAnswer,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { items: Vec::new(), answer: BatchAnswer::default() }
    }
}

/// The records of a batch by their sequence numbers in the stream, and those that failed.
#[derive(Debug, Default)]
pub struct BatchAnswer {
    /// The sequence number of each record that could be read, with its conversation.
    pub by_conversation: Vec<(ConversationId, String)>,
    /// Those that could not.
    pub poison: Vec<Poison>,
}

/// The records of a batch of the stream of events.
pub fn stream_records(event: Value) -> Result<Batch<StreamRecord>, EventError> {
    kinesis_records(event, from_stream, StreamRecord::conversation)
}

/// The records of a batch of the stream of sends that wait for the batch sequencer.
pub fn pending_sends(event: Value) -> Result<Batch<Pending>, EventError> {
    kinesis_records(event, from_ingest, |pending| &pending.draft.conversation)
}

fn kinesis_records<T>(
    event: Value,
    decode: fn(&[u8]) -> Result<T, RecordError>,
    conversation: fn(&T) -> &ConversationId,
) -> Result<Batch<T>, EventError> {
    let event: KinesisEvent = read(event)?;
    let mut batch = Batch::default();
    for record in event.records {
        let sequence_number = record.kinesis.sequence_number;
        match decode(&record.kinesis.data) {
            Ok(record) => {
                batch.answer.by_conversation.push((conversation(&record).clone(), sequence_number));
                batch.items.push(record);
            }
            Err(error) => {
                let data = record.kinesis.data.to_vec();
                batch.answer.poison.push(Poison { sequence_number, data, reason: chain(&error) });
            }
        }
    }
    Ok(batch)
}

/// The entries that a batch of the log table's stream says were appended.
pub fn log_entries(event: Value) -> Result<Batch<Entry>, EventError> {
    let event: DynamoDbEvent = read(event)?;
    let mut batch = Batch::default();
    for record in event.records.into_iter().filter(|record| record.event_name == "INSERT") {
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        let image = record.change.new_image;
        match entries_of_image(image.clone()) {
            Ok(entries) => {
                let conversation = entries.first().map(|entry| (entry.conversation.clone(), sequence_number));
                batch.answer.by_conversation.extend(conversation);
                batch.items.extend(entries);
            }
            Err(error) => {
                let data = serde_json::to_vec(&image).unwrap_or_default();
                batch.answer.poison.push(Poison { sequence_number, data, reason: chain(&error) });
            }
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinesis(data: &str, sequence_number: &str) -> Value {
        json!({
            "awsRegion": "us-east-1",
            "eventID": sequence_number,
            "eventName": "aws:kinesis:record",
            "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
            "eventVersion": "1.0",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/fanout",
            "kinesis": {
                "approximateArrivalTimestamp": 1.0,
                "data": data,
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "k",
                "sequenceNumber": sequence_number,
            },
        })
    }

    #[test]
    fn poison_is_told_from_what_can_be_read() {
        // {"kind":"raised",…} and "!".
        let good = "eyJraW5kIjoicmFpc2VkIiwidiI6MSwiY2lkIjoiZzoxIiwidXNlciI6ImEiLCJkZXZpY2UiOiJkIiwicmVhZCI6dHJ1ZSwidXBfdG8iOjEsIm1lc3NhZ2VfaWQiOiJtOjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMCIsInRzIjoxfQ==";
        let event = json!({ "Records": [kinesis("IQ==", "1"), kinesis(good, "2")] });
        let batch = stream_records(event).unwrap();
        assert_eq!(batch.items.len(), 1);
        assert_eq!(batch.answer.poison.len(), 1);
        assert_eq!(batch.answer.poison[0].data, b"!");
        assert_eq!(batch.answer.by_conversation[0].1, "2");
    }

    #[test]
    fn another_kind_of_event_is_refused() {
        assert!(stream_records(json!({ "Records": 1 })).is_err());
    }
}
