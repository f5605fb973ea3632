//! The queue of what cannot be done: records that no retry will mend, with the reason.

use aws_sdk_sqs::Client;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tidings_domain::ports::Unavailable;

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Its sequence number in the stream.
    pub sequence_number: String,
    /// The record, whole: the stream forgets it in a day.
    pub data: Vec<u8>,
    /// Why it cannot be read.
    pub reason: String,
}

/// A consumer's on-failure queue.
#[derive(Clone, Debug)]
pub struct FailureQueue {
    client: Client,
    url: String,
    consumer: String,
}

impl FailureQueue {
    /// The queue at this URL, of this consumer.
    pub fn new(client: Client, url: impl Into<String>, consumer: impl Into<String>) -> Self {
        Self { client, url: url.into(), consumer: consumer.into() }
    }

    /// Puts a record away. Lambda's own on-failure messages tell where a batch was in the stream;
    /// these tell what was in the record and what is wrong with it.
    pub async fn put_away(&self, poison: &Poison) -> Result<(), Unavailable> {
        let body = json!({
            "consumer": self.consumer,
            "reason": poison.reason,
            "sequenceNumber": poison.sequence_number,
            "data": STANDARD.encode(&poison.data),
        });
        let sent = self.client.send_message().queue_url(&self.url).message_body(body.to_string()).send().await;
        sent.map_err(|error| Unavailable { operation: "put a poison record away", source: error.into() })?;
        Ok(())
    }
}
