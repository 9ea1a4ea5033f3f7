//! Resolves a writer schema against a reader schema, once; tells every place where they cannot be bridged.

use std::collections::{HashMap, HashSet};

use super::super::error::Violation;
use super::super::logical::Logical;
use super::super::node::{Arena, Enum, Fixed, Kind, NodeId, Record};
use super::super::schema::Schema;
use super::super::trail::{Step as Place, Trail};
use super::{Inner, Move, Step, StepId};

/// Deepest chain of types that is followed. Values nest to 64 only, so longer chains have no values.
const DEPTH_MAX: u32 = 256;

/// Most violations and warnings of one pair.
const VIOLATIONS_MAX: usize = 100;

pub(super) fn compile(writer: &Schema, reader: &Schema) -> Result<Inner, Vec<Violation>> {
    let mut compiler = Compiler {
        writer: writer.arena(),
        reader: reader.arena(),
        steps: Vec::new(),
        known: HashMap::new(),
        violations: Vec::new(),
        warnings: Vec::new(),
    };
    let trail = Trail::root(reader.full_name().unwrap_or_default());
    let root = compiler.pair(writer.arena().root, reader.arena().root, &trail, 0);
    if !compiler.violations.is_empty() {
        return Err(compiler.violations);
    }
    let identity = writer.layout_id() == reader.layout_id() && same_logical(writer.arena(), reader.arena());
    let steps = with_copies(compiler.steps);
    let warnings = compiler.warnings;
    Ok(Inner { writer: writer.clone(), reader: reader.clone(), steps, root, identity, warnings })
}

/// A step with the node of the reader it makes.
struct Draft {
    step: Step,
    reader: NodeId,
}

struct Compiler<'a> {
    writer: &'a Arena,
    reader: &'a Arena,
    steps: Vec<Draft>,
    /// For each pair of types that meet, and whether the reader's was chosen as a branch, the step.
    ///
    /// Bound: two entries for each pair of types.
    known: HashMap<(NodeId, NodeId, bool), StepId>,
    /// Bound: [`VIOLATIONS_MAX`].
    violations: Vec<Violation>,
    /// Bound: [`VIOLATIONS_MAX`].
    warnings: Vec<Violation>,
}

