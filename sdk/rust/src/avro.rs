//! Avro binary for Rust values: canonical when written, strict when read.
//!
//! Source: Apache Avro 1.12 specification, "Binary encoding"; function-protocol 8.3 for what is refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Deepest nesting that is read.
const DEPTH_MAX: u32 = 64;

/// Bytes that are not of the expected schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(pub String);

/// A value with an Avro schema.
pub trait Avro: Sized {
    /// Its schema; a record that was defined before is only named.
    fn schema(defined: &mut Vec<&'static str>) -> Value;
    /// Appends its canonical bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads one value.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// A record with a full name.
pub trait Record: Avro {
    /// Namespace and name.
    const NAME: &'static str;

    /// Its bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads all of the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::over(bytes);
        let value = Self::read(&mut reader)?;
        match reader.rest.len() {
            0 => Ok(value),
            left => Err(Malformed(format!("{left} bytes are left over after {}", Self::NAME))),
        }
    }
}

/// Reads values one after the other.
pub struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of these bytes.
    pub fn over(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, depth: 0 }
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A zigzag varint.
    pub fn long(&mut self) -> Result<i64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or_else(short)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(Malformed("a number of more than ten bytes".to_owned()))
    }

    /// A length that the bytes still there can hold.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.long()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.rest.len())
            .ok_or_else(|| Malformed(format!("a length of {length} with {} bytes left", self.rest.len())))
    }

    /// The items of an array or map.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        loop {
            let count = match self.long()? {
                0 => return Ok(()),
                count if count < 0 => {
                    self.long()?;
                    count.unsigned_abs()
                }
                count => count as u64,
            };
            if count > self.rest.len() as u64 {
                return Err(Malformed(format!("{count} items with {} bytes left", self.rest.len())));
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    /// Reads something nested.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Malformed(format!("nested deeper than {DEPTH_MAX}")));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

fn short() -> Malformed {
    Malformed("the bytes end in the middle".to_owned())
}

/// Appends a zigzag varint.
pub fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

impl Avro for bool {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("boolean")
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn read(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
        match reader.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Malformed(format!("{other} is no boolean"))),
        }
    }
}

impl Avro for i32 {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("int")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_long(out, i64::from(*self));
    }
    fn read(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
        let value = reader.long()?;
        i32::try_from(value).map_err(|_| Malformed(format!("{value} is no int")))
    }
}

impl Avro for i64 {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("long")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_long(out, *self);
    }
    fn read(reader: &mut Reader<'_>) -> Result<i64, Malformed> {
        reader.long()
    }
}

impl Avro for f32 {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("float")
    }
    fn write(&self, out: &mut Vec<u8>) {
        let value = if self.is_nan() { f32::from_bits(0x7fc0_0000) } else { *self };
        out.extend_from_slice(&value.to_le_bytes());
    }
    fn read(reader: &mut Reader<'_>) -> Result<f32, Malformed> {
        reader.take(4)?.try_into().map(f32::from_le_bytes).map_err(|_| short())
    }
}

impl Avro for f64 {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("double")
    }
    fn write(&self, out: &mut Vec<u8>) {
        let value = if self.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { *self };
        out.extend_from_slice(&value.to_le_bytes());
    }
    fn read(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
        reader.take(8)?.try_into().map(f64::from_le_bytes).map_err(|_| short())
    }
}

impl Avro for String {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("string")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }
    fn read(reader: &mut Reader<'_>) -> Result<String, Malformed> {
        let length = reader.length()?;
        let bytes = reader.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed("a string that is no UTF-8".to_owned()))
    }
}

/// Bytes; a type of its own, so that `Vec<T>` can be an array.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Bytes(pub Vec<u8>);

impl Avro for Bytes {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("bytes")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Bytes, Malformed> {
        let length = reader.length()?;
        reader.take(length).map(|bytes| Bytes(bytes.to_vec()))
    }
}

impl<T: Avro> Avro for Option<T> {
    fn schema(defined: &mut Vec<&'static str>) -> Value {
        json!(["null", T::schema(defined)])
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(2);
                value.write(out);
            }
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Option<T>, Malformed> {
        match reader.long()? {
            0 => Ok(None),
            1 => reader.nested(T::read).map(Some),
            other => Err(Malformed(format!("union index {other} of 2"))),
        }
    }
}

impl<T: Avro> Avro for Vec<T> {
    fn schema(defined: &mut Vec<&'static str>) -> Value {
        json!({"type": "array", "items": T::schema(defined)})
    }
    fn write(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(out, self.len() as i64);
            self.iter().for_each(|item| item.write(out));
        }
        out.push(0);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<T>, Malformed> {
        let mut items = Vec::new();
        reader.items(|reader| {
            items.push(reader.nested(T::read)?);
            Ok(())
        })?;
        Ok(items)
    }
}

impl<T: Avro> Avro for BTreeMap<String, T> {
    fn schema(defined: &mut Vec<&'static str>) -> Value {
        json!({"type": "map", "values": T::schema(defined)})
    }
    fn write(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(out, self.len() as i64);
            for (key, value) in self {
                put_bytes(out, key.as_bytes());
                value.write(out);
            }
        }
        out.push(0);
    }
    fn read(reader: &mut Reader<'_>) -> Result<BTreeMap<String, T>, Malformed> {
        let mut entries = BTreeMap::new();
        reader.items(|reader| {
            let key = String::read(reader)?;
            let value = reader.nested(T::read)?;
            match entries.insert(key.clone(), value) {
                None => Ok(()),
                Some(_) => Err(Malformed(format!("the key {key:?} comes twice"))),
            }
        })?;
        Ok(entries)
    }
}

impl Reader<'_> {
    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}
