//! What is said about messages, and what is known of them.

use reqwest::Method;
use serde::Serialize;
use tidings_protocol::{
    DeleteFor, MessageDelete, MessageEdit, MessageNew, MessagePin, MessageReact, MessageSent, MessageVote, Payload,
    http::MessagePage,
    messages::{OneMessage, Pins, ScheduleRequest, ScheduledMessage, ScheduledPage, Tallies, ThreadMark, Threads},
};
use uuid::Uuid;

use crate::{
    clock::wall_ms,
    draft::Draft,
    error::HttpError,
    http::{Http, Query, decode, encoded},
};

/// A message, as it is named in calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRef {
    /// Its conversation.
    pub conversation_id: String,
    /// Its id.
    pub message_id: String,
    /// Its place. Without it only the latest 2,048 entries are searched.
    pub sequence: Option<u64>,
}

impl From<&MessageNew> for MessageRef {
    fn from(message: &MessageNew) -> Self {
        let (conversation_id, message_id) = (message.conversation_id.clone(), message.message_id.clone());
        Self { conversation_id, message_id, sequence: Some(message.sequence) }
    }
}

impl From<&MessageSent> for MessageRef {
    fn from(sent: &MessageSent) -> Self {
        let (conversation_id, message_id) = (sent.conversation_id.clone(), sent.message_id.clone());
        Self { conversation_id, message_id, sequence: Some(sent.sequence) }
    }
}

impl MessageRef {
    fn path(&self, what: &str) -> String {
        let (conversation, message) = (encoded(&self.conversation_id), encoded(&self.message_id));
        format!("/conversations/{conversation}/messages/{message}{what}")
    }

    fn query(&self) -> Query {
        let mut query = Query::default();
        query.add("sequence", self.sequence);
        query
    }
}

/// A call whose body is the same at every try, but for the number of the try.
macro_rules! say {
    ($http:expr, $path:literal, $message:expr, $body:ident, $($field:ident = $value:expr),*) => {{
        let message: &MessageRef = $message;
        let body = $body {
            conversation_id: message.conversation_id.clone(),
            message_id: message.message_id.clone(),
            message_sequence: message.sequence,
            client_msg_id: Uuid::now_v7().to_string(),
            ts: Some(wall_ms()),
            // Nothing of this name was sent before the message was there.
            base_sequence: Some(message.sequence.unwrap_or_default()),
            $($field: $value,)*
            ..$body::default()
        };
        let text = |attempt: u32| {
            let mut body = body.clone();
            body.attempt = Some(attempt);
            serde_json::to_string(&body)
        };
        decode(&$http.call(Method::POST, $path, Some(&text)).await?)
    }};
}

impl Http {
    /// Gives one's own message another content. Members get an entry with `event: edit`.
    pub async fn edit(&self, message: &MessageRef, payload: Payload) -> Result<MessageSent, HttpError> {
        say!(self, "/edits", message, MessageEdit, payload = payload)
    }

    /// The same in an encrypted conversation: the payload is a ciphertext of this epoch.
    pub async fn edit_encrypted(
        &self,
        message: &MessageRef,
        ciphertext: &str,
        of_epoch: u64,
    ) -> Result<MessageSent, HttpError> {
        let payload = Payload::of(&serde_json::Value::String(ciphertext.to_owned()));
        say!(self, "/edits", message, MessageEdit, payload = payload, epoch = Some(of_epoch))
    }

    /// Takes a message back, for everyone.
    pub async fn delete(&self, message: &MessageRef) -> Result<MessageSent, HttpError> {
        say!(self, "/deletes", message, MessageDelete, audience = DeleteFor::Everyone)
    }

    /// Reacts to a message, in place of one's earlier reaction; none takes it back.
    pub async fn react(&self, message: &MessageRef, reaction: Option<&str>) -> Result<MessageSent, HttpError> {
        say!(self, "/reactions", message, MessageReact, reaction = reaction.map(str::to_owned))
    }

