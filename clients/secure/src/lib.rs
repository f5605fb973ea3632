//! The client that people use: the SDK with end-to-end encryption and a store of its own.
//!
//! [`SecureClient::start`] opens an [`Account`] (a folder with an encrypted vault: keys, groups, history, outbox) and
//! connects. From there on it does by itself what encryption needs: it keeps the directory supplied with key packages, makes
//! the group of a conversation at the first message, adds and removes devices as the directory says, joins by Welcomes,
//! repairs what is stale and sends again, and asks to be added anew where it was left behind.
//!
//! ```no_run
//! use tidings_sdk::{Client, Draft, StaticToken};
//! use tidings_secure::{Event, SecureClient, Unlock};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = Client::builder()
//!     .url("wss://chat.example.org/v1")
//!     .http("https://api.example.org/v1")
//!     .device("laptop")
//!     .token_provider(StaticToken::new("eyJ…"));
//! let unlock = Unlock::Passphrase("correct horse battery staple");
//! let (client, mut events) = SecureClient::start(builder, "alice", "laptop", "vault".as_ref(), &unlock)?;
//! client.send("u:alice|u:bob", Draft::text("nobody else reads this")).await.accepted().await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Client(event) = event
//!         && let tidings_sdk::Event::Message(message) = *event
//!     {
//!         println!("{}: {}", message.sender_user_id, message.payload.text());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - A message that was queued is in the vault, and is sent by this or by a later start, once.
//! - No key is used twice, and nothing that was read is lost, whenever the process ends: what changes goes in one
//!   transaction.
//! - A conversation is encrypted unless the user has said of it that it is to be in the clear, and once it is encrypted
//!   nothing is sent to it in the clear.
//! - A message is encrypted for the devices that the directory names. `stale_epoch` and `stale_devices` are repaired and the
//!   message is encrypted anew.

mod account;
mod actor;
mod client;
mod clock;
mod error;
mod event;
pub mod link;
mod opaque;
mod search;
#[cfg(test)]
mod vectors;

use clock::now_ms;

pub use account::{Account, Membership};
pub use client::{SecureClient, Sending};
pub use error::{AccountError, OpenError, SecureError, SecureSendError};
pub use event::{Event, Events, Waiting};
pub use search::{Found, FoundMessage};
pub use tidings_mls::{Device, IdentityKey, SafetyNumber};
pub use tidings_vault::{
    BackupError, DatabaseKey, Hit, Message, Query, RecoveryKey, RecoveryKeyError, Restored, Unlock, Vault, VaultError,
    Verified,
};
