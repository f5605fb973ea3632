//! What a client says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tidings_domain::limits;

use crate::{
    Kind, MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote, Payload,
    error::{ErrorCode, ParseError},
    keys::{MailAck, MessageCommit},
    packed::Encoding,
    schema::types,
};

/// A frame from a client. Serialised, it carries its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ClientFrame {
    /// The first frame of a connection.
    #[serde(rename = "session.hello")]
    Hello(Hello),
    /// A message.
    #[serde(rename = "message.send")]
    Send(Box<MessageSend>),
    /// Other content for an earlier message.
    #[serde(rename = "message.edit")]
    Edit(Box<MessageEdit>),
    /// An earlier message taken back.
    #[serde(rename = "message.delete")]
    Delete(MessageDelete),
    /// A reaction to an earlier message, or its withdrawal.
    #[serde(rename = "message.react")]
    React(MessageReact),
    /// A choice in a poll.
    #[serde(rename = "message.vote")]
    Vote(MessageVote),
    /// An earlier message pinned for everyone, or no longer.
    #[serde(rename = "message.pin")]
    Pin(MessagePin),
    /// An MLS commit.
    #[serde(rename = "message.commit")]
    Commit(Box<MessageCommit>),
    /// Mail that the device has.
    #[serde(rename = "mailbox.ack")]
    MailAck(MailAck),
    /// Received up to here.
    #[serde(rename = "message.ack")]
    Ack(Ack),
    /// Read up to here.
    #[serde(rename = "message.read")]
    Read(Read),
    /// A page of a log.
    #[serde(rename = "sync.pull")]
    Pull(Pull),
    /// I am here.
    #[serde(rename = "presence.heartbeat")]
    Heartbeat(Heartbeat),
    /// Tell me of these users.
    #[serde(rename = "presence.subscribe")]
    Subscribe(PresenceUsers),
    /// No more of these users.
    #[serde(rename = "presence.unsubscribe")]
    Unsubscribe(PresenceUsers),
    /// I am typing.
    #[serde(rename = "typing")]
    Typing(TypingNow),
}

/// The types of frames that the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// `session.hello`
    Hello,
    /// `message.send`
    Send,
    /// `message.edit`
    Edit,
    /// `message.delete`
    Delete,
    /// `message.react`
    React,
    /// `message.vote`
    Vote,
    /// `message.pin`
    Pin,
    /// `message.commit`
    Commit,
    /// `mailbox.ack`
    MailAck,
    /// `message.ack`
    Ack,
    /// `message.read`
    Read,
    /// `sync.pull`
    Pull,
    /// `presence.heartbeat`
    Heartbeat,
    /// `presence.subscribe`
    Subscribe,
    /// `presence.unsubscribe`
    Unsubscribe,
    /// `typing`
    Typing,
}

impl FrameType {
    /// All types, with their names on the wire: also the route keys of the WebSocket API.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::Hello, "session.hello"),
        (Self::Send, "message.send"),
        (Self::Edit, "message.edit"),
        (Self::Delete, "message.delete"),
        (Self::React, "message.react"),
        (Self::Vote, "message.vote"),
        (Self::Pin, "message.pin"),
        (Self::Commit, "message.commit"),
        (Self::MailAck, "mailbox.ack"),
        (Self::Ack, "message.ack"),
        (Self::Read, "message.read"),
        (Self::Pull, "sync.pull"),
        (Self::Heartbeat, "presence.heartbeat"),
        (Self::Subscribe, "presence.subscribe"),
        (Self::Unsubscribe, "presence.unsubscribe"),
        (Self::Typing, "typing"),
    ];

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(t, _)| *t)
    }
}

/// What every frame may carry beside its own fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrameHeader {
    /// The type of the frame.
    #[serde(rename = "type")]
    pub frame_type: String,
    /// Echoed in the answer as `replyTo`; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::FrameId>")]
    pub id: Option<String>,
    /// Continues a trace (W3C).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl FrameHeader {
    /// Reads the header of a frame and checks its `id`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > crate::FRAME_BYTES_MAX {
            return Err(ParseError::too_large("frame", format_args!("at most {} bytes", crate::FRAME_BYTES_MAX)));
        }
        let header: Self = parse_body(text)?;
        if header.id.as_ref().is_some_and(|id| id.chars().count() > 64) {
            return Err(ParseError::field("id", "at most 64 characters"));
        }
        Ok(header)
    }
}

/// `session.hello`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// From the last `session.ready` of this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<String>,
    /// The last sequence held, by conversation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<types::ConversationId, types::SequenceOrZero>")]
    pub cursors: BTreeMap<String, u64>,
}

