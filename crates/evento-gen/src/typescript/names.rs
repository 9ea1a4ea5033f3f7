//! The names of one module, and what every part of the generator asks about a type.

use std::collections::HashSet;

use crate::Language;
use crate::ir::{Declared, Entity, Field, Ir, Shape, Type, TypeId};
use crate::naming::{camel, escape};

/// Globals that generated code uses: no type takes their names.
const GLOBALS: &[&str] = &["Map", "ReadonlyMap", "Uint8Array"];
/// Names of the module itself.
const OWN: &[&str] = &["codecs", "evento"];

/// The names of one module.
pub(super) struct Names<'a> {
    ir: &'a Ir,
    /// Records that are commands or events.
    messages: HashSet<TypeId>,
    /// Records that hold, or are held by, a record that can hold itself: their depth is counted.
    counted: HashSet<TypeId>,
}

impl<'a> Names<'a> {
    pub(super) fn of(ir: &'a Ir) -> Names<'a> {
        let records = |entity: &'a Entity| {
            let commands = entity.commands.iter().map(|command| command.record);
            commands.chain(entity.events.iter().map(|event| event.record))
        };
        Names { ir, messages: ir.entities.iter().flat_map(records).collect(), counted: counted(ir) }
    }

    /// Every declared type with its number.
    pub(super) fn declared(&self) -> impl Iterator<Item = (TypeId, &'a Declared)> + use<'a> {
        self.ir.types.iter().enumerate().map(|(n, declared)| (TypeId(n), declared))
    }

    /// What a declared type is.
    pub(super) fn shape(&self, id: TypeId) -> &'a Shape {
        &self.ir.declared(id).shape
    }

    /// Name of a declared type.
    pub(super) fn ident(&self, id: TypeId) -> String {
        free(self.ir.ident(id))
    }

    /// A name made of others, out of the way of every declared type.
    pub(super) fn beside(&self, name: &str) -> String {
        let taken = self.ir.types.iter().any(|declared| declared.ident == name);
        if taken { format!("{name}_") } else { name.to_owned() }
    }

    /// Name of the function that makes an entity's function.
    pub(super) fn factory(&self, entity: &Entity) -> String {
        let name = escape(Language::TypeScript, &camel(self.ir.ident(entity.state)));
        if OWN.contains(&name.as_str()) { format!("{name}_") } else { name }
    }

    /// Whether a record says its own name, as commands and events do.
    pub(super) fn is_message(&self, id: TypeId) -> bool {
        self.messages.contains(&id)
    }

    /// Whether the depth of a record is counted.
    pub(super) fn is_counted(&self, id: TypeId) -> bool {
        self.counted.contains(&id)
    }

    /// A type as TypeScript has it.
    pub(super) fn text(&self, kind: &Type) -> String {
        match kind {
            Type::Null => "null".to_owned(),
            Type::Boolean => "boolean".to_owned(),
            Type::Int | Type::Float | Type::Double => "number".to_owned(),
            Type::Long => "bigint".to_owned(),
            Type::Bytes | Type::Fixed { .. } => "Uint8Array".to_owned(),
            Type::String | Type::Uuid { .. } => "string".to_owned(),
            Type::Array(item) => match **item {
                Type::Optional { .. } => format!("readonly ({})[]", self.text(item)),
                Type::Array(_) => format!("readonly ({})[]", self.text(item)),
                _ => format!("readonly {}[]", self.text(item)),
            },
            Type::Map(item) => format!("ReadonlyMap<string, {}>", self.text(item)),
            Type::Optional { item, .. } => format!("{} | null", self.text(item)),
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => self.ident(*id),
            Type::Decimal { .. } => "evento.Decimal".to_owned(),
            Type::Timestamp(_) => "evento.Timestamp".to_owned(),
            Type::Date => "evento.LocalDate".to_owned(),
        }
    }

    /// Least bytes of a value.
    pub(super) fn size_min(&self, kind: &Type) -> u32 {
        match kind {
            Type::Null => 0,
            Type::Float => 4,
            Type::Double => 8,
            Type::Fixed { size, .. } | Type::Decimal { fixed: Some(size), .. } => *size,
            Type::Uuid { fixed: true } => 16,
            Type::Uuid { fixed: false } => 37,
            Type::Record(id) => match self.shape(*id) {
                // A record that holds itself does so through a union, a list or a map, which need no more than a byte.
                Shape::Record(record) => {
                    record.fields.iter().map(|field| self.size_min(&field.kind)).fold(0, u32::saturating_add)
                }
                Shape::Enum(_) | Shape::Union(_) => 1,
            },
            _ => 1,
        }
    }
}

fn free(ident: &str) -> String {
    if GLOBALS.contains(&ident) { format!("{ident}_") } else { ident.to_owned() }
}

/// A field as a property of an object literal or interface: `__proto__` would be something else in a literal.
pub(super) fn key(field: &Field) -> &str {
    if field.name == "__proto__" { "[\"__proto__\"]" } else { &field.name }
}

/// A field of a value.
pub(super) fn member(value: &str, field: &Field) -> String {
    if field.name == "__proto__" { format!("{value}[\"__proto__\"]") } else { format!("{value}.{}", field.name) }
}

/// A text as a literal.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a type directly names.
fn parts(ir: &Ir, id: TypeId) -> Vec<TypeId> {
    match &ir.declared(id).shape {
        Shape::Record(record) => record.fields.iter().filter_map(|field| field.kind.uses()).collect(),
        Shape::Union(union) => union.branches.iter().filter_map(|branch| branch.kind.uses()).collect(),
        Shape::Enum(_) => Vec::new(),
    }
}

fn counted(ir: &Ir) -> HashSet<TypeId> {
    let all = || (0..ir.types.len()).map(TypeId);
    let recursive: HashSet<TypeId> = all().filter(|id| ir.record(*id).is_some_and(|record| record.recursive)).collect();
    let mut below = recursive.clone();
    let mut left: Vec<TypeId> = recursive.iter().copied().collect();
    while let Some(id) = left.pop() {
        left.extend(parts(ir, id).into_iter().filter(|part| below.insert(*part)));
    }
    let mut above = recursive;
    loop {
        let more: Vec<TypeId> =
            all().filter(|id| !above.contains(id) && parts(ir, *id).iter().any(|part| above.contains(part))).collect();
        if more.is_empty() {
            return above.union(&below).copied().collect();
        }
        above.extend(more);
    }
}
