//! Seeded schemas, changed schemas and data, made without the code under test.

use serde_json::{Value, json};

/// A small random generator (SplitMix64); the same seed gives the same cases everywhere.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Makes a record schema. Names are numbered, so that each is defined once.
pub fn schema(chance: &mut Chance) -> Value {
    let mut names = 0;
    record(chance, &mut names, 0)
}

fn record(chance: &mut Chance, names: &mut usize, depth: usize) -> Value {
    *names += 1;
    let name = format!("gen.R{names}");
    let mut fields: Vec<Value> = Vec::new();
    // The first field has a name of its own: records in one union can be told apart by it.
    fields.push(json!({"name": format!("own{names}"), "type": kind(chance, names, depth + 1)}));
    for index in 0..chance.below(4) {
        fields.push(json!({"name": format!("f{index}"), "type": kind(chance, names, depth + 1)}));
    }
    if chance.one_in(6) {
        fields.push(json!({"name": "next", "type": ["null", name], "default": null}));
    }
    json!({"type": "record", "name": name, "fields": fields})
}

fn kind(chance: &mut Chance, names: &mut usize, depth: usize) -> Value {
    match chance.below(if depth > 3 { 12 } else { 17 }) {
        0 => json!("boolean"),
        1 => json!("int"),
        2 | 3 => json!("long"),
        4 => json!("float"),
        5 => json!("double"),
        6 => json!("bytes"),
        7 | 8 => json!("string"),
        9 => logical(chance, names),
        10 => {
            *names += 1;
            let symbols: Vec<String> = (0..1 + chance.below(4)).map(|n| format!("S{n}")).collect();
            json!({"type": "enum", "name": format!("gen.E{names}"), "symbols": symbols})
        }
        11 => {
            *names += 1;
            json!({"type": "fixed", "name": format!("gen.F{names}"), "size": 1 + chance.below(6)})
        }
        12 => json!({"type": "array", "items": kind(chance, names, depth + 1)}),
        13 => json!({"type": "map", "values": kind(chance, names, depth + 1)}),
        14 => record(chance, names, depth + 1),
        _ => union(chance, names, depth + 1),
    }
}

fn logical(chance: &mut Chance, names: &mut usize) -> Value {
    *names += 1;
    match chance.below(9) {
        0 => json!({"type": "int", "logicalType": "date"}),
        1 => json!({"type": "int", "logicalType": "time-millis"}),
        2 => json!({"type": "long", "logicalType": "time-micros"}),
        3 => json!({"type": "long", "logicalType": "timestamp-millis"}),
        4 => json!({"type": "long", "logicalType": "timestamp-micros"}),
        5 => json!({"type": "long", "logicalType": "local-timestamp-millis"}),
        6 => json!({"type": "string", "logicalType": "uuid"}),
        7 => json!({"type": "fixed", "name": format!("gen.D{names}"), "size": 8, "logicalType": "decimal",
            "precision": 12, "scale": 3}),
        _ => json!({"type": "bytes", "logicalType": "decimal", "precision": 1 + chance.below(30), "scale": 1}),
    }
}

/// A union that plain JSON can tell apart: at most one branch of each JSON kind, or several records.
fn union(chance: &mut Chance, names: &mut usize, depth: usize) -> Value {
    let mut branches = vec![json!("null")];
    if chance.one_in(3) {
        let with_number = chance.one_in(2);
        if with_number {
            branches.push(json!("long"));
        }
        branches.push(json!("string"));
        branches.push(json!({"type": "array", "items": kind(chance, names, depth + 1)}));
    } else if chance.one_in(8) {
        // Two records that only their names tell apart; plain JSON refuses such a union, the bytes do not.
        for _ in 0..2 {
            *names += 1;
            let fields = json!([{"name": "same", "type": "long"}, {"name": "also", "type": "string"}]);
            branches.push(json!({"type": "record", "name": format!("gen.R{names}"), "fields": fields}));
        }
    } else if chance.one_in(2) {
        branches.push(record(chance, names, depth + 1));
        branches.push(record(chance, names, depth + 1));
    } else {
        let inner = kind(chance, names, 9);
        branches.push(inner);
    }
    if chance.one_in(3) {
        branches.rotate_left(1);
    }
    Value::Array(branches)
}

