//! Decimals: an unscaled whole number and how many of its digits stand behind the point.

use std::fmt;
use std::str::FromStr;

/// A decimal number, exact. Equal when the numbers are: 1.5 is 1.50.
///
/// Arithmetic is offered for what fits 128 bits (38 digits); larger numbers pass through codecs unharmed.
#[derive(Clone)]
pub struct Decimal {
    unscaled: Unscaled,
    scale: u32,
}

/// Two's complement; `Large` only for what 128 bits do not hold, big-endian and as short as possible.
#[derive(Clone, PartialEq, Eq)]
enum Unscaled {
    Small(i128),
    Large(Box<[u8]>),
}

/// A text that is no decimal of at most 38 digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotADecimal;

impl fmt::Display for NotADecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal is a sign, digits and a point, with at most 38 digits")
    }
}

impl std::error::Error for NotADecimal {}

impl Decimal {
    /// `unscaled` with `scale` digits behind the point: `new(150, 2)` is 1.50.
    pub const fn new(unscaled: i128, scale: u32) -> Decimal {
        Decimal { unscaled: Unscaled::Small(unscaled), scale }
    }

    /// From two's complement, big-endian.
    pub fn from_unscaled_bytes(bytes: &[u8], scale: u32) -> Decimal {
        let bytes = shortest(bytes);
        let negative = bytes.first().is_some_and(|first| *first >= 0x80);
        if bytes.len() > 16 {
            return Decimal { unscaled: Unscaled::Large(bytes.into()), scale };
        }
        let mut wide = if negative { [0xff; 16] } else { [0; 16] };
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        Decimal::new(i128::from_be_bytes(wide), scale)
    }

    /// The unscaled number, if 128 bits hold it.
    pub fn unscaled(&self) -> Option<i128> {
        match self.unscaled {
            Unscaled::Small(value) => Some(value),
            Unscaled::Large(_) => None,
        }
    }

    /// Digits behind the point.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// The unscaled number as two's complement, big-endian, as short as possible; one byte for 0.
    pub fn unscaled_bytes(&self) -> Vec<u8> {
        match &self.unscaled {
            Unscaled::Small(value) => shortest(&value.to_be_bytes()).to_vec(),
            Unscaled::Large(bytes) => bytes.to_vec(),
        }
    }

    /// Digits of the unscaled number; 1 for 0.
    pub fn digits(&self) -> u32 {
        match &self.unscaled {
            Unscaled::Small(value) => value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1,
            Unscaled::Large(bytes) => large_digits(bytes).len() as u32,
        }
    }

    /// The same number with another scale; none if digits would be lost or 128 bits do not hold it.
    pub fn rescaled(&self, scale: u32) -> Option<Decimal> {
        if scale == self.scale {
            return Some(self.clone());
        }
        let value = self.unscaled()?;
        if scale > self.scale {
            let factor = 10i128.checked_pow(scale - self.scale);
            return match (value, factor) {
                (0, _) => Some(Decimal::new(0, scale)),
                (value, factor) => Some(Decimal::new(value.checked_mul(factor?)?, scale)),
            };
        }
        match 10i128.checked_pow(self.scale - scale) {
            Some(divisor) if value % divisor == 0 => Some(Decimal::new(value / divisor, scale)),
            None if value == 0 => Some(Decimal::new(0, scale)),
            _ => None,
        }
    }

    /// The sum, with the larger scale; none beyond 128 bits.
    pub fn checked_add(&self, other: &Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let (left, right) = (self.rescaled(scale)?.unscaled()?, other.rescaled(scale)?.unscaled()?);
        Some(Decimal::new(left.checked_add(right)?, scale))
    }

    /// The difference, with the larger scale; none beyond 128 bits.
    pub fn checked_sub(&self, other: &Decimal) -> Option<Decimal> {
        let minus = Decimal::new(other.unscaled()?.checked_neg()?, other.scale);
        self.checked_add(&minus)
    }

    /// The product, with the sum of the scales; none beyond 128 bits.
    pub fn checked_mul(&self, other: &Decimal) -> Option<Decimal> {
        let value = self.unscaled()?.checked_mul(other.unscaled()?)?;
        Some(Decimal::new(value, self.scale.checked_add(other.scale)?))
    }

    /// Without the zeros at its end, to compare.
    fn plain(&self) -> (Unscaled, u32) {
        let Unscaled::Small(mut value) = self.unscaled else { return (self.unscaled.clone(), self.scale) };
        let mut scale = self.scale;
        while scale > 0 && value % 10 == 0 {
            value /= 10;
            scale -= 1;
        }
        (Unscaled::Small(value), scale)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        (self.scale == other.scale && self.unscaled == other.unscaled) || self.plain() == other.plain()
    }
}

