//! Whether bytes are a datum of a schema, and the one canonical way to write them.
//!
//! Canonical bytes: map keys in the order of their UTF-8 bytes, arrays and maps in one block with a positive
//! count, shortest numbers, one NaN, decimals in minimal two's complement. Digests of states are over canonical
//! bytes, so that the map order of a library is not mistaken for a different state.

use super::NESTING_MAX;
use super::decimal::{BYTES_MAX, Unscaled, minimal};
use super::error::{DecodeError, Fault, fault, in_entry, in_field, in_item};
use super::logical::Logical;
use super::node::{Arena, Fixed, Kind, Node, NodeId};
use super::schema::Schema;
use super::wire::{Reader, write_bytes, write_double, write_float, write_long};

/// A valid datum in canonical bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checked<'a> {
    /// It came so.
    Canonical(&'a [u8]),
    /// It was valid but written another way.
    Rewritten(Vec<u8>),
}

impl Checked<'_> {
    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Checked::Canonical(bytes) => bytes,
            Checked::Rewritten(bytes) => bytes,
        }
    }

    /// The canonical bytes, copied if they are borrowed.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Checked::Canonical(bytes) => bytes.to_vec(),
            Checked::Rewritten(bytes) => bytes,
        }
    }
}

/// Checks that bytes are exactly one datum of a schema. Canonical input allocates nothing.
///
/// Limits: nesting of [`NESTING_MAX`], [`ZERO_SIZE_ITEMS_MAX`](super::ZERO_SIZE_ITEMS_MAX) values of zero bytes.
///
/// # Errors
///
/// The first place where the bytes are not a datum, or that bytes are left over.
pub fn check<'a>(schema: &Schema, datum: &'a [u8]) -> Result<Checked<'a>, DecodeError> {
    let arena = schema.arena();
    let mut reader = Reader::new(datum);
    let mut checked = walk(arena, arena.root, &mut reader, 0);
    if checked.is_ok() && reader.remaining() > 0 {
        checked = Err(fault(reader.position(), format!("{} bytes are left over", reader.remaining())));
    }
    let checked = checked.and_then(|()| {
        if reader.canonical {
            return Ok(Checked::Canonical(datum));
        }
        let mut out = Vec::with_capacity(datum.len());
        rewrite(arena, arena.root, &mut Reader::new(datum), &mut out)?;
        Ok(Checked::Rewritten(out))
    });
    checked.map_err(|fault| rooted(schema, fault))
}

/// Puts the name of the schema in front of the path of a fault.
#[cold]
#[allow(clippy::boxed_local, reason = "faults travel boxed")]
pub(super) fn rooted(schema: &Schema, mut fault: Fault) -> DecodeError {
    fault.path.insert_str(0, schema.full_name().unwrap_or_default());
    *fault
}

/// Reads one value, checking everything except that the keys of an unsorted map are unique.
///
/// What is valid but not canonical is remembered in the reader; [`rewrite`] then finds doubled keys.
pub(super) fn walk(arena: &Arena, id: NodeId, reader: &mut Reader<'_>, depth: u32) -> Result<(), Fault> {
    let node = arena.node(id);
    match &node.kind {
        Kind::Null => Ok(()),
        Kind::Boolean => reader.boolean().map(drop),
        Kind::Int => reader.int().map(drop),
        Kind::Long => reader.long().map(drop),
        Kind::Float => reader.float().map(drop),
        Kind::Double => reader.double().map(drop),
        Kind::Bytes => {
            let start = reader.position();
            let bytes = reader.bytes()?;
            if let Some(logical) = node.logical {
                check_bytes(logical, bytes, start, &mut reader.canonical)?;
            }
            Ok(())
        }
        Kind::String => {
            let start = reader.position();
            let text = reader.string()?;
            if node.logical == Some(Logical::Uuid) && !is_uuid(text) {
                return Err(fault(start, "a uuid must look like 123e4567-e89b-12d3-a456-426614174000"));
            }
            Ok(())
        }
        Kind::Fixed(fixed) => walk_fixed(node, fixed, reader),
        Kind::Enum(symbols) => reader.index(symbols.symbols.len(), "symbol").map(drop),
        Kind::Union(union) => {
            let branch = reader.index(union.branches.len(), "branch")?;
            walk(arena, union.branches[branch], reader, depth)
        }
        Kind::Record(record) => {
            let depth = deeper(depth, reader)?;
            if node.size_min == 0 {
                return Ok(());
            }
            for field in &record.fields {
                walk(arena, field.node, reader, depth).map_err(|fault| in_field(fault, &field.name))?;
            }
            Ok(())
        }
        Kind::Array(items) => {
            let depth = deeper(depth, reader)?;
            let item = arena.node(*items);
            let (mut blocks, mut index) = (reader.blocks(), 0);
            loop {
                let count = reader.block(&mut blocks, item.size_min, item.zero_size_weight)?;
                if count == 0 {
                    return Ok(());
                }
                if item.size_min == 0 {
                    continue;
                }
                for _ in 0..count {
                    walk(arena, *items, reader, depth).map_err(|fault| in_item(fault, index))?;
                    index += 1;
                }
            }
        }
        Kind::Map(values) => {
            let depth = deeper(depth, reader)?;
            let size_min = arena.node(*values).size_min.saturating_add(1);
            let mut blocks = reader.blocks();
            let mut last: Option<&[u8]> = None;
            loop {
                let count = reader.block(&mut blocks, size_min, 0)?;
                if count == 0 {
                    return Ok(());
                }
                for _ in 0..count {
                    let key = reader.string()?.as_bytes();
                    reader.canonical &= last.is_none_or(|last| last < key);
                    last = Some(key);
                    walk(arena, *values, reader, depth).map_err(|fault| in_entry(fault, key))?;
                }
            }
        }
    }
}

