//! What a function lets in on its own account.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{join, join_all};
use tracing::warn;

use super::{Buckets, Charge, Charged, Limit, OnFailure, RateLimited, Use};
use crate::{
    ids::Timestamp,
    limits::{RATE_LEASES_MAX, RATE_RETRY_MS},
    ports::Clock,
    send::within,
};

/// What a function has let in of one bucket, and what it knows of it.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    /// Let in and not charged.
    uses: u64,
    /// When the bucket is full again, as last seen, in microseconds.
    seen_us: u64,
    /// Refused until then.
    refused_until: Timestamp,
    /// Its table is away: not tried again before.
    settle_at: Timestamp,
}

/// What a function has let in, by bucket.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<String, Lease>>);

/// What is to be charged of one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    limit: Limit,
    uses: u64,
    pub(super) charge: Charge,
}

impl Leases {
    /// Lets one use of each in, or of none. What is to be charged now: [`settle`] does, beside the work.
    pub fn admit(&self, uses: &[Use], now: Timestamp) -> Result<Vec<Settlement>, RateLimited> {
        let mut leases = self.lock();
        for wanted in uses {
            let until = leases.get(&wanted.bucket).map(|lease| lease.refused_until).unwrap_or_default();
            if until > now {
                return Err(RateLimited { limit: wanted.limit.name, retry_after_ms: until.ms_since(now) });
            }
        }
        // Starting over forgives what was not charged: at most a lease for each bucket.
        if leases.len() + uses.len() > RATE_LEASES_MAX {
            leases.clear();
        }
        let settlements = uses.iter().filter_map(|wanted| {
            let lease = leases.entry(wanted.bucket.clone()).or_default();
            lease.uses += 1;
            if lease.uses < wanted.limit.lease || lease.settle_at > now {
                return None;
            }
            let uses = std::mem::take(&mut lease.uses);
            let cost_us = wanted.limit.every_us.saturating_mul(uses);
            let charge = Charge { bucket: wanted.bucket.clone(), cost_us, ceiling_us: None, seen_us: lease.seen_us };
            Some(Settlement { limit: wanted.limit, uses, charge })
        });
        Ok(settlements.collect())
    }

    /// Notes what became of a charge: how long to refuse, in milliseconds.
    pub(super) fn note(&self, settlement: &Settlement, full_at_us: Option<u64>, now: Timestamp) -> u64 {
        let mut leases = self.lock();
        let lease = leases.entry(settlement.charge.bucket.clone()).or_default();
        if let Some(full_at_us) = full_at_us {
            let wait_ms = settlement.limit.wait_ms(full_at_us, now);
            lease.seen_us = full_at_us;
            lease.refused_until = now.plus_ms(wait_ms);
            return wait_ms;
        }
        lease.uses += settlement.uses;
        lease.settle_at = now.plus_ms(RATE_RETRY_MS);
        if settlement.limit.on_failure == OnFailure::Open {
            return 0;
        }
        lease.refused_until = lease.settle_at;
        RATE_RETRY_MS
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets one use of each in and charges it beside the work, so that it takes no time. Where one is refused, the work is not begun.
pub async fn beside<T, E: From<RateLimited>>(
    buckets: &dyn Buckets,
    clock: &dyn Clock,
    leases: &Leases,
    uses: &[Use],
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let settlements = leases.admit(uses, clock.now())?;
    join(work, settle(buckets, clock, leases, &settlements)).await.0
}

/// Charges what was let in. Where a bucket is below empty from now on: the one with the longest wait.
pub async fn settle(
    buckets: &dyn Buckets,
    clock: &dyn Clock,
    leases: &Leases,
    settlements: &[Settlement],
) -> Option<RateLimited> {
    let charges = settlements.iter().map(|settlement| async move {
        let charging = buckets.charge(&settlement.charge, clock.now());
        let full_at_us = match within(clock, charging).await {
            Some(Ok(Charged::Taken(full_at_us) | Charged::Refused(full_at_us))) => Some(full_at_us),
            Some(Err(error)) => {
                warn!(%error, limit = settlement.limit.name, "not charged");
                None
            }
            None => {
                warn!(limit = settlement.limit.name, "not charged in time");
                None
            }
        };
        let retry_after_ms = leases.note(settlement, full_at_us, clock.now());
        RateLimited { limit: settlement.limit.name, retry_after_ms }
    });
    let limited = join_all(charges).await.into_iter().filter(|limited| limited.retry_after_ms > 0);
    limited.max_by_key(|limited| limited.retry_after_ms)
}
