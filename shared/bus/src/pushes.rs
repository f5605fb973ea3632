//! The queue of pushes. It holds each back for some seconds, in which an acknowledgement may make it needless, and
//! gives it again while a push service does not answer.

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use futures_util::future::try_join_all;
use tidings_domain::{
    ports::{PortResult, PushQueue, Unavailable},
    push::PushJob,
};
use tidings_record::push_job_to_text;

/// Messages of one call.
const BATCH: usize = 10;

/// Pushes that wait in a queue.
#[derive(Clone, Debug)]
pub struct SqsPushQueue {
    client: Client,
    url: String,
    delay_seconds: i32,
}

impl SqsPushQueue {
    /// The queue at this URL, which holds each message back for so many seconds.
    pub fn new(client: Client, url: impl Into<String>, delay_seconds: i32) -> Self {
        Self { client, url: url.into(), delay_seconds }
    }

    async fn send(&self, jobs: &[PushJob]) -> Result<(), Unavailable> {
        const OPERATION: &str = "queue pushes";
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Unavailable { operation: OPERATION, source };
        let mut entries = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(push_job_to_text(job))
                .delay_seconds(self.delay_seconds)
                .build();
            entries.push(entry.map_err(|error| failed(error.into()))?);
        }
        let answer = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| failed(error.into()))?;
        match answer.failed().first() {
            None => Ok(()),
            // The caller's records come again, and with them all of these: a push that was sent is not sent twice.
            Some(entry) => Err(failed(format!("{} of {}: {}", answer.failed().len(), jobs.len(), entry.code()).into())),
        }
    }

    /// Lets a message that was received be given again after so many seconds.
    pub async fn give_again(&self, receipt: &str, after_seconds: u64) -> Result<(), Unavailable> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(after_seconds).unwrap_or(i32::MAX))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Unavailable { operation: "put a push off", source: error.into() })
    }
}

impl PushQueue for SqsPushQueue {
    fn put<'a>(&'a self, jobs: &'a [PushJob]) -> PortResult<'a, ()> {
        Box::pin(async move { try_join_all(jobs.chunks(BATCH).map(|batch| self.send(batch))).await.map(drop) })
    }
}
