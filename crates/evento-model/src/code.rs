//! Error codes: `EV` and four digits, the same in CLI, HTTP, logs, metrics and docs.
//!
//! The catalogue of meanings lives in the binary (`crates/evento/errors/EV####.md`); here is only the number.

use std::fmt;

/// An error code such as `EV1003`. Codes are never reused.
///
/// Blocks: 1 requests and commands, 2 resources and schemas, 3 functions, 4 log and storage, 5 Kafka,
/// 6 access and limits, 7 CLI and configuration, 9 internal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EV{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Code {
    /// Reads `EV1003` or `ev1003`; anything else is `None`.
    pub fn parse(text: &str) -> Option<Code> {
        let digits = text.strip_prefix("EV").or_else(|| text.strip_prefix("ev"))?;
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(Code)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn a_code_reads_back_as_it_prints() {
        assert_eq!(Code::parse(&Code(1003).to_string()), Some(Code(1003)));
        assert_eq!(Code::parse("EV103"), None);
        assert_eq!(Code::parse("XX1003"), None);
        assert_eq!(Code::parse("EV10a3"), None);
    }
}
