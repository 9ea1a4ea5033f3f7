//! The schemas of an entity one by one, so that the server can join several entities: each named type once, what it
//! uses before it.

use serde_json::Value;

use crate::GenerateError;

/// Full names and texts.
pub(super) fn of(manifest: &str) -> Result<Vec<(String, String)>, GenerateError> {
    let unfit = |_| GenerateError::Unfit("the manifest is no JSON".to_owned());
    let mut manifest: Value = serde_json::from_str(manifest).map_err(unfit)?;
    let mut found = Vec::new();
    for schema in manifest["schemas"].as_array_mut().into_iter().flatten() {
        lift(schema, &mut Vec::new(), &mut found);
    }
    Ok(found)
}

/// Takes the named types out of a schema; what is left in their places are their names. A type that uses one of those
/// around it stays where it is, since it cannot come before that one.
fn lift(schema: &mut Value, around: &mut Vec<String>, found: &mut Vec<(String, String)>) {
    let name = named(schema);
    around.extend(name.clone());
    for part in parts(schema) {
        lift(part, around, found);
    }
    let Some(name) = name else { return };
    around.pop();
    if !around.iter().any(|other| mentions(schema, other)) {
        found.push((name.clone(), schema.to_string()));
        *schema = Value::String(name);
    }
}

fn named(schema: &Value) -> Option<String> {
    let is_named = matches!(schema["type"].as_str(), Some("record" | "enum" | "fixed"));
    schema["name"].as_str().filter(|_| is_named).map(str::to_owned)
}

fn mentions(schema: &mut Value, name: &str) -> bool {
    schema.as_str() == Some(name) || parts(schema).into_iter().any(|part| mentions(part, name))
}

/// The types directly inside a type.
fn parts(schema: &mut Value) -> Vec<&mut Value> {
    match schema {
        Value::Array(branches) => branches.iter_mut().collect(),
        Value::Object(members) => {
            let mut parts = Vec::new();
            for (key, value) in members.iter_mut() {
                match (key.as_str(), value) {
                    ("items" | "values" | "type", inner) => parts.push(inner),
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

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::json;

    #[test]
    fn each_named_type_stands_alone_after_what_it_uses() {
        let four = json!({"type": "fixed", "name": "n.Four", "size": 4});
        let record = json!({"type": "record", "name": "n.R", "fields": [
            {"name": "a", "type": four}, {"name": "b", "type": {"type": "array", "items": "n.Four"}},
            {"name": "c", "type": ["null", {"type": "record", "name": "n.S", "fields": [{"name": "r", "type": "n.T"}]}]}]});
        let manifest = json!({"schemas": [{"type": "enum", "name": "n.T", "symbols": ["A"]}, record]});
        let names: Vec<String> = of(&manifest.to_string()).expect("fine").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["n.T", "n.Four", "n.S", "n.R"]);
    }

    #[test]
    fn types_that_use_one_another_stay_together() {
        let inner = json!({"type": "record", "name": "n.In", "fields": [{"name": "out", "type": ["null", "n.Out"]}]});
        let outer = json!({"type": "record", "name": "n.Out", "fields": [{"name": "in", "type": ["null", inner]}]});
        let found = of(&json!({"schemas": [outer]}).to_string()).expect("fine");
        assert_eq!(found.len(), 1);
        assert!(found[0].0 == "n.Out" && found[0].1.contains("\"n.In\""), "{found:?}");
    }
}
