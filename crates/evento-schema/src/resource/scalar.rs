//! What a plain YAML scalar means: the core schema of YAML 1.2.2, section 10.3.
//!
//! `no`, `yes`, `on` and `12:30` are texts here; the booleans and sexagesimals of YAML 1.1 are not offered.

use serde_json::Number;

use super::node::Content;

/// The value of a plain scalar, or why it has none in JSON.
pub(crate) fn plain(text: &str) -> Result<Content, &'static str> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        _ => match number(text)? {
            Some(number) => Content::Number(number),
            None => Content::Text(text.to_owned()),
        },
    })
}

fn number(text: &str) -> Result<Option<Number>, &'static str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("infinities and NaN are not numbers in JSON; write them as a text, such as \"NaN\"");
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            let value = u64::from_str_radix(digits, radix).map_err(|_| TOO_LARGE)?;
            return Ok(Some(value.into()));
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        // The parsers of the standard library take a leading plus sign and leading zeros as YAML does.
        if let Ok(value) = text.parse::<i64>() {
            return Ok(Some(value.into()));
        }
        return match text.parse::<u64>() {
            Ok(value) => Ok(Some(value.into())),
            Err(_) => Err(TOO_LARGE),
        };
    }
    if !is_float(unsigned) {
        return Ok(None);
    }
    let value: f64 = text.parse().map_err(|_| TOO_LARGE)?;
    Number::from_f64(value).map(Some).ok_or(TOO_LARGE)
}

const TOO_LARGE: &str = "the number does not fit 64 bits; write it as a text";

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let good_mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()),
        None => digits(mantissa) && !mantissa.is_empty(),
    };
    let good_exponent = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    good_mantissa && good_exponent
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Place;
    use super::super::node::Node;
    use super::plain;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let table = [
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("no", json!("no")),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("12:30", json!("12:30")),
            ("0o14", json!(12)),
            ("0x1F", json!(31)),
            ("0x", json!("0x")),
            ("014", json!(14)),
            ("+12", json!(12)),
            ("-12", json!(-12)),
            ("-", json!("-")),
            ("1_000", json!("1_000")),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            (".", json!(".")),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            ("e3", json!("e3")),
            ("1.2.3", json!("1.2.3")),
            ("100ms", json!("100ms")),
            ("nan", json!("nan")),
            ("inf", json!("inf")),
            ("nüll", json!("nüll")),
        ];
        for (text, expected) in table {
            let content = plain(text).unwrap();
            assert_eq!(Node { place: Place::nowhere(), content }.value(), expected, "{text}");
        }
        for bad in [".inf", "-.INF", ".nan", "18446744073709551616", "0x10000000000000000", "1e999"] {
            assert!(plain(bad).is_err(), "{bad}");
        }
    }
}
