//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the developer's tool")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// `HH:MM:SS.mmm` in UTC, as in the functions' own log lines.
pub(crate) fn time_of_day(at_ms: u64) -> String {
    let seconds = at_ms / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, at_ms % 1000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(super::time_of_day(1_700_000_000_123), "22:13:20.123");
    }
}
