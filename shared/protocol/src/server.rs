//! What the service says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{
    FrameHeader, Payload,
    client::parse_body,
    error::{ErrorFrame, ParseError},
    keys::{KeysLow, MailNew},
    packed::{Encoding, Packed},
    schema::types,
};

macro_rules! server_frames {
    ($($(#[$doc:meta])* $variant:ident($body:ty) = $name:literal,)*) => {
        /// A frame from the service. Serialised, it carries its `type`.
        #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
        #[serde(tag = "type")]
        pub enum ServerFrame {
            $($(#[$doc])* #[serde(rename = $name)] $variant($body),)*
        }

        impl ServerFrame {
            /// The types, as named on the wire.
            pub const TYPES: &'static [&'static str] = &[$($name),*];

            /// Reads a frame; none where the type is of a later version.
            pub fn parse(text: &str) -> Result<Option<Self>, ParseError> {
                let header: FrameHeader = parse_body(text)?;
                Ok(match header.frame_type.as_str() {
                    $($name => Some(Self::$variant(parse_body(text)?)),)*
                    _ => None,
                })
            }

            /// The type, as named on the wire.
            pub fn frame_type(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }
        }
    };
}

server_frames! {
    /// The connection is ready.
    Ready(SessionReady) = "session.ready",
    /// A message was accepted.
    Sent(MessageSent) = "message.sent",
    /// An entry of a log.
    New(Box<MessageNew>) = "message.new",
    /// An entry that this user hid for themselves.
    Hidden(MessageHidden) = "message.hidden",
    /// A member's devices received up to here.
    Delivered(Receipt) = "message.delivered",
    /// A member read up to here.
    Read(Receipt) = "message.read",
    /// The user's settings of a conversation changed.
    Settings(ConversationSettings) = "conversation.settings",
    /// The user changed or deleted a draft on another device.
    Draft(Draft) = "draft.updated",
    /// A large group moved on.
    ConversationUpdated(ConversationUpdated) = "conversation.updated",
    /// How users are.
    Presence(PresenceUpdate) = "presence.update",
    /// The answer to a heartbeat.
    PresenceOk(PresenceOk) = "presence.ok",
    /// A member types.
    Typing(Typing) = "typing",
    /// The devices of somebody in a conversation of the user, or of the user, changed.
    DeviceChanged(DeviceChanged) = "device.changed",
    /// Mail for this device alone.
    Mail(Box<MailNew>) = "mailbox.new",
    /// Few of the device's key packages are left.
    KeysLow(KeysLow) = "keys.low",
    /// Slower.
    FlowControl(FlowControl) = "flow_control",
    /// The answer to a pull.
    Page(SyncPage) = "sync.page",
    /// Another frame, compressed.
    Packed(Packed) = "packed",
    /// All that was missed has been said.
    SyncComplete(SyncComplete) = "sync.complete",
    /// A frame failed.
    Error(ErrorFrame) = "error",
}

impl ServerFrame {
    /// The text of the frame, with the `id` of the frame that it answers.
    ///
    /// A frame is made of strings and numbers and cannot fail to serialise; were that ever
    /// wrong, the client gets `internal` and not silence.
    pub fn to_text(&self, reply_to: Option<&str>) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Reply<'a> {
            #[serde(flatten)]
            frame: &'a ServerFrame,
            reply_to: &'a str,
        }
        // `flatten` buffers and would break raw payloads; no answer carries both.
        let text = match (self, reply_to) {
            (Self::Error(error), Some(id)) => {
                serde_json::to_string(&Self::Error(ErrorFrame { reply_to: Some(id.to_owned()), ..error.clone() }))
            }
            (Self::Page(page), Some(id)) => {
                serde_json::to_string(&Self::Page(SyncPage { reply_to: Some(id.to_owned()), ..page.clone() }))
            }
            (frame, Some(reply_to)) => serde_json::to_string(&Reply { frame, reply_to }),
            (frame, None) => serde_json::to_string(frame),
        };
        text.unwrap_or_else(|_| {
            r#"{"type":"error","code":"internal","message":"the answer could not be written"}"#.into()
        })
    }
}

/// What sort of content a message has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text.
    #[default]
    Text,
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document.
    Doc,
    /// A question with choices; see `message.vote`.
    Poll,
    /// Said by the service or about the conversation.
    System,
    /// What other clients know: 1 to 32 of `[a-z0-9._-]`. It passes through.
    #[serde(untagged)]
    Other(#[schemars(with = "types::KindName")] String),
}

/// What sort of event an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageEvent {
    /// A message.
    #[default]
    Message,
    /// A change of an earlier message.
    Edit,
    /// An earlier message taken back.
    Delete,
    /// A reaction to an earlier message, or its withdrawal.
    Reaction,
    /// What somebody chooses in a poll.
    Vote,
    /// An earlier message pinned for everyone.
    Pin,
    /// The end of that.
    Unpin,
    /// A change of who is in the conversation.
    Membership,
    /// An MLS commit.
    Commit,
    /// Of a later version of the service.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// `session.ready`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionReady {
    /// The user, as the credential says.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The device.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
    /// For the next `session.hello` of this device.
    pub resume_token: String,
    /// Send `presence.heartbeat` this often.
    #[schemars(with = "types::Count")]
    pub heartbeat_seconds: u64,
    /// Frames that may be unanswered at once.
    pub send_window: u32,
    /// No larger frames.
    #[schemars(with = "types::Count")]
    pub max_frame_bytes: u64,
    /// How answers may be compressed, if they are asked for so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encodings: Vec<Encoding>,
    /// Come back, with jitter, before this moment; ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub reconnect_before: u64,
    /// The server's clock, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub server_ts: u64,
}

