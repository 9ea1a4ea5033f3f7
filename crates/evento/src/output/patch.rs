//! Folding JSON Patches (RFC 6902) into the state they describe, for `history --diff`.

use serde_json::Value;

/// Applies `add`, `replace` and `remove`. An operation that does not fit is left out: the fold then shows less,
/// never something wrong of its own making.
pub fn apply(state: &mut Value, patch: &Value) {
    for operation in patch.as_array().into_iter().flatten() {
        let (Some(op), Some(path)) = (operation["op"].as_str(), operation["path"].as_str()) else { continue };
        let value = operation["value"].clone();
        let Some((parent, last)) = path.rsplit_once('/') else {
            *state = if op == "remove" { Value::Null } else { value };
            continue;
        };
        let key = last.replace("~1", "/").replace("~0", "~");
        match (state.pointer_mut(parent), op) {
            (Some(Value::Object(map)), "remove") => {
                map.shift_remove(&key);
            }
            (Some(Value::Object(map)), "add" | "replace") => {
                map.insert(key, value);
            }
            (Some(Value::Array(list)), "add") if key == "-" => list.push(value),
            (Some(Value::Array(list)), _) => {
                let Some(index) = key.parse::<usize>().ok().filter(|i| *i <= list.len()) else { continue };
                match op {
                    "add" => list.insert(index, value),
                    "replace" if index < list.len() => list[index] = value,
                    "remove" if index < list.len() => {
                        list.remove(index);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::apply;

    #[test]
    fn patches_fold_into_the_state() {
        let mut state = Value::Null;
        apply(&mut state, &json!([{"op": "add", "path": "", "value": {"a": 1, "b/c": 2, "list": [1]}}]));
        apply(
            &mut state,
            &json!([
                {"op": "replace", "path": "/a", "value": 5}, {"op": "remove", "path": "/b~1c"},
                {"op": "add", "path": "/list/0", "value": 0}, {"op": "add", "path": "/list/-", "value": 9},
                {"op": "remove", "path": "/nothing/here"}
            ]),
        );
        assert_eq!(state, json!({"a": 5, "list": [0, 1, 9]}));
        apply(&mut state, &json!([{"op": "remove", "path": ""}]));
        assert_eq!(state, Value::Null);
    }
}
