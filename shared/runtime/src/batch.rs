//! What a consumer of a stream answers: which records are to come again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidings_bus::FailureQueue;
use tidings_domain::chain;
use tidings_domain::{
    ids::ConversationId,
    ports::Unavailable,
    signals::{Metric, measure},
};
use tidings_events::BatchAnswer;
use tracing::error;

/// Puts the poison away and answers as Lambda wants it: with the records to come again.
pub async fn finish_batch(
    answer: BatchAnswer,
    queue: &FailureQueue,
    failures: &BTreeMap<ConversationId, Unavailable>,
) -> Value {
    let mut again = Vec::new();
    measure(Metric::Poison, answer.poison.len() as u64);
    measure(Metric::Faults, u64::from(!failures.is_empty()));
    for poison in &answer.poison {
        error!(reason = poison.reason, sequence_number = poison.sequence_number, "poison record put away");
        if let Err(error) = queue.put_away(poison).await {
            error!(error = chain(&error), "poison record not put away");
            again.push(poison.sequence_number.clone());
        }
    }
    for (conversation, failure) in failures {
        error!(error = chain(failure), %conversation, "conversation not done");
    }
    let failed = answer.by_conversation.into_iter().filter(|(conversation, _)| failures.contains_key(conversation));
    again.extend(failed.map(|(_, sequence_number)| sequence_number));
    let items: Vec<Value> = again.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": items })
}
