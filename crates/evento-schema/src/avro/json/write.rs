//! From Avro bytes to plain JSON, value by value, without a tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::OUTPUT_BYTES_MAX;
use super::super::check::{big_decimal, deeper, is_uuid, rooted};
use super::super::decimal::{Unscaled, big_to_text, to_text};
use super::super::error::{DecodeError, Fault, fault, in_entry, in_field, in_item};
use super::super::logical::Logical;
use super::super::node::{Arena, Fixed, Kind, Node, NodeId};
use super::super::schema::Schema;
use super::super::wire::Reader;
use super::time;

/// How plain JSON is written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct JsonOptions {
    /// Longs as strings, for readers that keep only 53 bits of a number.
    ///
    /// In a union that has a branch written as a string too, a long stays a number: it could not be read back.
    pub long_as_string: bool,
}

/// Appends the plain JSON of a datum to `out`.
///
/// What is appended is at most [`OUTPUT_BYTES_MAX`] bytes (and one value).
///
/// # Errors
///
/// The bytes are not a datum of the schema; `out` then ends with a part of a value.
pub fn to_json(schema: &Schema, datum: &[u8], options: &JsonOptions, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let arena = schema.arena();
    let mut reader = Reader::new(datum);
    let bytes_max = out.len().saturating_add(OUTPUT_BYTES_MAX);
    let mut writer = Writer { arena, options: *options, bytes_max, out };
    let mut written = writer.value(arena.root, &mut reader, 0, options.long_as_string);
    if written.is_ok() && reader.remaining() > 0 {
        written = Err(fault(reader.position(), format!("{} bytes are left over", reader.remaining())));
    }
    written.map_err(|fault| rooted(schema, fault))
}

