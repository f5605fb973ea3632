//! Rust client for Tidings.
//!
//! [`Client::builder`] makes a client. [`ClientBuilder::connect`] starts its background task and
//! answers a [`Client`], with which to send, and [`Events`], the stream of what happens. The task
//! owns the socket: it connects, says hello, keeps the connection alive, comes back after a loss,
//! sends what is queued, acknowledges what arrives and pulls what is missing.
//!
//! ```no_run
//! use tidings_sdk::{Client, Draft, Event, StaticToken};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut events) = Client::builder()
//!     .url("wss://chat.example.org/v1")
//!     .http("https://api.example.org/v1")
//!     .device("ios:3f2a")
//!     .token_provider(StaticToken::new("eyJ…"))
//!     .connect()?;
//! client.ready().await?;
//! let sent = client.send("u:alice|u:bob", Draft::text("hello")).await.await?;
//! println!("accepted as number {}", sent.sequence);
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         client.mark_read(&message.conversation_id, message.sequence);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What the client promises
//!
//! - Messages of a conversation arrive at the application in the order of their sequence, each
//!   once, without a gap: what is missing is pulled before what follows it is handed over.
//! - A message that was taken by [`Client::send`] is sent until the service has accepted or
//!   refused it, over as many connections as that takes. Messages of one conversation are accepted
//!   in the order in which they were sent; conversations do not wait for each other.
//! - Staleness is bounded under any loss: each heartbeat compares what is held with what the
//!   service has.
//! - Where sockets fail, one after another, the HTTP API carries the same frames if its address is known, and a socket takes its
//!   place as soon as one comes through ([`ClientBuilder::fallback`]). Presence of others is not told meanwhile.
//!
//! # Where a conversation starts
//!
//! A device that holds nothing starts a conversation where the user's `deliveredUpTo` stood when
//! the client was started (read once, by `GET /sync`), and at the first message for a conversation
//! that came later. Without an HTTP address that cannot be asked: then the first message seen
//! since the start is where the conversation starts. An application with a store of its own says
//! what it holds with [`ClientBuilder::cursors`].

mod abuse;
mod actor;
mod builder;
mod calls;
mod client;
mod clock;
mod devices;
mod draft;
mod engine;
mod error;
mod event;
mod groups;
mod http;
mod keys;
mod machine;
pub mod media;
mod messages;
mod personal;
mod socket;
mod tls;
mod token;

pub use builder::ClientBuilder;
pub use client::{Client, Sending};
pub use draft::Draft;
pub use error::{BuildError, ConnectError, HttpError, RequestError, SendError};
pub use event::{DisconnectReason, Event, Events, Status};
pub use http::{Http, Page, Search, chain};
pub use messages::MessageRef;
pub use tidings_protocol as protocol;
pub use token::{StaticToken, TokenError, TokenFuture, TokenProvider, token_fn};