impl Compiler<'_> {
    fn violation(&mut self, trail: &Trail<'_>, message: String) {
        let violation = Violation { path: trail.path(), message };
        if self.violations.len() < VIOLATIONS_MAX && !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// The step for a pair of types. After a violation the step is of no use, but the walk goes on to find others.
    fn pair(&mut self, writer: NodeId, reader: NodeId, trail: &Trail<'_>, depth: u32) -> StepId {
        self.pair_in(writer, reader, trail, depth, false)
    }

    /// As [`pair`](Self::pair); `chosen` means that the names were weighed when the branch was chosen.
    fn pair_in(&mut self, writer: NodeId, reader: NodeId, trail: &Trail<'_>, depth: u32, chosen: bool) -> StepId {
        if let Some(step) = self.known.get(&(writer, reader, chosen)) {
            return *step;
        }
        let id = self.steps.len() as StepId;
        self.steps.push(Draft { step: Step::Copy(reader), reader });
        if depth > DEPTH_MAX {
            self.violation(trail, format!("a chain of more than {DEPTH_MAX} types"));
            return id;
        }
        self.known.insert((writer, reader, chosen), id);
        self.steps[id as usize].step = self.resolve(writer, reader, trail, depth, chosen);
        id
    }

    fn resolve(&mut self, writer: NodeId, reader: NodeId, trail: &Trail<'_>, depth: u32, chosen: bool) -> Step {
        let (arena, target) = (self.writer, self.reader);
        if let Kind::Union(union) = &arena.node(writer).kind {
            let branches = union.branches.iter().map(|branch| self.pair(*branch, reader, trail, depth + 1)).collect();
            return Step::FromUnion(branches);
        }
        if let Kind::Union(union) = &target.node(reader).kind {
            let Some(index) = branch_for(arena, writer, target, &union.branches) else {
                self.violation(trail, format!("{} -> {}", arena.words(writer), target.words(reader)));
                return Step::Copy(reader);
            };
            let inner = self.pair_in(writer, union.branches[index], trail, depth + 1, true);
            return Step::ToBranch(index as u32, inner);
        }
        let copy = Step::Copy(reader);
        let step = match (&arena.node(writer).kind, &target.node(reader).kind) {
            (Kind::Null, Kind::Null)
            | (Kind::Boolean, Kind::Boolean)
            | (Kind::Int, Kind::Int | Kind::Long)
            | (Kind::Long, Kind::Long)
            | (Kind::Float, Kind::Float)
            | (Kind::Double, Kind::Double)
            | (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String) => copy,
            (Kind::Int, Kind::Float) => Step::IntToFloat,
            (Kind::Int, Kind::Double) => Step::IntToDouble,
            (Kind::Long, Kind::Float) => Step::LongToFloat,
            (Kind::Long, Kind::Double) => Step::LongToDouble,
            (Kind::Float, Kind::Double) => Step::FloatToDouble,
            (Kind::Array(from), Kind::Array(to)) => {
                Step::Array(self.pair(*from, *to, &trail.then(Place::Items), depth + 1), *from)
            }
            (Kind::Map(from), Kind::Map(to)) => {
                Step::Map(self.pair(*from, *to, &trail.then(Place::Values), depth + 1), *from)
            }
            (Kind::Record(from), Kind::Record(to)) if chosen || named_alike(arena, writer, target, reader) => {
                self.record(from, to, trail, depth)
            }
            (Kind::Enum(from), Kind::Enum(to)) if named_alike(arena, writer, target, reader) => {
                self.symbols(from, to, trail)
            }
            (Kind::Fixed(from), Kind::Fixed(to)) if named_alike(arena, writer, target, reader) => {
                if from.size != to.size {
                    self.violation(trail, format!("fixed of {} -> {} bytes", from.size, to.size));
                }
                copy
            }
            _ => {
                self.violation(trail, format!("{} -> {}", arena.words(writer), target.words(reader)));
                return copy;
            }
        };
        self.logical(writer, reader, trail);
        step
    }

    fn record(&mut self, from: &Record, to: &Record, trail: &Trail<'_>, depth: u32) -> Step {
        let sources = sources(from, to);
        let mut moves = Vec::with_capacity(to.fields.len());
        for (field, source) in to.fields.iter().zip(&sources) {
            let place = trail.then(Place::Name(&field.name));
            match (source, &field.default) {
                (Some(index), _) => {
                    let step = self.pair(from.fields[*index].node, field.node, &place, depth + 1);
                    moves.push(Move::Field(*index, step, field.name.clone()));
                }
                (None, Some(default)) => moves.push(Move::Default(default.bytes.clone())),
                (None, None) => {
                    self.violation(&place, "a new field without default".to_owned());
                }
            }
        }
        let order: Vec<usize> = sources.into_iter().flatten().collect();
        if !order.is_sorted() {
            return Step::Reorder(from.fields.iter().map(|field| field.node).collect(), moves.into());
        }
        let mut in_order = Vec::with_capacity(moves.len());
        let mut next = 0;
        let skip = |range: std::ops::Range<usize>| from.fields[range].iter().map(|field| Move::Skip(field.node));
        for each in moves {
            if let Move::Field(index, ..) = each {
                in_order.extend(skip(next..index));
                next = index + 1;
            }
            in_order.push(each);
        }
        in_order.extend(skip(next..from.fields.len()));
        Step::Record(in_order.into())
    }

    fn symbols(&mut self, from: &Enum, to: &Enum, trail: &Trail<'_>) -> Step {
        let mut targets = Vec::with_capacity(from.symbols.len());
        for symbol in &from.symbols {
            let found = to.symbols.iter().position(|other| other == symbol).map(|index| index as u32);
            match found.or(to.default) {
                Some(index) => targets.push(index),
                None => self.violation(trail, format!("symbol {symbol} is gone and {} has no default", to.name)),
            }
        }
        Step::Enum(targets.into())
    }

    /// Checks what the logical types promise, after the base types have matched.
    fn logical(&mut self, writer: NodeId, reader: NodeId, trail: &Trail<'_>) {
        let (from, to) = (self.writer.node(writer), self.reader.node(reader));
        let same_base = std::mem::discriminant(&from.kind) == std::mem::discriminant(&to.kind);
        let words = || format!("{} -> {}", self.writer.words(writer), self.reader.words(reader));
        match (from.logical, to.logical) {
            (None, None) => {}
            (left, right) if left == right => {}
            (
                Some(Logical::Decimal { precision: before, scale: from_scale }),
                Some(Logical::Decimal { precision: after, scale: to_scale }),
            ) if same_base && from_scale == to_scale && before <= after => {}
            (None, Some(_)) | (Some(_), None) if same_base => {
                let warning = Violation { path: trail.path(), message: words() };
                if self.warnings.len() < VIOLATIONS_MAX && !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
            }
            _ => self.violation(trail, words()),
        }
    }
}

