//! Batches from streams, and which of their records are to come again.

use std::collections::BTreeMap;

use aws_lambda_events::event::{dynamodb::Event as DynamoDbEvent, kinesis::KinesisEvent};
use serde_json::{Value, json};
use tidings_domain::{ids::ConversationId, log::Entry, ports::Unavailable, stream::StreamRecord};
use tidings_record::from_stream;
use tidings_store::entry_of_image;
use tidings_telemetry::chain;
use tracing::error;

use crate::function::FunctionError;

/// The records of a batch by their sequence numbers in the stream, and those that failed.
#[derive(Debug, Default)]
pub struct BatchAnswer {
    by_conversation: Vec<(ConversationId, String)>,
    failed: Vec<String>,
}

impl BatchAnswer {
    fn failed(&mut self, sequence_number: String, error: &(dyn std::error::Error + 'static)) {
        error!(error = chain(error), sequence_number, "poison record");
        self.failed.push(sequence_number);
    }

    /// The answer as Lambda wants it: the records to come again. What could not be read is among
    /// them; bounded retries and bisection take it to the on-failure queue.
    pub fn into_value(mut self, failures: &BTreeMap<ConversationId, Unavailable>) -> Value {
        for (conversation, failure) in failures {
            error!(error = chain(failure), %conversation, "conversation not done");
        }
        for (conversation, sequence_number) in self.by_conversation {
            if failures.contains_key(&conversation) {
                self.failed.push(sequence_number);
            }
        }
        let items: Vec<Value> = self.failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": items })
    }
}

/// The records of a Kinesis batch.
pub fn kinesis_records(event: Value) -> Result<(Vec<StreamRecord>, BatchAnswer), FunctionError> {
    let event: KinesisEvent = serde_json::from_value(event)?;
    let mut records = Vec::with_capacity(event.records.len());
    let mut answer = BatchAnswer::default();
    for record in event.records {
        let sequence_number = record.kinesis.sequence_number;
        match from_stream(&record.kinesis.data) {
            Ok(record) => {
                answer.by_conversation.push((record.conversation().clone(), sequence_number));
                records.push(record);
            }
            Err(error) => answer.failed(sequence_number, &error),
        }
    }
    Ok((records, answer))
}

/// The entries that a batch of the log table's stream says were appended.
pub fn log_entries(event: Value) -> Result<(Vec<Entry>, BatchAnswer), FunctionError> {
    let event: DynamoDbEvent = serde_json::from_value(event)?;
    let mut entries = Vec::with_capacity(event.records.len());
    let mut answer = BatchAnswer::default();
    for record in event.records {
        if record.event_name != "INSERT" {
            continue;
        }
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        match entry_of_image(record.change.new_image) {
            Ok(entry) => {
                answer.by_conversation.push((entry.conversation.clone(), sequence_number));
                entries.push(entry);
            }
            Err(error) => answer.failed(sequence_number, &error),
        }
    }
    Ok((entries, answer))
}
