//! Values of any schema from a seed, as canonical Avro bytes, with the places where they can be spoiled.
//!
//! The walk is over the schema's JSON, so that it shares nothing with the codec that checks the answers. A mild value
//! is what a business would send: small numbers, short words. A wild one goes to the edges of its types.

mod chance;
mod primitive;

use std::collections::HashMap;

use serde_json::Value as Json;

pub(crate) use chance::Chance;

/// Deepest nesting of a value: below it optional things are absent and lists are empty.
const DEPTH_MAX: u32 = 5;

/// What kind of value is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taste {
    Mild,
    Wild,
}

/// A value's bytes, and where they can be spoiled.
#[derive(Clone, Default, Debug)]
pub(crate) struct Datum {
    pub(crate) bytes: Vec<u8>,
    /// Offsets of union indexes of one byte.
    pub(crate) unions: Vec<usize>,
    /// Offsets of the first byte of texts that have one.
    pub(crate) texts: Vec<usize>,
}

/// Makes values of one schema.
pub(crate) struct Maker {
    root: Json,
    /// Named types with the namespace inside them. Bound: those of one schema of at most 1 MiB.
    named: HashMap<String, (Json, String)>,
}

impl Maker {
    /// For a schema that stands for itself, as `Schema::json` gives it.
    pub(crate) fn new(json: &str) -> Option<Maker> {
        let root: Json = serde_json::from_str(json).ok()?;
        let mut named = HashMap::new();
        collect(&root, "", &mut named);
        Some(Maker { root, named })
    }

    pub(crate) fn make(&self, chance: &mut Chance, taste: Taste) -> Datum {
        let mut datum = Datum::default();
        self.put(&self.root, "", chance, taste, 0, &mut datum);
        datum
    }

