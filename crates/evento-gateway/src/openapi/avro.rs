//! Avro schemas as JSON schemas (draft 2020-12, as OpenAPI 3.1 uses): the shape that payloads have on HTTP.
//!
//! Source: the plain JSON mapping of `evento_schema::avro`. Says what is written; reading takes a little more, such
//! as decimal strings for whole numbers.

use serde_json::{Map, Value, json};

use super::reference;

/// Adds an Avro record, and everything it holds, under full names.
pub(super) fn add_record(schemas: &mut Map<String, Value>, avro: &str) {
    if let Ok(avro) = serde_json::from_str::<Value>(avro) {
        convert(schemas, &avro, "");
    }
}

fn convert(schemas: &mut Map<String, Value>, avro: &Value, namespace: &str) -> Value {
    match avro {
        Value::String(name) => primitive(name, namespace),
        Value::Array(branches) => union(schemas, branches, namespace),
        Value::Object(fields) => {
            let base = fields.get("type").cloned().unwrap_or_default();
            let logical = fields.get("logicalType").and_then(Value::as_str);
            match base.as_str() {
                Some("record" | "enum") => named(schemas, avro, namespace),
                Some("fixed") => {
                    let plain = named(schemas, avro, namespace);
                    logical.and_then(|logical| logical_type("fixed", logical, avro)).unwrap_or(plain)
                }
                Some("array") => json!({"type": "array", "items": convert(schemas, &avro["items"], namespace)}),
                Some("map") => {
                    json!({"type": "object", "additionalProperties": convert(schemas, &avro["values"], namespace)})
                }
                Some(base) => {
                    let meant = logical.and_then(|logical| logical_type(base, logical, avro));
                    meant.unwrap_or_else(|| primitive(base, namespace))
                }
                None => convert(schemas, &base, namespace),
            }
        }
        _ => json!({}),
    }
}

/// A logical type on the base that it belongs to; any other is none (Avro specification, "Logical Types").
fn logical_type(base: &str, logical: &str, avro: &Value) -> Option<Value> {
    Some(match (base, logical) {
        ("bytes" | "fixed", "decimal") => {
            let digits = match avro["scale"].as_u64().unwrap_or(0) {
                0 => String::new(),
                scale => format!("\\.[0-9]{{{scale}}}"),
            };
            json!({"type": "string", "format": "decimal", "pattern": format!("^-?[0-9]+{digits}$")})
        }
        ("bytes", "big-decimal") => json!({"type": "string", "format": "decimal"}),
        ("string" | "fixed", "uuid") => json!({"type": "string", "format": "uuid"}),
        ("fixed", "duration") => {
            let part = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
            json!({"type": "object", "properties": {"months": part, "days": part, "millis": part},
                "required": ["months", "days", "millis"], "additionalProperties": false})
        }
        ("int", "date") => json!({"type": "string", "format": "date"}),
        ("int", "time-millis") | ("long", "time-micros") => json!({"type": "string", "format": logical}),
        ("long", "timestamp-millis" | "timestamp-micros" | "timestamp-nanos") => {
            json!({"type": "string", "format": "date-time"})
        }
        ("long", "local-timestamp-millis" | "local-timestamp-micros" | "local-timestamp-nanos") => {
            json!({"type": "string", "format": "local-date-time"})
        }
        _ => return None,
    })
}

/// Branches as they are; records in the company of other records under their names.
fn union(schemas: &mut Map<String, Value>, branches: &[Value], namespace: &str) -> Value {
    let shown: Vec<Value> = branches.iter().map(|branch| convert(schemas, branch, namespace)).collect();
    let record = |shown: &Value| {
        let name = shown["$ref"].as_str()?.rsplit('/').next()?;
        // A record that is still being written has no type yet; enums and fixed types are strings.
        (schemas.get(name)?["type"] != "string").then(|| name.to_owned())
    };
    let records: Vec<Option<String>> = shown.iter().map(record).collect();
    let wrap = records.iter().flatten().count() > 1;
    let branch = |(shown, record): (Value, Option<String>)| match record {
        Some(name) if wrap => json!({"type": "object", "properties": {&name: shown}, "required": [name],
            "additionalProperties": false}),
        _ => shown,
    };
    let branches: Vec<Value> = shown.into_iter().zip(records).map(branch).collect();
    json!({ "anyOf": branches })
}

