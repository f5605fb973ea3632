//! The crate from outside: devices that share a log.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panics, and say what they could not test"
)]

mod convergence;
mod groups;
mod hostile;
mod interop;
mod key_packages;
mod peer;
mod support;
