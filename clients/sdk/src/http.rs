//! The HTTP API.

use std::{
    error::Error,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use reqwest::{Method, StatusCode};
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use tidings_protocol::{
    Ack, ConversationSettings, ErrorFrame, MessageSent, Read,
    http::{ConversationPage, MessagePage, Receipts, SettingsUpdate, Ticket, TicketRequest},
    search::SearchPage,
};

use crate::{
    clock::wall_ms,
    draft::Draft,
    error::{BuildError, HttpError, retry_after},
    machine::backoff::full_jitter,
    token::TokenProvider,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of one call. Every call of this API may be made twice with the effect of once.
const TRIES_MAX: u32 = 3;
const RETRY_BASE: Duration = Duration::from_millis(200);
const RETRY_CAP: Duration = Duration::from_secs(2);
/// A service that asks for more patience than this gets the caller's.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
const BODY_SHOWN_CHARS: usize = 200;

/// The HTTP API of the service, for one user and device. Cheap to clone.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    base: String,
    device: String,
    tokens: Arc<dyn TokenProvider>,
}

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Entries after this sequence.
    pub since: Option<u64>,
    /// Entries before this sequence; with this alone, the last of them.
    pub before: Option<u64>,
    /// So many at most.
    pub limit: Option<u32>,
}

/// What the service is to look for. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Words: `tea`, `"a cup"`, `biscu*`, `biscuit~`, `biscuit~2`, `-coffee`. All must be there, or not be.
    pub words: Option<String>,
    /// In this conversation alone.
    pub conversation_id: Option<String>,
    /// Sent by this user.
    pub from_user_id: Option<String>,
    /// Mentions this user.
    pub mention: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// With a file of this type (`application/pdf`), or of this family of types (`image`).
    pub file_type: Option<String>,
    /// Sent then or later, in ms since the epoch.
    pub after_ms: Option<u64>,
    /// Sent before then.
    pub before_ms: Option<u64>,
    /// The latest first, and not what fits best.
    pub is_recent_first: bool,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// So many at most.
    pub limit: Option<u32>,
}

impl Search {
    fn query(&self) -> Query {
        let mut query = Query::default();
        query.add("q", self.words.as_deref());
        query.add("conversationId", self.conversation_id.as_deref());
        query.add("from", self.from_user_id.as_deref());
        query.add("mention", self.mention.as_deref());
        query.add("kind", self.kind.as_deref());
        query.add("type", self.file_type.as_deref());
        query.add("after", self.after_ms);
        query.add("before", self.before_ms);
        query.add("order", self.is_recent_first.then_some("recent"));
        query.add("cursor", self.cursor.as_deref());
        query.add("limit", self.limit);
        query
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", &self.0.base).field("device", &self.0.device).finish_non_exhaustive()
    }
}

