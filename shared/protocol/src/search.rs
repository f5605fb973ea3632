//! What a search finds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Kind, schema::types};

/// `GET /search`: a page of what was found
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// The messages, in the order that was asked for.
    pub hits: Vec<SearchHit>,
    /// What the next page is asked for with, as `cursor`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The service's name for the message.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place in the conversation.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// Who sent it.
    #[schemars(with = "types::UserId")]
    pub sender_user_id: String,
    /// The server's clock at the append, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// What sort of content.
    pub kind: Kind,
    /// A piece of its text, where that is indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// What of the snippet was looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub highlights: Vec<Highlight>,
}

/// A part of a snippet, in Unicode characters (scalar values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Highlight {
    /// Characters before it.
    #[schemars(with = "types::Count")]
    pub start: u64,
    /// Characters of it.
    #[schemars(with = "types::Count")]
    pub length: u64,
}
