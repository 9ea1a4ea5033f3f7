//! A UUID (RFC 9562).

use std::fmt;
use std::str::FromStr;

/// A UUID: 16 bytes, as text 36 characters in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

/// A text that is no UUID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAUuid;

impl fmt::Display for NotAUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID is 32 hex digits as 8-4-4-4-12")
    }
}

impl std::error::Error for NotAUuid {}

impl Uuid {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Uuid {
        Uuid(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Uuid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Uuid, NotAUuid> {
        let text = text.as_bytes();
        if text.len() != 36 {
            return Err(NotAUuid);
        }
        let mut bytes = [0; 16];
        let mut at = 0;
        for byte in &mut bytes {
            if matches!(at, 8 | 13 | 18 | 23) {
                at += 1;
            }
            let digit = |at: usize| char::from(text[at]).to_digit(16).ok_or(NotAUuid);
            *byte = (digit(at)? * 16 + digit(at + 1)?) as u8;
            at += 2;
        }
        if [8, 13, 18, 23].iter().all(|at| text[*at] == b'-') { Ok(Uuid(bytes)) } else { Err(NotAUuid) }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn text_and_bytes_are_two_forms_of_one_value() {
        let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        let uuid: Uuid = text.parse().expect("a UUID");
        assert_eq!((uuid.to_string().as_str(), uuid.as_bytes()[0]), (text, 0xf8));
        for wrong in ["", "f81d4fae7dec11d0a76500a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bfg", &text[1..]] {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
        assert!("f81d4fae-7dec-11d0-a76500-a0c91e6bf6".parse::<Uuid>().is_err());
    }
}
