//! Exact decimals between their two forms: two's complement bytes on the wire and digits in text.
//!
//! Up to 38 digits are computed in 128 bits; beyond that in big integers, of at most [`DIGITS_MAX`] digits so that
//! the quadratic conversion stays short.

use num_bigint::BigInt;

/// Most digits of a decimal or big-decimal.
pub(super) const DIGITS_MAX: u32 = 1_000;
/// Most two's complement bytes that a number of [`DIGITS_MAX`] digits needs.
pub(super) const BYTES_MAX: usize = 416;

/// An unscaled value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unscaled {
    Small(i128),
    Big(BigInt),
}

impl Unscaled {
    /// Reads big-endian two's complement; no bytes mean 0. `None` above [`BYTES_MAX`] bytes of number.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Unscaled> {
        let bytes = minimal(bytes);
        if bytes.len() <= 16 {
            let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide[16 - bytes.len()..].copy_from_slice(bytes);
            return Some(Unscaled::Small(i128::from_be_bytes(wide)));
        }
        (bytes.len() <= BYTES_MAX).then(|| Unscaled::Big(BigInt::from_signed_bytes_be(bytes)))
    }

    /// Reads an optional `-` and decimal digits.
    pub(super) fn from_digits(text: &str) -> Option<Unscaled> {
        if text.trim_start_matches('-').len() <= 38 {
            return text.parse().ok().map(Unscaled::Small);
        }
        (text.len() <= DIGITS_MAX as usize + 1).then(|| text.parse().ok().map(Unscaled::Big)).flatten()
    }

    /// Minimal big-endian two's complement; 0 is one byte.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Unscaled::Small(value) => minimal(&value.to_be_bytes()).to_vec(),
            Unscaled::Big(value) => value.to_signed_bytes_be(),
        }
    }

    /// Whether the value has at most this many digits.
    pub(super) fn fits(&self, precision: u32) -> bool {
        match self {
            Unscaled::Small(value) => precision > 38 || value.unsigned_abs() < 10u128.pow(precision),
            Unscaled::Big(_) => precision > 38 && self.to_digits().trim_start_matches('-').len() <= precision as usize,
        }
    }

    /// An optional `-` and decimal digits.
    pub(super) fn to_digits(&self) -> String {
        match self {
            Unscaled::Small(value) => value.to_string(),
            Unscaled::Big(value) => value.to_string(),
        }
    }
}

/// Two's complement without the leading bytes that only repeat the sign.
pub(super) fn minimal(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest
        && ((*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0))
    {
        rest = &rest[1..];
    }
    rest
}

/// Text with exactly `scale` digits after the point.
pub(super) fn to_text(unscaled: &Unscaled, scale: u32) -> String {
    let digits = unscaled.to_digits();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let scale = scale as usize;
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A decimal number as text has it: the digits without a point, and how many of them stand after it.
pub(super) struct Text {
    digits: String,
    scale: i64,
}

impl Text {
    /// Reads `-12.50`, `1e3` and the like.
    pub(super) fn parse(text: &str) -> Option<Text> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, rest) = match mantissa.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        let digits = if significant.is_empty() { "0".to_owned() } else { format!("{sign}{significant}") };
        Some(Text { digits, scale: fraction.len() as i64 - i64::from(exponent) })
    }

    /// The unscaled value at a scale, or words on why there is none.
    pub(super) fn at_scale(mut self, scale: u32, precision: u32) -> Result<Unscaled, String> {
        if self.digits == "0" {
            return Ok(Unscaled::Small(0));
        }
        while self.scale > i64::from(scale) && self.digits.ends_with('0') {
            self.digits.pop();
            self.scale -= 1;
        }
        let missing = i64::from(scale) - self.scale;
        if missing < 0 {
            return Err(format!("at most {scale} digits after the point"));
        }
        let too_large = || format!("at most {precision} digits");
        if self.digits.len() as i64 + missing > i64::from(DIGITS_MAX) + 1 {
            return Err(too_large());
        }
        self.digits.extend(std::iter::repeat_n('0', missing as usize));
        match Unscaled::from_digits(&self.digits) {
            Some(unscaled) if unscaled.fits(precision) => Ok(unscaled),
            _ => Err(too_large()),
        }
    }

    /// The unscaled value and scale as they stand, for a big-decimal.
    pub(super) fn into_parts(self) -> Option<(Unscaled, i32)> {
        let scale = i32::try_from(self.scale).ok()?;
        Unscaled::from_digits(&self.digits).filter(|unscaled| unscaled.fits(DIGITS_MAX)).map(|value| (value, scale))
    }
}

