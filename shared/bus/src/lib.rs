//! Streams and queues. Kinesis takes one record per event, keyed by its conversation.

mod failures;

use aws_sdk_kinesis::{Client, primitives::Blob};
use tidings_domain::{
    ports::{Bus, PortResult, Unavailable},
    stream::StreamRecord,
};
use tidings_record::to_stream;

pub use crate::failures::{FailureQueue, Poison};

/// The stream of events.
#[derive(Clone, Debug)]
pub struct KinesisBus {
    client: Client,
    stream: String,
}

impl KinesisBus {
    /// The bus on this stream.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self { client, stream: stream.into() }
    }

    async fn put(&self, record: &StreamRecord) -> Result<(), Unavailable> {
        const OPERATION: &str = "publish to the stream";
        let failed = |source| Unavailable { operation: OPERATION, source };
        let data = to_stream(record).map_err(|error| failed(error.into()))?;
        self.client
            .put_record()
            .stream_name(&self.stream)
            .partition_key(record.conversation().to_string())
            .data(Blob::new(data))
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

impl Bus for KinesisBus {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        Box::pin(self.put(record))
    }
}
