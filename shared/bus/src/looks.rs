//! The queue of looks at users. It holds each back until what it is to look at has lasted.

use aws_sdk_sqs::Client;
use tidings_domain::{
    ports::{PortResult, Unavailable},
    watching::{Look, Looks},
};
use tidings_record::look_to_text;

/// A queue holds a message back for so many seconds at most.
const DELAY_SECONDS_MAX: u64 = 900;

/// Looks that wait in a queue.
#[derive(Clone, Debug)]
pub struct SqsLooks {
    client: Client,
    url: String,
}

impl SqsLooks {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl Looks for SqsLooks {
    fn put<'a>(&'a self, look: &'a Look, delay_ms: u64) -> PortResult<'a, ()> {
        Box::pin(async move {
            let delay_seconds = delay_ms.div_ceil(1000).min(DELAY_SECONDS_MAX);
            let send = self.client.send_message().queue_url(&self.url).message_body(look_to_text(look));
            let sent = send.delay_seconds(i32::try_from(delay_seconds).unwrap_or(i32::MAX)).send().await;
            sent.map(drop).map_err(|error| Unavailable { operation: "queue a look at a user", source: error.into() })
        })
    }
}
