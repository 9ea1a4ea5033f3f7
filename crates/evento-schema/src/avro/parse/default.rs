//! Defaults of fields: from Avro's JSON for defaults to canonical bytes, once, when the schema is parsed.
//!
//! Avro writes `bytes` and `fixed` as code points 0 to 255. A union takes the first branch that the default fits
//! (the specification named the first branch only, until 1.12).

use std::cell::Cell;

use serde_json::Value;

use super::super::NESTING_MAX;
use super::super::check::{is_uuid, walk};
use super::super::error::SchemaError;
use super::super::logical::Logical;
use super::super::node::{Arena, Default, Kind, NodeId};
use super::super::wire::{Reader, write_bytes, write_double, write_float, write_long};
use super::PendingDefault;
use evento_model::Code;

/// Most values that are tried to encode one default.
const STEPS_MAX: u32 = 100_000;

/// Most bytes of one default.
const DEFAULT_BYTES_MAX: usize = 1 << 20;

/// Turns every default into bytes and stores it with its field.
pub(super) fn fill(arena: &mut Arena, pending: Vec<PendingDefault>) -> Result<(), SchemaError> {
    let encoded: Result<Vec<Vec<u8>>, SchemaError> = pending
        .iter()
        .map(|default| {
            let refused = |message| SchemaError { code: Code(2101), path: default.path.clone(), message };
            let Kind::Record(record) = &arena.node(default.record).kind else {
                return Err(refused("a default outside a record".to_owned()));
            };
            let node = record.fields[default.field].node;
            let mut bytes = Vec::new();
            let encoder = Encoder { arena, pending: &pending, steps_left: Cell::new(STEPS_MAX) };
            encoder.encode(node, &default.json, &mut bytes, 0).map_err(|why| refused(format!("default {why}")))?;
            Ok(bytes)
        })
        .collect();
    for (default, bytes) in pending.into_iter().zip(encoded?) {
        if let Kind::Record(record) = &mut arena.nodes[default.record as usize].kind {
            record.fields[default.field].default = Some(Default::new(default.json, bytes));
        }
    }
    Ok(())
}

struct Encoder<'a> {
    arena: &'a Arena,
    pending: &'a [PendingDefault],
    /// Bound: values that may still be tried; defaults inside unions inside defaults would try without end.
    steps_left: Cell<u32>,
}

impl Encoder<'_> {
    fn encode(&self, id: NodeId, json: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), String> {
        let node = self.arena.node(id);
        if depth > NESTING_MAX {
            return Err(format!("nests deeper than {NESTING_MAX}"));
        }
        match self.steps_left.get().checked_sub(1) {
            Some(left) => self.steps_left.set(left),
            None => return Err(format!("has more than {STEPS_MAX} values")),
        }
        if out.len() > DEFAULT_BYTES_MAX {
            return Err(format!("has more than {DEFAULT_BYTES_MAX} bytes"));
        }
        let start = out.len();
        let unfit = || Err(format!("{json} is not {}", article(&self.arena.words(id))));
        match (&node.kind, json) {
            (Kind::Null, Value::Null) => {}
            (Kind::Boolean, Value::Bool(value)) => out.push(u8::from(*value)),
            (Kind::Int, Value::Number(number)) => match number.as_i64().and_then(|n| i32::try_from(n).ok()) {
                Some(value) => write_long(i64::from(value), out),
                None => return unfit(),
            },
            (Kind::Long, Value::Number(number)) => match number.as_i64() {
                Some(value) => write_long(value, out),
                None => return unfit(),
            },
            (Kind::Float, Value::Number(number)) => write_float(number.as_f64().unwrap_or(f64::NAN) as f32, out),
            (Kind::Double, Value::Number(number)) => write_double(number.as_f64().unwrap_or(f64::NAN), out),
            (Kind::String, Value::String(text)) => {
                if node.logical == Some(Logical::Uuid) && !is_uuid(text) {
                    return unfit();
                }
                write_bytes(text.as_bytes(), out);
            }
            (Kind::Bytes, Value::String(text)) => {
                write_bytes(&code_points(text)?, out);
                self.check_content(id, out, start)?;
            }
            (Kind::Fixed(fixed), Value::String(text)) => {
                let bytes = code_points(text)?;
                if bytes.len() != fixed.size as usize {
                    return Err(format!("has {} bytes where {} are needed", bytes.len(), fixed.size));
                }
                out.extend_from_slice(&bytes);
                self.check_content(id, out, start)?;
            }
            (Kind::Enum(symbols), Value::String(text)) => {
                match symbols.symbols.iter().position(|symbol| **symbol == **text) {
                    Some(index) => write_long(index as i64, out),
                    None => return unfit(),
                }
            }
            (Kind::Array(items), Value::Array(values)) => {
                if !values.is_empty() {
                    write_long(values.len() as i64, out);
                }
                for value in values {
                    self.encode(*items, value, out, depth + 1)?;
                }
                out.push(0);
            }
            (Kind::Map(values), Value::Object(entries)) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
                if !entries.is_empty() {
                    write_long(entries.len() as i64, out);
                }
                for (key, value) in entries {
                    write_bytes(key.as_bytes(), out);
                    self.encode(*values, value, out, depth + 1)?;
                }
                out.push(0);
            }
            (Kind::Record(record), Value::Object(entries)) => {
                for (index, field) in record.fields.iter().enumerate() {
                    let own = || self.pending.iter().find(|other| other.record == id && other.field == index);
                    match entries.get(&*field.name).or_else(|| own().map(|default| &default.json)) {
                        Some(value) => self.encode(field.node, value, out, depth + 1)?,
                        None => return Err(format!("lacks the field {}", field.name)),
                    }
                }
            }
            (Kind::Union(union), _) => {
                for (index, branch) in union.branches.iter().enumerate() {
                    write_long(index as i64, out);
                    if self.encode(*branch, json, out, depth + 1).is_ok() {
                        return Ok(());
                    }
                    out.truncate(start);
                }
                return unfit();
            }
            _ => return unfit(),
        }
        Ok(())
    }

    /// Checks a logical type on bytes; they must be canonical, so that the default is too.
    fn check_content(&self, id: NodeId, out: &[u8], start: usize) -> Result<(), String> {
        let mut reader = Reader::new(&out[start..]);
        walk(self.arena, id, &mut reader, 0).map_err(|fault| fault.message)?;
        if reader.canonical { Ok(()) } else { Err("is a number written with more bytes than it needs".to_owned()) }
    }
}

/// Avro's JSON for bytes: one code point from 0 to 255 for each byte.
fn code_points(text: &str) -> Result<Vec<u8>, String> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).map_err(|_| format!("has the character {c:?}; bytes are U+0000 to U+00FF")))
        .collect()
}

fn article(words: &str) -> String {
    let vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {words}", if vowel { "an" } else { "a" })
}