/// Changes a schema here and there, in ways that may or may not stay readable.
pub fn evolve(chance: &mut Chance, schema: &Value) -> Value {
    let mut counter = 0;
    change(chance, schema, &mut counter)
}

fn change(chance: &mut Chance, schema: &Value, counter: &mut usize) -> Value {
    *counter += 1;
    if schema.is_object() && schema["logicalType"].is_string() && chance.one_in(8) {
        let mut plain = schema.clone();
        plain.as_object_mut().unwrap().retain(|key, _| ["type", "name", "size"].contains(&key.as_str()));
        return plain;
    }
    match schema {
        Value::String(word) if chance.one_in(7) => match word.as_str() {
            "int" => json!(*chance.pick(&["long", "float", "double", "string"])),
            "long" => json!(*chance.pick(&["double", "float", "int"])),
            "float" => json!(*chance.pick(&["double", "double", "int"])),
            "string" => json!("bytes"),
            "bytes" => json!("string"),
            "null" | "boolean" => schema.clone(),
            word if word.starts_with("gen.") => schema.clone(),
            word => json!(["null", word]),
        },
        Value::Array(branches) => {
            let mut branches: Vec<Value> = branches.iter().map(|branch| change(chance, branch, counter)).collect();
            match chance.below(12) {
                0 => branches.reverse(),
                // Without null a list of itself would have no end.
                1 if !schema.to_string().contains("\"gen.R") || branches.len() > 2 => {
                    branches.retain(|branch| branch != "null");
                }
                2 => branches.push(json!("boolean")),
                _ => {}
            }
            let mut kinds: Vec<String> = Vec::new();
            branches.retain(|branch| {
                let kind = match branch {
                    Value::String(word) => word.clone(),
                    Value::Object(_) if branch["name"].is_string() => branch["name"].to_string(),
                    Value::Object(_) => branch["type"].as_str().unwrap().to_owned(),
                    _ => return false,
                };
                let fresh = !kinds.contains(&kind);
                kinds.push(kind);
                fresh
            });
            if branches.is_empty() { json!(["null"]) } else { Value::Array(branches) }
        }
        Value::Object(attributes) => match attributes["type"].as_str() {
            Some("record") => change_record(chance, schema, counter),
            Some("enum") => {
                let mut changed = schema.clone();
                let symbols = changed["symbols"].as_array_mut().unwrap();
                match chance.below(8) {
                    0 => symbols.push(json!("NEW")),
                    1 => symbols.reverse(),
                    2 => {
                        symbols.remove(0);
                        symbols.push(json!("LAST"));
                        if chance.one_in(2) {
                            changed["default"] = json!("LAST");
                        }
                    }
                    _ => {}
                }
                changed
            }
            Some("array") => json!({"type": "array", "items": change(chance, &schema["items"], counter)}),
            Some("map") => json!({"type": "map", "values": change(chance, &schema["values"], counter)}),
            _ => schema.clone(),
        },
        _ => schema.clone(),
    }
}

