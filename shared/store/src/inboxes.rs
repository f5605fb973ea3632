//! The inboxes table: frames that were posted to devices that ask for them.
//!
//! | `own` | `key` | |
//! |---|---|---|
//! | user, `#`, device, `#`, session | the frame's key, which begins with its time | `f` the frame, as text; TTL `exp` |

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use tidings_domain::{
    events::Kept,
    ids::FrameKey,
    limits::EVENTS_LIFE_MS,
    ports::{Inboxes, PortResult, Unavailable},
    session::Session,
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, n, s, text},
};

/// Inboxes in a table.
#[derive(Clone, Debug)]
pub struct DynamoInboxes {
    client: Client,
    table: String,
}

fn own(session: &Session) -> String {
    format!("{}#{}#{}", session.owner.user, session.owner.device, session.connection)
}

fn kept_of(item: &Item) -> Result<Kept, StoreError> {
    Ok(Kept { key: FrameKey::parse(text(item, "key")?)?, text: text(item, "f")?.into() })
}

impl DynamoInboxes {
    /// The inboxes in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn keep(&self, session: &Session, frame: &Kept) -> Result<(), Unavailable> {
        let expires_at = session.expires_at.plus_ms(EVENTS_LIFE_MS);
        self.client
            .put_item()
            .table_name(&self.table)
            .item("own", s(own(session)))
            .item("key", s(frame.key.as_str()))
            .item("f", s(frame.text.as_ref()))
            .item("exp", n(expires_at.as_seconds()))
            .send()
            .await
            .map(|_| ())
            .map_err(failed("put a frame into an inbox"))
    }

    async fn read(&self, session: &Session, limit: usize) -> Result<Vec<Kept>, Unavailable> {
        const OPERATION: &str = "read an inbox";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("own = :own")
            .expression_attribute_values(":own", s(own(session)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(OPERATION))?;
        let items = answer.items.unwrap_or_default();
        items.iter().map(|item| kept_of(item).map_err(failed(OPERATION))).collect()
    }

    async fn delete(&self, session: &Session, keys: &[FrameKey]) -> Result<(), Unavailable> {
        let deletes = keys.iter().map(|key| async move {
            let item = HashMap::from([("own".into(), s(own(session))), ("key".into(), s(key.as_str()))]);
            let deleted = self.client.delete_item().table_name(&self.table).set_key(Some(item)).send().await;
            deleted.map(|_| ()).map_err(failed("remove a frame from an inbox"))
        });
        try_join_all(deletes).await.map(|_| ())
    }
}

impl Inboxes for DynamoInboxes {
    fn put<'a>(&'a self, session: &'a Session, frame: &'a Kept) -> PortResult<'a, ()> {
        Box::pin(self.keep(session, frame))
    }

    fn page<'a>(&'a self, session: &'a Session, limit: usize) -> PortResult<'a, Vec<Kept>> {
        Box::pin(self.read(session, limit))
    }

    fn remove<'a>(&'a self, session: &'a Session, keys: &'a [FrameKey]) -> PortResult<'a, ()> {
        Box::pin(self.delete(session, keys))
    }
}
