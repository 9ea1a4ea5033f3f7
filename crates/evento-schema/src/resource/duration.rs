//! Durations as people write them: `100ms`, `5s`, `1m30s`, `2h`.

/// Milliseconds of a duration; `None` when it is not one or does not fit 64 bits.
///
/// Units go from large to small and each at most once, so that a text has one meaning.
pub fn parse_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut unit_before = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_length = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit: u64 = match &rest[..unit_length] {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        if unit >= unit_before {
            return None;
        }
        unit_before = unit;
        total = total.checked_add(amount.checked_mul(unit)?)?;
        rest = &rest[unit_length..];
    }
    (unit_before != u64::MAX).then_some(total)
}

/// The shortest text of so many milliseconds.
pub fn format_ms(ms: u64) -> String {
    let mut rest = ms;
    let mut text = String::new();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")] {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{format_ms, parse_ms};

    #[test]
    fn durations_have_one_meaning_or_none() {
        for (text, ms) in [
            ("100ms", Some(100)),
            ("5s", Some(5_000)),
            ("1m30s", Some(90_000)),
            ("2h", Some(7_200_000)),
            ("0s", Some(0)),
            ("1h1m1s1ms", Some(3_661_001)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5S", None),
            ("30s1m", None),
            ("1s1s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
            ("5é", None),
        ] {
            assert_eq!(parse_ms(text), ms, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn durations_read_back_as_they_print(ms in any::<u64>()) {
            prop_assert_eq!(parse_ms(&format_ms(ms)), Some(ms));
        }
    }
}
