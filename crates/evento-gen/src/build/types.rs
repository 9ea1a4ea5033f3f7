//! Reading declared types from the JSON of schemas that `evento-schema` has accepted already.

use std::collections::{BTreeMap, HashMap, HashSet};

use evento_schema::avro::Schema;
use serde_json::{Map, Value};

use super::defaults;
use crate::ir::{Branch, Declared, Enum, Field, Record, Shape, TimeUnit, Type, TypeId, Union};
use crate::naming::{distinct, pascal};
use crate::{GenerateError, manifest};

/// Declared types read so far.
pub(super) struct Types {
    declared: Vec<Option<Declared>>,
    /// By full name: records, enums, and what a fixed type is.
    named: HashMap<String, Type>,
    /// By full name: the definition without docs, to compare with a second one.
    definitions: BTreeMap<String, Value>,
    taken: HashSet<String>,
    /// Defaults as JSON, by record and field, until every type is known.
    defaults: BTreeMap<(TypeId, usize), Value>,
}

/// Where a type stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    namespace: &'a str,
    /// Name in code of the record around, and the field.
    record: &'a str,
    field: &'a str,
}

/// A name as a type is called in code: as written if that is in Pascal case already.
pub(super) fn ident(short: &str) -> String {
    let fine = short.starts_with(|c: char| c.is_ascii_uppercase()) && !short.contains('_');
    if fine { short.to_owned() } else { pascal(short) }
}

impl Types {
    /// Begins with names that no declared type may take.
    pub(super) fn reserving(names: impl Iterator<Item = String>) -> Types {
        Types {
            declared: Vec::new(),
            named: HashMap::new(),
            definitions: BTreeMap::new(),
            taken: names.collect(),
            defaults: BTreeMap::new(),
        }
    }

    /// Reads the record at the top of a schema and all that it defines.
    pub(super) fn top(&mut self, schema: &Schema) -> Result<TypeId, GenerateError> {
        for (name, definition) in manifest::definitions(schema) {
            match self.definitions.get(&name) {
                Some(known) if *known != definition => return Err(GenerateError::TwoShapes { name }),
                Some(_) => {}
                None => drop(self.definitions.insert(name, definition)),
            }
        }
        let unreadable = || GenerateError::Unfit(format!("{schema:?} cannot be read"));
        let json: Value = serde_json::from_str(schema.json()).map_err(|_| unreadable())?;
        match self.read(&json, Place { namespace: "", record: "", field: "" }) {
            Type::Record(id) => Ok(id),
            _ => Err(unreadable()),
        }
    }

    /// Everything that was read, with defaults filled in.
    pub(super) fn declared(self) -> Result<Vec<Declared>, GenerateError> {
        let mut declared: Vec<Declared> = self.declared.into_iter().flatten().collect();
        for ((id, field), literal) in defaults::read(&declared, &self.defaults)? {
            if let Shape::Record(record) = &mut declared[id.0].shape {
                record.fields[field].default = Some(literal);
            }
        }
        Ok(declared)
    }

    fn read(&mut self, json: &Value, place: Place<'_>) -> Type {
        match json {
            Value::String(word) => self.word(word, &Map::new(), place),
            Value::Array(branches) => self.union(branches, place),
            Value::Object(attributes) => self.object(attributes, place),
            _ => Type::Null,
        }
    }

    fn object(&mut self, attributes: &Map<String, Value>, place: Place<'_>) -> Type {
        let word = match attributes.get("type") {
            Some(Value::String(word)) => word.as_str(),
            Some(inner) => return self.read(inner, place),
            None => return Type::Null,
        };
        let inside = |key: &str| attributes.get(key).unwrap_or(&Value::Null);
        match word {
            "array" => Type::Array(Box::new(self.read(inside("items"), place))),
            "map" => Type::Map(Box::new(self.read(inside("values"), place))),
            "record" | "enum" | "fixed" => self.named(word, attributes, place),
            word => self.word(word, attributes, place),
        }
    }

    fn word(&self, word: &str, attributes: &Map<String, Value>, place: Place<'_>) -> Type {
        let logical = attributes.get("logicalType").and_then(Value::as_str).unwrap_or("");
        match (word, logical) {
            ("null", _) => Type::Null,
            ("boolean", _) => Type::Boolean,
            ("int", "date") => Type::Date,
            ("int", _) => Type::Int,
            ("long", "timestamp-millis") => Type::Timestamp(TimeUnit::Millis),
            ("long", "timestamp-micros") => Type::Timestamp(TimeUnit::Micros),
            ("long", _) => Type::Long,
            ("float", _) => Type::Float,
            ("double", _) => Type::Double,
            ("bytes", "decimal") => decimal(attributes, None),
            ("bytes", _) => Type::Bytes,
            ("string", "uuid") => Type::Uuid { fixed: false },
            ("string", _) => Type::String,
            (name, _) => {
                let full = resolve(name, place.namespace);
                self.named.get(&full).or_else(|| self.named.get(name)).cloned().unwrap_or(Type::Null)
            }
        }
    }

