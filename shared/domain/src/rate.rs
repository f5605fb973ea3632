//! Rate limits: token buckets in storage, charged by leases that functions hold in memory.
//!
//! A bucket is one number: the moment at which it will be full again. Taking a token moves that moment on by the time that a
//! token takes to come back; the bucket is empty where it is further away than all tokens together. So a charge is one write.
//!
//! Two ways of charging:
//! - [`take`]: each use is charged before it happens. Exact: nothing is ever let in above the bucket. For what is rare.
//! - [`Leases`]: a function lets up to [`Limit::lease`] uses in on its own account and then charges them in one write, beside the
//!   work that it does anyway. A use costs `1 / lease` write units and no time. What is let in is charged in any case, so a bucket may
//!   go below empty; who learns of that refuses until it is not. In any time, with `n` functions at work, no more than
//!   `burst + time / every + 2 · n · lease` uses are let in; see `what_is_let_in_is_bounded`.
//!
//! What a limit does where its bucket cannot be reached is part of the limit: [`OnFailure`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::join_all;
use thiserror::Error;
use tracing::warn;

use crate::{
    ids::{ConversationId, DeviceId, Sender, Timestamp, UserId},
    limits::{RATE_LEASES_MAX, RATE_RETRY_MS},
    ports::{Clock, PortResult, Unavailable},
    send::within,
};

/// What a limit does where its bucket cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Lets in: the work is worth more than the limit. What was let in is charged later.
    Open,
    /// Refuses: what the limit guards is worth more than the work.
    Closed,
}

/// A limit: so many tokens, and how fast they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What clients and tables call it.
    pub name: &'static str,
    /// One token comes back in so long, in microseconds.
    pub every_us: u64,
    /// Tokens of a full bucket.
    pub burst: u64,
    /// Uses that are charged in one write; 1: each before it happens.
    pub lease: u64,
    /// Without its bucket.
    pub on_failure: OnFailure,
}

const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3600 * SECOND_US;

/// Entries that a user appends, from all devices.
pub const SENDS_PER_USER: Limit = leased("sends_per_user", SECOND_US / 40, 400, 32);
/// Entries that a device appends.
pub const SENDS_PER_DEVICE: Limit = leased("sends_per_device", SECOND_US / 20, 200, 32);
/// Entries that are appended to a conversation: above what the batch sequencer appends.
pub const SENDS_PER_CONVERSATION: Limit = leased("sends_per_conversation", SECOND_US / 2000, 4000, 64);
/// Sockets that are opened from an address. Many people may stand behind one.
pub const CONNECTS_PER_ADDRESS: Limit = leased("connects_per_address", SECOND_US / 50, 1000, 8);
/// Sockets that a device opens. Exact, for it keeps out who floods; open, for it must not keep out everybody.
pub const CONNECTS_PER_DEVICE: Limit =
    Limit { on_failure: OnFailure::Open, ..exact("connects_per_device", 5 * SECOND_US, 60) };
/// HTTP calls from an address.
pub const CALLS_PER_ADDRESS: Limit = leased("calls_per_address", SECOND_US / 200, 4000, 64);
/// HTTP calls of a user.
pub const CALLS_PER_USER: Limit = leased("calls_per_user", SECOND_US / 40, 600, 32);
/// What a device says of its user's typing.
pub const TYPING_PER_DEVICE: Limit = leased("typing_per_device", SECOND_US, 30, 8);
/// Conversations that a user begins with strangers: tokens, of which a message that looks like spam takes several.
pub const STRANGERS_PER_USER: Limit = exact("strangers_per_user", HOUR_US / 120, 120);
/// Reports that a user makes.
pub const REPORTS_PER_USER: Limit = exact("reports_per_user", HOUR_US / 60, 30);
/// Calls of an administrator's key or account.
pub const CALLS_PER_ADMIN: Limit = exact("calls_per_admin", SECOND_US / 10, 100);
/// Takes of keys by one user.
pub const KEY_TAKES_PER_USER: Limit = exact("key_takes_per_user", HOUR_US / 600, 600);
/// Takes of keys by one user from one other: nobody can empty another's stock.
pub const KEY_TAKES_PER_TARGET: Limit = exact("key_takes_per_target", HOUR_US / 20, 20);
/// Groups that a user makes.
pub const GROUPS_PER_USER: Limit = exact("groups_per_user", HOUR_US / 60, 60);
/// Invite links that a user makes.
pub const INVITES_PER_USER: Limit = exact("invites_per_user", HOUR_US / 120, 120);
/// Invite links that a user tries: secrets are not to be guessed.
pub const JOINS_PER_USER: Limit = exact("joins_per_user", HOUR_US / 120, 120);
/// Uploads that a user begins.
pub const UPLOADS_PER_USER: Limit = exact("uploads_per_user", HOUR_US / 600, 200);

