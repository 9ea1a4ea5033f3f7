//! JSON values in one line of prose: `amount 120  reference "rent"`.

use serde_json::Value;

use super::table::printable;

/// A value as people read it: text in quotes, nested values as JSON.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", printable(text)),
        other => printable(&other.to_string()),
    }
}

/// The fields of a record in one line, two spaces apart. Anything but an object is shown as it is.
pub fn fields(value: &Value) -> String {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{} {}", printable(name), show(value)))
            .collect::<Vec<_>>()
            .join("  "),
        other => show(other),
    }
}

/// What became different, `balance 1000 → 1120`, nested records by dotted path, in the order of the new value.
pub fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", before, after, &mut found);
    found
}

fn collect(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    let inner = |name: &str| if path.is_empty() { printable(name) } else { format!("{path}.{}", printable(name)) };
    match (before, after) {
        (Value::Null, Value::Object(map)) if path.is_empty() => {
            for (name, value) in map {
                found.push(format!("{} {}", inner(name), show(value)));
            }
        }
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                match old.get(name) {
                    Some(earlier) => collect(&inner(name), earlier, value, found),
                    None => found.push(format!("{} {}", inner(name), show(value))),
                }
            }
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                found.push(format!("{} removed", inner(name)));
            }
        }
        (_, Value::Null) if path.is_empty() => found.push("no state any more".to_owned()),
        _ => found.push(format!("{path} {} → {}", show(before), show(after)).trim_start().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{changes, fields};

    #[test]
    fn changes_name_the_fields() {
        let before = json!({"owner": "Ada", "balance": 1000, "limit": {"day": 5, "month": 9}, "old": 1});
        let after = json!({"owner": "Ada", "balance": 1120, "limit": {"day": 6, "month": 9}, "new": "x"});
        assert_eq!(changes(&before, &after), ["balance 1000 → 1120", "limit.day 5 → 6", "new \"x\"", "old removed"]);
        assert_eq!(changes(&json!(null), &json!({"owner": "Ada"})), ["owner \"Ada\""]);
        assert_eq!(changes(&json!({"a": 1}), &json!(null)), ["no state any more"]);
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn text_cannot_move_the_cursor() {
        assert_eq!(fields(&json!({"a": "x\u{1b}[2J", "b": [1]})), "a \"x\\u{1b}[2J\"  b [1]");
    }
}
