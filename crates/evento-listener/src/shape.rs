//! Whether the bytes of a request are what its kind and version say, before the codec makes anything of them.
//!
//! The codec makes room for as many elements as a request claims to have; five bytes could ask it for gigabytes.
//! So every request is first walked through by its shape: each length and count must fit into what is left, all
//! text is UTF-8, and there are not too many elements in all. The walk allocates nothing.
//! Bytes after the last field are passed over, as a broker does: librdkafka sends some with Metadata.
//! What the values mean is the handlers' business, and what records hold that of `produce`.

#[macro_use]
pub mod table;

mod admin;
mod data;
mod groups;
mod walk;

use kafka_protocol::messages::ApiKey;

pub use table::{Field, Kind, Request};
use walk::Walk;

/// Elements of all arrays of a request together, and tagged fields. The codec takes at most some 260
/// bytes for one (measured: `tests/memory`), so that no request costs more than 30 MiB on top of its own bytes.
pub const ELEMENTS_MAX: usize = 100_000;

/// The header before each request; versions 1 and 2 differ in the tagged fields of the second.
const HEADER: &[Field] = fields! {
    request_api_key: int16,
    request_api_version: int16,
    correlation_id: int32,
    client_id: old_text or null,
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The field whose bytes are wrong, or the last one that was there.
    pub field: &'static str,
    /// How many bytes of the request were right.
    pub at: usize,
    /// What is wrong with the next.
    pub why: Why,
}

/// What is wrong with some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No shape is known for this kind and version.
    Unknown,
    /// More is needed or claimed than is left.
    Short,
    /// A length or count is negative, or not there where it must be.
    Negative,
    /// A compact number has more than 32 bits.
    Long,
    /// More than [`ELEMENTS_MAX`] elements.
    Many,
    /// Text is no UTF-8.
    NoText,
    /// A tagged field is longer than what it holds.
    Left,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.why {
            Why::Unknown => "no shape is known for this kind and version",
            Why::Short => "it claims more than is left",
            Why::Negative => "its length or count is negative",
            Why::Long => "a compact number has more than 32 bits",
            Why::Many => "the request has too many elements",
            Why::NoText => "it is not UTF-8",
            Why::Left => "bytes are left over after it",
        };
        write!(f, "field `{}`, at byte {}: {why}", self.field, self.at)
    }
}

/// All shapes, in no order.
pub fn requests() -> impl Iterator<Item = &'static Request> {
    [data::REQUESTS, groups::REQUESTS, admin::REQUESTS].into_iter().flatten()
}

/// The shape of a request of this kind and version.
pub fn of(key: ApiKey, version: i16) -> Option<&'static Request> {
    requests().find(|request| request.key == key && request.has(version))
}

/// Checks a whole request, header and all, given without its length.
pub fn check(key: ApiKey, version: i16, bytes: &[u8]) -> Result<(), Refused> {
    let unknown = Refused { field: "request_api_key", at: 0, why: Why::Unknown };
    let request = of(key, version).ok_or(unknown)?;
    let mut walk = Walk::new(bytes, version, version >= request.flexible);
    walk.fields(HEADER)?;
    walk.fields(request.fields)
}

/// Checks only the header of a request whose version is above all that are known: the rest is not looked at.
pub fn check_header(bytes: &[u8]) -> Result<(), Refused> {
    Walk::new(bytes, i16::MAX, true).fields(HEADER)
}