fn change_record(chance: &mut Chance, schema: &Value, counter: &mut usize) -> Value {
    let mut fields: Vec<Value> = Vec::new();
    for field in schema["fields"].as_array().unwrap() {
        let mut changed = field.clone();
        changed["type"] = change(chance, &field["type"], counter);
        let accepts_null = changed["type"].as_array().is_some_and(|branches| branches[0] == "null");
        if !field["default"].is_null() || !accepts_null {
            changed.as_object_mut().unwrap().remove("default");
        }
        match chance.below(14) {
            0 => continue,
            1 => {
                changed["aliases"] = json!([field["name"]]);
                changed["name"] = json!(format!("renamed{counter}"));
            }
            2 if !changed["type"].is_array() => changed["type"] = json!(["null", changed["type"]]),
            _ => {}
        }
        fields.push(changed);
    }
    if chance.one_in(5) {
        *counter += 1;
        let choices = [
            (json!("int"), json!(5)),
            (json!("double"), json!(1.5)),
            (json!("bytes"), json!("\u{0}\u{ff}")),
            (json!(["null", "string"]), Value::Null),
            (json!(["string", "null"]), json!("d")),
            (json!({"type": "array", "items": "long"}), json!([1, 2])),
            (json!({"type": "map", "values": "string"}), json!({"b": "1", "a": "2"})),
        ];
        let (kind, default) = chance.pick(&choices);
        fields.push(json!({"name": format!("added{counter}"), "type": kind, "default": default}));
    }
    if chance.one_in(25) {
        fields.push(json!({"name": format!("required{counter}"), "type": "int"}));
    }
    if chance.one_in(4) {
        fields.reverse();
    }
    let mut changed = json!({"type": "record", "name": schema["name"], "fields": fields});
    if chance.one_in(10) {
        let old = schema["name"].as_str().unwrap();
        let text = changed.to_string().replace(&format!("\"{old}\""), &format!("\"{old}Renamed\""));
        changed = serde_json::from_str(&text).unwrap();
        changed["aliases"] = json!([old]);
    }
    changed
}

/// Writes a random datum, in any form that Avro allows.
pub fn datum(chance: &mut Chance, schema: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(chance, schema, &mut Vec::new(), &mut out);
    out
}

fn write<'a>(chance: &mut Chance, schema: &'a Value, records: &mut Vec<&'a Value>, out: &mut Vec<u8>) {
    match schema {
        Value::Array(branches) => {
            let null = branches.iter().position(|branch| branch == "null");
            let index = match null {
                Some(null) if records.len() > 8 => null,
                _ => chance.below(branches.len()),
            };
            long(index as i64, out);
            write(chance, &branches[index], records, out);
        }
        Value::String(word) => match word.as_str() {
            "null" => {}
            "boolean" => out.push(chance.below(2) as u8),
            "int" => long(number(chance) as i32 as i64, out),
            "long" => long(number(chance), out),
            "float" => {
                let value = *chance.pick(&[0.0, -0.0, 1.5, f32::NAN, f32::MAX, f32::MIN_POSITIVE, -0.1]);
                out.extend(value.to_le_bytes());
            }
            "double" => {
                let value = *chance.pick(&[0.0, -0.0, 1.5, -f64::NAN, f64::MAX, 5e-324, 0.1]);
                out.extend(value.to_le_bytes());
            }
            "bytes" => {
                let bytes: Vec<u8> = (0..chance.below(6)).map(|_| chance.next() as u8 & 0x7f).collect();
                bytes_of(&bytes, out);
            }
            "string" => {
                let text = *chance.pick(&["", "a", "Grüße", "\"\\\n", "日本", "a longer text of some words"]);
                bytes_of(text.as_bytes(), out);
            }
            name => {
                let record = *records.iter().find(|record| record["name"] == name).unwrap();
                write(chance, record, records, out);
            }
        },
        Value::Object(_) => write_object(chance, schema, records, out),
        _ => panic!("not a schema: {schema}"),
    }
}

