//! `-o`: the forms data takes on stdout.

use clap::ValueEnum;
use serde_json::Value;

use super::yaml;

/// The form of data on stdout. The machine forms are a contract; tables are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Form {
    /// Aligned columns, cut to the terminal.
    Table,
    /// Aligned columns, nothing cut.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// One YAML document.
    Yaml,
    /// Only names or ids, one per line.
    Name,
    /// CloudEvents in JSON, one per line (events only).
    Cloudevents,
    /// JUnit XML (conformance only).
    Junit,
}

impl Form {
    /// One document in this form, ending in a line feed. A list (`items`) becomes one line per item in
    /// `jsonl` and `name`.
    pub fn document(self, value: &Value) -> String {
        let items = value["items"].as_array();
        match self {
            Form::Json => format!("{value:#}\n"),
            Form::Jsonl | Form::Cloudevents => match items {
                Some(items) => items.iter().map(|item| format!("{item}\n")).collect(),
                None => format!("{value}\n"),
            },
            Form::Name => match items {
                Some(items) => items.iter().map(|item| format!("{}\n", name(item))).collect(),
                None => format!("{}\n", name(value)),
            },
            Form::Yaml | Form::Table | Form::Wide | Form::Junit => yaml::to_yaml(value),
        }
    }
}

/// What an object is called: a resource by kind and name, a command, an instance or an event by its id.
pub fn name(value: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(name) = text(&value["metadata"]["name"]) {
        return match value["kind"].as_str() {
            Some(kind) => format!("{}/{name}", kind.to_lowercase()),
            None => name,
        };
    }
    ["commandId", "fingerprint", "name", "id", "kind"]
        .iter()
        .find_map(|key| text(&value[*key]))
        .unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Form;

    #[test]
    fn lists_become_lines() {
        let list = json!({"items": [{"id": "a"}, {"kind": "Entity", "metadata": {"name": "account"}}]});
        assert_eq!(
            Form::Jsonl.document(&list),
            "{\"id\":\"a\"}\n{\"kind\":\"Entity\",\"metadata\":{\"name\":\"account\"}}\n"
        );
        assert_eq!(Form::Name.document(&list), "a\nentity/account\n");
        assert_eq!(Form::Json.document(&json!({"a": 1})), "{\n  \"a\": 1\n}\n");
    }
}