impl Eq for Decimal {}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal::new(i128::from(value), 0)
    }
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Decimal, NotADecimal> {
        let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
        let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if digits.is_empty() || !all(digits) || !all(behind) || text.ends_with('.') {
            return Err(NotADecimal);
        }
        let value = format!("{whole}{behind}").parse().map_err(|_| NotADecimal)?;
        Ok(Decimal::new(value, behind.len() as u32))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, mut digits) = match &self.unscaled {
            Unscaled::Small(value) => (*value < 0, value.unsigned_abs().to_string()),
            Unscaled::Large(bytes) => (bytes[0] >= 0x80, large_digits(bytes)),
        };
        let scale = self.scale as usize;
        if digits.len() <= scale {
            digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
        }
        let (whole, behind) = digits.split_at(digits.len() - scale);
        let (sign, point) = (if negative { "-" } else { "" }, if scale > 0 { "." } else { "" });
        write!(f, "{sign}{whole}{point}{behind}")
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without the leading bytes that only repeat the sign; one byte at least.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [first, second, ..] = bytes {
        let needless = (*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80);
        if !needless {
            break;
        }
        bytes = &bytes[1..];
    }
    bytes
}

/// Decimal digits of the magnitude of a large number, by repeated division by 10^9.
fn large_digits(bytes: &[u8]) -> String {
    let mut magnitude = bytes.to_vec();
    if bytes[0] >= 0x80 {
        magnitude.iter_mut().for_each(|byte| *byte = !*byte);
        for byte in magnitude.iter_mut().rev() {
            let (sum, carry) = byte.overflowing_add(1);
            *byte = sum;
            if !carry {
                break;
            }
        }
    }
    let mut groups = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0u64;
        for byte in &mut magnitude {
            let value = rest << 8 | u64::from(*byte);
            *byte = (value / 1_000_000_000) as u8;
            rest = value % 1_000_000_000;
        }
        groups.push(format!("{rest:09}"));
    }
    let text: String = groups.into_iter().rev().collect();
    text.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn text_and_number_are_two_forms_of_one_value() {
        for text in [
            "0",
            "1.50",
            "-0.05",
            "123456789012345678901234567890.12345678",
            "-170141183460469231731687303715884105728",
        ] {
            assert_eq!(decimal(text).to_string(), text);
        }
        for wrong in ["", ".", "1.", ".5", "1e3", "--1", "1.-5", "999999999999999999999999999999999999999999"] {
            assert!(wrong.parse::<Decimal>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_as_short_as_possible_and_read_back() {
        let cases: [(i128, &[u8]); 7] = [
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            (1234, &[4, 0xd2]),
            (-1, &[0xff]),
        ];
        for (value, bytes) in cases {
            assert_eq!(Decimal::new(value, 2).unscaled_bytes(), bytes, "{value}");
            assert_eq!(
                Decimal::from_unscaled_bytes(&[&[if value < 0 { 0xff } else { 0 }], bytes].concat(), 2).unscaled(),
                Some(value)
            );
        }
    }

    #[test]
    fn numbers_beyond_128_bits_are_kept_and_shown() {
        // 10^40 + 1 and its negative.
        let positive = [0x1d, 0x63, 0x29, 0xf1, 0xc3, 0x5c, 0xa4, 0xbf, 0xab, 0xb9, 0xf5, 0x61, 0, 0, 0, 0, 1];
        let large = Decimal::from_unscaled_bytes(&positive, 2);
        assert_eq!(large.to_string(), format!("1{}.01", "0".repeat(38)));
        assert_eq!((large.digits(), large.unscaled(), large.unscaled_bytes()), (41, None, positive.to_vec()));
        let mut negative: Vec<u8> = positive.iter().map(|byte| !byte).collect();
        *negative.last_mut().expect("a byte") += 1;
        assert_eq!(Decimal::from_unscaled_bytes(&negative, 2).to_string(), format!("-1{}.01", "0".repeat(38)));
    }

    #[test]
    fn numbers_add_and_scale_exactly_or_not_at_all() {
        assert_eq!(decimal("1.5"), decimal("1.500"));
        assert_eq!(decimal("1.5").checked_add(&decimal("0.25")).map(|d| d.to_string()).as_deref(), Some("1.75"));
        assert_eq!(decimal("1").checked_sub(&decimal("0.25")), Some(decimal("0.75")));
        assert_eq!(decimal("1.5").checked_mul(&decimal("-2")), Some(decimal("-3")));
        assert_eq!((decimal("1.25").rescaled(1), decimal("1.20").rescaled(1)), (None, Some(decimal("1.2"))));
        assert_eq!(Decimal::new(i128::MAX, 0).checked_add(&Decimal::from(1)), None);
    }
}