/// `message.send`, and the body of `POST /messages`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageSend {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The sender's own name for the message, unique for the device and conversation.
    #[schemars(with = "types::ClientMsgId")]
    pub client_msg_id: String,
    /// The content: any JSON value, of at most 24 KiB of JSON text; opaque to the service.
    pub payload: Payload,
    /// The sender's clock, in ms since the epoch; for display only.
    #[schemars(with = "types::Timestamp")]
    pub ts: u64,
    /// What sort of content; `text` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
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
    /// Users to draw the attention of; `@all` is everyone, for the admins of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<types::Mention>", length(max = limits::MENTIONS_MAX))]
    pub mentions: Vec<String>,
    /// Each reader opens it once; the content is not shown otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub view_once: bool,
    /// How often the content has been passed on: one more than the message that it is taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub forwards: Option<u64>,
    /// Life in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::TtlSeconds>")]
    pub ttl_seconds: Option<u64>,
    /// What only one device may read, by device, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<types::DeviceId, types::Envelope>", extend("maxProperties" = limits::ENVELOPES_MAX))]
    pub envelopes: BTreeMap<String, String>,
    /// The MLS epoch that the content was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Count>")]
    pub epoch: Option<u64>,
    /// For whose devices it was encrypted, by the versions of their sets that the sender knows. Where one is another by
    /// now, the whole is refused with `stale_devices`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<types::UserId, types::Count>", extend("maxProperties" = limits::DEVICE_VERSIONS_MAX))]
    pub devices: BTreeMap<String, u64>,
    /// 1 at the first send, 2 at the first resend, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub attempt: Option<u32>,
    /// The last sequence held at the first attempt; asked for from attempt 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::SequenceOrZero>")]
    pub base_sequence: Option<u64>,
}

/// `message.ack`, and the body of `POST /acks`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The last sequence received, all before it received too.
    #[schemars(with = "types::Sequence")]
    pub up_to: u64,
}

/// `message.read`, and the body of `POST /reads`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("anyOf" = [{ "required": ["upTo"], "properties": { "upTo": { "type": "integer" } } },
    { "required": ["messageId"], "properties": { "messageId": { "type": "string" } } }]))]
pub struct Read {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// The last sequence read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::Sequence>")]
    pub up_to: Option<u64>,
    /// The last message read, in place of `upTo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::MessageId>")]
    pub message_id: Option<String>,
}

/// `sync.pull`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Entries after this sequence.
    #[schemars(with = "types::SequenceOrZero")]
    pub since: u64,
    /// So many at most; 100 is the most and where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::PULL_LIMIT_MAX))]
    pub limit: Option<u64>,
    /// The answer may be `packed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

/// `presence.heartbeat`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// Whether the user is at the device.
    pub active: bool,
}

/// `presence.subscribe`, `presence.unsubscribe`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceUsers {
    /// At most 200 users.
    #[schemars(with = "Vec<types::UserId>", length(max = limits::PRESENCE_USERS_MAX))]
    pub user_ids: Vec<String>,
    /// A group in which they are with the asker; absent: those with whom the asker has a conversation of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<types::ConversationId>")]
    pub conversation_id: Option<String>,
}

/// `typing`, and `POST /typing`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingNow {
    /// The conversation.
    #[schemars(with = "types::ConversationId")]
    pub conversation_id: String,
    /// Typing, or not any more. It counts for six seconds: who goes on says so again.
    pub active: bool,
}

/// Reads a JSON object and says which field is wrong where one is.
pub fn parse_body<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let field = if matches!(path.as_str(), "." | "?") { missing_field(&inner) } else { Some(path) };
        let what = without_position(&inner);
        let message = match &field {
            Some(field) => format!("{field}: {what}"),
            None => format!("not a JSON object of this type: {what}"),
        };
        ParseError { code: ErrorCode::BadRequest, field, message }
    })?;
    deserializer.end().map_err(|error| ParseError {
        code: ErrorCode::BadRequest,
        field: None,
        message: format!("more than one JSON value: {}", without_position(&error)),
    })?;
    Ok(value)
}

/// serde tells a missing field in its message only.
fn missing_field(error: &serde_json::Error) -> Option<String> {
    error.to_string().strip_prefix("missing field `")?.split_once('`').map(|(field, _)| field.to_owned())
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
        for (text, field) in [
            (r#"{"conversationId":"u:a|u:b","payload":1,"ts":1}"#, Some("clientMsgId")),
            (r#"{"conversationId":5,"clientMsgId":"1","payload":1,"ts":1}"#, Some("conversationId")),
            (r#"{"conversationId":"u:a|u:b","clientMsgId":"1","payload":1,"ts":-1}"#, Some("ts")),
            (r#"{"conversationId":"x","clientMsgId":"1","payload":1,"ts":1,"envelopes":{"d":1}}"#, Some("envelopes.d")),
            (r#"{"conversationId":"x","clientMsgId":"1","payload":1,"ts":1,"kind":7}"#, Some("kind")),
            ("[]", None),
            ("{", None),
            ("", None),
        ] {
            let error = parse_body::<MessageSend>(text).unwrap_err();
            assert_eq!(error.field.as_deref(), field, "{text}: {error}");
            assert_eq!(error.code, ErrorCode::BadRequest);
            if let Some(field) = field {
                assert!(error.message.contains(field), "{error}");
            }
        }
    }

    #[test]
    fn a_second_value_is_refused() {
        assert!(parse_body::<Heartbeat>(r#"{"active":true}{"active":false}"#).is_err());
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let text =
            r#"{"conversationId":"x","clientMsgId":"1","payload":{"z":1.10,"a":12345678901234567890123},"ts":1}"#;
        let send: MessageSend = parse_body(text).unwrap();
        assert_eq!(send.payload.text(), r#"{"z":1.10,"a":12345678901234567890123}"#);
        let frame = serde_json::to_string(&ClientFrame::Send(Box::new(send))).unwrap();
        assert!(frame.starts_with(r#"{"type":"message.send","#), "{frame}");
        assert!(frame.contains(r#""payload":{"z":1.10,"a":12345678901234567890123}"#), "{frame}");
    }

    #[test]
    fn unknown_fields_are_ignored() {
        assert!(parse_body::<Heartbeat>(r#"{"active":true,"mood":"good"}"#).is_ok());
    }
}
