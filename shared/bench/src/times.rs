//! Percentiles of times.

use std::time::Duration;

use serde::Serialize;

/// Percentiles, in milliseconds, and of how many.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// How many were taken.
    pub count: usize,
    /// The median.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

impl Times {
    /// Of these times; zeros where there are none.
    pub fn of(times: &[Duration]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = sorted.len().saturating_sub(1) * percent / 100;
            sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Self { count: times.len(), p50_ms: at(50), p95_ms: at(95), p99_ms: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times: Vec<Duration> = (0..=100).rev().map(Duration::from_millis).collect();
        let of = Times::of(&times);
        assert_eq!((of.count, of.p50_ms, of.p95_ms, of.p99_ms), (101, 50.0, 95.0, 99.0));
        assert_eq!(Times::of(&[]).count, 0);
    }
}
