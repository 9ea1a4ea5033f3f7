//! Avro names: what they may contain, and how a short one becomes a full one.

use serde_json::{Map, Value};

pub(super) const RULE: &str = "a name starts with a letter or _ and goes on with letters, digits and _";

/// `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_simple(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Simple names joined by dots.
pub(super) fn is_full(name: &str) -> bool {
    name.split('.').all(is_simple)
}

/// `bank` of `bank.Account`; empty if there is none.
pub(super) fn namespace_of(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// A name with a dot is full; another belongs to the namespace around it.
pub(super) fn resolve(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// Full name of a definition inside a namespace.
pub(super) fn full_name(attributes: &Map<String, Value>, namespace: &str) -> Result<String, String> {
    let Some(name) = attributes.get("name").and_then(Value::as_str) else {
        return Err("a record, enum or fixed needs a name".to_owned());
    };
    let namespace = match attributes.get("namespace") {
        None | Some(Value::Null) => namespace,
        Some(Value::String(own)) => own,
        Some(other) => return Err(format!("namespace must be a string, not {other}")),
    };
    let full = resolve(name, namespace);
    if !is_full(&full) {
        return Err(format!("{full:?} is not a name: {RULE}"));
    }
    let reserved =
        ["null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "array", "map"];
    if reserved.contains(&full.as_str()) {
        return Err(format!("{full} is a word of Avro and cannot name a type"));
    }
    Ok(full)
}

/// Reads `aliases`, each turned by `read`.
pub(super) fn aliases(
    attributes: &Map<String, Value>,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Box<[String]>, String> {
    match attributes.get("aliases") {
        None | Some(Value::Null) => Ok(Box::default()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|alias| alias.as_str().and_then(&read).ok_or_else(|| format!("alias {alias} is not a name: {RULE}")))
            .collect(),
        Some(_) => Err("aliases must be a list of names".to_owned()),
    }
}
