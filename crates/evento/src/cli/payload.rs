//! `k=v` to JSON, read by the schema: the person writes text, the schema says what it means.
//!
//! Only shapes are settled here (is it a number, text, a nested record?); the server checks the whole.

use serde_json::{Map, Number, Value};

use super::exit::Exit;
use super::failure::{Failure, Violation};

/// Builds the body of a command from `k=v` pairs and the `spec` of its resource. A dotted key goes into nested
/// records.
pub fn from_pairs(spec: &Value, pairs: &[String]) -> Result<Value, Failure> {
    let schema = &spec["schema"];
    let mut names = Names::default();
    for reference in spec["references"].as_array().into_iter().flatten() {
        names.collect(&reference["schema"], "");
    }
    names.collect(schema, "");
    let mut body = Value::Object(Map::new());
    let mut violations = Vec::new();
    for pair in pairs {
        let Some((key, text)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("{pair:?} is not a field"))
                .next("fields are written name=value, such as amount=10"));
        };
        match field(schema, key, text, &names).and_then(|value| put(&mut body, key, value)) {
            Ok(()) => {}
            Err(message) => violations.push(Violation {
                pointer: Some(format!("/{}", key.replace('.', "/"))),
                message,
                ..Violation::default()
            }),
        }
    }
    if violations.is_empty() {
        return Ok(body);
    }
    let name = schema["name"].as_str().unwrap_or("the command");
    let mut failure = Failure::new(1003, format!("{name} does not match its schema")).exit(Exit::Usage);
    failure.violations = violations;
    Err(failure)
}

/// Named types by short and full name.
#[derive(Default)]
struct Names<'a>(std::collections::HashMap<String, &'a Value>);

impl<'a> Names<'a> {
    fn collect(&mut self, schema: &'a Value, namespace: &str) {
        match schema {
            Value::Array(branches) => branches.iter().for_each(|branch| self.collect(branch, namespace)),
            Value::Object(map) => {
                let mut inner = namespace;
                if let Some(name) = map.get("name").and_then(Value::as_str) {
                    let own = map.get("namespace").and_then(Value::as_str);
                    inner = own.or(name.rsplit_once('.').map(|(space, _)| space)).unwrap_or(namespace);
                    let short = name.rsplit('.').next().unwrap_or(name);
                    self.0.insert(format!("{inner}.{short}"), schema);
                    self.0.entry(short.to_owned()).or_insert(schema);
                }
                for key in ["type", "items", "values"] {
                    if let Some(part @ (Value::Object(_) | Value::Array(_))) = map.get(key) {
                        self.collect(part, inner);
                    }
                }
                for field in map.get("fields").and_then(Value::as_array).into_iter().flatten() {
                    self.collect(&field["type"], inner);
                }
            }
            _ => {}
        }
    }

    /// A type as written, followed to its definition: names and `{"type": {…}}` are looked through.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema {
            Value::String(name) => self.0.get(name.as_str()).copied().unwrap_or(schema),
            Value::Object(map) => match map.get("type") {
                Some(inner @ (Value::Object(_) | Value::Array(_))) => self.resolve(inner),
                _ => schema,
            },
            _ => schema,
        }
    }
}

/// The value of a dotted key.
fn field<'a>(record: &'a Value, key: &str, text: &str, names: &Names<'a>) -> Result<Value, String> {
    let (name, rest) = key.split_once('.').map_or((key, None), |(name, rest)| (name, Some(rest)));
    let fields: Vec<&Value> = record["fields"].as_array().into_iter().flatten().collect();
    let Some(found) = fields.iter().find(|field| field["name"] == name) else {
        let near = fields
            .iter()
            .filter_map(|field| field["name"].as_str())
            .map(|known| (strsim::damerau_levenshtein(known, name), known))
            .filter(|(distance, _)| *distance <= 2)
            .min();
        return Err(match near {
            Some((_, near)) => format!("unknown field, did you mean {near}?"),
            None => {
                let known: Vec<&str> = fields.iter().filter_map(|field| field["name"].as_str()).collect();
                format!("unknown field, the fields are {}", known.join(", "))
            }
        });
    };
    let schema = names.resolve(&found["type"]);
    match rest {
        None => read(schema, text, names),
        Some(rest) => {
            let branches = match schema {
                Value::Array(branches) => branches.iter().map(|branch| names.resolve(branch)).collect(),
                other => vec![other],
            };
            let records: Vec<&Value> = branches.into_iter().filter(|branch| branch["type"] == "record").collect();
            match records.as_slice() {
                [record] => field(record, rest, text, names),
                [] => Err(format!("{name} is not a record")),
                _ => Err(format!("{name} may be several records; give it as JSON: {name}='{{…}}'")),
            }
        }
    }
}