/// `message.sent`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageSent {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The sender's name for the message.
    #[schemars(with = "types::ClientMsgId")]
    pub client_msg_id: String,
    /// The service's name for it.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place in the conversation.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// The server's clock at the append, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// It had been accepted before.
    pub duplicate: bool,
}

/// `message.new`, and an entry of a page
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "flags of the wire, left out where they are false")]
pub struct MessageNew {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The service's name for the entry.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// Its place in the conversation.
    #[schemars(with = "types::Sequence")]
    pub sequence: u64,
    /// Who sent it.
    #[schemars(with = "types::UserId")]
    pub sender_user_id: String,
    /// From which device.
    #[schemars(with = "types::DeviceId")]
    pub sender_device_id: String,
    /// The sender's name for it.
    #[schemars(with = "types::ClientMsgId")]
    pub client_msg_id: String,
    /// What sort of event.
    #[serde(default)]
    pub event: MessageEvent,
    /// What sort of content.
    #[serde(default)]
    pub kind: Kind,
    /// The content: any JSON value, as it was sent; `null` where it has expired.
    #[serde(default)]
    pub payload: Payload,
    /// The server's clock at the append, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// The sender's clock, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub client_ts: Option<u64>,
    /// The message that an edit, a delete, a reaction, a vote or a pin is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub target_message_id: Option<String>,
    /// Its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Sequence>")]
    pub target_sequence: Option<u64>,
    /// Its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::UserId>")]
    pub target_user_id: Option<String>,
    /// Of a reaction: what it is; absent where it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Choice>")]
    pub reaction: Option<String>,
    /// Of a vote: what is chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<types::Choice>", length(max = limits::CHOICES_MAX))]
    pub choices: Vec<String>,
    /// Content in object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MediaHandle>")]
    pub media_handle: Option<String>,
    /// The message answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub in_reply_to: Option<String>,
    /// The first message of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub thread_root: Option<String>,
    /// Users to draw the attention of; `@all` is everyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<types::Mention>", length(max = limits::MENTIONS_MAX))]
    pub mentions: Vec<String>,
    /// Each reader opens it once; the content is not shown otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub view_once: bool,
    /// How often it has been passed on.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(with = "types::Count")]
    pub forwards: u64,
    /// Life in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<u64>,
    /// It has expired: the content is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// It was deleted for everyone: the content is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Everyone has opened it: the content is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub viewed: bool,
    /// What only this device may read, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Envelope>")]
    pub envelope: Option<String>,
    /// The MLS epoch of the conversation at this entry, where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub epoch: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `message.hidden`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageHidden {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The entry.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
}

/// `message.delivered`, `message.read`: a watermark
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The member whose watermark rose.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// Everything up to this sequence.
    #[schemars(with = "types::Sequence")]
    pub up_to: u64,
    /// The entry at `upTo`.
    #[schemars(with = "types::MessageId")]
    pub message_id: String,
    /// The server's clock, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// `conversation.updated`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationUpdated {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Its last sequence.
    #[schemars(with = "types::SequenceOrZero")]
    pub last_sequence: u64,
}

/// `conversation.settings`, and the answer of `PUT /conversations/{id}/settings`: what the user has set
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct ConversationSettings {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Until when it is muted, in ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub muted_until: Option<u64>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Whether it is put away.
    pub archived: bool,
    /// Life of messages that name none, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<u64>,
    /// Whether the user agrees that text is indexed for search.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub searchable: bool,
    /// Whether the text of what follows is: all members agree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text_indexed: bool,
}

