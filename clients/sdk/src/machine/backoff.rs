//! How long to wait before the next try.

use std::time::Duration;

use super::Moment;

/// Exponential backoff with full jitter, forgotten after a stable time.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    stable_after: Duration,
    failures: u32,
    up_since: Option<Moment>,
}

impl Backoff {
    pub(crate) fn new(base: Duration, cap: Duration, stable_after: Duration) -> Self {
        Self { base, cap, stable_after, failures: 0, up_since: None }
    }

    /// The connection is ready.
    pub(crate) fn up(&mut self, now: Moment) {
        self.up_since = Some(now);
    }

    /// The connection is lost or was not made. `chance` is between 0 and 1.
    ///
    /// A connection that dies at once, again and again, must not be made again at full speed, so
    /// only a stable one resets the count.
    pub(crate) fn down(&mut self, now: Moment, chance: f64) -> Duration {
        if self.up_since.take().is_some_and(|since| now.saturating_sub(since) >= self.stable_after) {
            self.failures = 0;
        }
        let delay = full_jitter(self.base, self.cap, self.failures, chance);
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

/// A random part of `base · 2^failures`, itself at most `cap`.
pub(crate) fn full_jitter(base: Duration, cap: Duration, failures: u32, chance: f64) -> Duration {
    let ceiling = base.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(cap);
    ceiling.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(250), Duration::from_secs(30), Duration::from_secs(20))
    }

    #[test]
    fn doubles_up_to_the_cap() {
        let mut backoff = backoff();
        let delays: Vec<u128> = (0..9).map(|_| backoff.down(Moment::ZERO, 1.0).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    }

    #[test]
    fn only_a_stable_connection_resets() {
        let mut backoff = backoff();
        backoff.down(Moment::ZERO, 1.0);
        backoff.up(Duration::from_secs(10));
        assert_eq!(backoff.down(Duration::from_secs(12), 1.0).as_millis(), 500, "died after two seconds");
        backoff.up(Duration::from_secs(20));
        assert_eq!(backoff.down(Duration::from_secs(41), 1.0).as_millis(), 250, "lived for 21 seconds");
    }

    proptest! {
        #[test]
        fn stays_between_zero_and_the_cap(failures in 0_u32..200, chance in 0.0..=1.0) {
            let delay = full_jitter(Duration::from_millis(250), Duration::from_secs(30), failures, chance);
            prop_assert!(delay <= Duration::from_secs(30));
            if chance == 0.0 {
                prop_assert_eq!(delay, Duration::ZERO);
            }
        }
    }
}