    /// Votes in a poll, in place of one's earlier vote.
    pub async fn vote(
        &self,
        poll: &MessageRef,
        choices: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<MessageSent, HttpError> {
        say!(self, "/votes", poll, MessageVote, choices = choices.into_iter().map(Into::into).collect())
    }

    /// Pins a message for everyone, or unpins it.
    pub async fn pin(&self, message: &MessageRef, pinned: bool) -> Result<MessageSent, HttpError> {
        say!(self, "/pins", message, MessagePin, pinned = pinned)
    }

    /// A message, as it is in the log.
    pub async fn message(&self, message: &MessageRef) -> Result<MessageNew, HttpError> {
        let answer: OneMessage = self.get(&format!("{}{}", message.path(""), message.query())).await?;
        Ok(answer.message)
    }

    /// Opens a message that is opened once.
    pub async fn open(&self, message: &MessageRef) -> Result<MessageNew, HttpError> {
        let path = format!("{}{}", message.path("/open"), message.query());
        let answer: OneMessage = self.post(&path, &Nothing {}).await?;
        Ok(answer.message)
    }

    /// The edits of a message after a place, oldest first.
    pub async fn edits(&self, message: &MessageRef, since: u64) -> Result<MessagePage, HttpError> {
        let mut query = message.query();
        query.add("since", Some(since));
        self.get(&format!("{}{query}", message.path("/edits"))).await
    }

    /// Reactions: how many, and a page of whose, after a user.
    pub async fn reactions(&self, message: &MessageRef, after: Option<&str>) -> Result<Tallies, HttpError> {
        let mut query = message.query();
        query.add("after", after);
        self.get(&format!("{}{query}", message.path("/reactions"))).await
    }

    /// Votes: how many, and a page of whose, after a user.
    pub async fn votes(&self, poll: &MessageRef, after: Option<&str>) -> Result<Tallies, HttpError> {
        let mut query = poll.query();
        query.add("after", after);
        self.get(&format!("{}{query}", poll.path("/votes"))).await
    }

    /// The pinned messages of a conversation, the last pinned first.
    pub async fn pins(&self, conversation: &str) -> Result<Pins, HttpError> {
        self.get(&format!("/conversations/{}/pins", encoded(conversation))).await
    }

    /// Threads by their last reply, latest first, from before a moment on.
    pub async fn threads(&self, conversation: &str, before: Option<u64>) -> Result<Threads, HttpError> {
        let mut query = Query::default();
        query.add("before", before);
        self.get(&format!("/conversations/{}/threads{query}", encoded(conversation))).await
    }

    /// The replies of a thread after a place, oldest first.
    pub async fn thread(&self, conversation: &str, root: &str, since: u64) -> Result<MessagePage, HttpError> {
        let mut query = Query::default();
        query.add("since", Some(since));
        self.get(&format!("/conversations/{}/threads/{}{query}", encoded(conversation), encoded(root))).await
    }

    /// Says that a thread was read up to a reply.
    pub async fn read_thread(&self, conversation: &str, root: &str, up_to: u64) -> Result<(), HttpError> {
        let path = format!("/conversations/{}/threads/{}/mark", encoded(conversation), encoded(root));
        let body = |_| serde_json::to_string(&ThreadMark { up_to });
        self.call(Method::PUT, &path, Some(&body)).await.map(drop)
    }

    /// Sends a message later; one of the same name takes its place.
    pub async fn schedule(
        &self,
        conversation: &str,
        draft: Draft,
        send_at: u64,
    ) -> Result<ScheduledMessage, HttpError> {
        let message = draft.into_send(conversation, wall_ms());
        self.post("/scheduled", &ScheduleRequest { send_at, message }).await
    }

    /// The messages that are to be sent, after one of them.
    pub async fn scheduled(&self, after: Option<&str>) -> Result<ScheduledPage, HttpError> {
        let mut query = Query::default();
        query.add("after", after);
        self.get(&format!("/scheduled{query}")).await
    }

    /// Does not send it.
    pub async fn cancel_scheduled(&self, message_id: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/scheduled/{}", encoded(message_id)), None).await.map(drop)
    }
}

/// An empty object.
#[derive(Serialize)]
struct Nothing {}
