//! What people are told about the fields of a record.

use serde_json::Value;

use super::node::{Arena, Kind};

/// One field of a top-level record.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type in words, such as `long`, `array of bank.Line`, `null or date (int)`.
    pub kind: String,
    /// Its `doc`.
    pub doc: Option<&'a str>,
    /// Its default in Avro's JSON; `None` means that a value is required.
    pub default: Option<&'a Value>,
}

/// Fields of the record at the root.
pub(super) fn fields(arena: &Arena) -> impl Iterator<Item = FieldInfo<'_>> {
    let fields = match &arena.node(arena.root).kind {
        Kind::Record(record) => &record.fields[..],
        _ => &[],
    };
    fields.iter().map(|field| FieldInfo {
        name: &field.name,
        kind: arena.words(field.node),
        doc: field.doc.as_deref(),
        default: field.default.as_ref().map(|default| &default.json),
    })
}
