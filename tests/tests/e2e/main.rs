//! The running stack, seen from outside: `cargo dev test`, or `cargo dev up --detach` and
//! `cargo test -p tidings-tests`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panics, and print what they measure"
)]

mod abuse;
mod connect;
mod cost;
mod coverage;
mod dedupe;
mod encryption;
mod errors;
mod events;
mod groups;
mod hot;
mod http;
mod interop;
mod invites;
mod lanes;
mod large;
mod media;
mod members;
mod messages;
mod mls;
mod order;
mod parity;
mod personal;
mod poison;
mod previews;
mod privacy;
mod promises;
mod push;
mod rates;
mod receipts;
mod recovery;
mod search;
mod secure;
mod send;
mod settings;
mod signals;
mod sync;
mod tutorial;
