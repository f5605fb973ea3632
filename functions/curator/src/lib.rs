//! The curator: comes by every few minutes; and what an operator asks of the index.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_blobs::{Blobs, S3Blobs};
use tidings_domain::{
    chain,
    ids::{ConversationId, Sequence, Timestamp},
    limits::PULL_LIMIT_MAX,
    ports::{BoxFuture, Clock, Unavailable},
};
use tidings_fn_indexer::index_of;
use tidings_index::Room;
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock,
    config::{self, ConfigError},
};
use tidings_search::{
    index::{Index, Lifecycle, Maintained},
    indexing::{IndexingPorts, rebuild},
    withdrawal::{FORGET, withdrawal_of},
};
use tidings_store::{DynamoConversations, DynamoLog, DynamoMedia};
use tracing::info;

/// Shards that changed so long ago are looked at, in milliseconds: three times the time between two visits.
const CHANGED_MS: u64 = 15 * 60 * 1000;
/// In the first minutes of an hour all are looked at.
const HOUR_MS: u64 = 3600 * 1000;
const VISIT_MS: u64 = 5 * 60 * 1000;
/// A conversation is indexed again for so long by one call, in milliseconds.
const REBUILD_MS: u64 = 40_000;

/// The function.
pub struct Curator {
    index: Arc<dyn Index>,
    blobs: S3Blobs,
    log: DynamoLog,
    conversations: DynamoConversations,
    media: DynamoMedia,
    lifecycle: Lifecycle,
}

/// What is asked of it; a visit by the schedule asks for nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// Look at all shards.
    all: bool,
    /// Index a conversation again.
    rebuild: Option<Rebuild>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rebuild {
    conversation_id: String,
    #[serde(default)]
    after: u64,
}

impl Curator {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        let months = config::number("SEARCH_MONTHS", 1, 1200)?;
        Ok(Self {
            index: index_of(adapters, Room::in_memory())?,
            blobs: adapters.search_blobs()?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            media: adapters.media()?,
            lifecycle: Lifecycle { months, text_months: config::number("SEARCH_TEXT_MONTHS", 1, months)? },
        })
    }

    async fn visit(&self, all: bool) -> Result<Maintained, Unavailable> {
        let now = SystemClock.now();
        self.forget(now).await?;
        let since = if all || now.0 % HOUR_MS < VISIT_MS { Timestamp::default() } else { now.minus_ms(CHANGED_MS) };
        self.index.maintain(self.lifecycle, since, now).await
    }

    /// Takes the words out of conversations in which a member has withdrawn.
    async fn forget(&self, now: Timestamp) -> Result<(), Unavailable> {
        for noted in self.blobs.list(FORGET).await? {
            let Some(blob) = self.blobs.get(&noted.key).await? else { continue };
            if let Some((conversation, until)) = withdrawal_of(&noted.key, &blob.bytes) {
                self.index.forget_text(conversation, until, now).await?;
                // Not before nothing of then is written any more.
                if now <= until.plus_ms(CHANGED_MS) {
                    continue;
                }
            }
            self.blobs.remove(&[noted.key]).await?;
        }
        Ok(())
    }

    /// Indexes a conversation again, for as long as there is time. Answers with the place to go on after.
    async fn rebuild(&self, conversation: &ConversationId, after: Sequence) -> Result<Option<Sequence>, Unavailable> {
        let ports = IndexingPorts {
            index: self.index.as_ref(),
            log: &self.log,
            conversations: &self.conversations,
            media: &self.media,
        };
        let began = SystemClock.now();
        let mut next = Some(after);
        while let Some(after) = next {
            if SystemClock.now().ms_since(began) > REBUILD_MS {
                break;
            }
            next = rebuild(ports, conversation, after, PULL_LIMIT_MAX).await?;
        }
        Ok(next)
    }
}

impl Function for Curator {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let failed = |error: Unavailable| FunctionError::Failed(chain(&error));
            let asked: Asked =
                serde_json::from_value(event).map_err(|error| FunctionError::Failed(error.to_string()))?;
            if let Some(Rebuild { conversation_id, after }) = asked.rebuild {
                let conversation = ConversationId::parse(&conversation_id)
                    .map_err(|error| FunctionError::Failed(error.to_string()))?;
                let next = self.rebuild(&conversation, Sequence(after)).await.map_err(failed)?;
                return Ok(json!({ "next": next.map(|next| next.0) }));
            }
            let done = self.visit(asked.all).await.map_err(failed)?;
            info!(?done, "tidied");
            let Maintained { shards, merged, downsampled, expired, removed } = done;
            Ok(json!({
                "shards": shards, "merged": merged, "downsampled": downsampled, "expired": expired, "removed": removed,
            }))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
