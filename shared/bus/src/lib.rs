//! Streams and queues. Kinesis takes one record at a time, keyed by its conversation.

mod failures;
mod looks;
mod previews;
mod pushes;

use aws_sdk_kinesis::{Client, primitives::Blob};
use tidings_domain::{
    ids::ConversationId,
    ports::{Bus, Ingest, PortResult, Unavailable},
    send::Pending,
    stream::StreamRecord,
};
use tidings_record::{RecordError, to_ingest, to_stream};

pub use crate::{failures::FailureQueue, looks::SqsLooks, previews::SqsPreviewQueue, pushes::SqsPushQueue};

/// The stream of events.
#[derive(Clone, Debug)]
pub struct KinesisBus(Stream);

/// The stream of sends that wait for the batch sequencer.
#[derive(Clone, Debug)]
pub struct KinesisIngest(Stream);

#[derive(Clone, Debug)]
struct Stream {
    client: Client,
    name: String,
}

impl KinesisBus {
    /// The bus on this stream.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self(Stream { client, name: stream.into() })
    }
}

impl KinesisIngest {
    /// The ingest on this stream.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self(Stream { client, name: stream.into() })
    }
}

impl Stream {
    async fn put(
        &self,
        operation: &'static str,
        conversation: &ConversationId,
        data: Result<Vec<u8>, RecordError>,
    ) -> Result<(), Unavailable> {
        let failed = |source| Unavailable { operation, source };
        let data = data.map_err(|error| failed(error.into()))?;
        self.client
            .put_record()
            .stream_name(&self.name)
            .partition_key(conversation.to_string())
            .data(Blob::new(data))
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

impl Bus for KinesisBus {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        Box::pin(self.0.put("publish to the stream", record.conversation(), to_stream(record)))
    }
}

impl Ingest for KinesisIngest {
    fn put<'a>(&'a self, pending: &'a Pending) -> PortResult<'a, ()> {
        Box::pin(self.0.put("leave a send to the batch sequencer", &pending.draft.conversation, to_ingest(pending)))
    }
}
