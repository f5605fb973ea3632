//! Batches from streams, and which of their records are to come again.
//!
//! A record that cannot be read never will be: it is put away with its reason at once. Reported
//! as failed, it would be retried with every good record behind it, and take them to the
//! on-failure queue with it in the end.

use std::collections::BTreeMap;

use aws_lambda_events::event::{dynamodb::Event as DynamoDbEvent, kinesis::KinesisEvent};
use serde_json::{Value, json};
use tidings_bus::{FailureQueue, Poison};
use tidings_domain::{ids::ConversationId, log::Entry, ports::Unavailable, stream::StreamRecord};
use tidings_record::from_stream;
use tidings_store::entry_of_image;
use tidings_telemetry::chain;
use tracing::error;

use crate::function::FunctionError;

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
    by_conversation: Vec<(ConversationId, String)>,
    poison: Vec<Poison>,
}

impl BatchAnswer {
    /// Puts the poison away and answers as Lambda wants it: with the records to come again.
    pub async fn finish(self, queue: &FailureQueue, failures: &BTreeMap<ConversationId, Unavailable>) -> Value {
        let mut again = Vec::new();
        for poison in &self.poison {
            error!(reason = poison.reason, sequence_number = poison.sequence_number, "poison record put away");
            if let Err(error) = queue.put_away(poison).await {
                error!(error = chain(&error), "poison record not put away");
                again.push(poison.sequence_number.clone());
            }
        }
        for (conversation, failure) in failures {
            error!(error = chain(failure), %conversation, "conversation not done");
        }
        let failed = self.by_conversation.into_iter().filter(|(conversation, _)| failures.contains_key(conversation));
        again.extend(failed.map(|(_, sequence_number)| sequence_number));
        let items: Vec<Value> = again.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": items })
    }
}

/// The records of a Kinesis batch.
pub fn kinesis_records(event: Value) -> Result<Batch<StreamRecord>, FunctionError> {
    let event: KinesisEvent = serde_json::from_value(event)?;
    let mut batch = Batch::default();
    for record in event.records {
        let sequence_number = record.kinesis.sequence_number;
        match from_stream(&record.kinesis.data) {
            Ok(record) => {
                batch.answer.by_conversation.push((record.conversation().clone(), sequence_number));
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
pub fn log_entries(event: Value) -> Result<Batch<Entry>, FunctionError> {
    let event: DynamoDbEvent = serde_json::from_value(event)?;
    let mut batch = Batch::default();
    for record in event.records.into_iter().filter(|record| record.event_name == "INSERT") {
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        let image = record.change.new_image;
        match entry_of_image(image.clone()) {
            Ok(entry) => {
                batch.answer.by_conversation.push((entry.conversation.clone(), sequence_number));
                batch.items.push(entry);
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
        let batch = kinesis_records(event).unwrap();
        assert_eq!(batch.items.len(), 1);
        assert_eq!(batch.answer.poison.len(), 1);
        assert_eq!(batch.answer.poison[0].data, b"!");
        assert_eq!(batch.answer.by_conversation[0].1, "2");
    }

    #[test]
    fn another_kind_of_event_is_refused() {
        assert!(kinesis_records(json!({ "Records": 1 })).is_err());
    }
}
