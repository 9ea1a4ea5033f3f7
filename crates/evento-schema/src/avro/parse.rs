//! From the JSON of a schema to its arena.
//!
//! Our own walk over the JSON comes first, because it can say where the fault is and keeps what the library drops.
//! The last word has the `apache-avro` crate: what it does not accept as a schema is refused too.

mod default;
mod name;
mod reference;
mod size;

use std::collections::HashMap;

use evento_model::Code;
use serde_json::{Map, Value};

use super::error::SchemaError;
use super::json::dispatch;
use super::logical::logical;
use super::node::{Arena, Default, Dispatch, Enum, Field, Fixed, Kind, Node, NodeId, Record, Union};
use super::schema::Schema;
use super::trail::{Step, Trail};
use super::{NESTING_MAX, SCHEMA_BYTES_MAX};

/// Largest fixed type, in bytes.
const FIXED_BYTES_MAX: u64 = 1 << 20;

/// Reads a schema; answers the arena and the self-contained JSON.
pub(super) fn parse(json: &str, references: &[Schema]) -> Result<(Arena, String), SchemaError> {
    let top = Trail::root("");
    if json.len() > SCHEMA_BYTES_MAX {
        return Err(wrong(&top, format!("the text has {} bytes, at most {SCHEMA_BYTES_MAX} are allowed", json.len())));
    }
    let mut value: Value = serde_json::from_str(json).map_err(|error| wrong(&top, format!("not JSON: {error}")))?;
    let mut text = json.to_owned();
    if reference::inline(&mut value, references) {
        text = value.to_string();
        if text.len() > SCHEMA_BYTES_MAX {
            let message = format!("with the types it refers to the text has more than {SCHEMA_BYTES_MAX} bytes");
            return Err(wrong(&top, message));
        }
    }
    let mut parser = Parser { nodes: Vec::new(), names: HashMap::new(), defaults: Vec::new() };
    let root = parser.schema(&value, "", None, 0)?;
    let Parser { nodes, defaults, .. } = parser;
    let mut arena = Arena { nodes, root };
    size::fill(&mut arena)?;
    for id in 0..arena.nodes.len() {
        if let Kind::Union(union) = &arena.nodes[id].kind {
            let found = dispatch(&arena, &union.branches);
            if let Kind::Union(union) = &mut arena.nodes[id].kind {
                union.dispatch = found;
            }
        }
    }
    default::fill(&mut arena, defaults)?;
    apache_avro::Schema::parse_str(&text).map_err(|error| wrong(&top, error.to_string()))?;
    Ok((arena, text))
}

fn wrong(trail: &Trail<'_>, message: impl Into<String>) -> SchemaError {
    SchemaError { code: Code(2101), path: trail.path(), message: message.into() }
}

/// A default that waits until every type is known.
struct PendingDefault {
    record: NodeId,
    field: usize,
    json: Value,
    path: String,
}

struct Parser {
    nodes: Vec<Node>,
    /// Bound: one entry for each named type of a text of at most [`SCHEMA_BYTES_MAX`] bytes.
    names: HashMap<String, NodeId>,
    defaults: Vec<PendingDefault>,
}

impl Parser {
    /// Reads the schema at one place. `trail` is `None` at the top, where the path starts with the type's own name.
    fn schema(
        &mut self,
        value: &Value,
        namespace: &str,
        trail: Option<&Trail<'_>>,
        depth: u32,
    ) -> Result<NodeId, SchemaError> {
        let top = Trail::root("");
        let here = trail.unwrap_or(&top);
        if depth > NESTING_MAX {
            return Err(wrong(here, format!("types nest deeper than {NESTING_MAX}")));
        }
        match value {
            Value::String(word) => self.word(word, namespace, here),
            Value::Array(branches) => self.union(branches, namespace, here, depth),
            Value::Object(attributes) => match attributes.get("type") {
                Some(Value::String(word)) => match word.as_str() {
                    "record" => self.record(attributes, namespace, trail, depth),
                    "enum" => self.symbols(attributes, namespace, trail),
                    "fixed" => self.fixed(attributes, namespace, trail),
                    "array" => {
                        let Some(items) = attributes.get("items") else {
                            return Err(wrong(here, "an array without items"));
                        };
                        let items = self.schema(items, namespace, Some(&here.then(Step::Items)), depth + 1)?;
                        self.add(Kind::Array(items), attributes, here)
                    }
                    "map" => {
                        let Some(values) = attributes.get("values") else {
                            return Err(wrong(here, "a map without values"));
                        };
                        let values = self.schema(values, namespace, Some(&here.then(Step::Values)), depth + 1)?;
                        self.add(Kind::Map(values), attributes, here)
                    }
                    word => match primitive(word) {
                        Some(kind) => self.add(kind, attributes, here),
                        None => self.word(word, namespace, here),
                    },
                },
                Some(_) => Err(wrong(here, "type must be a name here; put the inner schema in its place")),
                None => Err(wrong(here, "a schema object without type")),
            },
            other => Err(wrong(here, format!("a schema is a name, an object or a list of branches, not {other}"))),
        }
    }