/// For each field of the reader the number of the writer's field it comes from: by name, else by alias.
fn sources(from: &Record, to: &Record) -> Vec<Option<usize>> {
    let numbers: HashMap<&str, usize> = from.fields.iter().enumerate().map(|(n, field)| (&*field.name, n)).collect();
    let mut sources: Vec<Option<usize>> = to.fields.iter().map(|field| numbers.get(&*field.name).copied()).collect();
    let mut taken: HashSet<usize> = sources.iter().flatten().copied().collect();
    for (field, source) in to.fields.iter().zip(&mut sources) {
        if source.is_none() {
            *source = field.aliases.iter().find_map(|alias| {
                let number = *numbers.get(alias.as_str())?;
                taken.insert(number).then_some(number)
            });
        }
    }
    sources
}

/// Whether two named types are the same one: by full name, or by an alias of the reader.
fn named_alike(arena: &Arena, writer: NodeId, target: &Arena, reader: NodeId) -> bool {
    let (Some(from), Some(to)) = (arena.name(writer), target.name(reader)) else { return false };
    from == to || aliases(target, reader).iter().any(|alias| alias == from)
}

fn aliases(arena: &Arena, id: NodeId) -> &[String] {
    match &arena.node(id).kind {
        Kind::Record(record) => &record.aliases,
        Kind::Enum(symbols) => &symbols.aliases,
        Kind::Fixed(fixed) => &fixed.aliases,
        _ => &[],
    }
}

/// The branch of a reader's union for a type that is no union.
///
/// The same full name wins, then an alias, then the same unnamed type, then a record of another name that fits by
/// its fields (one of the same short name first), then the first that the value can be promoted to.
fn branch_for(arena: &Arena, writer: NodeId, target: &Arena, branches: &[NodeId]) -> Option<usize> {
    let kind = &arena.node(writer).kind;
    let same_kind = |branch: NodeId| std::mem::discriminant(&target.node(branch).kind) == std::mem::discriminant(kind);
    let position = |accept: &dyn Fn(NodeId) -> bool| branches.iter().position(|branch| accept(*branch));
    let Some(name) = arena.name(writer) else {
        return position(&same_kind).or_else(|| position(&|branch| promotes(kind, &target.node(branch).kind)));
    };
    let exact = position(&|branch| same_kind(branch) && target.name(branch) == Some(name))
        .or_else(|| position(&|branch| same_kind(branch) && named_alike(arena, writer, target, branch)));
    if exact.is_some() || !matches!(kind, Kind::Record(_)) {
        return exact;
    }
    let fits = |branch: NodeId| {
        same_kind(branch) && Shapes { arena, target, seen: HashMap::new() }.record_fits(writer, branch, 0)
    };
    let short = |name: &str| name.rsplit('.').next().map(str::to_owned);
    position(&|branch| target.name(branch).and_then(short) == short(name) && fits(branch)).or_else(|| position(&fits))
}

/// Whether a value of one primitive may be read as another.
fn promotes(from: &Kind, to: &Kind) -> bool {
    matches!(
        (from, to),
        (Kind::Int, Kind::Long | Kind::Float | Kind::Double)
            | (Kind::Long, Kind::Float | Kind::Double)
            | (Kind::Float, Kind::Double)
            | (Kind::String, Kind::Bytes)
            | (Kind::Bytes, Kind::String)
    )
}

/// Asks whether types fit without telling why not; to choose among branches by shape.
struct Shapes<'a> {
    arena: &'a Arena,
    target: &'a Arena,
    /// Answers so far; a pair that is being asked for counts as fitting, which is what recursion means.
    seen: HashMap<(NodeId, NodeId), bool>,
}

