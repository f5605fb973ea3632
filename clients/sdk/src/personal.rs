//! What is the user's own: drafts, stars, hidden messages. The same on all of the user's devices.

use reqwest::Method;
use serde_json::Value;
use tidings_protocol::{
    Draft, Payload,
    personal::{DraftPage, DraftUpdate, PersonalPage, Star, StarPage},
};

use crate::{
    clock::wall_ms,
    error::HttpError,
    http::{Http, Query, decode, encoded},
};

impl Http {
    /// Keeps a draft; `null` deletes it. Answers what stands: another device may have changed it later.
    pub async fn save_draft(&self, conversation: &str, payload: &Value) -> Result<Draft, HttpError> {
        let update = DraftUpdate { payload: Payload::of(payload), ts: wall_ms() };
        self.put(&format!("/drafts/{}", encoded(conversation)), &update).await
    }

    /// A page of the drafts, after a conversation.
    pub async fn drafts(&self, after: Option<&str>, limit: Option<u32>) -> Result<DraftPage, HttpError> {
        self.get(&format!("/drafts{}", query("after", after, limit))).await
    }

    /// Marks a message, which is named with its place.
    pub async fn star(&self, conversation: &str, message_id: &str, sequence: u64) -> Result<Star, HttpError> {
        let path = on_message("stars", conversation, message_id, Some(sequence));
        decode(&self.call(Method::PUT, &path, None).await?)
    }

    /// Takes a mark away.
    pub async fn unstar(&self, conversation: &str, message_id: &str, sequence: u64) -> Result<(), HttpError> {
        let path = on_message("stars", conversation, message_id, Some(sequence));
        self.call(Method::DELETE, &path, None).await.map(drop)
    }

    /// A page of the stars, the newest first.
    pub async fn stars(&self, before: Option<&str>, limit: Option<u32>) -> Result<StarPage, HttpError> {
        self.get(&format!("/stars{}", query("before", before, limit))).await
    }

    /// Deletes a message for this user alone. Without its place it is searched among the latest.
    pub async fn hide(&self, conversation: &str, message_id: &str, sequence: Option<u64>) -> Result<(), HttpError> {
        let path = on_message("hidden", conversation, message_id, sequence);
        self.call(Method::PUT, &path, None).await.map(drop)
    }

    /// What changed of all this since the cursor of an earlier answer, or all.
    pub async fn personal(&self, since: Option<&str>, limit: Option<u32>) -> Result<PersonalPage, HttpError> {
        self.get(&format!("/personal{}", query("since", since, limit))).await
    }
}

fn query(name: &str, value: Option<&str>, limit: Option<u32>) -> Query {
    let mut query = Query::default();
    query.add(name, value);
    query.add("limit", limit);
    query
}

fn on_message(what: &str, conversation: &str, message_id: &str, sequence: Option<u64>) -> String {
    let mut query = Query::default();
    query.add("sequence", sequence);
    format!("/{what}/{}/{}{query}", encoded(conversation), encoded(message_id))
}
