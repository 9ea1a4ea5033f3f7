//! A document as a tree in which every value knows its place in the file.
//!
//! YAML, JSON and stored documents all become this tree, so that the checks behind it exist once.

use serde_json::{Map, Number, Value};

use super::finding::Place;

/// Deepest nesting of a document.
pub(crate) const NESTING_MAX: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value; keys are unique.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node that a JSON pointer (RFC 6901) leads to.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(self, |node, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match &node.content {
                Content::Map(_) => node.get(&part),
                Content::List(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// The place of the nearest existing node on the way of a pointer.
    pub(crate) fn place_of(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(node) = self.at(pointer) {
                return node.place.clone();
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return self.place.clone(),
            }
        }
    }

    /// The plain value.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(truth) => Value::Bool(*truth),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Content::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// A stored value as a tree, every node of it at one place.
    pub(crate) fn from_value(value: &Value, place: &Place) -> Node {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(truth) => Content::Bool(*truth),
            Value::Number(number) => Content::Number(number.clone()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(|item| Node::from_value(item, place)).collect()),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.clone(),
                    key_place: place.clone(),
                    value: Node::from_value(value, place),
                };
                Content::Map(map.iter().map(entry).collect())
            }
        };
        Node { place: place.clone(), content }
    }

    /// What a person would call this value.
    pub(crate) fn kind_word(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// A pointer one step further: `/` and the key with `~` and `/` escaped.
pub(crate) fn step(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}