/// Refusals of a device by the limits above: who goes on in spite of them is put out. A client that keeps to its send window never
/// comes so far.
pub const REFUSALS_PER_DEVICE: Limit = leased("refusals_per_device", SECOND_US / 10, 128, 4);
/// Searches of a user.
pub const SEARCHES_PER_USER: Limit = exact("searches_per_user", SECOND_US, 60);

/// Every limit, for documents and tests.
pub const LIMITS: [Limit; 19] = [
    SENDS_PER_USER,
    SENDS_PER_DEVICE,
    SENDS_PER_CONVERSATION,
    CONNECTS_PER_ADDRESS,
    CONNECTS_PER_DEVICE,
    CALLS_PER_ADDRESS,
    CALLS_PER_USER,
    TYPING_PER_DEVICE,
    STRANGERS_PER_USER,
    REPORTS_PER_USER,
    CALLS_PER_ADMIN,
    KEY_TAKES_PER_USER,
    KEY_TAKES_PER_TARGET,
    GROUPS_PER_USER,
    INVITES_PER_USER,
    JOINS_PER_USER,
    UPLOADS_PER_USER,
    SEARCHES_PER_USER,
    REFUSALS_PER_DEVICE,
];

/// A limit of what happens all the time: it must not stop messages where its table is away.
const fn leased(name: &'static str, every_us: u64, burst: u64, lease: u64) -> Limit {
    Limit { name, every_us, burst, lease, on_failure: OnFailure::Open }
}

/// A limit of what is rare, and would be abused while its table is away.
const fn exact(name: &'static str, every_us: u64, burst: u64) -> Limit {
    Limit { name, every_us, burst, lease: 1, on_failure: OnFailure::Closed }
}

impl Limit {
    /// How far away the moment of being full may be where a token is left.
    fn ceiling_us(&self) -> u64 {
        self.every_us * (self.burst - 1)
    }

    /// In how long a bucket has a token, in milliseconds; zero: it has one now.
    fn wait_ms(&self, full_at_us: u64, now: Timestamp) -> u64 {
        full_at_us.saturating_sub(self.ceiling_us()).saturating_sub(micros(now)).div_ceil(1000)
    }

    /// The bucket of a user.
    pub fn of_user(self, user: &UserId) -> Use {
        self.of(user)
    }

    /// The bucket of what a user does to another.
    pub fn of_pair(self, user: &UserId, other: &UserId) -> Use {
        self.of(format_args!("{user}#{other}"))
    }

    /// The bucket of a device.
    pub fn of_device(self, device: &Sender) -> Use {
        self.of(format_args!("{}#{}", device.user, device.device))
    }

    /// The bucket of a conversation.
    pub fn of_conversation(self, conversation: &ConversationId) -> Use {
        self.of(conversation)
    }

    /// The bucket of what is called so.
    pub fn of_name(self, name: &str) -> Use {
        self.of(name)
    }

    /// The bucket of an internet address.
    pub fn of_address(self, address: &str) -> Use {
        self.of(address)
    }

    fn of(self, subject: impl fmt::Display) -> Use {
        Use { limit: self, bucket: format!("{}#{subject}", self.name) }
    }
}

/// One use of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The limit.
    pub limit: Limit,
    /// Whose bucket.
    pub bucket: String,
}

/// What appending an entry uses.
pub fn uses_of_send(sender: &Sender, conversation: &ConversationId) -> [Use; 3] {
    [
        SENDS_PER_DEVICE.of_device(sender),
        SENDS_PER_USER.of_user(&sender.user),
        SENDS_PER_CONVERSATION.of_conversation(conversation),
    ]
}

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
    charge: Charge,
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
    fn note(&self, settlement: &Settlement, full_at_us: Option<u64>, now: Timestamp) -> u64 {
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

/// What a device that floods is told: how many frames it may have unanswered, and to pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slowdown {
    /// Frames that may be unanswered at once.
    pub window: u32,
    /// Send nothing for so long, in milliseconds.
    pub retry_after_ms: u64,
}

/// Devices that a function has slowed down, so that it can tell them when that is over.
#[derive(Debug, Default)]
pub struct Slowed(Mutex<HashMap<(UserId, DeviceId), Timestamp>>);

