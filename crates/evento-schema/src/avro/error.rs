//! What is wrong with a schema, a pair of schemas, a datum or a JSON text, each with the place.

use evento_model::Code;

/// Why a text is not a schema Evento accepts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code} {path}: {message}")]
pub struct SchemaError {
    /// `EV2101`.
    pub code: Code,
    /// Where, as `bank.Account.balance`; empty when the text as a whole is wrong.
    pub path: String,
    /// What is wrong, in words.
    pub message: String,
}

/// One rule that a schema or a pair of schemas breaks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Violation {
    /// Where, as `bank.Account.balance`.
    pub path: String,
    /// What is wrong, as `long -> int`.
    pub message: String,
}

/// Why bytes are not a datum of a schema.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path} at byte {offset}: {message}")]
pub struct DecodeError {
    /// Where in the value, as `bank.Account.lines[3].amount`.
    pub path: String,
    /// Where in the bytes.
    pub offset: usize,
    /// What is wrong, in words.
    pub message: String,
}

/// One place where a JSON text does not fit a schema.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct JsonViolation {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole text.
    pub pointer: String,
    /// What is wrong, in words.
    pub message: String,
}

/// A [`DecodeError`] on its way up; boxed so that the good path returns in registers.
pub(super) type Fault = Box<DecodeError>;

/// A fault at an offset. The callers add the path.
#[cold]
pub(super) fn fault(offset: usize, message: impl Into<String>) -> Fault {
    Box::new(DecodeError { path: String::new(), offset, message: message.into() })
}

/// Puts a field name in front of the path of a fault.
#[cold]
pub(super) fn in_field(mut fault: Fault, name: &str) -> Fault {
    fault.path = format!(".{name}{}", fault.path);
    fault
}

/// Puts an array index in front of the path of a fault.
#[cold]
pub(super) fn in_item(mut fault: Fault, index: usize) -> Fault {
    fault.path = format!("[{index}]{}", fault.path);
    fault
}

/// Puts a map key in front of the path of a fault.
#[cold]
pub(super) fn in_entry(mut fault: Fault, key: &[u8]) -> Fault {
    let key: String = String::from_utf8_lossy(key).chars().take(64).collect();
    fault.path = format!("[{key:?}]{}", fault.path);
    fault
}