    fn named(&mut self, word: &str, attributes: &Map<String, Value>, place: Place<'_>) -> Type {
        let text = |key: &str| attributes.get(key).and_then(Value::as_str);
        let full_name = resolve(text("name").unwrap_or(""), text("namespace").unwrap_or(place.namespace));
        if let Some(known) = self.named.get(&full_name) {
            return known.clone();
        }
        let doc = text("doc").map(str::to_owned);
        if word == "fixed" {
            let size = attributes.get("size").and_then(Value::as_u64).unwrap_or(0) as u32;
            let kind = match text("logicalType") {
                Some("decimal") => decimal(attributes, Some(size)),
                Some("uuid") => Type::Uuid { fixed: true },
                _ => Type::Fixed { full_name: full_name.clone(), size },
            };
            self.named.insert(full_name, kind.clone());
            return kind;
        }
        let ident = self.take(&full_name);
        let id = TypeId(self.declared.len());
        // The place is kept, so that the type can be used inside itself.
        self.declared.push(None);
        let kind = if word == "enum" { Type::Enum(id) } else { Type::Record(id) };
        self.named.insert(full_name.clone(), kind.clone());
        let shape = if word == "enum" {
            let symbols = attributes.get("symbols").and_then(Value::as_array).into_iter().flatten();
            let symbols = symbols.filter_map(Value::as_str).map(str::to_owned).collect();
            Shape::Enum(Enum { full_name, doc, symbols })
        } else {
            let fields = self.fields(id, &full_name, &ident, attributes);
            Shape::Record(Record { full_name, doc, fields, recursive: false })
        };
        self.declared[id.0] = Some(Declared { ident, shape });
        kind
    }

    fn fields(&mut self, id: TypeId, full_name: &str, record: &str, attributes: &Map<String, Value>) -> Vec<Field> {
        let namespace = full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let list = attributes.get("fields").and_then(Value::as_array).into_iter().flatten();
        let mut fields = Vec::new();
        for (n, field) in list.enumerate() {
            let name = field["name"].as_str().unwrap_or("");
            let kind = self.read(&field["type"], Place { namespace, record, field: name });
            if let Some(default) = field.get("default") {
                self.defaults.insert((id, n), default.clone());
            }
            let doc = field["doc"].as_str().map(str::to_owned);
            fields.push(Field { name: name.to_owned(), doc, kind, default: None });
        }
        fields
    }

    fn union(&mut self, branches: &[Value], place: Place<'_>) -> Type {
        let kinds: Vec<Type> = branches.iter().map(|branch| self.read(branch, place)).collect();
        let (null_first, null_second) = (kinds.first() == Some(&Type::Null), kinds.get(1) == Some(&Type::Null));
        if let ([left, right], true) = (&kinds[..], null_first || null_second) {
            let item = Box::new(if null_first { right.clone() } else { left.clone() });
            return Type::Optional { item, null_first };
        }
        let idents = distinct(kinds.iter().map(|kind| self.branch_name(kind)));
        let branches = idents.into_iter().zip(kinds).map(|(ident, kind)| Branch { ident, kind }).collect();
        let ident = self.take_free(format!("{}{}", place.record, pascal(place.field)), "");
        let id = TypeId(self.declared.len());
        let place = format!("{}.{}", place.record, place.field);
        self.declared.push(Some(Declared { ident, shape: Shape::Union(Union { place, branches }) }));
        Type::Union(id)
    }

    fn branch_name(&self, kind: &Type) -> String {
        let word = match kind {
            Type::Null => "Null",
            Type::Boolean => "Boolean",
            Type::Int => "Int",
            Type::Long => "Long",
            Type::Float => "Float",
            Type::Double => "Double",
            Type::Bytes => "Bytes",
            Type::String => "String",
            Type::Fixed { full_name, .. } => return ident(short(full_name)),
            Type::Array(_) => "Array",
            Type::Map(_) => "Map",
            Type::Decimal { .. } => "Decimal",
            Type::Uuid { .. } => "Uuid",
            Type::Timestamp(_) => "Timestamp",
            Type::Date => "Date",
            // A union directly in a union is no schema.
            Type::Optional { .. } | Type::Union(_) => "Union",
            Type::Record(_) | Type::Enum(_) => {
                let full = self.named.iter().find(|(_, named)| *named == kind).map_or("", |(full, _)| full);
                return ident(short(full));
            }
        };
        word.to_owned()
    }

    /// A free name for a named type: the short name, with its namespace before it when that is taken.
    fn take(&mut self, full_name: &str) -> String {
        let namespace = full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        self.take_free(ident(short(full_name)), &pascal(namespace))
    }

    fn take_free(&mut self, wanted: String, prefix: &str) -> String {
        let numbered = (2..).map(|n| format!("{wanted}{n}"));
        let prefixed = Some(format!("{prefix}{wanted}")).filter(|_| !prefix.is_empty());
        let mut candidates = std::iter::once(wanted.clone()).chain(prefixed).chain(numbered);
        // The numbers never end, so one of the candidates is free.
        let free = candidates.find(|candidate| !self.taken.contains(candidate)).unwrap_or(wanted.clone());
        self.taken.insert(free.clone());
        free
    }
}

fn short(full_name: &str) -> &str {
    full_name.rsplit('.').next().unwrap_or(full_name)
}

fn resolve(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn decimal(attributes: &Map<String, Value>, fixed: Option<u32>) -> Type {
    let number = |key: &str| attributes.get(key).and_then(Value::as_u64).unwrap_or(0) as u32;
    Type::Decimal { precision: number("precision"), scale: number("scale"), fixed }
}
