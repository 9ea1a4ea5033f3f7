//! Values of any schema from a seed, as canonical Avro bytes, with the places where they can be spoiled.
//!
//! The walk is over the schema's JSON, so that it shares nothing with the codec that checks the answers. A mild value
//! is what a business would send: small numbers, short words. A wild one goes to the edges of its types.

use std::collections::HashMap;

use serde_json::Value as Json;

/// Deepest nesting of a value: below it optional things are absent and lists are empty.
const DEPTH_MAX: u32 = 5;

/// SplitMix64 (Steele, Lea, Flood, 2014): small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to n - 1; n above 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }

    /// Reorders.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n as u64 + 1) as usize);
        }
    }
}

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
                let bytes = fixed(schema, size, chance, taste);
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
                primitive(word, schema, chance, taste, out);
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

fn primitive(word: &str, schema: &Json, chance: &mut Chance, taste: Taste, out: &mut Datum) {
    let logical = schema["logicalType"].as_str().unwrap_or_default();
    let mild = taste == Taste::Mild;
    match word {
        "boolean" => out.bytes.push(chance.below(2) as u8),
        "int" => put_long(whole(logical, i64::from(i32::MIN), i64::from(i32::MAX), chance, taste), &mut out.bytes),
        "long" => put_long(whole(logical, i64::MIN, i64::MAX, chance, taste), &mut out.bytes),
        "float" => {
            let wild = [f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, f32::INFINITY, 0.1];
            let value = if mild { chance.below(400) as f32 / 4.0 } else { chance.pick(&wild) };
            out.bytes.extend_from_slice(&value.to_le_bytes());
        }
        "double" => {
            let wild = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, f64::NEG_INFINITY, 0.1];
            let value = if mild { chance.below(400) as f64 / 4.0 } else { chance.pick(&wild) };
            out.bytes.extend_from_slice(&value.to_le_bytes());
        }
        "bytes" => {
            let bytes = match logical {
                "decimal" => decimal(schema, chance, taste, None),
                "big-decimal" => [&[2, chance.below(100) as u8][..], &[chance.below(5) as u8 * 2]].concat(),
                _ => {
                    let length = chance.below(9) as usize;
                    chance.bytes(length)
                }
            };
            put_long(bytes.len() as i64, &mut out.bytes);
            out.bytes.extend_from_slice(&bytes);
        }
        "string" if logical == "uuid" => {
            let hex: String = chance.bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            put_text(&parts.join("-"), out);
        }
        "string" => {
            let wild = ["", "\0", "Grüße", "日本 😀", "\u{10ffff}\u{ffff}", "a\"b\\c\r\n", "  "];
            let text = match mild {
                true => (0..=chance.below(7)).map(|_| char::from(b'a' + chance.below(26) as u8)).collect(),
                false => chance.pick(&wild).to_owned(),
            };
            put_text(&text, out);
        }
        _ => {}
    }
}

/// A whole number that its logical type allows. Days and instants stay within the years 1 to 9999, which every
/// language's own types hold.
fn whole(logical: &str, least: i64, most: i64, chance: &mut Chance, taste: Taste) -> i64 {
    const DAYS: (i64, i64) = (-719_162, 2_932_896);
    const DAY_S: i64 = 86_400;
    let (least, most) = match logical {
        "date" => DAYS,
        "time-millis" => (0, DAY_S * 1_000 - 1),
        "time-micros" => (0, DAY_S * 1_000_000 - 1),
        "timestamp-millis" | "local-timestamp-millis" => (DAYS.0 * DAY_S * 1_000, (DAYS.1 + 1) * DAY_S * 1_000 - 1),
        "timestamp-micros" | "local-timestamp-micros" => {
            (DAYS.0 * DAY_S * 1_000_000, (DAYS.1 + 1) * DAY_S * 1_000_000 - 1)
        }
        _ => (least, most),
    };
    if taste == Taste::Mild {
        return chance.below(100) as i64 + 1;
    }
    let inside = (i128::from(least) + i128::from(chance.next()) % (i128::from(most) - i128::from(least))) as i64;
    chance.pick(&[least, most, 0, (-1).max(least), 1, inside])
}

fn fixed(schema: &Json, size: usize, chance: &mut Chance, taste: Taste) -> Vec<u8> {
    match schema["logicalType"].as_str() {
        Some("decimal") => decimal(schema, chance, taste, Some(size)),
        _ => chance.bytes(size),
    }
}

/// Minimal two's complement, or as wide as the fixed type.
fn decimal(schema: &Json, chance: &mut Chance, taste: Taste, size: Option<usize>) -> Vec<u8> {
    let digits = schema["precision"].as_u64().unwrap_or(1).min(38) as u32;
    let most = 10i128.checked_pow(digits).unwrap_or(i128::MAX) - 1;
    let inside = i128::from(chance.next()) % most.max(1);
    let value = match taste {
        Taste::Mild => i128::from(chance.below(100)).min(most),
        Taste::Wild => chance.pick(&[most, -most, 0, (-1).max(-most), inside]),
    };
    let wide = value.to_be_bytes();
    let needed = (1..=16).find(|n| {
        let rest = 128 - 8 * *n as u32;
        rest == 0 || (value << rest) >> rest == value
    });
    let minimal = wide[16 - needed.unwrap_or(16)..].to_vec();
    let pad = if value < 0 { 0xff } else { 0 };
    match size {
        Some(size) if size > minimal.len() => [vec![pad; size - minimal.len()], minimal].concat(),
        _ => minimal,
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
