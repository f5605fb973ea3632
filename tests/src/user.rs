//! Users and devices of one test.

use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tidings_sdk::{Client, ClientBuilder, Events, StaticToken};

use crate::{
    http::Http,
    jwt::token,
    socket::{Opening, Socket},
    stack::Stack,
};

/// A name that no other test has.
pub fn fresh(name: &str) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{name}-{}", &unique[..10])
}

/// The time now, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests of a running stack live in real time")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap()
}

/// The conversation of two users.
pub fn direct(one: &User, other: &User) -> String {
    let (first, second) = if one.id <= other.id { (one, other) } else { (other, one) };
    format!("u:{}|u:{}", first.id, second.id)
}

/// A user that only this test knows.
#[derive(Debug)]
pub struct User {
    /// The user id.
    pub id: String,
    token: OnceLock<String>,
}

impl User {
    /// A new user.
    pub fn new(name: &str) -> Self {
        Self::called(fresh(name))
    }

    /// A user of this very id.
    pub fn called(id: String) -> Self {
        Self { id, token: OnceLock::new() }
    }

    /// A good token.
    pub fn token(&self) -> &str {
        self.token.get_or_init(|| token(&self.id))
    }

    /// The conversation with oneself.
    pub fn notes(&self) -> String {
        direct(self, self)
    }

    /// One of the user's devices.
    pub fn device<'a>(&'a self, device: &'a str) -> Device<'a> {
        Device { user: self, id: device }
    }

    /// An open socket of a device, before its hello.
    pub async fn open(&self, device: &str) -> Socket {
        Opening::with_token(self.token(), device).open().await.unwrap_or_else(|status| panic!("{}: {status}", self.id))
    }

    /// A socket of a device that has said hello, and what was missed.
    pub async fn connect(&self, device: &str) -> Socket {
        self.connect_with(device, json!({})).await.0
    }

    /// A socket of a device that has said hello with these fields, and all frames that the hello
    /// was answered with.
    pub async fn connect_with(&self, device: &str, hello: Value) -> (Socket, Vec<Value>) {
        let mut socket = self.open(device).await;
        let drained = socket.hello(hello).await;
        (socket, drained)
    }

    /// The HTTP API, as one of the user's devices.
    pub fn http(&self, device: &str) -> Http {
        Http::new(Some(self.token()), Some(device))
    }

    /// The options of a Rust client of a device.
    pub fn sdk(&self, device: &str) -> ClientBuilder {
        let stack = Stack::get();
        Client::builder()
            .url(&stack.ws_url)
            .http(&stack.http_url)
            .device(device)
            .token_provider(StaticToken::new(self.token()))
    }

    /// A Rust client of a device, connected.
    pub async fn client(&self, device: &str) -> (Client, Events) {
        let (client, events) = self.sdk(device).connect().unwrap();
        client.ready().await.unwrap();
        (client, events)
    }
}

/// A device of a user, as rows name it.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Whose.
    pub user: &'a User,
    /// The device id.
    pub id: &'a str,
}

impl Device<'_> {
    /// The key of the device in the tables of sessions and devices.
    pub fn key(&self) -> Value {
        json!({ "uid": { "S": self.user.id }, "dev": { "S": self.id } })
    }
}