    /// A primitive or a named type that was defined before.
    fn word(&mut self, word: &str, namespace: &str, trail: &Trail<'_>) -> Result<NodeId, SchemaError> {
        if let Some(kind) = primitive(word) {
            return self.add(kind, &Map::new(), trail);
        }
        let full = name::resolve(word, namespace);
        self.names
            .get(&full)
            .or_else(|| self.names.get(word))
            .copied()
            .ok_or_else(|| wrong(trail, format!("unknown type {full}; a type is defined before it is used")))
    }

    fn union(
        &mut self,
        branches: &[Value],
        namespace: &str,
        trail: &Trail<'_>,
        depth: u32,
    ) -> Result<NodeId, SchemaError> {
        if branches.is_empty() {
            return Err(wrong(trail, "a union without branches"));
        }
        let mut ids: Vec<NodeId> = Vec::with_capacity(branches.len());
        for branch in branches {
            let id = self.schema(branch, namespace, Some(trail), depth)?;
            let kind = &self.nodes[id as usize].kind;
            if matches!(kind, Kind::Union(_)) {
                return Err(wrong(trail, "a union directly in a union"));
            }
            let named = matches!(kind, Kind::Record(_) | Kind::Enum(_) | Kind::Fixed(_));
            let doubled = ids.iter().any(|other| {
                let other_kind = &self.nodes[*other as usize].kind;
                *other == id || (!named && std::mem::discriminant(other_kind) == std::mem::discriminant(kind))
            });
            if doubled {
                return Err(wrong(trail, format!("a union with two branches {}", kind.word())));
            }
            ids.push(id);
        }
        let union = Union { branches: ids.into(), dispatch: Dispatch::default() };
        self.add(Kind::Union(Box::new(union)), &Map::new(), trail)
    }

