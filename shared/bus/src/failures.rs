//! The queue of what cannot be done: records that no retry will mend, with the reason.

use aws_sdk_sqs::Client;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tidings_domain::{
    limits::{FAILURE_DATA_BYTES_MAX, FAILURE_REASON_CHARS_MAX},
    ports::Unavailable,
};
use tidings_record::Poison;

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
        let body = body(&self.consumer, poison);
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map_err(|error| Unavailable { operation: "put a poison record away", source: error.into() })?;
        Ok(())
    }
}

/// A message that the queue takes, whatever was in the record: were it refused, the record would
/// come again until Lambda gave up on it, and on all behind it.
fn body(consumer: &str, poison: &Poison) -> String {
    let kept = &poison.data[..poison.data.len().min(FAILURE_DATA_BYTES_MAX)];
    json!({
        "consumer": consumer,
        "reason": poison.reason.chars().filter(|c| is_taken(*c)).take(FAILURE_REASON_CHARS_MAX).collect::<String>(),
        "sequenceNumber": poison.sequence_number,
        "bytes": poison.data.len(),
        "data": STANDARD.encode(kept),
    })
    .to_string()
}

/// Whether SQS takes a character. JSON escapes the control characters that it does not take, but not these.
fn is_taken(c: char) -> bool {
    !matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What every queue takes, whenever it was made.
    const MESSAGE_BYTES_MAX: usize = 256 * 1024;

    fn poison(data: Vec<u8>, reason: &str) -> Poison {
        Poison { sequence_number: "49".into(), data, reason: reason.into() }
    }

    #[test]
    fn a_record_that_fits_is_kept_whole() {
        let told: Value = serde_json::from_str(&body("fanout", &poison(vec![0xff, 0], "not a record"))).unwrap();
        let expected = json!({ "consumer": "fanout", "reason": "not a record", "sequenceNumber": "49", "bytes": 2, "data": "/wA=" });
        assert_eq!(told, expected);
    }

    #[test]
    fn the_largest_record_fits_the_queue_and_tells_its_size() {
        let text = body("fanout", &poison(vec![b'x'; 10 * 1024 * 1024], &"\u{1f600}".repeat(100_000)));
        assert!(text.len() <= MESSAGE_BYTES_MAX, "{} bytes", text.len());
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["bytes"], 10 * 1024 * 1024);
    }

    #[test]
    fn a_reason_has_no_character_that_the_queue_refuses() {
        let text = body("fanout", &poison(Vec::new(), "unknown variant `\u{ffff}\u{0}\u{fffe}`"));
        let refused = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(!text.contains(refused), "{text}");
    }
}
