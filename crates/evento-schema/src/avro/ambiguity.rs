//! Unions that plain JSON cannot tell apart (`EV2106`).
//!
//! Two branches of one JSON kind look alike, whether or not our own mapping could decide: many Avro libraries
//! choose a branch by the first that fits, and would write the wrong one. Floats, dates, times and timestamps count
//! as number and as string. Records are told apart by their required fields: of each pair, each side must have one
//! that the other lacks.

use std::collections::HashSet;

use super::error::Violation;
use super::logical::Logical;
use super::node::{Arena, Kind, NodeId, Record};
use super::trail::{Step, Trail};

/// Most pairs of branches that are told.
const FOUND_MAX: usize = 100;

/// Every union of which two branches look alike, up to 100 pairs.
pub(super) fn ambiguities(arena: &Arena) -> Vec<Violation> {
    let mut walk = Walk { arena, seen: HashSet::new(), found: Vec::new() };
    walk.visit(arena.root, &Trail::root(arena.name(arena.root).unwrap_or_default()));
    walk.found
}

struct Walk<'a> {
    arena: &'a Arena,
    seen: HashSet<NodeId>,
    /// Bound: [`FOUND_MAX`]; what comes after is not told.
    found: Vec<Violation>,
}

impl Walk<'_> {
    fn visit(&mut self, id: NodeId, trail: &Trail<'_>) {
        let arena = self.arena;
        match &arena.node(id).kind {
            Kind::Array(items) => self.visit(*items, &trail.then(Step::Items)),
            Kind::Map(values) => self.visit(*values, &trail.then(Step::Values)),
            Kind::Record(record) if self.seen.insert(id) => {
                for field in &record.fields {
                    self.visit(field.node, &trail.then(Step::Name(&field.name)));
                }
            }
            Kind::Union(union) => {
                for (index, left) in union.branches.iter().enumerate() {
                    for right in &union.branches[index + 1..] {
                        if self.found.len() >= FOUND_MAX {
                            return;
                        }
                        if let Some(why) = look_alike(arena, *left, *right) {
                            let (left, right) = (arena.words(*left), arena.words(*right));
                            let message = format!("branches {left} and {right} look alike: {why}");
                            self.found.push(Violation { path: trail.path(), message });
                        }
                    }
                }
                for branch in &union.branches {
                    self.visit(*branch, trail);
                }
            }
            _ => {}
        }
    }
}

/// Why two branches look alike, if they do.
fn look_alike(arena: &Arena, left: NodeId, right: NodeId) -> Option<String> {
    if let (Kind::Record(left), Kind::Record(right)) = (&arena.node(left).kind, &arena.node(right).kind) {
        let lacking = [(left, right), (right, left)].into_iter().find(|(one, other)| !has_own_field(one, other))?;
        return Some(format!("{} has no required field that {} lacks", lacking.0.name, lacking.1.name));
    }
    let shared = json_kinds(arena, left).iter().find(|kind| json_kinds(arena, right).contains(kind))?;
    Some(format!("both may be a JSON {shared}"))
}

/// Whether a record has a required field that the other does not have.
fn has_own_field(one: &Record, other: &Record) -> bool {
    one.fields
        .iter()
        .any(|field| field.default.is_none() && other.fields.iter().all(|theirs| theirs.name != field.name))
}

/// What a value of a type may look like in JSON.
fn json_kinds(arena: &Arena, id: NodeId) -> &'static [&'static str] {
    let node = arena.node(id);
    match (&node.kind, node.logical) {
        (Kind::Null, _) | (Kind::Union(_), _) => &[],
        (Kind::Boolean, _) => &["boolean"],
        (Kind::Float | Kind::Double, _) => &["number", "string"],
        (Kind::Int | Kind::Long, Some(_)) => &["number", "string"],
        (Kind::Int | Kind::Long, None) => &["number"],
        (Kind::Fixed(_), Some(Logical::Duration)) => &["object"],
        (Kind::Bytes | Kind::String | Kind::Enum(_) | Kind::Fixed(_), _) => &["string"],
        (Kind::Array(_), _) => &["array"],
        (Kind::Map(_) | Kind::Record(_), _) => &["object"],
    }
}
