//! The least size of each type in bytes. It is what bounds block counts, and it finds types without any value.

use super::super::error::SchemaError;
use super::super::node::{Arena, Kind};
use super::super::trail::Trail;
use super::wrong;

/// No value ends: the type contains itself on every way.
const ENDLESS: u32 = u32::MAX;

/// Fills in the sizes of all nodes.
///
/// # Errors
///
/// A record contains itself without a way to end.
pub(super) fn fill(arena: &mut Arena) -> Result<(), SchemaError> {
    let count = arena.nodes.len();
    let mut sizes = vec![ENDLESS; count];
    // From "endless" down to the least fixed point. Inner types mostly come later, so going backwards needs few rounds.
    loop {
        let mut changed = false;
        for id in (0..count).rev() {
            let size = size_min(&arena.nodes[id].kind, &sizes);
            changed |= size != sizes[id];
            sizes[id] = size;
        }
        if !changed {
            break;
        }
    }
    if let Some(id) = sizes.iter().position(|size| *size == ENDLESS) {
        let name = arena.name(id as u32).unwrap_or_default();
        return Err(wrong(&Trail::root(name), "the type contains itself without a way to end"));
    }
    for (node, size) in arena.nodes.iter_mut().zip(sizes) {
        node.size_min = size;
    }
    let mut weights = vec![0u32; count];
    for id in 0..count {
        let weight = zero_size_weight(arena, id, &mut weights);
        arena.nodes[id].zero_size_weight = weight;
    }
    Ok(())
}

fn size_min(kind: &Kind, sizes: &[u32]) -> u32 {
    // A finite sum stays below the mark for endless, however large the fixed types are.
    let add = |left: u32, right: u32| match (left, right) {
        (ENDLESS, _) | (_, ENDLESS) => ENDLESS,
        _ => left.saturating_add(right).min(ENDLESS - 1),
    };
    match kind {
        Kind::Null => 0,
        Kind::Boolean | Kind::Int | Kind::Long | Kind::Bytes | Kind::String | Kind::Enum(_) => 1,
        Kind::Array(_) | Kind::Map(_) => 1,
        Kind::Float => 4,
        Kind::Double => 8,
        Kind::Fixed(fixed) => fixed.size,
        Kind::Union(union) => {
            let least = union.branches.iter().map(|branch| sizes[*branch as usize]).min();
            add(1, least.unwrap_or(0))
        }
        Kind::Record(record) => record.fields.iter().map(|field| sizes[field.node as usize]).fold(0, add),
    }
}

/// Values inside one value of a type of size 0, itself included; 0 for other types.
fn zero_size_weight(arena: &Arena, id: usize, weights: &mut [u32]) -> u32 {
    if arena.nodes[id].size_min > 0 || weights[id] > 0 {
        return weights[id];
    }
    // A type of size 0 does not contain itself, so this ends.
    let weight = match &arena.nodes[id].kind {
        Kind::Record(record) => record
            .fields
            .iter()
            .fold(1u32, |sum, field| sum.saturating_add(zero_size_weight(arena, field.node as usize, weights))),
        _ => 1,
    };
    weights[id] = weight;
    weight
}
