//! The indexer: takes what is said from the stream of events.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use tidings_bus::FailureQueue;
use tidings_domain::{
    chain,
    ids::ConversationId,
    log::Entry,
    ports::{BoxFuture, Clock, Unavailable},
    signals::{Metric, measure},
    stream::StreamRecord,
};
use tidings_index::{Room, ShardedIndex};
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, config::ConfigError, finish_batch, stream_records,
};
use tidings_search::{
    index::Index,
    indexing::{IndexingPorts, index, is_indexed},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoMedia};
use tracing::info;

/// The index for search: in OpenSearch where one is named, else in object storage, of which a process keeps what there
/// is room for.
pub fn index_of(adapters: &Adapters, room: Room) -> Result<Arc<dyn Index>, ConfigError> {
    Ok(match adapters.opensearch() {
        Some(opensearch) => Arc::new(opensearch),
        None => Arc::new(ShardedIndex::new(Arc::new(adapters.search_blobs()?), Arc::new(SystemClock), room)),
    })
}

/// The function.
pub struct Indexer {
    index: Arc<dyn Index>,
    log: DynamoLog,
    conversations: DynamoConversations,
    media: DynamoMedia,
    failures: FailureQueue,
}

impl Indexer {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            index: index_of(adapters, Room::in_memory())?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            media: adapters.media()?,
            failures: adapters.failures("indexer")?,
        })
    }

    /// Indexes a batch. What fails, fails together: its segments were to be written together.
    async fn index(&self, records: Vec<StreamRecord>) -> BTreeMap<ConversationId, Unavailable> {
        let entries: Vec<Entry> = records.into_iter().flat_map(appended).filter(is_indexed).collect();
        if entries.is_empty() {
            return BTreeMap::new();
        }
        let ports = IndexingPorts {
            index: self.index.as_ref(),
            log: &self.log,
            conversations: &self.conversations,
            media: &self.media,
        };
        match index(ports, &entries).await {
            Ok(changes) => {
                let now = SystemClock.now();
                for entry in &entries {
                    measure(Metric::IndexedMs, now.ms_since(entry.ts));
                }
                info!(changes, "indexed");
                BTreeMap::new()
            }
            Err(error) => {
                let why = chain(&error);
                let failed = |conversation: ConversationId| {
                    (conversation, Unavailable { operation: error.operation, source: why.clone().into() })
                };
                let conversations: BTreeSet<ConversationId> = entries.into_iter().map(|e| e.conversation).collect();
                conversations.into_iter().map(failed).collect()
            }
        }
    }
}

fn appended(record: StreamRecord) -> Vec<Entry> {
    match record {
        StreamRecord::Appended { entries, .. } => entries,
        StreamRecord::Raised(_) | StreamRecord::Behind { .. } => Vec::new(),
    }
}

impl Function for Indexer {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let batch = stream_records(event)?;
            let failures = self.index(batch.items).await;
            Ok(finish_batch(batch.answer, &self.failures, &failures).await)
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
