//! JSON values written as YAML 1.2, block style. Text that YAML could read as something else is quoted.

use std::fmt::Write;

use serde_json::Value;

/// One document, ending in a line feed.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut out),
        scalar => {
            push_scalar(scalar, &mut out);
            out.push('\n');
        }
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (n, (key, value)) in map.iter().enumerate() {
                // The first key of a list item stands behind its dash.
                if n > 0 || !out.ends_with("- ") {
                    push_indent(indent, out);
                }
                push_text(key, out);
                out.push(':');
                child(value, indent, out);
            }
        }
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                if n > 0 || !out.ends_with("- ") {
                    push_indent(indent, out);
                }
                out.push('-');
                match value {
                    Value::Object(map) if !map.is_empty() => {
                        out.push(' ');
                        block(value, indent + 2, out);
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        out.push(' ');
                        block(value, indent + 2, out);
                    }
                    scalar => {
                        out.push(' ');
                        push_scalar(scalar, out);
                        out.push('\n');
                    }
                }
            }
        }
        scalar => push_scalar(scalar, out),
    }
}

fn child(value: &Value, indent: usize, out: &mut String) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(value, indent + 2, out);
    } else {
        out.push(' ');
        push_scalar(value, out);
        out.push('\n');
    }
}

fn push_indent(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn push_scalar(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => push_text(text, out),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{other}");
        }
    }
}

fn push_text(text: &str, out: &mut String) {
    let first_safe = |c: char| c.is_alphabetic() || c == '_' || c == '/' || c == '$';
    let safe = |c: char| c.is_alphanumeric() || "_-./$+()' ".contains(c);
    let word_of_yaml = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let plain =
        text.chars().next().is_some_and(first_safe) && text.chars().all(safe) && !text.ends_with(' ') && !word_of_yaml;
    if plain {
        out.push_str(text);
    } else {
        // A JSON string is a YAML double-quoted scalar.
        let _ = write!(out, "{}", Value::String(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::to_yaml;

    #[test]
    fn documents_are_in_block_style() {
        let value = json!({"kind": "Entity", "metadata": {"name": "account"}, "spec": {
            "emits": ["a", "no", "1", "x: y", ""], "partitions": 12, "retired": null,
            "list": [{"a": 1, "b": [true]}, [1, [2]], {}], "empty": {}, "time": "2026-11-23"}});
        expect![[r#"
            kind: Entity
            metadata:
              name: account
            spec:
              emits:
                - a
                - "no"
                - "1"
                - "x: y"
                - ""
              partitions: 12
              retired: null
              list:
                - a: 1
                  b:
                    - true
                - - 1
                  - - 2
                - {}
              empty: {}
              time: "2026-11-23"
        "#]]
        .assert_eq(&to_yaml(&value));
        assert_eq!(to_yaml(&json!("a")), "a\n");
    }
}
