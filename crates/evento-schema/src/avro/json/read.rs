//! From plain JSON to canonical Avro bytes, driven by the schema: no tree is built.
//!
//! The JSON parser is `serde_json`; the schema decides what each value may be. A value that does not fit is noted
//! and skipped, so that one reading tells everything that is wrong.

mod scalar;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::super::error::JsonViolation;
use super::super::logical::Logical;
use super::super::node::{Arena, Kind, NodeId, Record};
use super::super::schema::Schema;
use super::super::suggest::did_you_mean;
use super::super::trail::{Step, Trail};
use super::super::wire::{write_bytes, write_long};
use super::super::{NESTING_MAX, ZERO_SIZE_ITEMS_MAX};

/// Most violations that one reading tells.
const VIOLATIONS_MAX: usize = 100;

/// Reads one plain JSON text as canonical Avro bytes.
///
/// Unknown fields, doubled keys and nesting deeper than [`NESTING_MAX`] are refused.
///
/// # Errors
///
/// Everything that does not fit, at most 100 places; or the one place where the text is not JSON.
pub fn from_json(schema: &Schema, text: &[u8]) -> Result<Vec<u8>, Vec<JsonViolation>> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    read(schema, text.len(), |seed| {
        seed.deserialize(&mut parser)?;
        parser.end()
    })
}

/// Reads a JSON value as canonical Avro bytes. A decimal given as a number has at most the digits of a double.
///
/// # Errors
///
/// As [`from_json`].
pub fn from_json_value(schema: &Schema, value: &Value) -> Result<Vec<u8>, Vec<JsonViolation>> {
    read(schema, 64, |seed| seed.deserialize(value))
}

fn read(
    schema: &Schema,
    size_hint: usize,
    run: impl FnOnce(Seed<'_, '_, '_>) -> Result<(), serde_json::Error>,
) -> Result<Vec<u8>, Vec<JsonViolation>> {
    let arena = schema.arena();
    let out = Vec::with_capacity(size_hint.min(4096));
    let mut context = Context { arena, out, violations: Vec::new(), zero_size_left: ZERO_SIZE_ITEMS_MAX };
    let trail = Trail::root("");
    let done = run(Seed { context: &mut context, id: arena.root, trail: &trail, depth: 0 });
    if let Err(error) = done
        && context.violations.len() < VIOLATIONS_MAX
    {
        context.violations.push(JsonViolation { pointer: String::new(), message: format!("not JSON: {error}") });
    }
    if context.violations.is_empty() { Ok(context.out) } else { Err(context.violations) }
}

struct Context<'s> {
    arena: &'s Arena,
    out: Vec<u8>,
    /// Bound: [`VIOLATIONS_MAX`]; reading ends there.
    violations: Vec<JsonViolation>,
    /// Bound: values of zero bytes that arrays may still hold.
    zero_size_left: u32,
}

impl Context<'_> {
    #[cold]
    fn wrong(&mut self, trail: &Trail<'_>, message: impl Into<String>) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(JsonViolation { pointer: trail.pointer(), message: message.into() });
        }
    }
}

/// Reads one value of one type and appends its bytes.
struct Seed<'c, 's, 't> {
    context: &'c mut Context<'s>,
    id: NodeId,
    trail: &'t Trail<'t>,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.context.violations.len() >= VIOLATIONS_MAX {
            return Err(D::Error::custom("too many violations"));
        }
        let node = self.context.arena.node(self.id);
        let exact = match &node.kind {
            Kind::Bytes | Kind::Fixed(_) => {
                matches!(node.logical, Some(Logical::Decimal { .. } | Logical::BigDecimal))
            }
            Kind::Union(union) => union.dispatch.exact_numbers,
            _ => false,
        };
        if !exact {
            return deserializer.deserialize_any(self);
        }
        // The digits of a number are needed as they stand, not as the nearest double.
        let raw = <Box<RawValue> as serde::Deserialize>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            self.exact_number(text);
            return Ok(());
        }
        serde_json::Deserializer::from_str(text).deserialize_any(self).map_err(D::Error::custom)
    }
}

/// The JSON kind of a value, as the messages call it.
#[derive(Clone, Copy)]
enum Shape {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Shape {
    fn words(self) -> &'static str {
        match self {
            Shape::Null => "null",
            Shape::Boolean => "a boolean",
            Shape::Number => "a number",
            Shape::String => "a string",
            Shape::Array => "an array",
            Shape::Object => "an object",
        }
    }
}

