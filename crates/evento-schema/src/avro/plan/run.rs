//! Runs a plan: one pass over the writer's bytes, straight into the reader's.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::super::OUTPUT_BYTES_MAX;
use super::super::check::{deeper, rewrite, rooted, walk};
use super::super::error::{DecodeError, Fault, fault, in_entry, in_field, in_item};
use super::super::node::{Arena, NodeId};
use super::super::wire::{Reader, write_bytes, write_double, write_float, write_long};
use super::{Inner, Move, Step, StepId};

pub(super) fn run<'a>(plan: &Inner, datum: &'a [u8]) -> Result<Cow<'a, [u8]>, DecodeError> {
    let runner = Runner { plan, writer: plan.writer.arena(), reader: plan.reader.arena() };
    runner.whole(datum).map_err(|fault| rooted(&plan.reader, fault))
}

struct Runner<'p> {
    plan: &'p Inner,
    writer: &'p Arena,
    reader: &'p Arena,
}

impl Runner<'_> {
    fn whole<'a>(&self, datum: &'a [u8]) -> Result<Cow<'a, [u8]>, Fault> {
        let mut input = Reader::new(datum);
        let mut out = Vec::new();
        if let Step::Copy(node) = self.plan.steps[self.plan.root as usize] {
            walk(self.reader, node, &mut input, 0)?;
            if input.canonical && input.remaining() == 0 {
                return Ok(Cow::Borrowed(datum));
            }
            rewrite(self.reader, node, &mut Reader::new(datum), &mut out)?;
        } else {
            out.reserve(datum.len() + 16);
            self.step(self.plan.root, &mut input, &mut out, 0)?;
        }
        if input.remaining() > 0 {
            return Err(fault(input.position(), format!("{} bytes are left over", input.remaining())));
        }
        Ok(Cow::Owned(out))
    }

    fn step(&self, id: StepId, input: &mut Reader<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Fault> {
        match &self.plan.steps[id as usize] {
            Step::Copy(node) => {
                let start = input.position();
                input.canonical = true;
                walk(self.reader, *node, input, depth)?;
                if input.canonical {
                    out.extend_from_slice(input.since(start));
                } else {
                    rewrite(self.reader, *node, &mut input.again_from(start), out)?;
                }
            }
            Step::IntToFloat => write_float(input.int()? as f32, out),
            Step::IntToDouble => write_double(f64::from(input.int()?), out),
            Step::LongToFloat => write_float(input.long()? as f32, out),
            Step::LongToDouble => write_double(input.long()? as f64, out),
            Step::FloatToDouble => write_double(f64::from(input.float()?), out),
            Step::Enum(symbols) => write_long(i64::from(symbols[input.index(symbols.len(), "symbol")?]), out),
            Step::FromUnion(branches) => {
                let branch = input.index(branches.len(), "branch")?;
                self.step(branches[branch], input, out, depth)?;
            }
            Step::ToBranch(branch, inner) => {
                write_long(i64::from(*branch), out);
                self.step(*inner, input, out, depth)?;
            }
            Step::Array(items, node) => self.array(*items, *node, input, out, depth)?,
            Step::Map(values, node) => self.map(*values, *node, input, out, depth)?,
            Step::Record(moves) => {
                let depth = deeper(depth, input)?;
                for each in moves {
                    match each {
                        Move::Skip(node) => walk(self.writer, *node, input, depth)?,
                        Move::Field(_, step, name) => {
                            self.step(*step, input, out, depth).map_err(|fault| in_field(fault, name))?;
                        }
                        Move::Default(bytes) => out.extend_from_slice(bytes),
                    }
                }
                check_room(input, out)?;
            }
            Step::Reorder(nodes, moves) => {
                let depth = deeper(depth, input)?;
                // The reader's order needs the places of the writer's fields first.
                let mut starts: SmallVec<[usize; 16]> = SmallVec::with_capacity(nodes.len());
                for node in nodes {
                    starts.push(input.position());
                    walk(self.writer, *node, input, depth)?;
                }
                for each in moves {
                    match each {
                        Move::Skip(_) => {}
                        Move::Field(index, step, name) => {
                            let mut field = input.again_from(starts[*index]);
                            self.step(*step, &mut field, out, depth).map_err(|fault| in_field(fault, name))?;
                        }
                        Move::Default(bytes) => out.extend_from_slice(bytes),
                    }
                }
                check_room(input, out)?;
            }
        }
        Ok(())
    }

    fn array(
        &self,
        items: StepId,
        node: NodeId,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Fault> {
        let depth = deeper(depth, input)?;
        let node = self.writer.node(node);
        let (base, mut blocks, mut total) = (out.len(), input.blocks(), 0);
        let mut content = base;
        loop {
            let count = input.block(&mut blocks, node.size_min, node.zero_size_weight)?;
            if count == 0 {
                break;
            }
            if total == 0 {
                write_long(count as i64, out);
                content = out.len();
            }
            for index in total..total + count {
                self.step(items, input, out, depth).map_err(|fault| in_item(fault, index))?;
            }
            // The count of the first block was written; with a second one it is another.
            if total > 0 {
                let mut head = Vec::with_capacity(10);
                write_long((total + count) as i64, &mut head);
                let length = head.len();
                out.splice(base..content, head);
                content = base + length;
            }
            total += count;
            check_room(input, out)?;
        }
        out.push(0);
        Ok(())
    }

    fn map(
        &self,
        values: StepId,
        node: NodeId,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Fault> {
        let depth = deeper(depth, input)?;
        let size_min = self.writer.node(node).size_min.saturating_add(1);
        let base = out.len();
        // Bound: one element for each entry, which came from at least one byte of input.
        let mut entries: SmallVec<[(&[u8], usize, usize); 8]> = SmallVec::new();
        let (mut blocks, mut canonical) = (input.blocks(), true);
        loop {
            let count = input.block(&mut blocks, size_min, 0)?;
            if count == 0 {
                break;
            }
            // The usual case is one block with sorted keys: it is right as it is written here.
            canonical &= entries.is_empty();
            if canonical {
                write_long(count as i64, out);
            }
            for _ in 0..count {
                let (offset, key) = (input.position(), input.string()?.as_bytes());
                canonical &= entries.last().is_none_or(|last| last.0 < key);
                entries.push((key, out.len(), offset));
                write_bytes(key, out);
                self.step(values, input, out, depth).map_err(|fault| in_entry(fault, key))?;
            }
            check_room(input, out)?;
        }
        if !canonical {
            sort_entries(&entries, base, out)?;
        }
        out.push(0);
        Ok(())
    }
}

/// Brings the entries of a map, of which the first stands anywhere after `base`, into one block of sorted keys.
fn sort_entries(entries: &[(&[u8], usize, usize)], base: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let end = out.len();
    let written = out.split_off(base);
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|n| entries[*n].0);
    write_long(entries.len() as i64, out);
    for (place, n) in order.iter().enumerate() {
        let (key, start, offset) = entries[*n];
        if place > 0 && entries[order[place - 1]].0 == key {
            return Err(in_entry(fault(offset, "a key is there twice"), key));
        }
        let end = entries.get(n + 1).map_or(end, |next| next.1);
        out.extend_from_slice(&written[start - base..end - base]);
    }
    Ok(())
}

fn check_room(input: &Reader<'_>, out: &[u8]) -> Result<(), Fault> {
    if out.len() <= OUTPUT_BYTES_MAX {
        return Ok(());
    }
    Err(fault(input.position(), format!("the result has more than {OUTPUT_BYTES_MAX} bytes")))
}
