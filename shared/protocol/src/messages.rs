//! Bodies of the calls about single messages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{Kind, MessageNew, MessageSend, Payload, schema::types};

/// The answer of `GET /conversations/{id}/messages/{messageId}/reactions` and of `…/votes`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tallies {
    /// How many users chose what, of all users.
    #[schemars(with = "BTreeMap<types::Choice, types::Count>")]
    pub counts: BTreeMap<String, u64>,
    /// Who chose what, by name: a page.
    #[schemars(length(max = limits::MEMBERS_PAGE_MAX))]
    pub by_user: Vec<UserChoices>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::UserId>")]
    pub next: Option<String>,
}

/// What a user chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserChoices {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The reaction, or the choices.
    #[schemars(with = "Vec<types::Choice>", length(max = limits::CHOICES_MAX))]
    pub choices: Vec<String>,
}

/// The answer of `GET /conversations/{id}/pins`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// The pinned messages, the last pinned first.
    #[schemars(length(max = limits::PINS_MAX))]
    pub pins: Vec<PinnedMessage>,
}

/// A pinned message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedMessage {
    /// The message.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// Who pinned it.
    #[schemars(with = "types::UserId")]
    pub by_user_id: String,
    /// When; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// The answer of `GET /conversations/{id}/threads`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threads {
    /// Threads by their last reply, latest first.
    #[schemars(length(max = limits::THREADS_PAGE_MAX))]
    pub threads: Vec<ThreadInfo>,
    /// `before` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub next: Option<u64>,
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadInfo {
    /// Its first message.
    #[schemars(with = "types::MessageId")]
    pub root_message_id: String,
    /// How many replies.
    #[schemars(with = "types::Count")]
    pub replies: u64,
    /// Those after one's own mark, exact up to 100.
    #[schemars(range(max = limits::UNREAD_ROWS_MAX))]
    pub unread: u64,
    /// The place of the last reply.
    #[schemars(with = "types::Sequence")]
    pub last_sequence: u64,
    /// Its time; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub last_ts: u64,
}

/// `PUT /conversations/{id}/threads/{messageId}/mark`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadMark {
    /// The place of the last reply that was read.
    #[schemars(with = "types::Sequence")]
    pub up_to: u64,
}

/// The answer of `POST /conversations/{id}/messages/{messageId}/open`, and of `GET` without `open`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneMessage {
    /// The message.
    pub message: MessageNew,
}

/// `POST /scheduled`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRequest {
    /// When it is to be sent, within a year; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub send_at: u64,
    /// What is to be sent. Its `clientMsgId` is unique among all that the user has scheduled; the same
    /// again takes its place.
    pub message: MessageSend,
}

/// A message that is to be sent: the answer of `POST /scheduled`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledMessage {
    /// The id that it will have.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The sender's name for it.
    #[schemars(with = "types::ClientMsgId")]
    pub client_msg_id: String,
    /// When it is to be sent; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub send_at: u64,
    /// What sort of content.
    pub kind: Kind,
    /// The content.
    pub payload: Payload,
    /// Why it was not sent, where it was refused at its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The answer of `GET /scheduled`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledPage {
    /// The messages, by id.
    #[schemars(length(max = limits::SCHEDULED_PAGE_MAX))]
    pub scheduled: Vec<ScheduledMessage>,
    /// `after` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub next: Option<String>,
}
