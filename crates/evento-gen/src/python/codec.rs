//! The two functions of each declared type: `_read_X` and `_write_X`, straight from field to field.

use super::names::{self, Names};
use super::types::{annotation, id_of};
use crate::ir::{Declared, Enum, Record, Shape, TimeUnit, Type, TypeId, Union};
use crate::{Ir, Writer};

/// Largest least size of an item that is told; beyond it one byte more or less does not matter.
const SIZE_MIN_MAX: u64 = 1 << 24;
/// Longest line that is not broken.
const LINE_MAX: usize = 110;

/// Writes both functions.
pub(super) fn functions(ir: &Ir, names: &Names, declared: &Declared, out: &mut Writer) {
    let Some(id) = id_of(ir, declared) else { return };
    out.blank();
    match &declared.shape {
        Shape::Record(record) => {
            if !record.fields.is_empty() {
                out.blank().line(format!("_make_{0} = quick({0})", declared.ident)).blank();
            }
            read_record(ir, names, declared, record, out);
            write_record(ir, declared, record, out);
        }
        Shape::Enum(symbols) => enumeration(declared, symbols, out),
        Shape::Union(union) => {
            read_union(ir, names, id, union, out);
            write_union(ir, names, id, union, out);
        }
    }
}

/// `def _read_X(b, i)`, and how deep it is when values may be nested without end.
fn read_head(ir: &Ir, names: &Names, kind: &Type) -> String {
    let depth = if names.is_deep(kind) { ", d: int = 0" } else { "" };
    let ident = annotation(ir, kind);
    format!("def _read_{ident}(b: bytes, i: int{depth}) -> tuple[{ident}, int]:")
}

fn read_record(ir: &Ir, names: &Names, declared: &Declared, record: &Record, out: &mut Writer) {
    let ident = &declared.ident;
    let Some(id) = id_of(ir, declared) else { return };
    let locals: Vec<String> = names::fields(record).iter().map(|name| format!("{name}_")).collect();
    out.blank();
    out.block(read_head(ir, names, &Type::Record(id)), "", |out| {
        if names.is_deep(&Type::Record(id)) {
            out.line("d = deeper(d)");
        }
        for (field, local) in record.fields.iter().zip(&locals) {
            out.line(format!("{local}, i = {}", read(ir, names, &field.kind, 0)));
        }
        let line = match locals.is_empty() {
            true => format!("return {ident}(), i"),
            false => format!("return _make_{ident}({}), i", locals.join(", ")),
        };
        if line.len() <= LINE_MAX {
            out.line(line);
            return;
        }
        out.block(format!("value = _make_{ident}("), ")", |out| {
            for local in &locals {
                out.line(format!("{local},"));
            }
        });
        out.line("return value, i");
    });
}

/// The expression that reads a value at `i`, which is `level` arrays and maps below the record around.
fn read(ir: &Ir, names: &Names, kind: &Type, level: usize) -> String {
    let items = |item: &Type| format!("{}, {}", reader(ir, names, item, level + 1), size_min(ir, item));
    match kind {
        Type::Fixed { size, .. } => format!("read_fixed(b, i, {size})"),
        Type::Array(item) => format!("read_array(b, i, {})", items(item)),
        Type::Map(value) => format!("read_map(b, i, {})", items(value)),
        Type::Optional { item, null_first } => {
            let null = if *null_first { "" } else { ", 1" };
            format!("read_optional(b, i, {}{null})", reader(ir, names, item, level))
        }
        Type::Decimal { precision, scale, fixed: None } => format!("read_decimal(b, i, {precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("read_decimal_fixed(b, i, {size}, {precision}, {scale})")
        }
        kind if names.is_deep(kind) => {
            let depth = if level == 0 { "d".to_owned() } else { format!("d + {level}") };
            format!("_read_{}(b, i, {depth})", annotation(ir, kind))
        }
        kind => format!("{}(b, i)", simple(ir, kind, "read")),
    }
}

