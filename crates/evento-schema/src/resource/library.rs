//! Schemas that use each other's named types, read one after the other.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::avro::{Schema, SchemaError};

/// Schemas read so far, by every name that they define, also within themselves.
#[derive(Default)]
pub(crate) struct Library {
    // Bound: the text they were read from, at most 1 MiB.
    definers: HashMap<String, Schema>,
}

/// Why a schema does not join a library.
pub(crate) enum Refusal {
    /// It is not a schema.
    Schema(SchemaError),
    /// It defines a name that another one defines.
    Twice(String),
}

impl Library {
    /// Reads a schema that may use the named types of those before.
    pub(crate) fn read(&self, value: &Value) -> Result<Schema, SchemaError> {
        self.read_with(value, &Names::of(value))
    }

    /// Reads a schema and keeps it for those to come.
    pub(crate) fn add(&mut self, value: &Value) -> Result<Schema, Refusal> {
        let names = Names::of(value);
        let schema = self.read_with(value, &names).map_err(Refusal::Schema)?;
        if let Some(twice) = names.defined.iter().find(|defined| self.definers.contains_key(*defined)) {
            return Err(Refusal::Twice(twice.clone()));
        }
        self.definers.extend(names.defined.into_iter().map(|defined| (defined, schema.clone())));
        Ok(schema)
    }

    /// Only what is used is handed over: handing over all before would cost the square of the list.
    fn read_with(&self, value: &Value, names: &Names) -> Result<Schema, SchemaError> {
        let mut used: Vec<Schema> = Vec::new();
        for schema in names.used.iter().filter_map(|name| self.definers.get(name)) {
            if !used.contains(schema) {
                used.push(schema.clone());
            }
        }
        Schema::parse_with(&value.to_string(), &used)
    }
}

/// Full names that a schema defines, and those it may use.
#[derive(Default)]
struct Names {
    defined: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Names {
    fn of(value: &Value) -> Names {
        let mut names = Names::default();
        names.collect(value, "", 0);
        names
    }

    /// Walks a type. What is nested too deep is not walked: reading the schema refuses it.
    fn collect(&mut self, value: &Value, namespace: &str, depth: usize) {
        if depth > 200 {
            return;
        }
        match value {
            Value::String(name) => {
                self.used.insert(name.clone());
                self.used.insert(format!("{namespace}.{name}"));
            }
            Value::Array(branches) => {
                for branch in branches {
                    self.collect(branch, namespace, depth + 1);
                }
            }
            Value::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                let mut inner = text("namespace").unwrap_or(namespace);
                if let (Some("record" | "error" | "enum" | "fixed"), Some(name)) = (text("type"), text("name")) {
                    let full = if name.contains('.') { name.to_owned() } else { format!("{inner}.{name}") };
                    if let Some((parent, _)) = name.rsplit_once('.') {
                        inner = parent;
                    }
                    self.defined.insert(full);
                }
                let fields = map.get("fields").and_then(Value::as_array).into_iter().flatten();
                let types = fields.filter_map(|field| field.get("type"));
                for inside in types.chain(["type", "items", "values"].into_iter().filter_map(|key| map.get(key))) {
                    self.collect(inside, inner, depth + 1);
                }
            }
            _ => {}
        }
    }
}