fn write_object<'a>(chance: &mut Chance, schema: &'a Value, records: &mut Vec<&'a Value>, out: &mut Vec<u8>) {
    match (schema["type"].as_str().unwrap(), schema["logicalType"].as_str()) {
        (_, Some("uuid")) => bytes_of(b"123e4567-e89b-12d3-a456-426614174000", out),
        (kind, Some("decimal")) => {
            let value = (chance.next() as i8).to_be_bytes();
            let precision = schema["precision"].as_u64().unwrap();
            let value = if precision < 3 { [1] } else { value };
            if kind == "bytes" {
                // Sometimes with more bytes than needed.
                let sign = if value[0] & 0x80 == 0 { 0 } else { 0xff };
                let longer = [sign, value[0]];
                bytes_of(if chance.one_in(3) { &longer } else { &value }, out);
            } else {
                out.extend([if value[0] & 0x80 == 0 { 0 } else { 0xff }; 7]);
                out.extend(value);
            }
        }
        (_, Some("date")) => long(chance.below(40_000) as i64 - 5_000, out),
        (_, Some("time-millis")) => long(chance.below(86_400_000) as i64, out),
        (_, Some("time-micros")) => long(chance.below(86_400_000_000) as i64, out),
        (_, Some("timestamp-millis" | "local-timestamp-millis")) => {
            long(chance.below(4_000_000_000_000) as i64 - 1_000_000_000_000, out);
        }
        (_, Some("timestamp-micros")) => long(chance.below(4_000_000_000_000_000) as i64 - 1_000_000_000_000_000, out),
        ("record", _) => {
            records.push(schema);
            for field in schema["fields"].as_array().unwrap() {
                write(chance, &field["type"], records, out);
            }
            records.pop();
        }
        ("enum", _) => long(chance.below(schema["symbols"].as_array().unwrap().len()) as i64, out),
        ("fixed", _) => out.extend((0..schema["size"].as_u64().unwrap()).map(|_| chance.next() as u8)),
        (kind @ ("array" | "map"), _) => {
            let mut key = 0;
            for _ in 0..chance.below(3) {
                let count = 1 + chance.below(2);
                let mut block = Vec::new();
                for _ in 0..count {
                    if kind == "map" {
                        key += 1;
                        bytes_of(format!("k{}", (key * 7) % 10).as_bytes(), &mut block);
                        write(chance, &schema["values"], records, &mut block);
                    } else {
                        write(chance, &schema["items"], records, &mut block);
                    }
                }
                if chance.one_in(3) {
                    long(-(count as i64), out);
                    long(block.len() as i64, out);
                } else {
                    long(count as i64, out);
                }
                out.extend(block);
            }
            out.push(0);
        }
        _ => write(chance, &schema["type"], records, out),
    }
}

fn number(chance: &mut Chance) -> i64 {
    let wide = chance.next() as i64;
    wide >> chance.pick(&[0, 8, 31, 32, 33, 48, 57, 60, 63])
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn bytes_of(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend(bytes);
}

/// Flips, cuts or inserts a few bytes.
pub fn damage(chance: &mut Chance, datum: &[u8]) -> Vec<u8> {
    let mut bytes = datum.to_vec();
    for _ in 0..1 + chance.below(2) {
        let at = chance.below(bytes.len() + 1);
        match chance.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.next() as u8),
            _ if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            _ => bytes.push(0),
        }
    }
    bytes
}

/// Puts random values in random places of a schema's JSON.
pub fn disturb(chance: &mut Chance, json: &mut Value) {
    let strange = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("gen.R1"),
        json!("record"),
        json!("fixed"),
        json!([]),
        json!({}),
        json!([["int"]]),
        json!({"type": "decimal"}),
        json!({"type": "fixed", "name": "x", "size": 4_000_000_000u64}),
    ];
    match json {
        _ if chance.one_in(8) => *json = chance.pick(&strange).clone(),
        Value::Array(items) if !items.is_empty() => {
            let at = chance.below(items.len());
            disturb(chance, &mut items[at]);
        }
        Value::Object(entries) if !entries.is_empty() => {
            let keys: Vec<String> = entries.keys().cloned().collect();
            let key = chance.pick(&keys);
            match chance.below(6) {
                0 => drop(entries.remove(key)),
                1 => {
                    let name = *chance.pick(&["logicalType", "precision", "default", "aliases", "namespace", "size"]);
                    let value = chance.pick(&["decimal", "uuid", "duration", "a b", "gen"]);
                    entries.insert(name.to_owned(), json!(value));
                }
                _ => disturb(chance, &mut entries[key]),
            }
        }
        other => *other = chance.pick(&strange).clone(),
    }
}
