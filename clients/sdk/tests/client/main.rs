//! The client against a service that misbehaves on purpose.
#![expect(unreachable_pub, reason = "the modules of a test binary are no interface")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod fake;
mod http;
mod socket;