fn primitive(name: &str, namespace: &str) -> Value {
    match name {
        "null" => json!({"type": "null"}),
        "boolean" => json!({"type": "boolean"}),
        "int" => json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX}),
        "long" => json!({"type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX}),
        "float" | "double" => {
            json!({"anyOf": [{"type": "number", "format": name}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        "string" => json!({"type": "string"}),
        "bytes" => json!({"type": "string", "contentEncoding": "base64"}),
        name if name.contains('.') || namespace.is_empty() => reference(name),
        name => reference(&format!("{namespace}.{name}")),
    }
}

fn named(schemas: &mut Map<String, Value>, avro: &Value, namespace: &str) -> Value {
    let name = avro["name"].as_str().unwrap_or_default();
    let full = match (name.contains('.'), avro["namespace"].as_str().unwrap_or(namespace)) {
        (true, _) | (false, "") => name.to_owned(),
        (false, namespace) => format!("{namespace}.{name}"),
    };
    if schemas.contains_key(&full) {
        return reference(&full);
    }
    // Known before its fields, which may name it.
    schemas.insert(full.clone(), json!({}));
    let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
    let mut schema = match avro["type"].as_str() {
        Some("enum") => json!({"type": "string", "enum": avro["symbols"]}),
        Some("fixed") => json!({"type": "string", "contentEncoding": "base64"}),
        _ => {
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for field in avro["fields"].as_array().into_iter().flatten() {
                let name = field["name"].as_str().unwrap_or_default().to_owned();
                let mut property = convert(schemas, &field["type"], &inner);
                if let (Some(doc), Some(members)) = (field["doc"].as_str(), property.as_object_mut()) {
                    members.insert("description".to_owned(), doc.into());
                }
                match field.get("default") {
                    None => required.push(name.clone()),
                    Some(default) if same_in_json(default, &property) => property["default"] = default.clone(),
                    Some(_) => {}
                }
                properties.insert(name, property);
            }
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
    };
    if let (Some(doc), Some(members)) = (avro["doc"].as_str(), schema.as_object_mut()) {
        members.insert("description".to_owned(), doc.into());
    }
    schemas.insert(full.clone(), schema);
    reference(&full)
}

/// Whether a default is written in a schema as it is written on HTTP. Bytes and logical types are not.
fn same_in_json(default: &Value, property: &Value) -> bool {
    match default {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => property["type"] == "integer" || property["anyOf"][0]["type"] == "number",
        Value::String(_) => property["format"].is_null() && property["contentEncoding"].is_null(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty() && property["$ref"].is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::add_record;
    use serde_json::{Map, Value, json};

    fn field(avro: Value) -> Value {
        let record = json!({"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f", "type": avro}]});
        let mut schemas = Map::new();
        add_record(&mut schemas, &record.to_string());
        schemas["n.R"]["properties"]["f"].clone()
    }

    #[test]
    fn a_logical_type_is_shown_as_it_is_written() {
        let check = |avro: Value, kind: &str, format: Value| {
            let shown = field(avro);
            assert_eq!((&shown["type"], &shown["format"]), (&json!(kind), &format), "{shown}");
        };
        check(json!({"type": "long", "logicalType": "timestamp-millis"}), "string", json!("date-time"));
        check(json!({"type": "int", "logicalType": "date"}), "string", json!("date"));
        check(json!({"type": "string", "logicalType": "uuid"}), "string", json!("uuid"));
        check(json!({"type": "int", "logicalType": "uuid"}), "integer", json!("int32"));
        check(json!({"type": "long", "logicalType": "made-up"}), "integer", json!("int64"));
        let decimal = field(json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}));
        assert_eq!(decimal["pattern"], "^-?[0-9]+\\.[0-9]{2}$");
    }

    #[test]
    fn records_of_one_union_are_wrapped_and_a_single_one_is_not() {
        let record = |name: &str| json!({"type": "record", "name": name, "fields": [{"name": name, "type": "int"}]});
        let one = field(json!(["null", record("A")]));
        assert_eq!(one["anyOf"], json!([{"type": "null"}, {"$ref": "#/components/schemas/n.A"}]));
        let two = field(json!([record("A"), record("B")]));
        assert_eq!(two["anyOf"][1]["required"], json!(["n.B"]));
        let with_enum = field(json!([record("A"), {"type": "enum", "name": "E", "symbols": ["X"]}]));
        assert_eq!(with_enum["anyOf"][0], json!({"$ref": "#/components/schemas/n.A"}));
    }

    #[test]
    fn a_record_may_hold_itself_and_defaults_are_not_required() {
        let record = json!({"type": "record", "name": "n.Tree", "fields": [
            {"name": "left", "type": ["null", "Tree"], "default": null},
            {"name": "raw", "type": "bytes", "default": "\u{ff}"},
            {"name": "size", "type": "int", "default": 3, "doc": "leaves"}]});
        let mut schemas = Map::new();
        add_record(&mut schemas, &record.to_string());
        let tree = &schemas["n.Tree"];
        assert_eq!(tree["required"], json!([]));
        assert_eq!(tree["properties"]["left"]["anyOf"][1], json!({"$ref": "#/components/schemas/n.Tree"}));
        assert_eq!(
            (&tree["properties"]["size"]["default"], &tree["properties"]["raw"]["default"]),
            (&json!(3), &Value::Null)
        );
        assert_eq!(tree["properties"]["size"]["description"], "leaves");
    }
}
