//! Points in time as plain numbers, and as RFC 3339 has them. Reading the clock happens elsewhere.

/// Milliseconds since 1970-01-01T00:00:00Z, UTC. May be negative.
///
/// Inside the engine `now` is a *monotonic* reading on the same scale handed in by the driver; acceptance
/// times shown to people and functions are wall-clock readings. Both are values someone passes in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus so many milliseconds, saturating.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this time; 0 if `earlier` is later.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-23T06:00:00.000Z`. A year outside 0 to 9999 has as many digits as
    /// it needs, and a sign before it if it is negative.
    ///
    /// Civil date after Hinnant, "chrono-compatible low-level date algorithms".
    pub fn rfc3339(self) -> Rfc3339 {
        let (days, ms) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (seconds, ms) = (ms / 1_000, ms % 1_000);
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let mut text = Rfc3339 { bytes: [0; 36], length: 0 };
        if year < 0 {
            text.put(b'-');
        }
        let year = year.unsigned_abs();
        text.number(year, year.checked_ilog10().map_or(1, |log| log + 1).max(4));
        for (before, number) in [(b'-', month), (b'-', day), (b'T', seconds / 3_600), (b':', seconds / 60 % 60)] {
            text.put(before);
            text.number(number.unsigned_abs(), 2);
        }
        text.put(b':');
        text.number((seconds % 60).unsigned_abs(), 2);
        text.put(b'.');
        text.number(ms.unsigned_abs(), 3);
        text.put(b'Z');
        text
    }

    /// Reads what [`rfc3339`](Timestamp::rfc3339) writes, and no other form.
    pub fn parse_rfc3339(text: &[u8]) -> Option<Timestamp> {
        let number = |from: usize, to: usize| {
            let digit = |number: i64, digit: &u8| {
                digit.is_ascii_digit().then(|| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?
            };
            text.get(from..to)?.iter().try_fold(0, digit)
        };
        let (sign, begin) = if text.first() == Some(&b'-') { (-1, 1) } else { (1, 0) };
        let at = text.len().checked_sub(20).filter(|at| *at >= begin + 4)?;
        let (year, month, day) = (sign * number(begin, at)?, number(at + 1, at + 3)?, number(at + 4, at + 6)?);
        let (hour, minute, second) = (number(at + 7, at + 9)?, number(at + 10, at + 12)?, number(at + 13, at + 15)?);
        let ms = number(at + 16, at + 19)?;
        // No Timestamp has a year beyond this.
        if year.abs() > 300_000_000 || !(1..=12).contains(&month) {
            return None;
        }
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        // The lowest times end above the lowest number, so the sum is made where there is room.
        i64::try_from(i128::from(seconds) * 1_000 + i128::from(ms)).ok().map(Timestamp)
    }
}

/// A time as text, without an allocation.
#[derive(Clone, Copy)]
pub struct Rfc3339 {
    bytes: [u8; 36],
    length: usize,
}

impl Rfc3339 {
    fn put(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// A number in so many digits.
    fn number(&mut self, number: u64, digits: u32) {
        let (mut rest, end) = (number, self.length + digits as usize);
        for at in (self.length..end).rev() {
            self.bytes[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.length = end;
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was put in.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl std::fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn times_read_as_people_write_them_and_back() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_413_600_000, "2026-11-23T06:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
            (i64::MAX, "292278994-08-17T07:12:55.807Z"),
            (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(Timestamp(ms).rfc3339().as_str(), text);
            assert_eq!(Timestamp::parse_rfc3339(text.as_bytes()), Some(Timestamp(ms)), "{text}");
        }
        let mut ms = -70_000_000_000_000;
        while ms < 300_000_000_000_000 {
            assert_eq!(Timestamp::parse_rfc3339(Timestamp(ms).rfc3339().as_str().as_bytes()), Some(Timestamp(ms)));
            ms += 9_876_543_211;
        }
    }

    #[test]
    fn what_is_no_such_time_is_not_read() {
        let long = format!("{}-01-01T00:00:00.000Z", "9".repeat(18));
        let longer = format!("{}-01-01T00:00:00.000Z", "9".repeat(40));
        let wrong = ["", "-", "Z", "2026-11-23T06:00:00Z", "2026-13-23T06:00:00.000Z", "2026-1x-23T06:00:00.000Z"];
        for text in wrong.into_iter().chain([long.as_str(), longer.as_str()]) {
            assert_eq!(Timestamp::parse_rfc3339(text.as_bytes()), None, "{text}");
        }
    }
}
