//! Time as the user's place reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, Zoned, tz::TimeZone};

pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this is the tool's clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Turns milliseconds into times of day and days.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// `12:03`
    pub(crate) fn time(&self, at_ms: u64) -> String {
        self.at(at_ms).strftime("%H:%M").to_string()
    }

    /// `2026-11-24 12:03:09`
    pub(crate) fn moment(&self, at_ms: u64) -> String {
        self.at(at_ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `Tuesday 24 November 2026`
    pub(crate) fn day(&self, at_ms: u64) -> String {
        self.at(at_ms).strftime("%A %-d %B %Y").to_string()
    }

    /// The time if it was today, else the day.
    pub(crate) fn short(&self, at_ms: u64, now_ms: u64) -> String {
        let (at, now) = (self.at(at_ms), self.at(now_ms));
        let format = match () {
            () if at.date() == now.date() => "%H:%M",
            () if at.year() == now.year() => "%-d %b",
            () => "%-d %b %Y",
        };
        at.strftime(format).to_string()
    }

    fn at(&self, at_ms: u64) -> Zoned {
        let at = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        // A time that nobody can mean is shown as the last one there is.
        at.unwrap_or(Timestamp::MAX).to_zoned(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days() {
        let zone = Zone::utc();
        let at = 1_795_521_789_000;
        assert_eq!(zone.time(at), "12:03");
        assert_eq!(zone.moment(at), "2026-11-24 12:03:09");
        assert_eq!(zone.day(at), "Tuesday 24 November 2026");
        assert_eq!(zone.short(at, at + 1), "12:03");
        assert_eq!(zone.short(at, at + 86_400_000), "24 Nov");
        assert_eq!(zone.short(at, at + 60 * 86_400_000), "24 Nov 2026");
        assert_eq!(zone.day(u64::MAX), zone.day(u64::MAX - 1));
    }
}
