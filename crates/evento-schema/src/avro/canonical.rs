//! The two texts that identify a schema: Avro's Parsing Canonical Form, and the normal form that keeps what changes
//! meaning without changing bytes.
//!
//! Canonical form: Avro specification, "Parsing Canonical Form for Schemas". Normal form: JSON without whitespace,
//! full names everywhere, attributes in the order `type, name, fields, items, values, symbols, size, logicalType,
//! precision, scale, default, aliases`; `doc` and unknown attributes dropped, those beginning `evento.` kept at
//! the end in the order of their names.

use std::collections::HashSet;

use evento_model::Digest;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::logical::Logical;
use super::node::{Arena, Kind, NodeId};

/// SHA-256 of a text.
pub(super) fn digest(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

pub(super) fn canonical_form(arena: &Arena) -> String {
    let mut writer = Writer { arena, seen: HashSet::new(), out: String::new() };
    writer.canonical(arena.root);
    writer.out
}

pub(super) fn normal_form(arena: &Arena) -> String {
    let mut writer = Writer { arena, seen: HashSet::new(), out: String::new() };
    writer.normal(arena.root);
    writer.out
}

struct Writer<'a> {
    arena: &'a Arena,
    seen: HashSet<NodeId>,
    out: String,
}

impl Writer<'_> {
    fn canonical(&mut self, id: NodeId) {
        let arena = self.arena;
        if self.reference(id) {
            return;
        }
        match &arena.node(id).kind {
            Kind::Array(items) => {
                self.out.push_str(r#"{"type":"array","items":"#);
                self.canonical(*items);
                self.out.push('}');
            }
            Kind::Map(values) => {
                self.out.push_str(r#"{"type":"map","values":"#);
                self.canonical(*values);
                self.out.push('}');
            }
            Kind::Union(union) => self.list(&union.branches, '[', ']', |writer, branch| writer.canonical(*branch)),
            Kind::Record(record) => {
                self.out.push_str(&format!(r#"{{"name":"{}","type":"record","fields":"#, record.name));
                self.list(&record.fields, '[', ']', |writer, field| {
                    writer.out.push_str(&format!(r#"{{"name":"{}","type":"#, field.name));
                    writer.canonical(field.node);
                    writer.out.push('}');
                });
                self.out.push('}');
            }
            Kind::Enum(symbols) => {
                self.out.push_str(&format!(r#"{{"name":"{}","type":"enum","symbols":"#, symbols.name));
                self.list(&symbols.symbols, '[', ']', |writer, symbol| writer.out.push_str(&format!("\"{symbol}\"")));
                self.out.push('}');
            }
            Kind::Fixed(fixed) => {
                let text = format!(r#"{{"name":"{}","type":"fixed","size":{}}}"#, fixed.name, fixed.size);
                self.out.push_str(&text);
            }
            primitive => self.out.push_str(&format!("\"{}\"", primitive.word())),
        }
    }

    fn normal(&mut self, id: NodeId) {
        let arena = self.arena;
        if self.reference(id) {
            return;
        }
        let node = arena.node(id);
        if let Kind::Union(union) = &node.kind {
            return self.list(&union.branches, '[', ']', |writer, branch| writer.normal(*branch));
        }
        let primitive =
            !matches!(node.kind, Kind::Array(_) | Kind::Map(_) | Kind::Record(_) | Kind::Enum(_) | Kind::Fixed(_));
        if primitive && node.logical_name.is_none() && node.attributes.is_empty() {
            return self.out.push_str(&format!("\"{}\"", node.kind.word()));
        }
        self.out.push_str(&format!(r#"{{"type":"{}""#, node.kind.word()));
        if let Some(name) = arena.name(id) {
            self.attribute("name", &Value::from(name));
        }
        match &node.kind {
            Kind::Array(items) => {
                self.out.push_str(r#","items":"#);
                self.normal(*items);
            }
            Kind::Map(values) => {
                self.out.push_str(r#","values":"#);
                self.normal(*values);
            }
            Kind::Record(record) => {
                self.out.push_str(r#","fields":"#);
                self.list(&record.fields, '[', ']', |writer, field| {
                    writer.out.push_str(r#"{"type":"#);
                    writer.normal(field.node);
                    writer.attribute("name", &Value::from(&*field.name));
                    if let Some(default) = &field.default {
                        writer.attribute("default", &default.json);
                    }
                    writer.names("aliases", &field.aliases);
                    writer.attributes(&field.attributes);
                    writer.out.push('}');
                });
            }
            Kind::Enum(symbols) => {
                self.out.push_str(r#","symbols":"#);
                self.list(&symbols.symbols, '[', ']', |writer, symbol| writer.out.push_str(&format!("\"{symbol}\"")));
            }
            Kind::Fixed(fixed) => self.attribute("size", &Value::from(fixed.size)),
            _ => {}
        }
        if let Some(name) = &node.logical_name {
            self.attribute("logicalType", &Value::from(&**name));
        }
        if let Some(Logical::Decimal { precision, scale }) = node.logical {
            self.attribute("precision", &Value::from(precision));
            self.attribute("scale", &Value::from(scale));
        }
        match &node.kind {
            Kind::Record(record) => self.names("aliases", &record.aliases),
            Kind::Enum(symbols) => {
                if let Some(default) = symbols.default {
                    self.attribute("default", &Value::from(&*symbols.symbols[default as usize]));
                }
                self.names("aliases", &symbols.aliases);
            }
            Kind::Fixed(fixed) => self.names("aliases", &fixed.aliases),
            _ => {}
        }
        self.attributes(&node.attributes);
        self.out.push('}');
    }

    /// Writes only the name of a named type that has been written before.
    fn reference(&mut self, id: NodeId) -> bool {
        let Some(name) = self.arena.name(id) else { return false };
        let seen = !self.seen.insert(id);
        if seen {
            self.out.push_str(&format!("\"{name}\""));
        }
        seen
    }

    fn list<T>(&mut self, items: &[T], open: char, close: char, each: impl Fn(&mut Self, &T)) {
        self.out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            each(self, item);
        }
        self.out.push(close);
    }

    fn names(&mut self, attribute: &str, names: &[String]) {
        if !names.is_empty() {
            self.attribute(attribute, &Value::from(names));
        }
    }

    fn attributes(&mut self, attributes: &[(String, Value)]) {
        for (name, value) in attributes {
            self.attribute(name, value);
        }
    }

    fn attribute(&mut self, name: &str, value: &Value) {
        self.out.push_str(&format!(",{}:", Value::from(name)));
        write_sorted(value, &mut self.out);
    }
}

/// Writes JSON without whitespace and with the keys of each object sorted.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&format!("{}:", Value::from(&**name)));
                write_sorted(value, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
