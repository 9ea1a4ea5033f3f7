//! The last pass: declared types in the order in which they use each other, and which of them are recursive.

use crate::ir::{Ir, Shape, Type, TypeId};

pub(super) fn finish(ir: &mut Ir) {
    let order = order(ir);
    let mut place = vec![TypeId(0); order.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = TypeId(new);
    }
    let mut types: Vec<Option<_>> = std::mem::take(&mut ir.types).into_iter().map(Some).collect();
    ir.types = order.iter().filter_map(|old| types[*old].take()).collect();
    for declared in &mut ir.types {
        match &mut declared.shape {
            Shape::Record(record) => record.fields.iter_mut().for_each(|field| renumber(&mut field.kind, &place)),
            Shape::Union(union) => union.branches.iter_mut().for_each(|branch| renumber(&mut branch.kind, &place)),
            Shape::Enum(_) => {}
        }
    }
    for entity in &mut ir.entities {
        let commands = entity.commands.iter_mut().map(|command| &mut command.record);
        let events = entity.events.iter_mut().map(|event| &mut event.record);
        for id in std::iter::once(&mut entity.state).chain(commands).chain(events) {
            *id = place[id.0];
        }
    }
    for n in 0..ir.types.len() {
        let recursive = reaches(ir, TypeId(n));
        if let Shape::Record(record) = &mut ir.types[n].shape {
            record.recursive = recursive;
        }
    }
}

/// What a type uses, before the type; else in the order in which types were read.
fn order(ir: &Ir) -> Vec<usize> {
    let mut order = Vec::with_capacity(ir.types.len());
    let mut seen = vec![false; ir.types.len()];
    for root in 0..ir.types.len() {
        // An explicit stack: (type, the next of its uses).
        let mut path = Vec::new();
        if !std::mem::replace(&mut seen[root], true) {
            path.push((root, 0));
        }
        while let Some((n, next)) = path.last_mut() {
            match uses(ir, TypeId(*n)).get(*next) {
                Some(used) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[used.0], true) {
                        path.push((used.0, 0));
                    }
                }
                None => {
                    order.push(*n);
                    path.pop();
                }
            }
        }
    }
    order
}

/// Whether a value of the type can hold another value of it.
fn reaches(ir: &Ir, start: TypeId) -> bool {
    let mut seen = vec![false; ir.types.len()];
    let mut open = uses(ir, start);
    while let Some(id) = open.pop() {
        if id == start {
            return true;
        }
        if !std::mem::replace(&mut seen[id.0], true) {
            open.extend(uses(ir, id));
        }
    }
    false
}

fn uses(ir: &Ir, id: TypeId) -> Vec<TypeId> {
    match &ir.declared(id).shape {
        Shape::Record(record) => record.fields.iter().filter_map(|field| field.kind.uses()).collect(),
        Shape::Union(union) => union.branches.iter().filter_map(|branch| branch.kind.uses()).collect(),
        Shape::Enum(_) => Vec::new(),
    }
}

fn renumber(kind: &mut Type, place: &[TypeId]) {
    match kind {
        Type::Array(item) | Type::Map(item) | Type::Optional { item, .. } => renumber(item, place),
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => *id = place[id.0],
        _ => {}
    }
}
