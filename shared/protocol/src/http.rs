//! Bodies of the HTTP API that no frame has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

pub use crate::server::{Marks, ReceiptStatus, Receipts};
use crate::{MessageNew, schema::types};

/// `POST /tickets`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketRequest {
    /// The device that will connect.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
}

/// The answer of `POST /tickets`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Works once, as `wss://HOST/v1?ticket=TICKET`.
    pub ticket: String,
    /// Works until then; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub expires_at: u64,
}

/// The answer of `GET /conversations/{id}/messages`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// The entries, in order.
    #[schemars(length(max = limits::PULL_LIMIT_MAX))]
    pub messages: Vec<MessageNew>,
    /// `since` of the next page; `before` of the page before where only `before` was given.
    #[schemars(with = "types::SequenceOrZero")]
    pub next: u64,
    /// Whether there is more now.
    pub has_more: bool,
}

/// The answer of `GET /sync`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationPage {
    /// Conversations that changed, latest first.
    #[schemars(length(max = limits::LIST_LIMIT_MAX))]
    pub conversations: Vec<ConversationSummary>,
    /// `since` of the next call.
    pub next: String,
    /// Whether there is more now.
    pub has_more: bool,
}

/// A conversation in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Its last sequence.
    #[schemars(with = "types::SequenceOrZero")]
    pub last_sequence: u64,
    /// What I have read.
    #[schemars(with = "types::SequenceOrZero")]
    pub read_up_to: u64,
    /// What my devices have received.
    #[schemars(with = "types::SequenceOrZero")]
    pub delivered_up_to: u64,
    /// Messages of others that I have not read; exact up to 100.
    #[schemars(with = "types::Count")]
    pub unread: u64,
    /// Whether it is muted now.
    pub muted: bool,
    /// The server's clock at the last entry, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub last_ts: u64,
}
