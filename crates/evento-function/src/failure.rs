//! Why a function gave no valid answer, judged: the table of function-protocol 10.1 as a value.
//!
//! A failure says what it is; what follows from it (wait, retry, park) is the engine's business.

use evento_model::Code;

/// A call or a step without a valid answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// How it is to be judged.
    pub class: FailureClass,
    /// EV30xx.
    pub code: Code,
    /// One line for people, at most 200 bytes.
    pub title: String,
    /// More for people, at most 8,192 bytes; may be empty.
    pub detail: String,
    /// Groups equal errors: same class, code and title with digits and ids left out.
    pub fingerprint: String,
    /// The function's stack, if it gave one.
    pub stack: Option<String>,
}

/// Classes of failures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FailureClass {
    /// The function asks for less (429, 503 with or without `Retry-After`).
    BackPressure {
        /// The wait it asked for, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Another revision or instance answers at the address.
    Swapped,
    /// Nobody answers there, or nobody who could: connection refused, 401, 403, 502, 504.
    Outage,
    /// The request was too large for it.
    TooLarge,
    /// It does not speak the framing it declared.
    ModeNotSpoken,
    /// It says that this command can never be handled.
    Poison,
    /// Its answer breaks the protocol or a schema.
    Contract,
    /// It says that it failed.
    Error,
    /// It died, or the connection broke in the middle.
    Crash,
    /// It did not answer in time.
    Timeout,
}

impl FailureClass {
    /// The word used in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::BackPressure { .. } => "back-pressure",
            FailureClass::Swapped => "swapped",
            FailureClass::Outage => "outage",
            FailureClass::TooLarge => "too-large",
            FailureClass::ModeNotSpoken => "mode-not-spoken",
            FailureClass::Poison => "poison",
            FailureClass::Contract => "contract",
            FailureClass::Error => "error",
            FailureClass::Crash => "crash",
            FailureClass::Timeout => "timeout",
        }
    }
}

/// Longest title, in bytes.
const TITLE_BYTES_MAX: usize = 200;
/// Longest detail, in bytes.
const DETAIL_BYTES_MAX: usize = 8_192;

impl Failure {
    /// A failure whose title and detail are cut to their limits and whose fingerprint follows from the title.
    pub fn new(class: FailureClass, code: Code, title: impl Into<String>, detail: impl Into<String>) -> Failure {
        let (mut title, mut detail) = (title.into(), detail.into());
        cut(&mut title, TITLE_BYTES_MAX);
        cut(&mut detail, DETAIL_BYTES_MAX);
        let fingerprint = fingerprint(class, code, &title);
        Failure { class, code, title, detail, fingerprint, stack: None }
    }
}

/// Cuts at a character boundary.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
}

/// Equal for errors that differ only in numbers: FNV-1a over class, code and the title with each run of digits
/// as one `#` (Fowler, Noll, Vo; 64 bits, 16 hex digits).
fn fingerprint(class: FailureClass, code: Code, title: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    class.as_str().bytes().chain(code.to_string().into_bytes()).for_each(&mut add);
    let mut in_digits = false;
    for byte in title.bytes() {
        let digit = byte.is_ascii_digit();
        if !(digit && in_digits) {
            add(if digit { b'#' } else { byte });
        }
        in_digits = digit;
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::{Failure, FailureClass};
    use evento_model::Code;

    #[test]
    fn equal_errors_with_other_numbers_share_a_fingerprint() {
        let failure = |class, title: &str| Failure::new(class, Code(3001), title, "").fingerprint;
        assert_eq!(failure(FailureClass::Error, "row 12 of 7"), failure(FailureClass::Error, "row 3 of 1000"));
        assert_ne!(failure(FailureClass::Error, "row 12"), failure(FailureClass::Crash, "row 12"));
        assert_ne!(failure(FailureClass::Error, "row a"), failure(FailureClass::Error, "row b"));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let failure = Failure::new(FailureClass::Error, Code(3001), "ä".repeat(200), "€".repeat(9_000));
        assert_eq!((failure.title.len(), failure.detail.len()), (200, 8_190));
    }
}