/// Text of a big-decimal that tells unscaled value and scale apart: the rule of Java's `BigDecimal.toString`.
pub(super) fn big_to_text(unscaled: &Unscaled, scale: i32) -> String {
    let digits = unscaled.to_digits();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    if scale >= 0 && exponent >= -6 {
        return to_text(unscaled, scale as u32);
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent:+}")
}

#[cfg(test)]
mod tests {
    use super::{DIGITS_MAX, Text, Unscaled, big_to_text, minimal, to_text};

    #[test]
    fn text_has_exactly_the_digits_of_the_scale() {
        assert_eq!(to_text(&Unscaled::Small(1250), 2), "12.50");
        assert_eq!(to_text(&Unscaled::Small(-5), 2), "-0.05");
        assert_eq!(to_text(&Unscaled::Small(0), 2), "0.00");
        assert_eq!(to_text(&Unscaled::Small(7), 0), "7");
    }

    #[test]
    fn a_sign_is_no_digit() {
        for sign in ["", "-"] {
            let largest = format!("{sign}{}", "9".repeat(38));
            let read = Text::parse(&largest).expect("a number").at_scale(0, 38).expect("38 digits");
            assert_eq!(read.to_digits(), largest);
        }
    }

    #[test]
    fn more_digits_than_the_scale_are_refused_and_never_rounded() {
        let read = |text: &str| Text::parse(text).map(|text| text.at_scale(2, 5));
        assert_eq!(read("12.5"), Some(Ok(Unscaled::Small(1250))));
        assert_eq!(read("12.500"), Some(Ok(Unscaled::Small(1250))));
        assert_eq!(read("1e2"), Some(Ok(Unscaled::Small(10_000))));
        assert_eq!(read("-0"), Some(Ok(Unscaled::Small(0))));
        assert_eq!(read("12.505"), Some(Err("at most 2 digits after the point".to_owned())));
        assert_eq!(read("1000"), Some(Err("at most 5 digits".to_owned())));
        assert_eq!(read("1e999999999"), Some(Err("at most 5 digits".to_owned())));
        assert_eq!(read("1,5"), None);
        assert_eq!(read("."), None);
    }

    #[test]
    fn bytes_are_minimal_and_read_back_on_both_sides_of_128_bits() {
        for digits in ["0", "-1", "127", "128", "-128", "-129", "99999999999999999999999999999999999999"] {
            let value = Unscaled::from_digits(digits).unwrap();
            let bytes = value.to_bytes();
            assert_eq!(minimal(&bytes), bytes);
            assert_eq!(Unscaled::from_bytes(&bytes), Some(value));
        }
        let most = "9".repeat(DIGITS_MAX as usize);
        let value = Unscaled::from_digits(&most).unwrap();
        assert!(value.fits(DIGITS_MAX) && !value.fits(DIGITS_MAX - 1));
        assert_eq!(Unscaled::from_bytes(&value.to_bytes()).unwrap().to_digits(), most);
        assert_eq!(Unscaled::from_bytes(&[1; 417]), None);
        assert_eq!(Unscaled::from_bytes(&[]), Some(Unscaled::Small(0)));
    }

    #[test]
    fn a_big_decimal_keeps_its_scale_in_text() {
        for (unscaled, scale, text) in
            [(123, 2, "1.23"), (1, -3, "1E+3"), (123, -1, "1.23E+3"), (1, 10, "1E-10"), (0, 0, "0"), (0, 3, "0.000")]
        {
            let unscaled = Unscaled::Small(unscaled);
            assert_eq!(big_to_text(&unscaled, scale), text);
            let (again, scale_again) = Text::parse(text).unwrap().into_parts().unwrap();
            assert_eq!((again, scale_again), (unscaled, scale));
        }
    }
}
