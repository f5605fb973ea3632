//! The running stack, seen from outside: `cargo dev test`, or `cargo dev up --detach` and
//! `cargo test -p tidings-tests`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panics, and print what they measure"
)]

mod connect;
mod cost;
mod coverage;
mod dedupe;
mod errors;
mod http;
mod lanes;
mod members;
mod order;
mod parity;
mod promises;
mod receipts;
mod send;
mod sync;
