//! A message to be.

use std::collections::BTreeMap;

use serde_json::Value;
use tidings_protocol::{Kind, MessageNew, MessageSend, Payload};

/// A message before it is sent.
#[derive(Clone, Debug, Default)]
pub struct Draft(MessageSend);

impl Draft {
    /// A text message: the payload is `{"text": …}`.
    pub fn text(text: impl Into<String>) -> Self {
        let mut payload = serde_json::Map::new();
        payload.insert("text".to_owned(), Value::String(text.into()));
        Self::payload(Payload::of(&Value::Object(payload)))
    }

    /// A message with any payload.
    pub fn payload(payload: Payload) -> Self {
        Self(MessageSend { payload, ..MessageSend::default() })
    }

    /// What sort of content it is; text where not set.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.0.kind = Some(kind);
        self
    }

    /// The sender's own name for the message, for an application that keeps its own queue.
    /// Where not set, it is a new `UUIDv7`.
    #[must_use]
    pub fn client_msg_id(mut self, id: impl Into<String>) -> Self {
        self.0.client_msg_id = id.into();
        self
    }

    /// The message that this one answers.
    #[must_use]
    pub fn in_reply_to(mut self, message_id: impl Into<String>) -> Self {
        self.0.in_reply_to = Some(message_id.into());
        self
    }

    /// The first message of the thread.
    #[must_use]
    pub fn thread_root(mut self, message_id: impl Into<String>) -> Self {
        self.0.thread_root = Some(message_id.into());
        self
    }

    /// Users to draw the attention of; `@all` is everyone, for the admins of a group.
    #[must_use]
    pub fn mentions(mut self, users: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.mentions = users.into_iter().map(Into::into).collect();
        self
    }

    /// How long the message lives.
    #[must_use]
    pub fn ttl_seconds(mut self, seconds: u64) -> Self {
        self.0.ttl_seconds = Some(seconds);
        self
    }

    /// Content in object storage.
    #[must_use]
    pub fn media_handle(mut self, handle: impl Into<String>) -> Self {
        self.0.media_handle = Some(handle.into());
        self
    }

    /// Each reader opens it once, by [`Http::open`](crate::Http::open).
    #[must_use]
    pub fn view_once(mut self) -> Self {
        self.0.view_once = true;
        self
    }

    /// The content of another message, passed on. Media is passed on by its handle, and needs its own
    /// where that is of another conversation.
    pub fn forward(message: &MessageNew) -> Self {
        Self(MessageSend {
            payload: message.payload.clone(),
            kind: Some(message.kind.clone()),
            forwards: Some(message.forwards + 1),
            ..MessageSend::default()
        })
    }

    /// A poll: the payload is `{"text": QUESTION, "choices": […]}`.
    pub fn poll(question: impl Into<String>, choices: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let choices: Vec<String> = choices.into_iter().map(Into::into).collect();
        let payload = serde_json::json!({ "text": question.into(), "choices": choices });
        Self::payload(Payload::of(&payload)).kind(Kind::Poll)
    }

    /// The same with its content encrypted: the ciphertext in place of the payload, and no kind. `devices` are the
    /// versions of the sets of devices that it was encrypted for.
    #[must_use]
    pub fn encrypted(mut self, ciphertext: &str, epoch: u64, devices: BTreeMap<String, u64>) -> Self {
        self.0.payload = Payload::of(&Value::String(ciphertext.to_owned()));
        self.0.kind = None;
        self.0.epoch = Some(epoch);
        self.0.devices = devices;
        self
    }

    /// The frame, for this conversation and at this time, in ms since the epoch: what an application keeps that has a
    /// queue of its own.
    pub fn into_send(mut self, conversation: &str, ts: u64) -> MessageSend {
        conversation.clone_into(&mut self.0.conversation_id);
        self.0.ts = ts;
        if self.0.client_msg_id.is_empty() {
            self.0.client_msg_id = uuid::Uuid::now_v7().to_string();
        }
        self.0
    }
}

impl From<MessageSend> for Draft {
    fn from(send: MessageSend) -> Self {
        Self(send)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_json_whatever_is_in_it() {
        let send = Draft::text("say \"hi\"\n\u{1f44b}").into_send("u:a|u:b", 5);
        assert_eq!(send.payload.value(), serde_json::json!({"text": "say \"hi\"\n\u{1f44b}"}));
        assert_eq!((send.ts, send.conversation_id.as_str()), (5, "u:a|u:b"));
        assert_eq!(uuid::Uuid::parse_str(&send.client_msg_id).unwrap().get_version_num(), 7);
    }
}
