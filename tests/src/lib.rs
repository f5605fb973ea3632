//! What the tests drive the running stack with: sockets, HTTP, tokens, and a look behind the
//! service at its tables, queues and meters.
//!
//! Every test makes its own users, so all of them run side by side on one stack. Nothing sleeps to
//! let something happen: what is awaited is asked for until it is there, or until a deadline that
//! only a broken stack misses.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test fails by a panic that says what was expected"
)]

mod aws;
pub mod chaos;
pub mod cold_start;
pub mod flood;
mod http;
mod jwt;
mod logs;
mod media;
mod meter;
mod push;
mod retry;
mod rows;
mod socket;
mod stack;
mod template;
mod user;

pub use aws::{dynamodb, get_item, invoke, kinesis_put, queue_put, take_failure};
pub use http::{Answer, Http, encoded};
pub use jwt::{ForeignKey, token, token_with, unsigned};
pub use logs::{digest, function_logs, objects};
pub use media::{announced, from_storage, png, sha256, to_storage};
pub use meter::{Call, WireFrame, calls, frames};
pub use push::{await_pushes, push_endpoints, push_fault, pushes, register_push};
pub use retry::{DEADLINE, eventually};
pub use rows::{
    entry, member_key, seed_conversation, seed_log, seed_member, seed_members, seed_unreadable, seeded_payload, sender,
};
pub use socket::{Opening, Socket, message};
pub use stack::{Stack, run_dev};
pub use template::{Resource, Template, repository};
pub use user::{Device, User, direct, fresh, now_ms};
