//! The vault from outside: what is kept, found, hidden, restored, and what a crash leaves.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

mod backup;
mod crash;
mod hidden;
mod history;
mod opening;
mod searching;
mod support;
