//! The messaging core: ids, log, receipts, use cases and ports.
//!
//! # Architecture invariants
//! - Nothing here knows AWS, JSON, tokio or the machine's clock: time, chance and storage come
//!   through [`ports`], so that the same code runs in Lambda and in simulation.
//! - The log is the only truth. Whatever else is stored can be made from it.
//! - A use case authorises before it reads or writes on a user's behalf.

pub mod annotations;
mod chain;
pub mod conversation;
pub mod group;
pub mod ids;
pub mod limits;
pub mod log;
pub mod notice;
pub mod ports;
pub mod ring;
pub mod session;
pub mod stream;

pub mod bans;
pub mod blocks;
pub mod devices;
pub mod events;
pub mod fanout;
pub mod history;
pub mod invites;
pub mod keys;
pub mod lookup;
pub mod mailbox;
pub mod media;
pub mod membership;
pub mod messages;
pub mod moderation;
pub mod personal;
pub mod preferences;
pub mod presence;
pub mod privacy;
pub mod projector;
pub mod push;
pub mod quiet;
pub mod rate;
pub mod receipts;
pub mod repair;
pub mod reports;
pub mod schedule;
pub mod send;
pub mod sequencer;
pub mod sessions;
pub mod signals;
pub mod strangers;
pub mod sync;
pub mod timers;
pub mod typing;
pub mod watching;

pub use chain::chain;
