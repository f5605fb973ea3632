//! End-to-end encryption of Tidings: MLS (RFC 9420), by [openmls](https://docs.rs/openmls), for devices that share a log.
//!
//! A conversation is one MLS group whose id is the conversation's, and whose members are devices. The service orders the
//! commits: one is accepted in each epoch, and every device processes the log from where it joined. This crate does
//! no input or output. It takes the bytes that came, the time, and a [`Store`]; it gives back what is to be sent.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tidings_mls::{Changes, Content, Device, Entry, Event, Group, Identity, KeyPackage, MemoryStore, Processed, WelcomeMail};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now_seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
//! // Each device has a store and, in it, an identity. Bob's publishes key packages.
//! let (alices, bobs) = (MemoryStore::new(), MemoryStore::new());
//! let alice = Identity::create(&alices, Device::new("alice", "phone")?)?;
//! let bob = Identity::create(&bobs, Device::new("bob", "web")?)?;
//! let published = bob.make_key_packages(&bobs, 1, now_seconds)?;
//!
//! // Alice makes the group and commits to adding Bob. The commit counts when the service has accepted it.
//! let mut at_alice = Group::create(&alices, &alice, "u:alice|u:bob", now_seconds)?;
//! let key_package = KeyPackage::parse(&published[0], bob.device(), bob.key(), now_seconds)?;
//! let commit = at_alice.commit(&alices, &alice, &Changes { add: vec![key_package], remove: vec![] })?;
//! at_alice.accept_commit(&alices)?;
//!
//! let mail = WelcomeMail { conversation_id: "u:alice|u:bob", from: alice.device(), payload: commit.welcome.as_deref().unwrap_or_default() };
//! let mut at_bob = Group::join(&bobs, &bob, &mail)?;
//!
//! let sent = at_alice.encrypt(&alices, &alice, &Content::text("hello"))?;
//! let entry = Entry { sender: alice.device(), event: Event::Message, epoch: sent.epoch, payload: &sent.payload };
//! let Processed::Message { content: Ok(content), .. } = at_bob.process(&bobs, &entry)? else { panic!() };
//! assert_eq!(content, Content::text("hello"));
//! # Ok(())
//! # }
//! ```
//!
//! # What is refused
//!
//! What comes from outside is checked before it changes anything, and an operation that fails has changed nothing, neither
//! in the store nor in memory: a message twice, one of a sender that the service names otherwise, a commit that renames a
//! device or has anything but adds and removes in it, a Welcome into an epoch that is already passed, a leaf that is
//! no device. There is no handshake in the clear, no proposal by itself, and no joining from outside.
//!
//! # The clock
//!
//! Lifetimes of key packages are compared with the time that is given. openmls compares them with the machine's clock
//! once more, when it adds a device by them.

mod content;
mod device;
mod group;
mod identity;
mod key_packages;
pub mod limits;
mod provider;
mod roster;
mod safety;
mod store;
mod wire;

pub use content::{Content, ContentError};
pub use device::{Device, IdentityKey, InvalidDevice};
pub use group::{
    Changes, Commit, CommitError, CommitSummary, CreateError, EncryptError, Encrypted, Entry, Event, Group, JoinError,
    ProcessError, Processed, WelcomeMail,
};
pub use identity::{Identity, IdentityError};
pub use key_packages::{KeyPackage, KeyPackageError, OwnKeyPackage, own_key_packages, remove_expired_key_packages};
pub use roster::{Leaf, Plan, Roster};
pub use safety::SafetyNumber;
pub use store::{MemoryStore, Store, StoreError};
pub use wire::WireError;

/// An error of openmls, behind ours.
type Source = Box<dyn std::error::Error + Send + Sync>;
