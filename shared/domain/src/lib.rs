//! The messaging core: ids, log, receipts, use cases and ports.
//!
//! # Architecture invariants
//! - Nothing here knows AWS, JSON, tokio or the machine's clock: time, chance and storage come
//!   through [`ports`], so that the same code runs in Lambda and in simulation.
//! - The log is the only truth. Whatever else is stored can be made from it.
//! - A use case authorises before it reads or writes on a user's behalf.

pub mod conversation;
pub mod ids;
pub mod limits;
pub mod log;
pub mod notice;
pub mod ports;
pub mod ring;
pub mod session;
pub mod stream;

pub mod fanout;
pub mod history;
pub mod lookup;
pub mod presence;
pub mod receipts;
pub mod repair;
pub mod send;
pub mod sessions;
pub mod sync;
