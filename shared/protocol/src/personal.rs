//! Bodies of the calls about what is one user's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{Draft, Payload, schema::types};

/// `PUT /drafts/{conversationId}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftUpdate {
    /// The content: any JSON value; `null` deletes the draft.
    pub payload: Payload,
    /// The device's clock, in ms since the epoch: of two changes the one with the later `ts` stands.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// The answer of `GET /drafts`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftPage {
    /// Drafts, by conversation.
    #[schemars(length(max = limits::PERSONAL_PAGE_MAX))]
    pub drafts: Vec<Draft>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ConversationId>")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

/// A message that the user marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Star {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The message.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place in the conversation.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// When it was marked, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// The answer of `GET /stars`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StarPage {
    /// Stars, the newest first.
    #[schemars(length(max = limits::PERSONAL_PAGE_MAX))]
    pub stars: Vec<Star>,
    /// `before` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

/// What sort of thing a user keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PersonalKind {
    /// A draft.
    Draft,
    /// A star.
    Star,
    /// A message that the user sees no more.
    Hidden,
    /// Of a later version.
    #[schemars(skip)]
    #[serde(other)]
    Unknown,
}

/// Something that a user keeps, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonalChange {
    /// What sort of thing.
    pub kind: PersonalKind,
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The message, of a star or a hidden one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub message_id: Option<String>,
    /// Its place in the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Sequence>")]
    pub sequence: Option<u64>,
    /// The content of a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// The `ts` of a draft; else when it was made, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// It is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// The answer of `GET /personal`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonalPage {
    /// What changed, in the order of the changes.
    #[schemars(length(max = limits::PERSONAL_PAGE_MAX))]
    pub changes: Vec<PersonalChange>,
    /// `since` of the next call.
    pub next: String,
    /// Whether there is more now.
    pub has_more: bool,
}