impl Shapes<'_> {
    fn record_fits(&mut self, writer: NodeId, reader: NodeId, depth: u32) -> bool {
        let (Kind::Record(from), Kind::Record(to)) = (&self.arena.node(writer).kind, &self.target.node(reader).kind)
        else {
            return false;
        };
        sources(from, to).into_iter().zip(&to.fields).all(|(source, field)| match source {
            Some(index) => self.fits(from.fields[index].node, field.node, depth + 1),
            None => field.default.is_some(),
        })
    }

    fn fits(&mut self, writer: NodeId, reader: NodeId, depth: u32) -> bool {
        if depth > DEPTH_MAX {
            return false;
        }
        if let Some(fits) = self.seen.get(&(writer, reader)) {
            return *fits;
        }
        self.seen.insert((writer, reader), true);
        let fits = self.compare(writer, reader, depth);
        self.seen.insert((writer, reader), fits);
        fits
    }

    fn compare(&mut self, writer: NodeId, reader: NodeId, depth: u32) -> bool {
        let (arena, target) = (self.arena, self.target);
        match (&arena.node(writer).kind, &target.node(reader).kind) {
            (Kind::Union(union), _) => union.branches.iter().all(|branch| self.fits(*branch, reader, depth + 1)),
            (_, Kind::Union(union)) => union.branches.iter().any(|branch| self.fits(writer, *branch, depth + 1)),
            (Kind::Array(from), Kind::Array(to)) | (Kind::Map(from), Kind::Map(to)) => self.fits(*from, *to, depth + 1),
            (Kind::Record(_), Kind::Record(_)) => {
                named_alike(arena, writer, target, reader) && self.record_fits(writer, reader, depth)
            }
            (Kind::Enum(from), Kind::Enum(to)) => {
                let known = |symbol| to.symbols.contains(symbol);
                named_alike(arena, writer, target, reader) && (to.default.is_some() || from.symbols.iter().all(known))
            }
            (Kind::Fixed(from), Kind::Fixed(to)) => {
                let same_size = |from: &Fixed, to: &Fixed| from.size == to.size;
                named_alike(arena, writer, target, reader) && same_size(from, to)
            }
            (from, to) => std::mem::discriminant(from) == std::mem::discriminant(to) || promotes(from, to),
        }
    }
}

/// Whether two schemas of one layout have the same logical type at each position.
fn same_logical(writer: &Arena, reader: &Arena) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(writer.root, reader.root)];
    while let Some((left, right)) = open.pop() {
        if !seen.insert((left, right)) {
            continue;
        }
        let (from, to) = (writer.node(left), reader.node(right));
        if from.logical != to.logical {
            return false;
        }
        match (&from.kind, &to.kind) {
            (Kind::Array(left), Kind::Array(right)) | (Kind::Map(left), Kind::Map(right)) => open.push((*left, *right)),
            (Kind::Union(left), Kind::Union(right)) => {
                open.extend(left.branches.iter().copied().zip(right.branches.iter().copied()));
            }
            (Kind::Record(left), Kind::Record(right)) => {
                let nodes = |record: &Record| record.fields.iter().map(|field| field.node).collect::<Vec<_>>();
                open.extend(nodes(left).into_iter().zip(nodes(right)));
            }
            _ => {}
        }
    }
    true
}

/// Replaces steps that only copy, with everything inside them, by one copy.
fn with_copies(drafts: Vec<Draft>) -> Vec<Step> {
    let mut copies = vec![true; drafts.len()];
    // From "all copy" down to the greatest fixed point, so that recursive types are copies too.
    loop {
        let mut changed = false;
        for (id, draft) in drafts.iter().enumerate().rev() {
            if copies[id] && !only_copies(&drafts, &draft.step, &copies) {
                copies[id] = false;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let copied = |(draft, copy): (Draft, bool)| if copy { Step::Copy(draft.reader) } else { draft.step };
    drafts.into_iter().zip(copies).map(copied).collect()
}

fn only_copies(drafts: &[Draft], step: &Step, copies: &[bool]) -> bool {
    let copy = |id: &StepId| copies[*id as usize];
    match step {
        Step::Copy(_) => true,
        Step::Enum(symbols) => symbols.iter().enumerate().all(|(index, symbol)| index == *symbol as usize),
        Step::Array(inner, _) | Step::Map(inner, _) => copy(inner),
        // Each branch goes to the one of the same index.
        Step::FromUnion(branches) => branches.iter().enumerate().all(|(index, branch)| {
            matches!(&drafts[*branch as usize].step, Step::ToBranch(to, inner) if *to as usize == index && copy(inner))
        }),
        Step::Record(moves) => moves.iter().all(|each| matches!(each, Move::Field(_, inner, _) if copy(inner))),
        _ => false,
    }
}
