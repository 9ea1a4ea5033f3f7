//! What a change means, in words.

use std::collections::BTreeSet;

use evento_model::ResourceName;
use serde_json::{Value, json};

use crate::avro::{FieldInfo, Schema};
use crate::resource::{Kind, Resource};

/// What becomes of one resource.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: ResourceName,
    /// What happens to it.
    pub action: Action,
    /// What changes in it.
    pub changes: Vec<FieldChange>,
    /// Functions whose resources name it.
    pub affects: Vec<ResourceName>,
    /// States that are rebuilt by replay because their schema changes.
    pub rebuilds: u64,
}

/// What happens to a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is new.
    Created,
    /// It is another than before.
    Changed,
    /// It is the same.
    Unchanged,
    /// It is gone.
    Deleted,
    /// It has history: not accepted or emitted any more, still readable.
    Retired,
}

/// One change within a resource.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldChange {
    /// JSON pointer into the document.
    pub pointer: String,
    /// The value before, if there was one.
    pub before: Option<Value>,
    /// The value after, if there is one.
    pub after: Option<Value>,
    /// The change in words: `field amount added with default 0`.
    pub words: String,
}

impl Action {
    /// The word shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Created => "created",
            Action::Changed => "changed",
            Action::Unchanged => "unchanged",
            Action::Deleted => "deleted",
            Action::Retired => "retired",
        }
    }
}

impl Difference {
    pub(super) fn new(resource: &Resource, action: Action) -> Difference {
        Difference {
            kind: resource.kind,
            name: resource.name.clone(),
            action,
            changes: Vec::new(),
            affects: Vec::new(),
            rebuilds: 0,
        }
    }

    /// As programs get it from a diff.
    pub fn to_value(&self) -> Value {
        let change = |change: &FieldChange| json!({"pointer": change.pointer, "before": change.before, "after": change.after, "words": change.words});
        json!({
            "kind": self.kind.as_str(),
            "name": self.name.as_str(),
            "action": self.action.as_str(),
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "affects": self.affects.iter().map(ResourceName::as_str).collect::<Vec<_>>(),
            "rebuilds": self.rebuilds,
        })
    }

    pub(super) fn unchanged(resource: &Resource) -> Difference {
        Difference::new(resource, Action::Unchanged)
    }
}

/// Everything that changes from one form of a resource to the next.
pub(super) fn describe(before: &Resource, after: &Resource) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", Some(&before.document), Some(&after.document), &mut changes);
    if let (Some((_, old)), Some((_, new))) = (before.spec.named_schema(), after.spec.named_schema())
        && before.document.pointer("/spec/schema") != after.document.pointer("/spec/schema")
    {
        describe_schema(old, new, &mut changes);
    }
    changes
}

/// Values that differ, as deep as maps go; schemas are compared by what they mean.
fn compare(pointer: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    if before == after || pointer == "/spec/schema" {
        return;
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let inner = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            compare(&inner, old.get(key), new.get(key), changes);
        }
        return;
    }
    let name = pointer.trim_start_matches('/').replace('/', ".");
    let words = match (before, after) {
        (None, Some(after)) => format!("{name}: {after}, was not set"),
        (Some(before), None) => format!("{name} no longer set, was {before}"),
        (before, after) => format!("{name}: {} → {}", shown(before), shown(after)),
    };
    changes.push(FieldChange { pointer: pointer.to_owned(), before: before.cloned(), after: after.cloned(), words });
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), ToString::to_string)
}

fn describe_schema(before: &Schema, after: &Schema, changes: &mut Vec<FieldChange>) {
    let start = changes.len();
    let (old, new): (Vec<FieldInfo<'_>>, Vec<FieldInfo<'_>>) = (before.fields().collect(), after.fields().collect());
    let mut add = |index: Option<usize>, words: String| {
        let pointer = index.map_or("/spec/schema/fields".to_owned(), |n| format!("/spec/schema/fields/{n}"));
        changes.push(FieldChange { pointer, before: None, after: None, words });
    };
    for (n, field) in new.iter().enumerate() {
        let Some(former) = old.iter().find(|former| former.name == field.name) else {
            add(
                Some(n),
                match field.default {
                    Some(default) => format!("field {} added with default {default}", field.name),
                    None => format!("field {} added without a default", field.name),
                },
            );
            continue;
        };
        if former.kind != field.kind {
            add(Some(n), format!("field {}: {} → {}", field.name, former.kind, field.kind));
        }
        if former.default != field.default {
            let (was, is) = (shown(former.default), shown(field.default));
            add(Some(n), format!("field {}: default {was} → {is}", field.name));
        }
        if former.doc != field.doc {
            add(Some(n), format!("field {}: doc changed", field.name));
        }
    }
    for former in old.iter().filter(|former| new.iter().all(|field| field.name != former.name)) {
        add(None, format!("field {} removed", former.name));
    }
    let kept = |fields: &[FieldInfo<'_>], others: &[FieldInfo<'_>]| -> Vec<String> {
        let common = fields.iter().filter(|field| others.iter().any(|other| other.name == field.name));
        common.map(|field| field.name.to_owned()).collect()
    };
    if kept(&old, &new) != kept(&new, &old) {
        add(None, "order of fields changed".to_owned());
    }
    if changes.len() == start {
        let words = match (before.full_name(), after.full_name()) {
            (Some(was), Some(is)) if was != is => format!("schema: {was} → {is}"),
            _ if before.digest() != after.digest() => "a type within the schema changed".to_owned(),
            _ => "docs or other attributes of the schema changed".to_owned(),
        };
        changes.push(FieldChange { pointer: "/spec/schema".to_owned(), before: None, after: None, words });
    }
}