fn walk_fixed(node: &Node, fixed: &Fixed, reader: &mut Reader<'_>) -> Result<(), Fault> {
    let start = reader.position();
    let bytes = reader.take(fixed.size as usize)?;
    match node.logical {
        Some(Logical::Decimal { precision, .. }) => check_precision(bytes, precision, start),
        _ => Ok(()),
    }
}

/// One level deeper, or the fault that it is too deep.
#[inline]
pub(super) fn deeper(depth: u32, reader: &Reader<'_>) -> Result<u32, Fault> {
    if depth >= NESTING_MAX {
        return Err(fault(reader.position(), format!("values nest deeper than {NESTING_MAX}")));
    }
    Ok(depth + 1)
}

/// Checks the content of a `bytes` value with a logical type.
fn check_bytes(logical: Logical, bytes: &[u8], start: usize, canonical: &mut bool) -> Result<(), Fault> {
    match logical {
        Logical::Decimal { precision, .. } => {
            *canonical &= !bytes.is_empty() && minimal(bytes).len() == bytes.len();
            check_precision(bytes, precision, start)
        }
        Logical::BigDecimal => {
            let (unscaled, _, shortest) = big_decimal(bytes, start)?;
            *canonical &= shortest && !unscaled.is_empty() && minimal(unscaled).len() == unscaled.len();
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_precision(bytes: &[u8], precision: u32, start: usize) -> Result<(), Fault> {
    if Unscaled::from_bytes(bytes).is_some_and(|unscaled| unscaled.fits(precision)) {
        return Ok(());
    }
    Err(fault(start, format!("a decimal has more than {precision} digits")))
}

/// Takes a big-decimal apart: unscaled bytes, scale, and whether its numbers are written shortest.
pub(super) fn big_decimal(bytes: &[u8], start: usize) -> Result<(&[u8], i32, bool), Fault> {
    let mut inner = Reader::new(bytes);
    let parts = inner.bytes().and_then(|unscaled| Ok((unscaled, inner.int()?)));
    match parts {
        Ok((unscaled, scale)) if inner.remaining() == 0 && minimal(unscaled).len() <= BYTES_MAX => {
            Ok((unscaled, scale, inner.canonical))
        }
        _ => Err(fault(start, "not a big-decimal: an unscaled number of at most 1000 digits and a scale")),
    }
}

/// Whether a text has the form of RFC 9562: 8-4-4-4-12 hex digits.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Writes the canonical bytes of a value that [`walk`] has accepted.
///
/// # Errors
///
/// A map has a key twice.
pub(super) fn rewrite(arena: &Arena, id: NodeId, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let node = arena.node(id);
    match &node.kind {
        Kind::Null => {}
        Kind::Boolean => out.push(u8::from(reader.boolean()?)),
        Kind::Int => write_long(i64::from(reader.int()?), out),
        Kind::Long => write_long(reader.long()?, out),
        Kind::Float => write_float(reader.float()?, out),
        Kind::Double => write_double(reader.double()?, out),
        Kind::Bytes => rewrite_bytes(node.logical, reader, out)?,
        Kind::String => write_bytes(reader.bytes()?, out),
        Kind::Fixed(fixed) => out.extend_from_slice(reader.take(fixed.size as usize)?),
        Kind::Enum(symbols) => write_long(reader.index(symbols.symbols.len(), "symbol")? as i64, out),
        Kind::Union(union) => {
            let branch = reader.index(union.branches.len(), "branch")?;
            write_long(branch as i64, out);
            rewrite(arena, union.branches[branch], reader, out)?;
        }
        Kind::Record(record) => {
            if node.size_min > 0 {
                for field in &record.fields {
                    rewrite(arena, field.node, reader, out).map_err(|fault| in_field(fault, &field.name))?;
                }
            }
        }
        Kind::Array(items) => {
            let item = arena.node(*items);
            let (mut blocks, mut total, mut content) = (reader.blocks(), 0, Vec::new());
            loop {
                let count = reader.block(&mut blocks, item.size_min, item.zero_size_weight)?;
                if count == 0 {
                    break;
                }
                if item.size_min > 0 {
                    for index in total..total + count {
                        rewrite(arena, *items, reader, &mut content).map_err(|fault| in_item(fault, index))?;
                    }
                }
                total += count;
            }
            if total > 0 {
                write_long(total as i64, out);
                out.extend_from_slice(&content);
            }
            out.push(0);
        }
        Kind::Map(values) => {
            let size_min = arena.node(*values).size_min.saturating_add(1);
            let (mut blocks, mut entries) = (reader.blocks(), Entries::default());
            loop {
                let count = reader.block(&mut blocks, size_min, 0)?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    let (start, key) = (reader.position(), reader.bytes()?);
                    entries.start(key, start);
                    rewrite(arena, *values, reader, &mut entries.content).map_err(|fault| in_entry(fault, key))?;
                }
            }
            entries.write(out)?;
        }
    }
    Ok(())
}

fn rewrite_bytes(logical: Option<Logical>, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = reader.position();
    let bytes = reader.bytes()?;
    // The number 0 of no bytes becomes one byte.
    let shortest = |bytes| if minimal(bytes).is_empty() { &[0] } else { minimal(bytes) };
    match logical {
        Some(Logical::Decimal { .. }) => write_bytes(shortest(bytes), out),
        Some(Logical::BigDecimal) => {
            let (unscaled, scale, _) = big_decimal(bytes, start)?;
            write_big_decimal(shortest(unscaled), scale, out);
        }
        _ => write_bytes(bytes, out),
    }
    Ok(())
}

/// Writes a big-decimal of minimal unscaled bytes.
pub(super) fn write_big_decimal(unscaled: &[u8], scale: i32, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(unscaled.len() + 7);
    write_bytes(unscaled, &mut inner);
    write_long(i64::from(scale), &mut inner);
    write_bytes(&inner, out);
}

/// The entries of one map on their way to sorted order.
///
/// Bound: one element for each entry, and each entry came from at least one byte of input.
#[derive(Default)]
pub(super) struct Entries<'a> {
    entries: Vec<(&'a [u8], usize, usize)>,
    /// Values one after the other; an entry knows where its own starts.
    pub(super) content: Vec<u8>,
}

impl<'a> Entries<'a> {
    /// Starts an entry whose value is appended to the content next. The offset is for the message.
    pub(super) fn start(&mut self, key: &'a [u8], offset: usize) {
        self.entries.push((key, self.content.len(), offset));
    }

    /// Writes the map as one block in the order of its keys.
    pub(super) fn write(self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|n| self.entries[*n].0);
        for pair in order.windows(2) {
            let (key, _, offset) = self.entries[pair[1]];
            if self.entries[pair[0]].0 == key {
                return Err(in_entry(fault(offset, "a key is there twice"), key));
            }
        }
        if !order.is_empty() {
            write_long(order.len() as i64, out);
        }
        for n in order {
            let (key, start, _) = self.entries[n];
            let end = self.entries.get(n + 1).map_or(self.content.len(), |next| next.1);
            write_bytes(key, out);
            out.extend_from_slice(&self.content[start..end]);
        }
        out.push(0);
        Ok(())
    }
}
