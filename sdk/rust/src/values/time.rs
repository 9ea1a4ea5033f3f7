//! Points in time and dates: what they are in the bytes, and how they read for people (RFC 3339).

use std::fmt;

/// A point in time, UTC, exact to the nanosecond; wide enough for every timestamp of Avro.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    /// Less than a thousand million, counted forward from `seconds`.
    nanos: u32,
}

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp { seconds: millis.div_euclid(1_000), nanos: millis.rem_euclid(1_000) as u32 * 1_000_000 }
    }

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp { seconds: micros.div_euclid(1_000_000), nanos: micros.rem_euclid(1_000_000) as u32 * 1_000 }
    }

    /// Milliseconds since 1970, rounded down; the nearest that 64 bits hold.
    pub const fn as_millis(self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add((self.nanos / 1_000_000) as i64)
    }

    /// Microseconds since 1970, rounded down; the nearest that 64 bits hold.
    pub const fn as_micros(self) -> i64 {
        self.seconds.saturating_mul(1_000_000).saturating_add((self.nanos / 1_000) as i64)
    }

    /// Milliseconds since 1970, if that is all there is.
    pub(crate) fn exact_millis(self) -> Option<i64> {
        let millis = i128::from(self.seconds) * 1_000 + i128::from(self.nanos / 1_000_000);
        i64::try_from(millis).ok().filter(|_| self.nanos.is_multiple_of(1_000_000))
    }

    /// Microseconds since 1970, if that is all there is and 64 bits hold it.
    pub(crate) fn exact_micros(self) -> Option<i64> {
        let micros = i128::from(self.seconds) * 1_000_000 + i128::from(self.nanos / 1_000);
        i64::try_from(micros).ok().filter(|_| self.nanos.is_multiple_of(1_000))
    }

    /// The day it lies in; the nearest that a date can be.
    pub fn date(self) -> Date {
        let days = self.seconds.div_euclid(86_400);
        Date(days.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos {
            0 => {}
            nanos if nanos.is_multiple_of(1_000_000) => write!(f, ".{:03}", nanos / 1_000_000)?,
            nanos => write!(f, ".{:06}", nanos / 1_000)?,
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A day of the Gregorian calendar, without a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(i32);

impl Date {
    /// From days since 1970-01-01.
    pub const fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// From year, month and day; none for a day that the calendar does not have.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Date> {
        let days = days_of(i64::from(year), i64::from(month), i64::from(day));
        let there = civil(days) == (i64::from(year), month, day);
        i32::try_from(days).ok().filter(|_| there).map(Date)
    }

    /// Year, month and day.
    pub fn ymd(self) -> (i32, u32, u32) {
        let (year, month, day) = civil(i64::from(self.0));
        // 2^31 days are less than six million years.
        (year as i32, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Days since 1970-01-01 (after Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01 (after Hinnant).
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::{Date, Timestamp};

    #[test]
    fn times_read_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_413_600_000, "2026-11-23T06:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
            assert_eq!(Timestamp::from_millis(millis).as_millis(), millis);
        }
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn the_extremes_of_64_bits_are_kept() {
        for value in [i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::from_millis(value).exact_millis(), Some(value));
            assert_eq!(Timestamp::from_micros(value).exact_micros(), Some(value));
        }
        assert_eq!(Timestamp::from_millis(i64::MAX).exact_micros(), None);
        assert_eq!(Timestamp::from_micros(1).exact_millis(), None);
    }

    #[test]
    fn days_have_a_date_and_the_calendar_no_others() {
        assert_eq!(Date::from_ymd(2024, 2, 29).map(Date::days), Some(19_782));
        assert_eq!((Date::from_ymd(2023, 2, 29), Date::from_ymd(2023, 13, 1)), (None, None));
        assert_eq!(Date::from_days(-719_162).to_string(), "0001-01-01");
        assert_eq!(Timestamp::from_millis(-1).date().ymd(), (1969, 12, 31));
        for days in [i32::MIN, i32::MAX] {
            let (year, month, day) = Date::from_days(days).ymd();
            assert_eq!(Date::from_ymd(year, month, day), Some(Date::from_days(days)));
        }
    }
}
