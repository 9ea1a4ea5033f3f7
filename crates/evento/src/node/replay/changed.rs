//! How two states of an instance differ, for people: field, stored value, value by replay.

use evento_schema::avro::{JsonOptions, Schema, to_json};
use serde_json::{Map, Value};

use super::Difference;

/// Fields that are told.
const FIELDS_MAX: usize = 5;
/// Characters of a value that are told.
const VALUE_MAX: usize = 60;

impl Difference {
    /// What is different, in one line.
    pub fn told(&self) -> String {
        if self.changed.is_empty() { self.what.clone() } else { self.changed.clone() }
    }
}

/// `balance 1120 stored, 1115 by this revision; …`; `None` if the states cannot be read or read the same.
pub(super) fn fields(schema: &Schema, stored: Option<&[u8]>, replayed: Option<&[u8]>) -> Option<String> {
    let (stored, replayed) = match (stored, replayed) {
        (Some(stored), Some(replayed)) => (read(schema, stored)?, read(schema, replayed)?),
        (Some(_), None) => return Some("a state is stored, none by this revision".to_owned()),
        (None, Some(_)) => return Some("no state is stored, one by this revision".to_owned()),
        (None, None) => return None,
    };
    let mut changed = stored.iter().filter_map(|(name, before)| {
        let after = replayed.get(name).filter(|after| *after != before)?;
        Some(format!("{name} {} stored, {} by this revision", shown(before), shown(after)))
    });
    let mut told: Vec<String> = changed.by_ref().take(FIELDS_MAX).collect();
    match changed.count() {
        0 => {}
        more => told.push(format!("and {more} fields more")),
    }
    (!told.is_empty()).then(|| told.join("; "))
}

fn read(schema: &Schema, datum: &[u8]) -> Option<Map<String, Value>> {
    let mut text = Vec::new();
    to_json(schema, datum, &JsonOptions { long_as_string: false }, &mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
