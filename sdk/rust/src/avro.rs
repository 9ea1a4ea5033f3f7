//! Avro binary for Rust values: canonical when written, strict when read.
//!
//! Generated code calls [`Reader`] and [`Writer`] field by field; nothing here knows a schema. Source: Apache Avro 1.12
//! specification, "Binary encoding"; function-protocol 8.3 for what is refused.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{Writer, put_bytes, put_long};

/// Deepest nesting of values that are read or written.
pub const DEPTH_MAX: u32 = 64;

/// Bytes that are not of the expected schema, or a value that its schema cannot hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// A record with a full name. Implemented by generated code.
pub trait Record: Sized {
    /// Namespace and name.
    const NAME: &'static str;
    /// Writes its fields.
    fn write(&self, out: &mut Writer);
    /// Reads its fields.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// Its canonical bytes.
    ///
    /// # Errors
    ///
    /// A value that the schema cannot hold, such as a decimal with too many digits.
    fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = Writer::new();
        self.write(&mut out);
        out.finish()
    }

    /// Reads all of the bytes.
    ///
    /// # Errors
    ///
    /// Bytes that are not of this schema, or that go on after it.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::over(bytes);
        let value = Self::read(&mut reader)?;
        match reader.left() {
            0 => Ok(value),
            left => Err(Malformed(format!("{left} bytes are left over after {}", Self::NAME))),
        }
    }
}
