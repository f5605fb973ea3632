//! Bodies of the HTTP API that no frame has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidings_domain::limits;

pub use crate::server::{Marks, ReceiptCounts, ReceiptStatus, Receipts};
use crate::{Kind, MessageEvent, MessageNew, groups::given, schema::types};

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

/// The answer of `GET /events`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// Frames as the service says them on a socket, in order: see the `AsyncAPI` document. None where nothing happened in time.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub events: Vec<Box<RawValue>>,
    /// `cursor` of the next call.
    pub cursor: String,
}

/// A conversation in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "flags of the wire")]
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
    /// Those of the first 100 of them that mention me or everyone.
    #[serde(default)]
    #[schemars(with = "types::Count")]
    pub mentions: u64,
    /// Whether it is muted now.
    pub muted: bool,
    /// Until when it is muted, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub muted_until: Option<u64>,
    /// Whether I have pinned it.
    #[serde(default)]
    pub pinned: bool,
    /// Whether I have put it away.
    #[serde(default)]
    pub archived: bool,
    /// A stranger has written to me, to whom I have not written, and whom I have not accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub request: bool,
    /// The name of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::GroupTitle>")]
    pub title: Option<String>,
    /// The picture of a group, a media handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub avatar: Option<String>,
    /// Life of messages that name none, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<u64>,
    /// It is end-to-end encrypted, and stays so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// The last entry, without its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<MessageReference>,
    /// The server's clock at the last entry, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub last_ts: u64,
}

/// An entry, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageReference {
    /// Its place in the conversation.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// The service's name for it.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Who sent it.
    #[schemars(with = "types::UserId")]
    pub sender_user_id: String,
    /// The server's clock at the append, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// What sort of content.
    pub kind: Kind,
    /// What sort of event.
    pub event: MessageEvent,
}

/// `PUT /conversations/{id}/settings`: what is absent stays; null takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsUpdate {
    /// No pushes until then, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub muted_until: Option<Option<u64>>,
    /// Whether it is pinned; null is false.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<bool>")]
    pub pinned: Option<Option<bool>>,
    /// Whether it is put away; null is false.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<bool>")]
    pub archived: Option<Option<bool>>,
    /// Life of messages that name none, in seconds: for everyone in the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<Option<u64>>,
    /// Whether the user agrees that the text of what follows is indexed for search; it is only while all members do.
    /// null is false, and takes away what is indexed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<bool>")]
    pub searchable: Option<Option<bool>>,
}
