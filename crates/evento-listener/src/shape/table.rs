//! How the shape of a request is written down: fields in their order, each with the versions that have it.
//!
//! The notation is the one of Kafka's message definitions ("versions": "3+", "nullable", "flexibleVersions",
//! "tag"), so that the tables beside this file can be read next to them. The tables are constant data.

use kafka_protocol::messages::ApiKey;

/// The shape of one kind of request.
#[derive(Debug)]
pub struct Request {
    /// Its kind.
    pub key: ApiKey,
    /// Lowest version described.
    pub low: i16,
    /// Highest version described.
    pub high: i16,
    /// First version with compact lengths and tagged fields (KIP-482), and with request header 2.
    pub flexible: i16,
    /// What comes after the header.
    pub fields: &'static [Field],
}

/// One field of a structure.
#[derive(Debug)]
pub struct Field {
    /// Its name in Kafka's message definitions.
    pub name: &'static str,
    /// What stands there.
    pub kind: Kind,
    /// Whether a length of -1 (0 if compact) may stand there.
    pub null: bool,
    /// First version that has it.
    pub since: i16,
    /// Last version that has it.
    pub until: i16,
    /// Its number if it is one of the tagged fields at the end of a structure.
    pub tag: Option<u32>,
}

/// What stands in a field.
#[derive(Debug)]
pub enum Kind {
    /// So many bytes: numbers, truth values, topic ids.
    Fixed(usize),
    /// UTF-8 with its length before it.
    Text,
    /// UTF-8 whose length is never compact: the client id in the header, as Kafka kept it readable for old brokers.
    OldText,
    /// Bytes with their length before them.
    Bytes,
    /// A count, and as many of these.
    Array(&'static Kind),
    /// These, and in flexible versions tagged fields.
    Struct(&'static [Field]),
}

impl Request {
    /// Whether this version is described.
    pub fn has(&self, version: i16) -> bool {
        (self.low..=self.high).contains(&version)
    }
}

impl Field {
    /// Whether a structure of this version has the field.
    pub fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }
}

/// Requests: `Kind LOW to HIGH, flexible VERSION { fields }`.
macro_rules! requests {
    ($($key:ident $low:literal to $high:literal $(, flexible $flexible:literal)? { $($fields:tt)* })*) => {
        &[$($crate::shape::table::Request {
            key: kafka_protocol::messages::ApiKey::$key,
            low: $low,
            high: $high,
            flexible: or!(i16::MAX $(, $flexible)?),
            fields: fields!($($fields)*),
        }),*]
    };
}

/// Fields: `name: kind [or null] [since VERSION] [until VERSION] [tag NUMBER]`.
macro_rules! fields {
    ($($name:ident: $kind:tt $(or $null:ident)?
       $(since $since:literal)? $(until $until:literal)? $(tag $tag:literal)?),* $(,)?) => {
        &[$($crate::shape::table::Field {
            name: stringify!($name),
            kind: kind!($kind),
            null: is!($($null)?),
            since: or!(0 $(, $since)?),
            until: or!(i16::MAX $(, $until)?),
            tag: or!(None $(, Some($tag))?),
        }),*]
    };
}

/// A kind: the name of a simple one, `[kind]` for an array, `{ fields }` for a structure.
macro_rules! kind {
    (bool) => { $crate::shape::table::Kind::Fixed(1) };
    (int8) => { $crate::shape::table::Kind::Fixed(1) };
    (int16) => { $crate::shape::table::Kind::Fixed(2) };
    (int32) => { $crate::shape::table::Kind::Fixed(4) };
    (int64) => { $crate::shape::table::Kind::Fixed(8) };
    (uuid) => { $crate::shape::table::Kind::Fixed(16) };
    (text) => { $crate::shape::table::Kind::Text };
    (old_text) => { $crate::shape::table::Kind::OldText };
    (bytes) => { $crate::shape::table::Kind::Bytes };
    ([$item:tt]) => { $crate::shape::table::Kind::Array(&kind!($item)) };
    ({ $($fields:tt)* }) => { $crate::shape::table::Kind::Struct(fields!($($fields)*)) };
}

/// The second if there is one, else the first.
macro_rules! or {
    ($default:expr) => {
        $default
    };
    ($default:expr, $value:expr) => {
        $value
    };
}

/// Whether `null` is there.
macro_rules! is {
    () => {
        false
    };
    (null) => {
        true
    };
}