/// A callable that reads a value.
fn reader(ir: &Ir, names: &Names, kind: &Type, level: usize) -> String {
    if is_simple(kind) && !names.is_deep(kind) {
        return simple(ir, kind, "read");
    }
    format!("lambda b, i: {}", read(ir, names, kind, level))
}

/// Whether one function of the SDK, or of the package, is all that it takes.
fn is_simple(kind: &Type) -> bool {
    !matches!(kind, Type::Fixed { .. } | Type::Array(_) | Type::Map(_) | Type::Optional { .. } | Type::Decimal { .. })
}

/// The function that reads or writes a simple type.
fn simple(ir: &Ir, kind: &Type, verb: &str) -> String {
    let word = match kind {
        Type::Null => "null",
        Type::Boolean => "boolean",
        Type::Int => "int",
        Type::Long => "long",
        Type::Float => "float",
        Type::Double => "double",
        Type::Bytes => "bytes",
        Type::String => "string",
        Type::Uuid { fixed: false } => "uuid",
        Type::Uuid { fixed: true } => "uuid_fixed",
        Type::Timestamp(TimeUnit::Millis) => "timestamp_millis",
        Type::Timestamp(TimeUnit::Micros) => "timestamp_micros",
        Type::Date => "date",
        named => return format!("_{verb}_{}", annotation(ir, named)),
    };
    format!("{verb}_{word}")
}

fn write_record(ir: &Ir, declared: &Declared, record: &Record, out: &mut Writer) {
    let ident = &declared.ident;
    out.blank().blank();
    out.block(format!("def _write_{ident}(v: {ident}) -> bytes:"), "", |out| {
        out.line(format!("if v.__class__ is not {ident}:"));
        out.line(format!("    raise wrong(v, \"{ident}\")"));
        let mut parts = Vec::new();
        for (field, name) in record.fields.iter().zip(names::fields(record)) {
            // The most frequent type is written without a call.
            if field.kind == Type::String {
                out.line(format!("{name}_ = v.{name}.encode()"));
                parts.extend([format!("LONG[len({name}_)]"), format!("{name}_")]);
            } else {
                parts.push(write(ir, &field.kind, &format!("v.{name}")));
            }
        }
        if let [] | [_] = parts[..] {
            out.line(format!("return {}", parts.first().map_or("b\"\"", String::as_str)));
            return;
        }
        out.block("return b\"\".join((", "))", |out| {
            for part in &parts {
                out.line(format!("{part},"));
            }
        });
    });
}

/// The expression that gives the bytes of a value.
fn write(ir: &Ir, kind: &Type, value: &str) -> String {
    match kind {
        Type::Boolean => format!("BOOLEAN[{value}]"),
        Type::Int => format!("INT[{value}]"),
        Type::Long => format!("LONG[{value}]"),
        Type::Fixed { size, .. } => format!("write_fixed({value}, {size})"),
        Type::Array(item) => format!("write_array({value}, {})", writer(ir, item)),
        Type::Map(item) => format!("write_map({value}, {})", writer(ir, item)),
        Type::Optional { item, null_first } => {
            let (null, some) = if *null_first { ("\\x00", "\\x02") } else { ("\\x02", "\\x00") };
            format!("b\"{null}\" if {value} is None else b\"{some}\" + {}", write(ir, item, value))
        }
        Type::Decimal { precision, scale, fixed: None } => format!("write_decimal({value}, {precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("write_decimal_fixed({value}, {size}, {precision}, {scale})")
        }
        kind => format!("{}({value})", simple(ir, kind, "write")),
    }
}

/// A callable that gives the bytes of one item.
fn writer(ir: &Ir, kind: &Type) -> String {
    if is_simple(kind) { simple(ir, kind, "write") } else { format!("lambda v: {}", write(ir, kind, "v")) }
}

fn enumeration(declared: &Declared, symbols: &Enum, out: &mut Writer) {
    let ident = &declared.ident;
    out.blank().line(format!("_symbols_{ident} = tuple({ident})"));
    out.line(format!("_bytes_{ident} = {{symbol: INT[n] for n, symbol in enumerate({ident})}}"));
    out.blank().blank();
    out.block(format!("def _read_{ident}(b: bytes, i: int) -> tuple[{ident}, int]:"), "", |out| {
        out.line(format!("n, i = read_index(b, i, {})", symbols.symbols.len()));
        out.line(format!("return _symbols_{ident}[n], i"));
    });
    out.blank().blank();
    out.block(format!("def _write_{ident}(v: {ident}) -> bytes:"), "", |out| {
        out.line(format!("return _bytes_{ident}[v]"));
    });
}

