//! The client's logic as state machines without input, output, clock or dice.
//!
//! Time comes in as a [`Moment`], chance as a number between 0 and 1. So every interleaving that
//! a network can make is a plain sequence of calls, and the tests make many of them.

pub(crate) mod backoff;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod receipts;
pub(crate) mod requests;

use std::time::Duration;

/// Time since the client was started.
pub(crate) type Moment = Duration;

/// The earlier of two moments that may not exist.
pub(crate) fn earliest(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
