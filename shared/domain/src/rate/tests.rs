use proptest::prelude::*;

use super::*;
use crate::{
    ids::{ConversationId, DeviceId, Sender, Timestamp, UserId},
    limits::RATE_RETRY_MS,
};

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
