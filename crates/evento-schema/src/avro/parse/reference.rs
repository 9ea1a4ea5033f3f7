//! Puts the definitions of other schemas where a schema uses their names, so that its JSON stands for itself.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::schema::Schema;
use super::name;

/// Replaces the first use of each name that only the references define; answers whether there was one.
pub(super) fn inline(value: &mut Value, references: &[Schema]) -> bool {
    if references.is_empty() {
        return false;
    }
    let mut known: HashMap<String, Value> = HashMap::new();
    for reference in references {
        // The JSON of a schema has been parsed before, so it cannot fail here; a text that did is no reference.
        let Ok(mut json) = serde_json::from_str::<Value>(reference.json()) else { continue };
        visit(&mut json, "", &mut |event| match event {
            Event::Definition(full, definition) => {
                qualify(definition, &full);
                known.entry(full).or_insert_with(|| definition.clone());
            }
            Event::Use(full, _, place) => *place = Value::from(full),
        });
        // Nested definitions were copied with their parents before their own uses were qualified.
        for definition in known.values_mut() {
            let namespace = definition.get("name").and_then(Value::as_str).map(name::namespace_of).unwrap_or_default();
            let namespace = namespace.to_owned();
            qualify_uses(definition, &namespace);
        }
    }
    let mut defined = HashSet::new();
    visit(value, "", &mut |event| {
        if let Event::Definition(full, _) = event {
            defined.insert(full);
        }
    });
    let mut inlining = Inlining { known, defined, changed: false };
    inlining.schema(value, "");
    inlining.changed
}

enum Event<'a> {
    /// A named type with its full name.
    Definition(String, &'a mut Value),
    /// The use of a named type: full name, name as written, place.
    Use(String, String, &'a mut Value),
}

/// Tells about each definition and use of a named type, in the order of the text.
fn visit(value: &mut Value, namespace: &str, tell: &mut dyn FnMut(Event<'_>)) {
    let word = value.as_str().map(str::to_owned);
    if let Some(word) = word {
        if super::primitive(&word).is_none() {
            tell(Event::Use(name::resolve(&word, namespace), word, value));
        }
        return;
    }
    let mut inner = namespace.to_owned();
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    if let Some("record" | "enum" | "fixed") = kind.as_deref()
        && let Some(full) = value.as_object().and_then(|attributes| name::full_name(attributes, namespace).ok())
    {
        name::namespace_of(&full).clone_into(&mut inner);
        tell(Event::Definition(full, value));
    }
    match value {
        Value::Array(branches) => branches.iter_mut().for_each(|branch| visit(branch, &inner, tell)),
        Value::Object(attributes) => match kind.as_deref() {
            Some("record") => {
                let fields = attributes.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten();
                for kind in fields.filter_map(|field| field.get_mut("type")) {
                    visit(kind, &inner, tell);
                }
            }
            Some("array") => attributes.get_mut("items").into_iter().for_each(|items| visit(items, &inner, tell)),
            Some("map") => attributes.get_mut("values").into_iter().for_each(|values| visit(values, &inner, tell)),
            Some("enum" | "fixed") => {}
            _ => attributes.get_mut("type").into_iter().for_each(|kind| visit(kind, &inner, tell)),
        },
        _ => {}
    }
}

/// Writes a definition so that it means the same inside any namespace.
fn qualify(definition: &mut Value, full: &str) {
    let Some(attributes) = definition.as_object_mut() else { return };
    attributes.insert("name".to_owned(), Value::from(full));
    if full.contains('.') {
        attributes.shift_remove("namespace");
    } else {
        attributes.insert("namespace".to_owned(), Value::from(""));
    }
    if let Some(Value::Array(aliases)) = attributes.get_mut("aliases") {
        for alias in aliases {
            if let Some(text) = alias.as_str() {
                *alias = Value::from(name::resolve(text, name::namespace_of(full)));
            }
        }
    }
}

fn qualify_uses(definition: &mut Value, namespace: &str) {
    visit(definition, namespace, &mut |event| match event {
        Event::Definition(full, definition) => qualify(definition, &full),
        Event::Use(full, _, place) => *place = Value::from(full),
    });
}

struct Inlining {
    known: HashMap<String, Value>,
    /// Names that the text defines by now.
    defined: HashSet<String>,
    changed: bool,
}

impl Inlining {
    fn schema(&mut self, value: &mut Value, namespace: &str) {
        let mut uses: Vec<(String, String)> = Vec::new();
        visit(value, namespace, &mut |event| {
            if let Event::Use(full, written, _) = event {
                uses.push((full, written));
            }
        });
        for (full, written) in uses {
            let full = if self.known.contains_key(&full) { full } else { written };
            if self.defined.contains(&full) {
                continue;
            }
            let Some(mut definition) = self.known.get(&full).cloned() else { continue };
            self.defined.insert(full.clone());
            // A definition brings the types inside it, unless they are there already.
            self.prune(&mut definition, &full);
            self.schema(&mut definition, name::namespace_of(&full));
            let mut definition = Some(definition);
            visit(value, namespace, &mut |event| {
                if let Event::Use(candidate, written, place) = event
                    && (candidate == full || written == full)
                    && let Some(definition) = definition.take()
                {
                    *place = definition;
                }
            });
            self.changed = true;
        }
    }

    /// Replaces nested definitions of types that the text has already by their names.
    fn prune(&mut self, definition: &mut Value, own: &str) {
        let mut nested = Vec::new();
        visit(definition, "", &mut |event| {
            if let Event::Definition(full, _) = event
                && full != own
            {
                nested.push(full);
            }
        });
        for full in nested {
            if !self.defined.insert(full.clone()) {
                replace_definition(definition, &full);
            }
        }
    }
}

/// Puts the name where a nested type is defined.
fn replace_definition(value: &mut Value, full: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_definition(item, full)),
        Value::Object(attributes) => {
            let is_definition =
                matches!(attributes.get("type").and_then(Value::as_str), Some("record" | "enum" | "fixed"));
            if is_definition && attributes.get("name").and_then(Value::as_str) == Some(full) {
                *value = Value::from(full);
                return;
            }
            for key in ["type", "items", "values", "fields"] {
                attributes.get_mut(key).into_iter().for_each(|inner| replace_definition(inner, full));
            }
        }
        _ => {}
    }
}