struct Writer<'a> {
    arena: &'a Arena,
    options: JsonOptions,
    bytes_max: usize,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, id: NodeId, reader: &mut Reader<'_>, depth: u32, quoted_long: bool) -> Result<(), Fault> {
        let arena = self.arena;
        let node = arena.node(id);
        match &node.kind {
            Kind::Null => self.out.extend_from_slice(b"null"),
            Kind::Boolean => self.out.extend_from_slice(if reader.boolean()? { b"true" } else { b"false" }),
            Kind::Int => {
                let value = i64::from(reader.int()?);
                self.number(value, node.logical, false);
            }
            Kind::Long => {
                let value = reader.long()?;
                self.number(value, node.logical, quoted_long);
            }
            Kind::Float => {
                let value = reader.float()?;
                self.float(f64::from(value), &value);
            }
            Kind::Double => {
                let value = reader.double()?;
                self.float(value, &value);
            }
            Kind::Bytes => self.bytes(node, reader)?,
            Kind::String => {
                let start = reader.position();
                let text = reader.string()?;
                if node.logical == Some(Logical::Uuid) && !is_uuid(text) {
                    return Err(fault(start, "a uuid must look like 123e4567-e89b-12d3-a456-426614174000"));
                }
                self.json(text);
            }
            Kind::Fixed(fixed) => self.fixed(node, fixed, reader)?,
            Kind::Enum(symbols) => {
                let symbol = reader.index(symbols.symbols.len(), "symbol")?;
                self.quoted(symbols.symbols[symbol].as_bytes());
            }
            Kind::Union(union) => {
                let index = reader.index(union.branches.len(), "branch")?;
                let branch = union.branches[index];
                let quoted_long = self.options.long_as_string && union.dispatch.string == Some(index as u32);
                match &arena.node(branch).kind {
                    Kind::Record(record) if union.dispatch.wrapped => {
                        self.out.push(b'{');
                        self.quoted(record.name.as_bytes());
                        self.out.push(b':');
                        self.value(branch, reader, depth, quoted_long)?;
                        self.out.push(b'}');
                    }
                    _ => self.value(branch, reader, depth, quoted_long)?,
                }
            }
            Kind::Record(record) => {
                let depth = deeper(depth, reader)?;
                self.out.push(b'{');
                for (index, field) in record.fields.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.quoted(field.name.as_bytes());
                    self.out.push(b':');
                    self.value(field.node, reader, depth, self.options.long_as_string)
                        .map_err(|fault| in_field(fault, &field.name))?;
                }
                self.out.push(b'}');
                self.check_room(reader)?;
            }
            Kind::Array(items) => {
                let depth = deeper(depth, reader)?;
                let item = arena.node(*items);
                self.out.push(b'[');
                let (mut blocks, mut index) = (reader.blocks(), 0);
                loop {
                    let count = reader.block(&mut blocks, item.size_min, item.zero_size_weight)?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        if index > 0 {
                            self.out.push(b',');
                        }
                        self.value(*items, reader, depth, self.options.long_as_string)
                            .map_err(|fault| in_item(fault, index))?;
                        index += 1;
                    }
                    self.check_room(reader)?;
                }
                self.out.push(b']');
            }
            Kind::Map(values) => {
                let depth = deeper(depth, reader)?;
                let size_min = arena.node(*values).size_min.saturating_add(1);
                self.out.push(b'{');
                let (mut blocks, mut first) = (reader.blocks(), true);
                loop {
                    let count = reader.block(&mut blocks, size_min, 0)?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        if !first {
                            self.out.push(b',');
                        }
                        first = false;
                        let key = reader.string()?;
                        self.json(key);
                        self.out.push(b':');
                        self.value(*values, reader, depth, self.options.long_as_string)
                            .map_err(|fault| in_entry(fault, key.as_bytes()))?;
                    }
                }
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn check_room(&self, reader: &Reader<'_>) -> Result<(), Fault> {
        if self.out.len() <= self.bytes_max {
            return Ok(());
        }
        Err(fault(reader.position(), format!("the JSON has more than {OUTPUT_BYTES_MAX} bytes")))
    }

    fn number(&mut self, value: i64, logical: Option<Logical>, quoted: bool) {
        let start = self.out.len();
        self.out.push(b'"');
        let written = match logical {
            Some(Logical::Date) => time::write_date(value, self.out),
            Some(Logical::Time(unit)) => time::write_time(value, unit, self.out),
            Some(Logical::LocalTimestamp(unit)) => time::write_date_time(value, unit, self.out),
            Some(Logical::Timestamp(unit)) => {
                let written = time::write_date_time(value, unit, self.out);
                if written {
                    self.out.push(b'Z');
                }
                written
            }
            _ => false,
        };
        if written {
            self.out.push(b'"');
        } else if quoted {
            self.json(&value);
            self.out.push(b'"');
        } else {
            self.out.truncate(start);
            self.json(&value);
        }
    }

    /// Writes a float; `shortest` is the same value in the width that gives the fewest digits.
    fn float(&mut self, value: f64, shortest: &impl Serialize) {
        if value.is_finite() {
            self.json(shortest);
        } else if value.is_nan() {
            self.quoted(b"NaN");
        } else {
            self.quoted(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
        }
    }

    fn bytes(&mut self, node: &Node, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let start = reader.position();
        let bytes = reader.bytes()?;
        match node.logical {
            Some(Logical::Decimal { precision, scale }) => self.decimal(bytes, precision, scale, start)?,
            Some(Logical::BigDecimal) => {
                let (unscaled, scale, _) = big_decimal(bytes, start)?;
                let unscaled = Unscaled::from_bytes(unscaled);
                let unscaled = unscaled.ok_or_else(|| fault(start, "a big-decimal has too many digits"))?;
                self.quoted(big_to_text(&unscaled, scale).as_bytes());
            }
            _ => self.base64(bytes),
        }
        Ok(())
    }

    fn fixed(&mut self, node: &Node, fixed: &Fixed, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let start = reader.position();
        let bytes = reader.take(fixed.size as usize)?;
        match node.logical {
            Some(Logical::Decimal { precision, scale }) => self.decimal(bytes, precision, scale, start)?,
            Some(Logical::Uuid) => {
                self.out.push(b'"');
                for (index, byte) in bytes.iter().enumerate() {
                    if matches!(index, 4 | 6 | 8 | 10) {
                        self.out.push(b'-');
                    }
                    for digit in [byte >> 4, byte & 15] {
                        self.out.push(b"0123456789abcdef"[usize::from(digit)]);
                    }
                }
                self.out.push(b'"');
            }
            Some(Logical::Duration) => {
                for (index, name) in [&b"{\"months\":"[..], b",\"days\":", b",\"millis\":"].into_iter().enumerate() {
                    let mut part = [0; 4];
                    part.copy_from_slice(&bytes[index * 4..index * 4 + 4]);
                    self.out.extend_from_slice(name);
                    self.json(&u32::from_le_bytes(part));
                }
                self.out.push(b'}');
            }
            _ => self.base64(bytes),
        }
        Ok(())
    }

    fn decimal(&mut self, bytes: &[u8], precision: u32, scale: u32, start: usize) -> Result<(), Fault> {
        match Unscaled::from_bytes(bytes) {
            Some(unscaled) if unscaled.fits(precision) => {
                self.quoted(to_text(&unscaled, scale).as_bytes());
                Ok(())
            }
            _ => Err(fault(start, format!("a decimal has more than {precision} digits"))),
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        let start = self.out.len() + 1;
        self.out.push(b'"');
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        let written =
            STANDARD.encode_slice(bytes, &mut self.out[start..]).expect("there are four places for each three bytes");
        self.out.truncate(start + written);
        self.out.push(b'"');
    }

    /// A string that needs no escapes: names, symbols, digits.
    fn quoted(&mut self, text: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut *self.out, value).expect("a string or number can be written to memory");
    }
}