    fn put(&self, schema: &Json, namespace: &str, chance: &mut Chance, taste: Taste, depth: u32, out: &mut Datum) {
        match schema {
            Json::String(word) => self.put_word(word, namespace, schema, chance, taste, depth, out),
            Json::Array(branches) => {
                let null = branches.iter().position(|branch| branch == "null");
                let index = match (depth > DEPTH_MAX, null) {
                    (true, Some(null)) => null,
                    _ => chance.below(branches.len() as u64) as usize,
                };
                if index < 64 {
                    out.unions.push(out.bytes.len());
                }
                put_long(index as i64, &mut out.bytes);
                self.put(&branches[index], namespace, chance, taste, depth + 1, out);
            }
            Json::Object(fields) => {
                let word = fields.get("type").and_then(Json::as_str).unwrap_or("null");
                self.put_word(word, namespace, schema, chance, taste, depth, out);
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a walk")]
    fn put_word(
        &self,
        word: &str,
        namespace: &str,
        schema: &Json,
        chance: &mut Chance,
        taste: Taste,
        depth: u32,
        out: &mut Datum,
    ) {
        let count = if depth > DEPTH_MAX { 0 } else { chance.below(4) };
        match word {
            "record" => {
                let inner = namespace_of(schema, namespace);
                for field in schema["fields"].as_array().into_iter().flatten() {
                    self.put(&field["type"], &inner, chance, taste, depth + 1, out);
                }
            }
            "enum" => {
                let symbols = schema["symbols"].as_array().map_or(1, Vec::len);
                put_long(chance.below(symbols as u64) as i64, &mut out.bytes);
            }
            "fixed" => {
                let size = schema["size"].as_u64().unwrap_or(0) as usize;
                let bytes = primitive::fixed(schema, size, chance, taste);
                out.bytes.extend_from_slice(&bytes);
            }
            "array" => {
                if count > 0 {
                    put_long(count as i64, &mut out.bytes);
                }
                (0..count).for_each(|_| self.put(&schema["items"], namespace, chance, taste, depth + 1, out));
                out.bytes.push(0);
            }
            "map" => {
                if count > 0 {
                    put_long(count as i64, &mut out.bytes);
                }
                // Ascending by their bytes, as canonical form wants it.
                for key in ["", "B", "a", "é"].iter().skip(4 - count as usize) {
                    put_text(key, out);
                    self.put(&schema["values"], namespace, chance, taste, depth + 1, out);
                }
                out.bytes.push(0);
            }
            "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string" => {
                primitive::put(word, schema, chance, taste, out);
            }
            name => {
                let full = if name.contains('.') { name.to_owned() } else { format!("{namespace}.{name}") };
                let Some((named, outer)) = self.named.get(&full).or_else(|| self.named.get(name)) else { return };
                self.put(named, outer, chance, taste, depth + 1, out);
            }
        }
    }
}

fn namespace_of(schema: &Json, outer: &str) -> String {
    let name = schema["name"].as_str().unwrap_or_default();
    match (name.rsplit_once('.'), schema["namespace"].as_str()) {
        (Some((namespace, _)), _) => namespace.to_owned(),
        (None, Some(namespace)) => namespace.to_owned(),
        (None, None) => outer.to_owned(),
    }
}

/// Finds every named type with the namespace around it.
fn collect(schema: &Json, namespace: &str, named: &mut HashMap<String, (Json, String)>) {
    match schema {
        Json::Array(branches) => branches.iter().for_each(|branch| collect(branch, namespace, named)),
        Json::Object(fields) => {
            let word = fields.get("type").and_then(Json::as_str);
            let inner = match word {
                Some("record" | "enum" | "fixed") => namespace_of(schema, namespace),
                _ => namespace.to_owned(),
            };
            if let (Some("record" | "enum" | "fixed"), Some(name)) = (word, schema["name"].as_str()) {
                let simple = name.rsplit_once('.').map_or(name, |(_, simple)| simple);
                named.insert(format!("{inner}.{simple}"), (schema.clone(), namespace.to_owned()));
            }
            let types = fields.get("fields").and_then(Json::as_array).into_iter().flatten();
            let inside = types.filter_map(|field| field.get("type"));
            let nested = ["items", "values"].into_iter().filter_map(|key| fields.get(key));
            inside.chain(nested).for_each(|schema| collect(schema, &inner, named));
        }
        _ => {}
    }
}

fn put_text(text: &str, out: &mut Datum) {
    put_long(text.len() as i64, &mut out.bytes);
    if !text.is_empty() {
        out.texts.push(out.bytes.len());
    }
    out.bytes.extend_from_slice(text.as_bytes());
}

/// A zigzag varint.
pub(crate) fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A length and the bytes.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use evento_schema::avro::{Checked, Schema, check};

    use super::{Chance, Maker, Taste};

    #[test]
    fn every_value_is_a_canonical_datum_and_every_mark_is_where_it_says() {
        let schema = Schema::parse(include_str!("../../../sdk/conformance/schemas/Everything.avsc")).expect("valid");
        let maker = Maker::new(schema.json()).expect("valid");
        let mut chance = Chance::new(7);
        for n in 0..2_000 {
            let taste = if n % 2 == 0 { Taste::Mild } else { Taste::Wild };
            let datum = maker.make(&mut chance, taste);
            let checked = check(&schema, &datum.bytes).unwrap_or_else(|error| panic!("{taste:?} {n}: {error}"));
            assert!(matches!(checked, Checked::Canonical(_)), "{taste:?} {n}: {:?}", datum.bytes);
            for (marks, byte) in [(&datum.unions, 0x7e), (&datum.texts, 0xff)] {
                for at in marks {
                    let mut spoiled = datum.bytes.clone();
                    spoiled[*at] = byte;
                    assert!(check(&schema, &spoiled).is_err(), "{n}: byte {at} is {byte:#x}");
                }
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_values() {
        let maker = Maker::new(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#).expect("valid");
        let make = |seed| maker.make(&mut Chance::new(seed), Taste::Wild).bytes;
        assert_eq!(make(1), make(1));
    }
}