fn read_union(ir: &Ir, names: &Names, id: TypeId, union: &Union, out: &mut Writer) {
    out.blank();
    out.block(read_head(ir, names, &Type::Union(id)), "", |out| {
        out.line(format!("n, i = read_index(b, i, {})", union.branches.len()));
        for (n, branch) in union.branches.iter().enumerate() {
            let value = read(ir, names, &branch.kind, 0);
            let lines = match (names.wrapper(id, n), &branch.kind) {
                (None, Type::Null) => "return None, i".to_owned(),
                (None, _) => format!("return {value}"),
                // A local of its own for each branch, since their types differ.
                (Some(wrapper), _) => format!("x{n}, i = {value}\nreturn {wrapper}(x{n}), i"),
            };
            if n + 1 == union.branches.len() {
                out.line(&lines);
                continue;
            }
            out.block(format!("if n == {n}:"), "", |out| {
                out.line(&lines);
            });
        }
    });
}

fn write_union(ir: &Ir, names: &Names, id: TypeId, union: &Union, out: &mut Writer) {
    let ident = ir.ident(id);
    out.blank().blank();
    out.block(format!("def _write_{ident}(v: {ident}) -> bytes:"), "", |out| {
        for (n, branch) in union.branches.iter().enumerate() {
            // The index as the one or two bytes of a zig-zag number.
            let zigzag = 2 * n;
            let index = match zigzag < 128 {
                true => format!("b\"\\x{zigzag:02x}\""),
                false => format!("INT[{n}]"),
            };
            let (test, value) = match (names.wrapper(id, n), &branch.kind) {
                (None, Type::Null) => ("v is None".to_owned(), index),
                (None, kind) => {
                    let class = annotation(ir, kind);
                    (format!("isinstance(v, {class})"), format!("{index} + {}", write(ir, kind, "v")))
                }
                (Some(wrapper), kind) => {
                    let inner = write(ir, kind, "v.value");
                    let inner = if matches!(kind, Type::Optional { .. }) { format!("({inner})") } else { inner };
                    (format!("isinstance(v, {wrapper})"), format!("{index} + {inner}"))
                }
            };
            out.line(format!("if {test}:"));
            out.line(format!("    return {value}"));
        }
        out.line(format!("raise wrong(v, \"{ident}\")"));
    });
}

/// Fewest bytes that a value takes.
fn size_min(ir: &Ir, kind: &Type) -> u64 {
    size(ir, kind, &mut Vec::new()).min(SIZE_MIN_MAX)
}

fn size(ir: &Ir, kind: &Type, open: &mut Vec<TypeId>) -> u64 {
    match kind {
        Type::Null => 0,
        Type::Float => 4,
        Type::Double => 8,
        Type::Fixed { size, .. } | Type::Decimal { fixed: Some(size), .. } => u64::from(*size),
        Type::Uuid { fixed: true } => 16,
        Type::Record(id) => record_size(ir, *id, open),
        Type::Union(id) => match &ir.declared(*id).shape {
            Shape::Union(union) => {
                1 + union.branches.iter().map(|branch| size(ir, &branch.kind, open)).min().unwrap_or(0)
            }
            _ => 1,
        },
        _ => 1,
    }
}

fn record_size(ir: &Ir, id: TypeId, open: &mut Vec<TypeId>) -> u64 {
    // A record within itself adds nothing that is not counted already.
    if open.contains(&id) {
        return 0;
    }
    open.push(id);
    let fields = ir.record(id).map_or(&[][..], |record| &record.fields);
    let sum = fields.iter().fold(0u64, |sum, field| sum.saturating_add(size(ir, &field.kind, open)));
    open.pop();
    sum
}