impl<'s> Seed<'_, 's, '_> {
    /// Steps from a union into the branch that takes a JSON kind, and writes its index.
    fn branch(&mut self, shape: Shape) {
        let Kind::Union(union) = &self.context.arena.node(self.id).kind else { return };
        let dispatch = &union.dispatch;
        let index = match shape {
            Shape::Null => dispatch.null,
            Shape::Boolean => dispatch.boolean,
            Shape::Number => dispatch.number,
            Shape::String => dispatch.string,
            Shape::Array => dispatch.array,
            Shape::Object => dispatch.object,
        };
        if let Some(index) = index {
            write_long(i64::from(index), &mut self.context.out);
            self.id = union.branches[index as usize];
        }
    }

    #[cold]
    fn unfit(&mut self, shape: Shape) {
        let expected = self.context.arena.words(self.id);
        self.context.wrong(self.trail, format!("expected {expected}, found {}", shape.words()));
    }

    /// Whether there may be one more level; if not, that is noted.
    fn deeper(&mut self) -> bool {
        let fits = self.depth < NESTING_MAX;
        if !fits {
            self.context.wrong(self.trail, format!("nests deeper than {NESTING_MAX}"));
        }
        self.depth += 1;
        fits
    }

    fn record<'de, A: MapAccess<'de>>(&mut self, record: &'s Record, mut map: A) -> Result<(), A::Error> {
        const ABSENT: (usize, usize) = (usize::MAX, 0);
        let base = self.context.out.len();
        let mut spans: SmallVec<[(usize, usize); 16]> = smallvec![ABSENT; record.fields.len()];
        let (mut next, mut in_order) = (0, true);
        while let Some(key) = map.next_key_seed(FieldSeed { record, next })? {
            let index = match key {
                FieldKey::Known(index) => index,
                FieldKey::Unknown(name) => {
                    let near = did_you_mean(&name, record.fields.iter().map(|field| &*field.name));
                    self.context.wrong(&self.trail.then(Step::Name(&name)), format!("unknown field{near}"));
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = &record.fields[index];
            let trail = self.trail.then(Step::Name(&field.name));
            if spans[index] != ABSENT {
                self.context.wrong(&trail, "the field is there twice");
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let start = self.context.out.len();
            map.next_value_seed(Seed { context: self.context, id: field.node, trail: &trail, depth: self.depth })?;
            spans[index] = (start, self.context.out.len());
            in_order &= index == next;
            next = index + 1;
        }
        if in_order && next == record.fields.len() {
            return Ok(());
        }
        let written = self.context.out.split_off(base);
        for (field, span) in record.fields.iter().zip(&spans) {
            if *span != ABSENT {
                self.context.out.extend_from_slice(&written[span.0 - base..span.1 - base]);
            } else if let Some(default) = &field.default {
                self.context.out.extend_from_slice(&default.bytes);
            } else {
                let message = format!("missing, {} is required", self.context.arena.words(field.node));
                self.context.wrong(&self.trail.then(Step::Name(&field.name)), message);
            }
        }
        Ok(())
    }

    fn map<'de, A: MapAccess<'de>>(&mut self, values: NodeId, mut map: A) -> Result<(), A::Error> {
        let base = self.context.out.len();
        // Bound: one element for each entry of the text.
        let mut entries: Vec<(String, usize, usize)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let start = self.context.out.len();
            let trail = self.trail.then(Step::Name(&key));
            map.next_value_seed(Seed { context: self.context, id: values, trail: &trail, depth: self.depth })?;
            entries.push((key, start - base, self.context.out.len() - base));
        }
        let written = self.context.out.split_off(base);
        entries.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
        if !entries.is_empty() {
            write_long(entries.len() as i64, &mut self.context.out);
        }
        for (index, (key, start, end)) in entries.iter().enumerate() {
            if index > 0 && entries[index - 1].0 == *key {
                self.context.wrong(&self.trail.then(Step::Name(key)), "the key is there twice");
            }
            write_bytes(key.as_bytes(), &mut self.context.out);
            self.context.out.extend_from_slice(&written[*start..*end]);
        }
        self.context.out.push(0);
        Ok(())
    }

    fn array<'de, A: SeqAccess<'de>>(&mut self, items: NodeId, mut seq: A) -> Result<(), A::Error> {
        let base = self.context.out.len();
        let weight = self.context.arena.node(items).zero_size_weight;
        let mut count = 0usize;
        loop {
            let trail = self.trail.then(Step::Index(count));
            let seed = Seed { context: self.context, id: items, trail: &trail, depth: self.depth };
            if seq.next_element_seed(seed)?.is_none() {
                break;
            }
            match self.context.zero_size_left.checked_sub(weight) {
                Some(left) => self.context.zero_size_left = left,
                None => {
                    let message = format!("more than {ZERO_SIZE_ITEMS_MAX} items that need no byte");
                    self.context.wrong(&trail, message);
                    return drain(seq);
                }
            }
            count += 1;
        }
        if count > 0 {
            let mut head = Vec::with_capacity(10);
            write_long(count as i64, &mut head);
            self.context.out.splice(base..base, head);
        }
        self.context.out.push(0);
        Ok(())
    }

    /// Reads `{"full.Name": {…}}`.
    fn wrapped<'de, A: MapAccess<'de>>(&mut self, branches: &[NodeId], mut map: A) -> Result<(), A::Error> {
        let arena = self.context.arena;
        let records = || branches.iter().filter(|branch| matches!(arena.node(**branch).kind, Kind::Record(_)));
        let mut found = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let index = branches
                .iter()
                .position(|branch| matches!(&arena.node(*branch).kind, Kind::Record(record) if *record.name == *key));
            match index {
                Some(index) if !found => {
                    found = true;
                    write_long(index as i64, &mut self.context.out);
                    let trail = self.trail.then(Step::Name(&key));
                    let seed = Seed { context: self.context, id: branches[index], trail: &trail, depth: self.depth };
                    map.next_value_seed(seed)?;
                }
                _ => {
                    let names: Vec<&str> = records().filter_map(|branch| arena.name(*branch)).collect();
                    let message = format!(
                        "the value is one of several records and is written {{\"name\": {{…}}}}, with the one name of {}",
                        names.join(", ")
                    );
                    self.context.wrong(self.trail, message);
                    map.next_value::<IgnoredAny>()?;
                    return drain_map(map);
                }
            }
        }
        if !found {
            self.unfit(Shape::Object);
        }
        Ok(())
    }

    /// Reads `{"months": 0, "days": 1, "millis": 0}`; a part left out is 0.
    fn duration<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let names = ["months", "days", "millis"];
        let mut parts = [None; 3];
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let trail = self.trail.then(Step::Name(&key));
            let Some(index) = names.iter().position(|name| *name == key) else {
                self.context.wrong(&trail, format!("unknown part{}", did_you_mean(&key, names)));
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if parts[index].is_some() {
                self.context.wrong(&trail, "the part is there twice");
            }
            let raw: Box<RawValue> = map.next_value()?;
            parts[index] = raw.get().parse::<u32>().ok();
            if parts[index].is_none() {
                self.context.wrong(&trail, format!("expected a whole number from 0 to {}", u32::MAX));
                parts[index] = Some(0);
            }
        }
        for part in parts {
            self.context.out.extend_from_slice(&part.unwrap_or(0).to_le_bytes());
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context.arena.words(self.id))
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.branch(Shape::Null);
        if !matches!(self.context.arena.node(self.id).kind, Kind::Null) {
            self.unfit(Shape::Null);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.branch(Shape::Boolean);
        match self.context.arena.node(self.id).kind {
            Kind::Boolean => self.context.out.push(u8::from(value)),
            _ => self.unfit(Shape::Boolean),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.whole_number(i128::from(value));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.whole_number(i128::from(value));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.broken_number(value);
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<(), A::Error> {
        self.branch(Shape::Array);
        match self.context.arena.node(self.id).kind {
            Kind::Array(items) => {
                if self.deeper() {
                    return self.array(items, seq);
                }
            }
            _ => self.unfit(Shape::Array),
        }
        drain(seq)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let arena = self.context.arena;
        if let Kind::Union(union) = &arena.node(self.id).kind
            && union.dispatch.wrapped
        {
            return self.wrapped(&union.branches, map);
        }
        self.branch(Shape::Object);
        let node = arena.node(self.id);
        match &node.kind {
            Kind::Record(record) => {
                if self.deeper() {
                    return self.record(record, map);
                }
            }
            Kind::Map(values) => {
                if self.deeper() {
                    return self.map(*values, map);
                }
            }
            Kind::Fixed(_) if node.logical == Some(Logical::Duration) => return self.duration(map),
            _ => self.unfit(Shape::Object),
        }
        drain_map(map)
    }
}

fn drain<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Reads the name of a field; the one after the last is tried first.
struct FieldSeed<'s> {
    record: &'s Record,
    next: usize,
}

enum FieldKey {
    Known(usize),
    Unknown(String),
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = FieldKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FieldKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldSeed<'_> {
    type Value = FieldKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FieldKey, E> {
        let fields = &self.record.fields;
        if fields.get(self.next).is_some_and(|field| *field.name == *name) {
            return Ok(FieldKey::Known(self.next));
        }
        let index = fields.iter().position(|field| *field.name == *name);
        Ok(index.map_or_else(|| FieldKey::Unknown(name.to_owned()), FieldKey::Known))
    }
}
