//! When a user is not to be disturbed.

use crate::{
    ids::Timestamp,
    limits::{DAY_MINUTES, UTC_OFFSET_MINUTES_MAX},
    privacy::Privacy,
};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = DAY_MINUTES as u64 * MINUTE_MS;
/// The first of January 1970 was a Thursday: days are counted from Monday.
const EPOCH_WEEKDAY: u64 = 3;

/// Hours in which nothing is shown, on some days of the week.
///
/// Times are of a clock that differs from UTC by a fixed offset: a client says them again when its
/// user travels or the clocks change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// On which days they begin: the lowest bit is Monday.
    pub days: u8,
    /// When they begin, in minutes since midnight.
    pub from_minute: u16,
    /// When they end, in minutes since midnight: on the next day where that is not after the beginning.
    pub to_minute: u16,
    /// What the user's clock is ahead of UTC, in minutes.
    pub utc_offset_minutes: i16,
}

impl QuietHours {
    /// Whether a moment is within them.
    pub fn contain(&self, now: Timestamp) -> bool {
        let offset_ms = u64::from(self.utc_offset_minutes.unsigned_abs()) * MINUTE_MS;
        let local = if self.utc_offset_minutes < 0 { now.minus_ms(offset_ms) } else { now.plus_ms(offset_ms) };
        let day = local.0 / DAY_MS;
        let minute = (local.0 % DAY_MS) / MINUTE_MS;
        let (from, to) = (u64::from(self.from_minute), u64::from(self.to_minute));
        let begins_on = |day: u64| (self.days >> ((day + EPOCH_WEEKDAY) % 7)) & 1 == 1;
        if from < to {
            return begins_on(day) && (from..to).contains(&minute);
        }
        let since_yesterday = begins_on(day.saturating_add(6)) && minute < to;
        since_yesterday || (begins_on(day) && minute >= from)
    }

    /// Whether they name times and days that there are.
    pub fn are_valid(&self) -> bool {
        let minutes = DAY_MINUTES;
        self.from_minute < minutes
            && self.to_minute < minutes
            && self.utc_offset_minutes.unsigned_abs() <= UTC_OFFSET_MINUTES_MAX
            && (1..=0b0111_1111).contains(&self.days)
    }
}

/// What a user has set for all of their conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// Nothing is shown until then.
    pub quiet_until: Timestamp,
    /// Hours in which nothing is shown.
    pub quiet_hours: Option<QuietHours>,
    /// What is shown of the user.
    pub privacy: Privacy,
    /// What strangers send is not shown: it waits in the list as a request.
    pub has_quiet_requests: bool,
}

impl UserSettings {
    /// Whether nothing is to be shown at a moment.
    pub fn is_quiet_at(&self, now: Timestamp) -> bool {
        now < self.quiet_until || self.quiet_hours.is_some_and(|hours| hours.contain(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Monday, the fifth of January 1970, 00:00 UTC.
    const MONDAY: u64 = 4 * DAY_MS;

    fn at(day: u64, hour: u64, minute: u64) -> Timestamp {
        Timestamp(MONDAY + day * DAY_MS + (hour * 60 + minute) * MINUTE_MS)
    }

    fn hours(days: u8, from: u16, to: u16, utc_offset_minutes: i16) -> QuietHours {
        QuietHours { days, from_minute: from * 60, to_minute: to * 60, utc_offset_minutes }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let friday_night = hours(1 << 4, 22, 7, 0);
        assert!(friday_night.contain(at(4, 22, 0)));
        assert!(friday_night.contain(at(5, 6, 59)));
        assert!(!friday_night.contain(at(5, 7, 0)));
        assert!(!friday_night.contain(at(4, 6, 0)), "that is Thursday's night");
        assert!(!friday_night.contain(at(5, 23, 0)));
    }

    #[test]
    fn the_clock_is_the_users() {
        let mornings = hours(0b0111_1111, 6, 8, 330);
        assert!(mornings.contain(at(0, 0, 30)), "06:00 in Mumbai");
        assert!(!mornings.contain(at(0, 6, 0)));
        let west = hours(1, 0, 1, -480);
        assert!(west.contain(at(0, 8, 0)), "midnight of Monday in Los Angeles");
        assert!(!west.contain(at(0, 0, 0)), "Sunday there");
    }

    #[test]
    fn what_begins_and_ends_at_once_takes_a_day() {
        let sundays = hours(1 << 6, 9, 9, 0);
        assert!(sundays.contain(at(6, 9, 0)) && sundays.contain(at(7, 8, 59)));
        assert!(!sundays.contain(at(6, 8, 59)) && !sundays.contain(at(7, 9, 0)));
    }

    proptest! {
        /// In any week the quiet minutes are as many as the hours of each day say.
        #[test]
        fn a_week_has_the_minutes_that_were_set(
            days in 1_u8..128, from in 0_u16..1440, to in 0_u16..1440, offset in -840_i16..=840, week in 2_u64..3000,
        ) {
            let quiet = QuietHours { days, from_minute: from, to_minute: to, utc_offset_minutes: offset };
            let start = week * 7 * DAY_MS;
            let minutes = (0..7 * 1440_u64).filter(|m| quiet.contain(Timestamp(start + m * MINUTE_MS))).count() as u64;
            let length = if from < to { u64::from(to - from) } else { 1440 - u64::from(from) + u64::from(to) };
            let expected = u64::from(days.count_ones()) * length;
            prop_assert!(quiet.are_valid());
            prop_assert_eq!(minutes, expected);
        }
    }
}
