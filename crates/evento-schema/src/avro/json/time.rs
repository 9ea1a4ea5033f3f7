//! Dates, times and timestamps as RFC 3339 text, in the proleptic Gregorian calendar, without leap seconds.
//!
//! The arithmetic is Howard Hinnant's `days_from_civil` (public domain); a test compares it with `jiff` over all years.

use super::super::logical::Unit;

const DAY_SECONDS: i64 = 86_400;

/// Writes `2026-11-23`; answers false for a year that RFC 3339 cannot write.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil_from_days(days);
    if !(1..=9999).contains(&year) {
        return false;
    }
    push_digits(year, 4, out);
    out.push(b'-');
    push_digits(month, 2, out);
    out.push(b'-');
    push_digits(day, 2, out);
    true
}

/// Writes `06:00:00.123`; answers false for what is not a time of day.
pub(super) fn write_time(time: i64, unit: Unit, out: &mut Vec<u8>) -> bool {
    if !(0..DAY_SECONDS * unit.per_second()).contains(&time) {
        return false;
    }
    let (second, fraction) = (time / unit.per_second(), time % unit.per_second());
    push_digits(second / 3600, 2, out);
    out.push(b':');
    push_digits(second / 60 % 60, 2, out);
    out.push(b':');
    push_digits(second % 60, 2, out);
    out.push(b'.');
    push_digits(fraction, unit.digits(), out);
    true
}

/// Writes `2026-11-23T06:00:00.123`; answers false, with nothing written, for a year RFC 3339 cannot write.
pub(super) fn write_date_time(timestamp: i64, unit: Unit, out: &mut Vec<u8>) -> bool {
    let day = DAY_SECONDS * unit.per_second();
    if !write_date(timestamp.div_euclid(day), out) {
        return false;
    }
    out.push(b'T');
    write_time(timestamp.rem_euclid(day), unit, out)
}

/// Reads `2026-11-23` as days since 1970-01-01.
pub(super) fn read_date(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let days = take_date(&mut rest)?;
    rest.is_empty().then_some(days)
}

/// Reads `06:00:00.123`.
pub(super) fn read_time(text: &str, unit: Unit) -> Option<i64> {
    let mut rest = text.as_bytes();
    let (seconds, fraction) = take_time(&mut rest, unit)?;
    rest.is_empty().then_some(seconds * unit.per_second() + fraction)
}

/// Reads a date and time with an offset, or without one where it is local.
pub(super) fn read_date_time(text: &str, unit: Unit, local: bool) -> Option<i64> {
    let mut rest = text.as_bytes();
    let days = take_date(&mut rest)?;
    if !matches!(rest.first()?, b'T' | b't' | b' ') {
        return None;
    }
    rest = &rest[1..];
    let (seconds, fraction) = take_time(&mut rest, unit)?;
    let offset = match rest {
        [] if local => 0,
        [b'Z' | b'z'] if !local => 0,
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if !local && hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let seconds = days * DAY_SECONDS + seconds - offset;
    // In 128 bits: the seconds alone may be out of range where the fraction brings them back.
    let whole = i128::from(seconds) * i128::from(unit.per_second()) + i128::from(fraction);
    i64::try_from(whole).ok()
}

fn take_date(rest: &mut &[u8]) -> Option<i64> {
    let (date, after) = rest.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let days = days_from_civil(year, month, day);
    *rest = after;
    (year >= 1 && civil_from_days(days) == (year, month, day)).then_some(days)
}

/// Seconds of the day and the fraction in units. Digits finer than the unit must be 0.
fn take_time(rest: &mut &[u8], unit: Unit) -> Option<(i64, i64)> {
    let (time, mut after) = rest.split_at_checked(8)?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = time else { return None };
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = 0;
    if let [b'.', digits @ ..] = after {
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (written, finer) = digits[..count].split_at(count.min(unit.digits()));
        if written.is_empty() || finer.iter().any(|digit| *digit != b'0') {
            return None;
        }
        fraction = number(written)? * 10_i64.pow((unit.digits() - written.len()) as u32);
        after = &digits[count..];
    }
    *rest = after;
    Some((hour * 3600 + minute * 60 + second, fraction))
}

/// At most 18 decimal digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn push_digits(value: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01; a day or month out of range gives the days of another date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{read_date, read_date_time, read_time, write_date, write_date_time};
    use crate::avro::logical::Unit;

    #[test]
    fn every_day_of_ten_thousand_years_agrees_with_jiff() {
        let mut date = jiff::civil::date(1, 1, 1);
        let mut days = read_date("0001-01-01").unwrap();
        let mut text = Vec::new();
        loop {
            text.clear();
            assert!(write_date(days, &mut text));
            if date.day() == 1 || date.day() > 27 {
                assert_eq!(text, date.to_string().as_bytes());
            }
            assert_eq!(read_date(std::str::from_utf8(&text).unwrap()), Some(days));
            let Ok(next) = date.tomorrow() else { break };
            (date, days) = (next, days + 1);
        }
        assert_eq!(text, b"9999-12-31");
        assert!(!write_date(days + 1, &mut text));
    }

    #[test]
    fn offsets_are_taken_away_and_finer_digits_refused() {
        let read = |text| read_date_time(text, Unit::Millis, false);
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read("1970-01-01T01:00:00.5+01:00"), Some(500));
        assert_eq!(read("1969-12-31t23:59:59.999000-00:00"), Some(-1));
        for bad in ["1970-01-01T00:00:00.0001Z", "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:00:00"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read_date_time("1970-01-01T00:00:00", Unit::Millis, true), Some(0));
        assert_eq!(read_date_time("1970-01-01T00:00:00Z", Unit::Millis, true), None);
        assert_eq!(read_time("06:00:00.123", Unit::Micros), Some(21_600_123_000));
    }

    #[test]
    fn the_ends_of_nanoseconds_read_back() {
        for nanos in [i64::MIN, i64::MAX, 0, -1] {
            let mut text = Vec::new();
            assert!(write_date_time(nanos, Unit::Nanos, &mut text));
            text.push(b'Z');
            assert_eq!(read_date_time(std::str::from_utf8(&text).unwrap(), Unit::Nanos, false), Some(nanos));
        }
        assert_eq!(read_date_time("9999-12-31T23:59:59Z", Unit::Nanos, false), None);
    }
}