impl Slowed {
    /// What a device is to be told after a charge, if anything: slower where a bucket is below empty; as before where it was
    /// told so, the pause is over, and a charge found tokens.
    pub fn after(
        &self,
        device: &Sender,
        limited: Option<RateLimited>,
        send_window: u32,
        now: Timestamp,
    ) -> Option<Slowdown> {
        let key = (device.user.clone(), device.device.clone());
        let mut slowed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(RateLimited { retry_after_ms, .. }) = limited else {
            slowed.get(&key).filter(|until| **until <= now)?;
            slowed.remove(&key);
            return Some(Slowdown { window: send_window, retry_after_ms: 0 });
        };
        if slowed.len() >= RATE_LEASES_MAX {
            slowed.clear();
        }
        slowed.insert(key, now.plus_ms(retry_after_ms));
        Some(Slowdown { window: (send_window / 4).max(1), retry_after_ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit { name: "test", every_us: 10_000, burst: 20, lease: 4, on_failure: OnFailure::Open };

    /// Functions that let in by leases of one bucket; what each does is charged at once.
    struct Functions {
        limit: Limit,
        leases: Vec<Leases>,
        full_at_us: u64,
        charges: u64,
        is_away: bool,
    }

    impl Functions {
        fn new(limit: Limit, count: usize) -> Self {
            let leases = (0..count).map(|_| Leases::default()).collect();
            Self { limit, leases, full_at_us: 0, charges: 0, is_away: false }
        }

        fn use_one(&mut self, function: usize, now: Timestamp) -> Result<(), RateLimited> {
            let leases = &self.leases[function];
            for settlement in leases.admit(&[self.limit.of_address("a")], now)? {
                self.charges += 1;
                let full_at_us = match charged(self.full_at_us, &settlement.charge, now) {
                    Charged::Taken(at) | Charged::Refused(at) => at,
                };
                if self.is_away {
                    leases.note(&settlement, None, now);
                } else {
                    self.full_at_us = full_at_us;
                    leases.note(&settlement, Some(full_at_us), now);
                }
            }
            Ok(())
        }
    }

    #[test]
    fn one_function_lets_in_a_bucket_and_what_was_under_way() {
        let mut one = Functions::new(LIMIT, 1);
        let now = Timestamp(1_000_000);
        let mut let_in = 0;
        let limited = loop {
            match one.use_one(0, now) {
                Ok(()) => let_in += 1,
                Err(limited) => break limited,
            }
        };
        assert_eq!(let_in, LIMIT.burst, "the last lease is charged to the last token");
        assert_eq!(limited, RateLimited { limit: "test", retry_after_ms: 10 });
        assert!(one.use_one(0, now.plus_ms(9)).is_err());
        assert!(one.use_one(0, now.plus_ms(10)).is_ok(), "a token is back");
    }

    #[test]
    fn a_bucket_that_cannot_be_reached_lets_in_or_refuses_as_its_limit_says() {
        for on_failure in [OnFailure::Open, OnFailure::Closed] {
            let mut functions = Functions::new(Limit { on_failure, ..LIMIT }, 1);
            functions.is_away = true;
            let now = Timestamp(1_000_000);
            let let_in = (0..100).filter(|_| functions.use_one(0, now).is_ok()).count();
            assert_eq!(let_in, if on_failure == OnFailure::Open { 100 } else { 4 }, "{on_failure:?}");
            assert_eq!(functions.charges, 1, "it is not asked again at once");
            // What was let in is charged when it is back.
            functions.is_away = false;
            let later = now.plus_ms(RATE_RETRY_MS);
            assert!(functions.use_one(0, later).is_ok());
            let owed = u64::try_from(let_in).unwrap() + 1;
            assert_eq!(functions.full_at_us, micros(later) + owed * LIMIT.every_us);
        }
    }

    #[test]
    fn messages_cost_at_most_a_fifth_of_a_write_unit_each() {
        let device = Sender { user: UserId::parse("a").unwrap(), device: DeviceId::parse("d").unwrap() };
        let conversation = ConversationId::direct(device.user.clone(), UserId::parse("b").unwrap());
        let (leases, now) = (Leases::default(), Timestamp(1_000_000));
        let uses = uses_of_send(&device, &conversation);
        let writes: usize = (0..6400).map(|_| leases.admit(&uses, now).unwrap().len()).sum();
        assert_eq!(writes, 6400 / 32 * 2 + 6400 / 64);
        assert!(writes * 5 <= 6400, "{writes} writes for 6400 messages");
        // As an HTTP call, a message is charged to these as well.
        let calls = [CALLS_PER_ADDRESS.of_address("192.0.2.1"), CALLS_PER_USER.of_user(&device.user)];
        let of_calls: usize = (0..6400).map(|_| leases.admit(&calls, now).unwrap().len()).sum();
        assert!((writes + of_calls) * 5 <= 6400, "{} writes for 6400 messages over HTTP", writes + of_calls);
    }

    #[test]
    fn every_limit_says_what_it_is() {
        for limit in LIMITS {
            assert!(limit.burst > 0 && limit.every_us > 0 && limit.lease > 0, "{limit:?}");
            let is_closed = limit.lease == 1 && limit != CONNECTS_PER_DEVICE;
            assert_eq!(is_closed, limit.on_failure == OnFailure::Closed, "{limit:?}");
        }
    }

    #[test]
    fn a_device_is_told_once_to_slow_down_and_once_that_it_is_over() {
        let slowed = Slowed::default();
        let device = Sender { user: UserId::parse("a").unwrap(), device: DeviceId::parse("d").unwrap() };
        let now = Timestamp(1_000);
        assert_eq!(slowed.after(&device, None, 32, now), None);
        let limited = RateLimited { limit: "test", retry_after_ms: 500 };
        let slower = Slowdown { window: 8, retry_after_ms: 500 };
        assert_eq!(slowed.after(&device, Some(limited), 32, now), Some(slower));
        assert_eq!(slowed.after(&device, None, 32, now.plus_ms(499)), None);
        let over = Slowdown { window: 32, retry_after_ms: 0 };
        assert_eq!(slowed.after(&device, None, 32, now.plus_ms(500)), Some(over));
        assert_eq!(slowed.after(&device, None, 32, now.plus_ms(501)), None);
    }

    #[test]
    fn who_floods_is_out_for_five_minutes_however_often_it_is_charged() {
        let device = Sender { user: UserId::parse("a").unwrap(), device: DeviceId::parse("d").unwrap() };
        let (now, charge) = (Timestamp(1_000_000), penalty(&device));
        let Charged::Taken(full_at_us) = charged(0, &charge, now) else { panic!("the first counts") };
        assert_eq!(CONNECTS_PER_DEVICE.wait_ms(full_at_us, now), 305_000);
        assert_eq!(charged(full_at_us, &charge, now), Charged::Refused(full_at_us));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever functions are asked, in whatever order and time: in no time is more let in than the bucket has, what comes
        /// back, and twice a lease of each function; and each lease costs one charge.
        #[test]
        fn what_is_let_in_is_bounded(
            functions in 1..6_usize,
            lease in 1..8_u64,
            burst in 1..40_u64,
            steps in prop::collection::vec((0..6_usize, 0..30_u64), 1..2000),
        ) {
            let limit = Limit { burst, lease, ..LIMIT };
            let mut all = Functions::new(limit, functions);
            let mut now = Timestamp(1_000_000);
            let mut let_in: Vec<Timestamp> = Vec::new();
            for (function, wait) in steps {
                // Mostly at once: a flood.
                now = now.plus_ms(wait.saturating_sub(20));
                if all.use_one(function % functions, now).is_ok() {
                    let_in.push(now);
                }
            }
            let slack = 2 * functions as u64 * lease;
            for from in (0..let_in.len()).step_by(7) {
                for to in (from..let_in.len()).step_by(7) {
                    let time_us = micros(let_in[to]) - micros(let_in[from]);
                    let count = (to - from + 1) as u64;
                    prop_assert!(count <= burst + time_us / limit.every_us + 1 + slack, "{count} in {time_us} µs");
                }
            }
            prop_assert!(all.charges <= let_in.len() as u64 / lease);
        }

        /// Charged before: exactly the bucket and what comes back.
        #[test]
        fn what_is_taken_before_is_exact(burst in 1..40_u64, waits in prop::collection::vec(0..30_u64, 1..500)) {
            let limit = Limit { burst, lease: 1, ..LIMIT };
            let charge = Charge {
                bucket: "a".into(), cost_us: limit.every_us, ceiling_us: Some(limit.ceiling_us()), seen_us: 0,
            };
            let (mut full_at_us, mut now, mut taken) = (0, Timestamp(1_000_000), 0);
            let began = now;
            for wait in waits {
                now = now.plus_ms(wait);
                match charged(full_at_us, &charge, now) {
                    Charged::Taken(at) => {
                        prop_assert_eq!(limit.wait_ms(full_at_us, now), 0);
                        full_at_us = at;
                        taken += 1;
                    }
                    Charged::Refused(at) => {
                        prop_assert_eq!(at, full_at_us);
                        let wait_ms = limit.wait_ms(full_at_us, now);
                        prop_assert!(wait_ms > 0);
                        let back = charged(full_at_us, &charge, now.plus_ms(wait_ms));
                        prop_assert!(matches!(back, Charged::Taken(_)), "it is let in when it was told to come back");
                    }
                }
            }
            prop_assert!(taken <= burst + (micros(now) - micros(began)) / limit.every_us);
        }
    }
}
