//! The queue of previews that are to be made.

use aws_sdk_sqs::Client;
use tidings_domain::{
    ids::MediaHandle,
    media::PreviewQueue,
    ports::{PortResult, Unavailable},
};
use tidings_record::preview_job_to_text;

/// Previews that wait to be made.
#[derive(Clone, Debug)]
pub struct SqsPreviewQueue {
    client: Client,
    url: String,
}

impl SqsPreviewQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl PreviewQueue for SqsPreviewQueue {
    fn ask(&self, handle: MediaHandle) -> PortResult<'_, ()> {
        Box::pin(async move {
            let message = self.client.send_message().queue_url(&self.url).message_body(preview_job_to_text(handle));
            let sent = message.send().await;
            sent.map(drop).map_err(|error| Unavailable { operation: "queue a preview", source: error.into() })
        })
    }
}
