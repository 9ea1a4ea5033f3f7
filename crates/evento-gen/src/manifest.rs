//! The part of the discovery manifest that the schemas decide (function protocol, section 7).

use std::collections::HashSet;

use evento_schema::avro::Schema;
use serde_json::{Value, json};

use crate::ir::Entity;

/// Schemas in their normal form (full names, no docs), each named type defined once and before it is used by name.
pub(crate) fn of(entity: &Entity, schemas: &[&Schema]) -> String {
    let mut defined = HashSet::new();
    let schemas: Vec<Value> = schemas.iter().map(|schema| once(&normal(schema), &mut defined)).collect();
    // A record that an earlier schema defined inside is a mere name here.
    let schemas: Vec<Value> = schemas.into_iter().filter(Value::is_object).collect();
    let handles = entity.commands.iter().map(|command| {
        let emits: Vec<&str> = command.emits.iter().map(|n| entity.events[*n].full_name.as_str()).collect();
        json!({"command": command.full_name, "emits": emits})
    });
    let handles: Vec<Value> = handles.collect();
    let applies: Vec<&str> = entity.applied().map(|event| event.full_name.as_str()).collect();
    let rejections: Vec<&str> = entity.rejections().map(|event| event.full_name.as_str()).collect();
    json!({"schemas": schemas, "entities": [{
        "name": entity.full_name,
        "handles": handles,
        "applies": applies,
        "rejections": rejections,
        "stateVersion": 1,
    }]})
    .to_string()
}

/// Every named type that a schema defines, by full name, with the types inside it as mere names.
pub(crate) fn definitions(schema: &Schema) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    flatten(normal(schema), &mut found);
    found
}

/// The normal form always is JSON, and has only full names.
fn normal(schema: &Schema) -> Value {
    serde_json::from_str(&schema.normal_form()).unwrap_or(Value::Null)
}

fn full_name(json: &Value) -> Option<String> {
    let named = matches!(json["type"].as_str(), Some("record" | "enum" | "fixed"));
    json["name"].as_str().filter(|_| named).map(str::to_owned)
}

/// The types directly inside a type.
fn parts(json: &mut Value) -> Vec<&mut Value> {
    match json {
        Value::Array(branches) => branches.iter_mut().collect(),
        Value::Object(map) => {
            let mut parts = Vec::new();
            for (key, value) in map.iter_mut() {
                match (key.as_str(), value) {
                    ("items" | "values", inner) => parts.push(inner),
                    ("type", inner) if !inner.is_string() => parts.push(inner),
                    ("fields", Value::Array(fields)) => {
                        parts.extend(fields.iter_mut().filter_map(|field| field.get_mut("type")));
                    }
                    _ => {}
                }
            }
            parts
        }
        _ => Vec::new(),
    }
}

fn once(json: &Value, defined: &mut HashSet<String>) -> Value {
    let mut json = json.clone();
    if let Some(name) = full_name(&json)
        && !defined.insert(name.clone())
    {
        return Value::String(name);
    }
    for part in parts(&mut json) {
        *part = once(part, defined);
    }
    json
}

fn flatten(mut json: Value, found: &mut Vec<(String, Value)>) -> Value {
    for part in parts(&mut json) {
        *part = flatten(part.take(), found);
    }
    match full_name(&json) {
        Some(name) => {
            found.push((name.clone(), json));
            Value::String(name)
        }
        None => json,
    }
}