/// `draft.updated`, and a draft of `GET /drafts`: what the user has not sent yet
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The content: any JSON value, as it was written; `null` where the draft was deleted.
    #[serde(default)]
    pub payload: Payload,
    /// The device's clock at the change, in ms since the epoch; the later one stands.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
}

/// `presence.update`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceUpdate {
    /// The users.
    pub users: Vec<UserPresence>,
}

/// How one user is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPresence {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The state.
    pub state: PresenceState,
    /// When they were last there, in ms since the epoch; absent while online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Timestamp>")]
    pub last_seen: Option<u64>,
}

/// A state of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceState {
    /// There now.
    Online,
    /// There within the last day.
    Recently,
    /// Not there.
    Offline,
}

/// `presence.ok`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceOk {
    /// The server's clock, in ms since the epoch.
    #[schemars(with = "types::Timestamp")]
    pub server_ts: u64,
}

/// `typing`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The member.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// Whether they type.
    pub active: bool,
}

/// `device.changed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceChanged {
    /// The user.
    #[schemars(with = "types::UserId")]
    pub user_id: String,
    /// The device.
    #[schemars(with = "types::DeviceId")]
    pub device_id: String,
    /// `added`, `removed` or `keys`.
    #[schemars(extend("enum" = ["added", "removed", "keys"]))]
    pub change: String,
}

/// `flow_control`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowControl {
    /// Frames that may be unanswered at once.
    pub window: u32,
    /// Send nothing for so long, in milliseconds.
    #[schemars(with = "types::Count")]
    pub retry_after_ms: u64,
}

/// `sync.page`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncPage {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The entries, in order.
    #[schemars(length(max = limits::PULL_LIMIT_MAX))]
    pub messages: Vec<MessageNew>,
    /// `since` of the next pull.
    #[schemars(with = "types::SequenceOrZero")]
    pub next: u64,
    /// Whether there is more now.
    pub has_more: bool,
    /// The `id` of the pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::FrameId>")]
    pub reply_to: Option<String>,
}

/// `sync.complete`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncComplete {
    /// Conversations that were brought up to date.
    #[schemars(with = "types::Count")]
    pub conversations: u64,
    /// For the next `session.hello`, in place of the one in `session.ready`: it spares looking
    /// again at what this sync has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<String>,
}

/// A member's marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Marks {
    /// Everything up to here was received.
    #[schemars(with = "types::SequenceOrZero")]
    pub delivered_up_to: u64,
    /// Everything up to here was read.
    #[schemars(with = "types::SequenceOrZero")]
    pub read_up_to: u64,
}

/// The state of one message for one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptStatus {
    /// Accepted by the service.
    Sent,
    /// Received by one of the member's devices.
    Delivered,
    /// Read by the member.
    Read,
}

/// The answer of `GET /conversations/{id}/receipts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipts {
    /// The state of the message for each member of this page who may see it, but its sender.
    #[schemars(with = "BTreeMap<types::UserId, ReceiptStatus>")]
    pub status_by_user: BTreeMap<String, ReceiptStatus>,
    /// The members' marks, from which the state of every message follows.
    #[serde(default)]
    #[schemars(with = "BTreeMap<types::UserId, Marks>")]
    pub marks_by_user: BTreeMap<String, Marks>,
    /// How many of the members of this page are in which state; who joined later is in none.
    #[serde(default)]
    pub counts: ReceiptCounts,
    /// The `cursor` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether there are members after these.
    #[serde(default)]
    pub has_more: bool,
}

/// How many members a message has got how far with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptCounts {
    /// Accepted by the service, and no further.
    #[schemars(with = "types::Count")]
    pub sent: u64,
    /// Received, and not read.
    #[schemars(with = "types::Count")]
    pub delivered: u64,
    /// Read.
    #[schemars(with = "types::Count")]
    pub read: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_reply_to() {
        let text = ServerFrame::PresenceOk(PresenceOk { server_ts: 7 }).to_text(Some("9"));
        assert_eq!(text, r#"{"type":"presence.ok","serverTs":7,"replyTo":"9"}"#);
    }

    #[test]
    fn frames_read_back_and_later_types_are_none() {
        let frame = ServerFrame::SyncComplete(SyncComplete { conversations: 2, resume_token: None });
        assert_eq!(ServerFrame::parse(&frame.to_text(None)).unwrap(), Some(frame));
        assert_eq!(ServerFrame::parse(r#"{"type":"hologram"}"#).unwrap(), None);
    }
}
