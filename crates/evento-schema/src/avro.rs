//! Avro: schemas, validation of payload bytes, transcoding between schemas, and plain JSON both ways.
//!
//! Bytes from outside pass [`check`] before anything else looks at them; [`Plan`] turns bytes of one schema into
//! bytes of another; [`from_json`] and [`to_json`] are the mapping people see. None of them builds a tree of the
//! value, and none allocates more than the bytes present justify. Object container files and Avro's own JSON
//! encoding are not here.

mod ambiguity;
mod canonical;
mod check;
mod decimal;
mod error;
mod info;
mod json;
mod logical;
mod node;
mod parse;
mod plan;
mod schema;
mod suggest;
mod trail;
mod wire;

pub use check::{Checked, check};
pub use error::{DecodeError, JsonViolation, SchemaError, Violation};
pub use info::FieldInfo;
pub use json::{JsonOptions, from_json, from_json_value, to_json};
pub use plan::Plan;
pub use schema::Schema;

/// Longest schema text, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of types in a schema, of values in a datum, and of objects and arrays in plain JSON.
pub const NESTING_MAX: u32 = 64;

/// Most values of zero bytes (nulls, empty records) that the arrays of one datum may hold together.
pub const ZERO_SIZE_ITEMS_MAX: u32 = 65_536;

/// Most bytes one datum may become in another schema or in JSON.
///
/// Defaults and field names can make the result larger than the datum; this ends what a few hostile bytes and a
/// generous schema could otherwise do together.
pub const OUTPUT_BYTES_MAX: usize = 64 << 20;
