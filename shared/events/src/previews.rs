//! Batches of the queue of previews.

use serde::Deserialize;
use serde_json::Value;
use tidings_domain::{chain, ids::MediaHandle};
use tidings_record::preview_job_from_text;

use crate::{EventError, read};

#[derive(Deserialize)]
struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<Received>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    message_id: String,
    body: String,
}

/// A preview that was taken from its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedPreview {
    /// What the queue calls the message.
    pub id: String,
    /// Of which content, or why it cannot be read.
    pub handle: Result<MediaHandle, String>,
}

/// The previews of a batch.
pub fn queued_previews(event: Value) -> Result<Vec<QueuedPreview>, EventError> {
    let event: QueueEvent = read(event)?;
    let preview = |message: Received| QueuedPreview {
        handle: preview_job_from_text(&message.body).map_err(|error| chain(&error)),
        id: message.message_id,
    };
    Ok(event.records.into_iter().map(preview).collect())
}
