//! Buckets, and what is charged to them.

use thiserror::Error;
use tracing::warn;

use super::{CONNECTS_PER_DEVICE, OnFailure, Use};
use crate::{
    ids::{Sender, Timestamp},
    ports::{Clock, PortResult, Unavailable},
};

/// Too many.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("too many: {limit}")]
pub struct RateLimited {
    /// Of what.
    pub limit: &'static str,
    /// When to come back, in milliseconds.
    pub retry_after_ms: u64,
}

/// Why something is not let in.
#[derive(Debug, Error)]
pub enum LimitError {
    /// Too many.
    #[error(transparent)]
    Limited(#[from] RateLimited),
    /// The bucket cannot be reached, and the limit refuses then.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is charged to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The bucket.
    pub bucket: String,
    /// By how much the moment of being full moves on, in microseconds.
    pub cost_us: u64,
    /// Refused where that moment is further away than this, in microseconds; none: never.
    pub ceiling_us: Option<u64>,
    /// When the bucket was last known to be full again, in microseconds since the epoch: with a right guess a charge is one write.
    pub seen_us: u64,
}

/// What became of a charge, and when the bucket is full again, in microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// It was taken.
    Taken(u64),
    /// Not enough was left; nothing has changed.
    Refused(u64),
}

/// A moment in microseconds.
pub fn micros(now: Timestamp) -> u64 {
    now.0.saturating_mul(1000)
}

/// What a bucket is after a charge: the one rule that every store of buckets keeps.
pub fn charged(full_at_us: u64, charge: &Charge, now: Timestamp) -> Charged {
    let from = full_at_us.max(micros(now));
    match charge.ceiling_us {
        Some(ceiling) if from - micros(now) > ceiling => Charged::Refused(full_at_us),
        _ => Charged::Taken(from.saturating_add(charge.cost_us)),
    }
}

/// What a device is charged that floods: it opens no socket for five minutes.
pub fn penalty(device: &Sender) -> Charge {
    let Use { limit, bucket } = CONNECTS_PER_DEVICE.of_device(device);
    // Each function that sees it charges: the first alone counts.
    let ceiling_us = Some(limit.ceiling_us());
    Charge { bucket, cost_us: 2 * limit.every_us * limit.burst, ceiling_us, seen_us: 0 }
}

/// Buckets.
pub trait Buckets: Send + Sync {
    /// Charges a bucket in one step; a bucket that is not there is full.
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> PortResult<'a, Charged>;
}

/// Charges one use before it happens.
pub async fn take(buckets: &dyn Buckets, clock: &dyn Clock, wanted: &Use) -> Result<(), LimitError> {
    take_several(buckets, clock, wanted, 1).await
}

/// Charges so many tokens for one use before it happens, all or none; as many as a full bucket has at most.
pub async fn take_several(
    buckets: &dyn Buckets,
    clock: &dyn Clock,
    wanted: &Use,
    tokens: u64,
) -> Result<(), LimitError> {
    let Use { limit, bucket } = wanted;
    let more = tokens.clamp(1, limit.burst) - 1;
    let ceiling_us = limit.every_us * (limit.burst - 1 - more);
    let cost_us = limit.every_us * (1 + more);
    let charge = Charge { bucket: bucket.clone(), cost_us, ceiling_us: Some(ceiling_us), seen_us: 0 };
    let now = clock.now();
    match buckets.charge(&charge, now).await {
        Ok(Charged::Taken(_)) => Ok(()),
        Ok(Charged::Refused(full_at_us)) => {
            // A token came back in the meantime: soon, then.
            let ahead_us = full_at_us.saturating_sub(micros(now));
            let retry_after_ms = ahead_us.saturating_sub(ceiling_us).div_ceil(1000).max(1);
            Err(RateLimited { limit: limit.name, retry_after_ms }.into())
        }
        Err(error) if limit.on_failure == OnFailure::Open => {
            warn!(%error, limit = limit.name, "let in without its bucket");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
