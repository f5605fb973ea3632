//! The HTTP API, without a client between.

use std::{fmt::Write as _, sync::OnceLock};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{stack::Stack, user::User};

/// A client. Its connections live in the runtime of one test, so it is not shared between tests.
pub(crate) fn http_client() -> Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Somebody else in the process may have been first; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().no_proxy().build().unwrap()
}

/// The HTTP API, with or without a token.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    token: Option<String>,
    device: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body; null where there is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a good answer.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// Asserts status and error code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Http {
    /// A caller with this token and device.
    pub fn new(token: Option<&str>, device: Option<&str>) -> Self {
        Self { client: http_client(), token: token.map(str::to_owned), device: device.map(str::to_owned) }
    }

    /// A request with the caller's headers.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", Stack::get().http_url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(device) = &self.device {
            request = request.header("x-device-id", device);
        }
        request
    }

    /// Sends a request.
    pub async fn call(request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()))
        };
        Answer { status, headers, body, text }
    }

    /// GET
    pub async fn get(&self, path: &str) -> Answer {
        Self::call(self.request(Method::GET, path)).await
    }

    /// The headers and the body of a good answer as they come over the wire, to who accepts these codings.
    pub async fn raw(&self, path: &str, accepted: Option<&str>) -> (reqwest::header::HeaderMap, Vec<u8>) {
        let client = Client::builder().no_proxy().no_gzip().build().unwrap();
        let mut request = Self { client, ..self.clone() }.request(Method::GET, path);
        if let Some(accepted) = accepted {
            request = request.header("accept-encoding", accepted);
        }
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        (answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// POST with any body.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        Self::call(request.body(body.to_owned())).await
    }

    /// PUT, PATCH or DELETE; a null body is none.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Self::call(request.header("content-type", "application/json").body(text)).await
    }

    /// Makes a group of the caller and others; returns its id.
    pub async fn make_group(&self, members: &[&User]) -> String {
        let members: Vec<&str> = members.iter().map(|user| user.id.as_str()).collect();
        let group = self.post("/groups", &json!({ "title": "Crew", "members": members })).await.ok();
        group["conversationId"].as_str().unwrap().to_owned()
    }

    /// The log of a conversation, whole, read page by page.
    pub async fn log(&self, conversation: &str) -> Vec<Value> {
        let (mut entries, mut since) = (Vec::new(), 0);
        loop {
            let page = self.messages(conversation, &format!("since={since}&limit=100")).await.ok();
            entries.extend(page["messages"].as_array().unwrap().iter().cloned());
            since = page["next"].as_u64().unwrap();
            if page["hasMore"] == false {
                return entries;
            }
        }
    }

    /// A page of the log of a conversation.
    pub async fn messages(&self, conversation: &str, query: &str) -> Answer {
        self.get(&format!("/conversations/{}/messages?{query}", encoded(conversation))).await
    }

    /// How far each member is with a message.
    pub async fn receipts(&self, conversation: &str, message_id: &str) -> Answer {
        let message_id = encoded(message_id);
        self.get(&format!("/conversations/{}/receipts?messageId={message_id}", encoded(conversation))).await
    }

    /// The summary of a conversation in the list; null where it is not there.
    pub async fn summary(&self, conversation: &str) -> Value {
        let list = self.get("/sync").await.ok();
        let conversations = list["conversations"].as_array().unwrap();
        conversations.iter().find(|c| c["conversationId"] == conversation).cloned().unwrap_or_default()
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
    }
    out
}
