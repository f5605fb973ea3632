//! Batches of the queue of pushes.

use serde::Deserialize;
use serde_json::Value;
use tidings_domain::{chain, push::PushJob, watching::Look};
use tidings_record::{look_from_text, push_job_from_text};

use crate::{EventError, read};

#[derive(Debug, Deserialize)]
struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<Received>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount", default)]
    received: String,
}

/// A push that was taken from its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedPush {
    /// What the queue calls the message.
    pub id: String,
    /// By which the queue is told of this receipt of it.
    pub receipt: String,
    /// How often it was received, this time included.
    pub received: u32,
    /// The push, or why it cannot be read.
    pub job: Result<PushJob, String>,
}

/// The pushes of a batch.
pub fn queued_pushes(event: Value) -> Result<Vec<QueuedPush>, EventError> {
    let event: QueueEvent = read(event)?;
    let push = |message: Received| QueuedPush {
        job: push_job_from_text(&message.body).map_err(|error| chain(&error)),
        received: message.attributes.received.parse().unwrap_or(1),
        id: message.message_id,
        receipt: message.receipt_handle,
    };
    Ok(event.records.into_iter().map(push).collect())
}

/// The looks of a batch of their queue, or why one cannot be read.
pub fn queued_looks(event: Value) -> Result<Vec<Result<Look, String>>, EventError> {
    let event: QueueEvent = read(event)?;
    let look = |message: Received| look_from_text(&message.body).map_err(|error| chain(&error));
    Ok(event.records.into_iter().map(look).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_that_cannot_be_read_is_no_others() {
        let message = |id: &str, body: &str| json!({ "messageId": id, "receiptHandle": "r", "body": body, "attributes": { "ApproximateReceiveCount": "3" } });
        let good = r#"{"v":1,"cid":"g:crew","user":"bob","seq":4}"#;
        let event = json!({ "Records": [message("1", "what?"), message("2", good)] });
        let pushes = queued_pushes(event).unwrap();
        assert!(pushes[0].job.is_err());
        assert_eq!((pushes[1].received, pushes[1].job.as_ref().unwrap().sequence.0), (3, 4));
        assert!(queued_pushes(json!({ "Records": [{}] })).is_err());
    }
}
