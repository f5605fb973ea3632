//! What a client of Tidings keeps: messages that were decrypted, what is to be sent, where it stands in each
//! conversation, the state of MLS, and an index to search; in one SQLite database, encrypted as a whole by SQLCipher.
//!
//! A [`Vault`] is a folder. Its database is encrypted by a random key; that key is given by the platform, or lies beside it
//! wrapped by a passphrase ([`Unlock`]). Everything is written in a [`Transaction`], which is durable as a whole
//! or not at all. A transaction is a [`Store`](tidings_mls::Store) too, so that the state of MLS, the ciphertext that
//! is to be sent, and the message that it belongs to, are one write:
//!
//! ```
//! use tidings_mls::{Content, Device, Group, Identity};
//! use tidings_vault::{Outgoing, Unlock, Vault, VaultError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("tidings-vault-doc-{}", std::process::id()));
//! # let now_seconds = 1_800_000_000;
//! let mut vault = Vault::create(&folder, &Unlock::Passphrase("correct horse battery staple"))?;
//! vault.write(|tx| {
//!     let identity = Identity::create(tx, Device::new("alice", "phone").map_err(VaultError::other)?).map_err(VaultError::other)?;
//!     let mut group = Group::create(tx, &identity, "u:alice|u:bob", now_seconds).map_err(VaultError::other)?;
//!     let sent = group.encrypt(tx, &identity, &Content::text("hello")).map_err(VaultError::other)?;
//!     tx.queue(&Outgoing::message("u:alice|u:bob", "m1", &sent.payload, sent.epoch))
//! })?;
//! // Only now may it leave the device. After a crash it is sent as it lies there, and never encrypted again.
//! assert_eq!(vault.outbox()?.len(), 1);
//! # drop(vault);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```

mod backup;
mod error;
mod groups;
mod keys;
mod messages;
mod outbox;
mod recovery;
mod schema;
mod search;
mod state;
mod text;
mod vault;

pub use backup::{BackupError, Restored};
pub use error::{OpenError, VaultError};
pub use groups::{DeviceSet, Held};
pub use keys::{DatabaseKey, KeyCost, Unlock};
pub use messages::{Message, NewMessage, UNREADABLE};
pub use outbox::{Outgoing, Sealed};
pub use recovery::{RecoveryKey, RecoveryKeyError};
pub use search::{Hit, Query};
pub use state::{Conversation, Verified};
pub use vault::{Transaction, Vault};