    fn record(
        &mut self,
        attributes: &Map<String, Value>,
        namespace: &str,
        trail: Option<&Trail<'_>>,
        depth: u32,
    ) -> Result<NodeId, SchemaError> {
        let (name, aliases, id) = self.named(attributes, namespace, trail)?;
        let own = Trail::root(&name);
        let here = trail.unwrap_or(&own);
        let Some(Value::Array(list)) = attributes.get("fields") else {
            return Err(wrong(here, "a record needs a list of fields"));
        };
        let namespace = name::namespace_of(&name);
        let mut fields: Vec<Field> = Vec::with_capacity(list.len());
        let mut taken: HashMap<String, ()> = HashMap::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let Some(entry) = entry.as_object() else {
                return Err(wrong(here, format!("field {} is not an object", index + 1)));
            };
            let Some(field) = entry.get("name").and_then(Value::as_str) else {
                return Err(wrong(here, format!("field {} has no name", index + 1)));
            };
            let place = here.then(Step::Name(field));
            if !name::is_simple(field) {
                return Err(wrong(&place, name::RULE));
            }
            if taken.insert(field.to_owned(), ()).is_some() {
                return Err(wrong(&place, "two fields have this name"));
            }
            let Some(kind) = entry.get("type") else { return Err(wrong(&place, "a field without type")) };
            let aliases = name::aliases(entry, |alias| name::is_simple(alias).then(|| alias.to_owned()))
                .map_err(|message| wrong(&place, message))?;
            let node = self.schema(kind, namespace, Some(&place), depth + 1)?;
            if let Some(default) = entry.get("default") {
                let pending = PendingDefault { record: id, field: index, json: default.clone(), path: place.path() };
                self.defaults.push(pending);
            }
            let doc = entry.get("doc").and_then(Value::as_str).map(Into::into);
            let attributes = own_attributes(entry);
            fields.push(Field { name: field.into(), aliases, node, doc, default: None, attributes });
        }
        let record = Record { name: name.as_str().into(), aliases, fields: fields.into() };
        self.fill(id, Kind::Record(Box::new(record)), attributes, here)
    }

    fn symbols(
        &mut self,
        attributes: &Map<String, Value>,
        namespace: &str,
        trail: Option<&Trail<'_>>,
    ) -> Result<NodeId, SchemaError> {
        let (name, aliases, id) = self.named(attributes, namespace, trail)?;
        let own = Trail::root(&name);
        let here = trail.unwrap_or(&own);
        let list = attributes.get("symbols").and_then(Value::as_array).filter(|list| !list.is_empty());
        let Some(list) = list else { return Err(wrong(here, "an enum needs a list of symbols")) };
        let mut symbols: Vec<Box<str>> = Vec::with_capacity(list.len());
        let mut taken: HashMap<&str, u32> = HashMap::with_capacity(list.len());
        for symbol in list {
            let Some(symbol) = symbol.as_str().filter(|symbol| name::is_simple(symbol)) else {
                return Err(wrong(here, format!("symbol {symbol}: {}", name::RULE)));
            };
            if taken.insert(symbol, symbols.len() as u32).is_some() {
                return Err(wrong(here, format!("symbol {symbol} is there twice")));
            }
            symbols.push(symbol.into());
        }
        let default = match attributes.get("default") {
            None => None,
            Some(default) => match default.as_str().and_then(|symbol| taken.get(symbol)) {
                Some(index) => Some(*index),
                None => return Err(wrong(here, format!("default {default} is not one of the symbols"))),
            },
        };
        let symbols = Enum { name: name.as_str().into(), aliases, symbols: symbols.into(), default };
        self.fill(id, Kind::Enum(Box::new(symbols)), attributes, here)
    }

    fn fixed(
        &mut self,
        attributes: &Map<String, Value>,
        namespace: &str,
        trail: Option<&Trail<'_>>,
    ) -> Result<NodeId, SchemaError> {
        let (name, aliases, id) = self.named(attributes, namespace, trail)?;
        let own = Trail::root(&name);
        let here = trail.unwrap_or(&own);
        let size = attributes.get("size").and_then(Value::as_u64).filter(|size| *size <= FIXED_BYTES_MAX);
        let Some(size) = size else {
            return Err(wrong(here, format!("a fixed needs a size from 0 to {FIXED_BYTES_MAX} bytes")));
        };
        let fixed = Fixed { name: name.as_str().into(), aliases, size: size as u32 };
        self.fill(id, Kind::Fixed(Box::new(fixed)), attributes, here)
    }

    /// Reads name and aliases and reserves a node, so that the type can be used inside itself.
    #[allow(clippy::type_complexity, reason = "three parts of one head, used in three places")]
    fn named(
        &mut self,
        attributes: &Map<String, Value>,
        namespace: &str,
        trail: Option<&Trail<'_>>,
    ) -> Result<(String, Box<[String]>, NodeId), SchemaError> {
        let top = Trail::root("");
        let here = trail.unwrap_or(&top);
        let name = name::full_name(attributes, namespace).map_err(|message| wrong(here, message))?;
        let namespace = name::namespace_of(&name).to_owned();
        let aliases = name::aliases(attributes, |alias| {
            let full = name::resolve(alias, &namespace);
            name::is_full(&full).then_some(full)
        })
        .map_err(|message| wrong(here, message))?;
        let id = self.nodes.len() as NodeId;
        if self.names.insert(name.clone(), id).is_some() {
            return Err(wrong(here, format!("type {name} is defined twice")));
        }
        // Until it is filled in, the node is some named type, so that a union inside sees no unnamed one.
        self.nodes.push(blank(Kind::Fixed(Box::new(Fixed { name: "".into(), aliases: Box::default(), size: 0 }))));
        Ok((name, aliases, id))
    }

    fn add(&mut self, kind: Kind, attributes: &Map<String, Value>, trail: &Trail<'_>) -> Result<NodeId, SchemaError> {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(blank(Kind::Null));
        self.fill(id, kind, attributes, trail)
    }

    fn fill(
        &mut self,
        id: NodeId,
        kind: Kind,
        attributes: &Map<String, Value>,
        trail: &Trail<'_>,
    ) -> Result<NodeId, SchemaError> {
        let mut node = blank(kind);
        node.logical = logical(&node.kind, attributes).map_err(|message| wrong(trail, message))?;
        node.logical_name = attributes.get("logicalType").and_then(Value::as_str).map(Into::into);
        node.attributes = own_attributes(attributes);
        self.nodes[id as usize] = node;
        Ok(id)
    }
}

fn blank(kind: Kind) -> Node {
    Node { kind, logical: None, size_min: 0, zero_size_weight: 0, logical_name: None, attributes: Box::default() }
}

fn primitive(word: &str) -> Option<Kind> {
    Some(match word {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bytes" => Kind::Bytes,
        "string" => Kind::String,
        _ => return None,
    })
}

/// Attributes that belong to Evento and are part of the normal form.
fn own_attributes(attributes: &Map<String, Value>) -> Box<[(String, Value)]> {
    let own = attributes.iter().filter(|(name, _)| name.starts_with("evento."));
    let mut own: Vec<(String, Value)> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    own.sort_by(|left, right| left.0.cmp(&right.0));
    own.into()
}

impl Default {
    fn new(json: Value, bytes: Vec<u8>) -> Default {
        Default { json, bytes: bytes.into() }
    }
}