impl Http {
    pub(crate) fn new(
        base: &str,
        device: String,
        tokens: Arc<dyn TokenProvider>,
        tls: &Arc<ClientConfig>,
        timeout: Duration,
    ) -> Result<Self, BuildError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .user_agent(concat!("tidings-sdk/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .build()
            .map_err(BuildError::Http)?;
        Ok(Self(Arc::new(Inner { client, base: base.trim_end_matches('/').to_owned(), device, tokens })))
    }

    /// A single-use ticket with which this device can connect.
    pub async fn ticket(&self) -> Result<Ticket, HttpError> {
        self.post("/tickets", &TicketRequest { device_id: self.0.device.clone() }).await
    }

    /// Conversations that changed since the cursor of an earlier answer, or all.
    pub async fn conversations(&self, since: Option<&str>, limit: Option<u32>) -> Result<ConversationPage, HttpError> {
        let mut query = Query::default();
        query.add("since", since);
        query.add("limit", limit);
        self.get(&format!("/sync{query}")).await
    }

    /// A page of the log of a conversation.
    pub async fn messages(&self, conversation: &str, page: Page) -> Result<MessagePage, HttpError> {
        let mut query = Query::default();
        query.add("since", page.since);
        query.add("before", page.before);
        query.add("limit", page.limit);
        self.get(&format!("/conversations/{}/messages{query}", encoded(conversation))).await
    }

    /// How far each member is with a message.
    pub async fn receipts(&self, conversation: &str, message_id: &str) -> Result<Receipts, HttpError> {
        let mut query = Query::default();
        query.add("messageId", Some(message_id));
        self.get(&format!("/conversations/{}/receipts{query}", encoded(conversation))).await
    }

    /// Sets something for a conversation: what is absent stays, an inner none takes a value away.
    /// Answers the settings as they are then.
    pub async fn set_settings(
        &self,
        conversation: &str,
        update: &SettingsUpdate,
    ) -> Result<ConversationSettings, HttpError> {
        self.put(&format!("/conversations/{}/settings", encoded(conversation)), update).await
    }

    /// Messages of one's conversations that the service finds.
    pub async fn search(&self, wanted: &Search) -> Result<SearchPage, HttpError> {
        self.get(&format!("/search{}", wanted.query())).await
    }

    /// Sends a message without a socket. `base_sequence` is the last sequence that the caller
    /// holds of the conversation; 0 is always right, and slower when an answer is lost.
    pub async fn send(&self, conversation: &str, draft: Draft, base_sequence: u64) -> Result<MessageSent, HttpError> {
        let mut send = draft.into_send(conversation, wall_ms());
        send.base_sequence = Some(base_sequence);
        let body = |attempt: u32| {
            let mut send = send.clone();
            send.attempt = Some(attempt);
            serde_json::to_string(&send)
        };
        decode(&self.call(Method::POST, "/messages", Some(&body)).await?)
    }

    /// Says that everything up to here was received.
    pub async fn ack(&self, conversation: &str, up_to: u64) -> Result<(), HttpError> {
        let ack = Ack { conversation_id: conversation.to_owned(), up_to };
        self.call(Method::POST, "/acks", Some(&|_| serde_json::to_string(&ack))).await.map(drop)
    }

    /// Says that everything up to here was read.
    pub async fn read(&self, conversation: &str, up_to: u64) -> Result<(), HttpError> {
        let read = Read { conversation_id: conversation.to_owned(), up_to: Some(up_to), message_id: None };
        self.call(Method::POST, "/reads", Some(&|_| serde_json::to_string(&read))).await.map(drop)
    }

    /// For addresses that are signed: no token goes there.
    pub(crate) fn storage(&self) -> &reqwest::Client {
        &self.0.client
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        decode(&self.call(Method::GET, path, None).await?)
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, HttpError> {
        decode(&self.call(Method::PUT, path, Some(&|_| serde_json::to_string(body))).await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, HttpError> {
        decode(&self.call(Method::POST, path, Some(&|_| serde_json::to_string(body))).await?)
    }

    /// Makes a call; `body` is told the number of the try. A refused token is renewed once.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Body<'_>>) -> Result<String, HttpError> {
        self.try_call(method, path, body, TRIES_MAX, None).await
    }

    /// Makes a call and does not try it again, but for a refused token; it may take longer than others where a time is given.
    pub(crate) async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        timeout: Option<Duration>,
    ) -> Result<String, HttpError> {
        let write = |_: u32| Ok(body.unwrap_or_default().to_owned());
        let body: Option<Body<'_>> = if body.is_some() { Some(&write) } else { None };
        self.try_call(method, path, body, 1, timeout).await
    }

    async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
        tries_max: u32,
        timeout: Option<Duration>,
    ) -> Result<String, HttpError> {
        let (mut tries, mut fresh) = (0, false);
        loop {
            tries += 1;
            let error = match self.attempt(method.clone(), path, body, (tries, fresh), timeout).await {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            if matches!(error, HttpError::Rejected { status: 401, .. }) && !fresh {
                fresh = true;
                tries -= 1;
                continue;
            }
            let Some(patience) = patience(&error).filter(|_| tries < tries_max) else { return Err(error) };
            let pause = patience + full_jitter(RETRY_BASE, RETRY_CAP, tries - 1, rand::random());
            tracing::debug!(path, tries, ?error, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// One attempt: which it is, and whether the last token is not to be used again.
    async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
        (attempt, fresh): (u32, bool),
        timeout: Option<Duration>,
    ) -> Result<String, HttpError> {
        let inner = &self.0;
        let token = inner.tokens.token(fresh).await.map_err(HttpError::Token)?;
        let mut request = inner
            .client
            .request(method, format!("{}{path}", inner.base))
            .bearer_auth(token)
            .header("x-device-id", &inner.device);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if let Some(body) = body {
            request =
                request.header("content-type", "application/json").body(body(attempt).map_err(HttpError::Decode)?);
        }
        let answer = request.send().await.map_err(HttpError::Transport)?;
        let status = answer.status();
        let text = answer.text().await.map_err(HttpError::Transport)?;
        if status.is_success() { Ok(text) } else { Err(rejection(status, &text)) }
    }
}

pub(crate) type Body<'a> = &'a (dyn Fn(u32) -> serde_json::Result<String> + Sync);

/// How long to wait at least before this may be tried again; none if that would not help.
fn patience(error: &HttpError) -> Option<Duration> {
    match error {
        HttpError::Rejected { status, error } => {
            let asked = retry_after(error).unwrap_or_default();
            (matches!(status, 429 | 500 | 502..=504) && asked <= RETRY_AFTER_MAX).then_some(asked)
        }
        HttpError::Unexpected { status, .. } => matches!(status, 429 | 500 | 502..=504).then_some(Duration::ZERO),
        HttpError::Transport(error) => (!error.is_builder()).then_some(Duration::ZERO),
        HttpError::Token(_) | HttpError::Decode(_) => None,
    }
}

fn rejection(status: StatusCode, text: &str) -> HttpError {
    let status = status.as_u16();
    match serde_json::from_str::<ErrorFrame>(text) {
        Ok(error) => HttpError::Rejected { status, error: Box::new(error) },
        Err(_) => HttpError::Unexpected { status, body: text.chars().take(BODY_SHOWN_CHARS).collect() },
    }
}

pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
    serde_json::from_str(text).map_err(HttpError::Decode)
}

#[derive(Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn add(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.push_str(&encoded(&value.to_string()));
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986: a conversation id has a
/// `|`, which not every proxy takes as it is.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_encoded() {
        assert_eq!(encoded("u:alice|u:bob-1._~"), "u%3Aalice%7Cu%3Abob-1._~");
        let mut query = Query::default();
        query.add("since", Some("a b&c"));
        query.add("before", None::<u64>);
        query.add("limit", Some(5));
        assert_eq!(query.to_string(), "?since=a%20b%26c&limit=5");
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let rejected = |status, text: &str| rejection(StatusCode::from_u16(status).unwrap(), text);
        let limited = r#"{"code":"rate_limited","message":"slow","retryAfterMs":700}"#;
        assert_eq!(patience(&rejected(429, limited)), Some(Duration::from_millis(700)));
        let long = r#"{"code":"rate_limited","message":"slow","retryAfterMs":70000}"#;
        assert_eq!(patience(&rejected(429, long)), None);
        assert_eq!(patience(&rejected(502, "<html>")), Some(Duration::ZERO));
        assert_eq!(patience(&rejected(404, r#"{"code":"not_found","message":"no"}"#)), None);
        assert_eq!(patience(&rejected(404, "<html>")), None);
    }
}