/// Text read by a type.
fn read<'a>(schema: &'a Value, text: &str, names: &Names<'a>) -> Result<Value, String> {
    if let Value::Array(branches) = schema {
        let branches: Vec<&Value> = branches.iter().map(|branch| names.resolve(branch)).collect();
        if text == "null" && branches.iter().any(|branch| type_of(branch) == "null") {
            return Ok(Value::Null);
        }
        let mut candidates = branches.iter().filter(|branch| type_of(branch) != "null");
        // Text fits every string, so narrower branches are asked first.
        let narrow = candidates.clone().filter(|branch| type_of(branch) != "string");
        let found = narrow.clone().find_map(|branch| read(branch, text, names).ok());
        return match found.or_else(|| candidates.find_map(|branch| read(branch, text, names).ok())) {
            Some(value) => Ok(value),
            None => Err(format!(
                "{text:?} fits none of {}",
                branches.iter().map(|b| type_of(b)).collect::<Vec<_>>().join(", ")
            )),
        };
    }
    let logical = schema["logicalType"].as_str();
    let number = || text.parse::<Number>().map(Value::Number).map_err(|_| format!("{text:?} is not a number"));
    match type_of(schema) {
        "null" if text == "null" => Ok(Value::Null),
        "null" => Err(format!("{text:?} is not null")),
        "boolean" => text.parse().map(Value::Bool).map_err(|_| format!("{text:?} is not true or false")),
        // Dates and times are text in JSON; a raw number is taken too.
        "int" | "long" if logical.is_some() => Ok(number().unwrap_or_else(|_| Value::String(text.to_owned()))),
        "int" | "long" => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("{text:?} is not a whole number of 64 bits"))
        }
        "float" | "double" if ["NaN", "Infinity", "-Infinity"].contains(&text) => Ok(Value::String(text.to_owned())),
        "float" | "double" => number(),
        "enum" => {
            let symbols: Vec<&str> =
                schema["symbols"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if symbols.contains(&text) {
                Ok(Value::String(text.to_owned()))
            } else {
                Err(format!("{text:?} is none of {}", symbols.join(", ")))
            }
        }
        "record" | "array" | "map" => {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("this field takes JSON: {error}"))?;
            let fits = if type_of(schema) == "array" { value.is_array() } else { value.is_object() };
            if fits {
                Ok(value)
            } else {
                Err(format!("this field takes a JSON {}", if type_of(schema) == "array" { "array" } else { "object" }))
            }
        }
        // string, bytes (Base64), fixed (Base64), decimals, uuid.
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn type_of(schema: &Value) -> &str {
    schema.as_str().or_else(|| schema["type"].as_str()).unwrap_or("union")
}

/// Puts a value under a dotted key; twice the same key is an error.
fn put(body: &mut Value, key: &str, value: Value) -> Result<(), String> {
    let mut at = body;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        let Value::Object(map) = at else { return Err("given both as a whole and by its fields".to_owned()) };
        if parts.peek().is_none() {
            if map.contains_key(part) {
                return Err("given twice".to_owned());
            }
            map.insert(part.to_owned(), value);
            return Ok(());
        }
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::from_pairs;

    fn schema() -> Value {
        json!({"type": "record", "name": "Transfer", "namespace": "bank", "fields": [
            {"name": "amount", "type": "long"},
            {"name": "reference", "type": "string", "default": ""},
            {"name": "rate", "type": ["null", "double"], "default": null},
            {"name": "note", "type": ["null", "string"], "default": null},
            {"name": "on", "type": {"type": "int", "logicalType": "date"}},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "urgent", "type": "boolean"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["SEPA", "SWIFT"]}},
            {"name": "target", "type": {"type": "record", "name": "Target", "fields": [
                {"name": "iban", "type": "string"}, {"name": "kind", "type": "Kind"}]}},
            {"name": "other", "type": ["null", "bank.Target"], "default": null},
            {"name": "tags", "type": {"type": "array", "items": "string"}}]})
    }

    fn read(pairs: &[&str]) -> Result<Value, Vec<String>> {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        from_pairs(&json!({"schema": schema()}), &pairs).map_err(|failure| {
            failure.violations.iter().map(|v| format!("{} {}", v.pointer.as_deref().unwrap_or(""), v.message)).collect()
        })
    }

    #[test]
    fn text_is_read_by_the_schema() {
        assert_eq!(
            read(&[
                "amount=10",
                "reference=10",
                "rate=1.5",
                "note=7",
                "on=2026-11-23",
                "price=12.50",
                "urgent=true",
                "kind=SEPA",
                "target.iban=DE1=2",
                "target.kind=SWIFT",
                "other.iban=x",
                "tags=[\"a\"]"
            ]),
            Ok(json!({"amount": 10, "reference": "10", "rate": 1.5, "note": "7", "on": "2026-11-23",
                "price": "12.50", "urgent": true, "kind": "SEPA", "target": {"iban": "DE1=2", "kind": "SWIFT"},
                "other": {"iban": "x"}, "tags": ["a"]}))
        );
        assert_eq!(read(&["rate=null", "note=null"]), Ok(json!({"rate": null, "note": null})));
        assert_eq!(read(&["amount=9223372036854775807"]), Ok(json!({"amount": i64::MAX})));
    }

    #[test]
    fn what_does_not_fit_is_told_by_field() {
        assert_eq!(
            read(&[
                "amuont=1",
                "amount=ten",
                "urgent=yes",
                "kind=CASH",
                "target.iben=x",
                "reference.x=1",
                "tags=a",
                "other=1",
                "zzz=1"
            ])
            .expect_err("nothing fits"),
            [
                "/amuont unknown field, did you mean amount?",
                "/amount \"ten\" is not a whole number of 64 bits",
                "/urgent \"yes\" is not true or false",
                "/kind \"CASH\" is none of SEPA, SWIFT",
                "/target/iben unknown field, did you mean iban?",
                "/reference/x reference is not a record",
                "/tags this field takes JSON: expected value at line 1 column 1",
                "/other \"1\" fits none of null, record",
                "/zzz unknown field, the fields are amount, reference, rate, note, on, price, urgent, kind, target, \
                 other, tags",
            ]
        );
        assert_eq!(read(&["amount=1", "amount=2"]), Err(vec!["/amount given twice".to_owned()]));
    }
}
