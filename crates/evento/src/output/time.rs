//! Times and durations as people write them.

use clap::ValueEnum;
use jiff::{Timestamp, Zoned};

/// `--time-format`: how times look in tables. Machine forms always carry RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TimeFormat {
    /// "3m ago".
    Human,
    /// "2026-11-23T06:00:00.123Z".
    Rfc3339,
}

impl TimeFormat {
    /// A time from the server in this format; text that is no time stays as it is.
    pub fn show(self, text: &str) -> String {
        self.show_at(text, Timestamp::now())
    }

    fn show_at(self, text: &str, now: Timestamp) -> String {
        match (self, text.parse::<Timestamp>()) {
            (TimeFormat::Human, Ok(time)) => {
                let ms = now.as_millisecond() - time.as_millisecond();
                match u64::try_from(ms) {
                    Ok(0..1000) => "just now".to_owned(),
                    Ok(ms) => format!("{} ago", coarse(ms)),
                    Err(_) => format!("in {}", coarse(ms.unsigned_abs())),
                }
            }
            _ => text.to_owned(),
        }
    }
}

/// One unit, rounded down: "12s", "3m", "5h", "9d".
fn coarse(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms}ms"),
        s @ 1..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// A duration for prose: "12 ms", "1.6 s", "3 m 20 s".
pub fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} m {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// "next in 1.6 s" for an RFC 3339 time, or "now" when it has passed.
pub fn until(text: &str) -> Option<String> {
    let ms = text.parse::<Timestamp>().ok()?.as_millisecond() - Timestamp::now().as_millisecond();
    Some(match u64::try_from(ms) {
        Ok(ms) if ms > 0 => format!("in {}", duration(ms)),
        _ => "now".to_owned(),
    })
}

/// Reads `100ms`, `5s`, `1m30s`, `2h` or plain seconds into milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a duration such as 500ms, 10s or 1m30s");
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).ok_or_else(wrong);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let factor = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(factor).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Reads a point in time: RFC 3339, a local date and time, or a duration before now (`10m`).
pub fn parse_moment(text: &str) -> Result<String, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    if let Ok(ms) = parse_duration_ms(text).and_then(|ms| i64::try_from(ms).map_err(|e| e.to_string())) {
        let time = Timestamp::from_millisecond(Timestamp::now().as_millisecond().saturating_sub(ms));
        return time.map(|time| time.to_string()).map_err(|error| error.to_string());
    }
    let local: Result<Zoned, _> =
        text.parse::<jiff::civil::DateTime>().and_then(|time| time.to_zoned(jiff::tz::TimeZone::system()));
    local
        .map(|time| time.timestamp().to_string())
        .map_err(|_| format!("{text:?} is not a time such as 2026-11-23T06:00:00Z or 10m (before now)"))
}

#[cfg(test)]
mod tests {
    use super::{TimeFormat, duration, parse_duration_ms, parse_moment};

    #[test]
    fn durations_read_and_show() {
        for (text, ms) in [("10s", 10_000), ("500ms", 500), ("1m30s", 90_000), ("2h", 7_200_000), ("7", 7000)] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "s", "10x", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
        assert_eq!(duration(12), "12 ms");
        assert_eq!(duration(1600), "1.6 s");
        assert_eq!(duration(200_000), "3 m 20 s");
    }

    #[test]
    fn ages_are_coarse() {
        let now = "2026-11-23T06:03:00Z".parse().expect("a time");
        for (time, shown) in [
            ("2026-11-23T06:02:59.500Z", "just now"),
            ("2026-11-23T06:00:00.123Z", "2m ago"),
            ("2026-11-21T06:00:00Z", "2d ago"),
            ("2026-11-23T07:03:00Z", "in 1h"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(TimeFormat::Human.show_at(time, now), shown);
        }
        assert_eq!(TimeFormat::Rfc3339.show_at("2026-11-23T06:00:00.123Z", now), "2026-11-23T06:00:00.123Z");
    }

    #[test]
    fn moments_are_times_or_ages() {
        assert_eq!(parse_moment("2026-11-23T07:00:00+01:00"), Ok("2026-11-23T06:00:00Z".to_owned()));
        assert!(parse_moment("10m").is_ok());
        assert!(parse_moment("soon").is_err());
    }
}
