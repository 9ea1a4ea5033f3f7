//! The statements that read and write a value: straight-line code, one line for each field.

use super::names::ident;
use super::types::go_type;
use crate::Writer;
use crate::ir::{Ir, Shape, TimeUnit, Type, TypeId};

/// An expression that reads a value of a simple type; none for those that take more than an expression.
pub(super) fn scalar(ir: &Ir, kind: &Type) -> Option<String> {
    Some(match kind {
        Type::Boolean => "r.Bool()".to_owned(),
        Type::Int => "r.Int()".to_owned(),
        Type::Long => "r.Long()".to_owned(),
        Type::Float => "r.Float()".to_owned(),
        Type::Double => "r.Double()".to_owned(),
        Type::Bytes => "r.Bytes()".to_owned(),
        Type::String => "r.String()".to_owned(),
        Type::Union(id) => format!("read{}(r)", ident(ir.ident(*id))),
        Type::Decimal { precision, scale, fixed: None } => format!("r.Decimal({precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("r.DecimalFixed({size}, {precision}, {scale})")
        }
        Type::Uuid { fixed: false } => "r.UUID()".to_owned(),
        Type::Timestamp(TimeUnit::Millis) => "r.TimestampMillis()".to_owned(),
        Type::Timestamp(TimeUnit::Micros) => "r.TimestampMicros()".to_owned(),
        Type::Date => "evento.Date(r.Int())".to_owned(),
        _ => return None,
    })
}

/// Writes the statements that read a value into `target`. `depth` keeps the names of nested loops apart.
pub(super) fn read(ir: &Ir, target: &str, kind: &Type, depth: usize, out: &mut Writer) {
    if let Some(value) = scalar(ir, kind) {
        out.line(format!("{target} = {value}"));
        return;
    }
    let n = depth + 1;
    match kind {
        Type::Fixed { .. } | Type::Uuid { .. } => {
            out.line(format!("r.Fixed({target}[:])"));
        }
        Type::Record(_) | Type::Enum(_) => {
            out.line(format!("{target}.ReadAvro(r)"));
        }
        Type::Array(item) => {
            let head = format!("for b{n} := r.Blocks({}); b{n}.Next(); {{", min_size(ir, item));
            out.block(head, "}", |out| {
                let value = value_of(ir, item, &format!("item{n}"), n, out);
                out.line(format!("{target} = append({target}, {value})"));
            });
        }
        Type::Map(item) => {
            out.line(format!("{target} = {}{{}}", go_type(ir, kind)));
            let head = format!("for b{n} := r.Blocks({}); b{n}.Next(); {{", min_size(ir, item).saturating_add(1));
            out.block(head, "}", |out| {
                out.line(format!("key{n} := r.String()"));
                let value = value_of(ir, item, &format!("value{n}"), n, out);
                out.line(format!("evento.Put(r, {target}, key{n}, {value})"));
            });
        }
        Type::Optional { item, null_first } => {
            out.block(format!("if r.Index(2) == {} {{", u8::from(*null_first)), "}", |out| match scalar(ir, item) {
                Some(value) => {
                    out.line(format!("{target} = evento.Some({value})"));
                }
                None => {
                    let value = value_of(ir, item, &format!("some{n}"), n, out);
                    out.line(format!("{target} = &{value}"));
                }
            });
        }
        _ => {}
    }
}

/// Reads a value into a new variable, if it takes one; what to call it.
fn value_of(ir: &Ir, kind: &Type, name: &str, depth: usize, out: &mut Writer) -> String {
    if let Some(value) = scalar(ir, kind) {
        return value;
    }
    out.line(format!("var {name} {}", go_type(ir, kind)));
    read(ir, name, kind, depth, out);
    name.to_owned()
}

/// The statement that writes a value of a simple type; none for those that take more than one.
fn simple_write(ir: &Ir, value: &str, kind: &Type) -> Option<String> {
    let call = |method: &str| format!("w.{method}({value})");
    Some(match kind {
        Type::Boolean => call("Bool"),
        Type::Int => call("Int"),
        Type::Long => call("Long"),
        Type::Float => call("Float"),
        Type::Double => call("Double"),
        Type::Bytes => call("PutBytes"),
        Type::String => call("String"),
        Type::Fixed { .. } | Type::Uuid { fixed: true } => format!("w.Fixed({value}[:])"),
        Type::Uuid { fixed: false } => call("UUID"),
        Type::Timestamp(TimeUnit::Millis) => call("TimestampMillis"),
        Type::Timestamp(TimeUnit::Micros) => call("TimestampMicros"),
        Type::Date => format!("w.Int(int32({value}))"),
        Type::Decimal { precision, scale, fixed: None } => format!("w.Decimal({value}, {precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("w.DecimalFixed({value}, {size}, {precision}, {scale})")
        }
        Type::Record(_) | Type::Enum(_) => format!("{value}.WriteAvro(w)"),
        Type::Union(id) => format!("write{}(w, {value})", ident(ir.ident(*id))),
        Type::Null | Type::Array(_) | Type::Map(_) | Type::Optional { .. } => return None,
    })
}

/// Writes the statements that write a value.
pub(super) fn write(ir: &Ir, value: &str, kind: &Type, depth: usize, out: &mut Writer) {
    if let Some(statement) = simple_write(ir, value, kind) {
        out.line(statement);
        return;
    }
    let n = depth + 1;
    match kind {
        Type::Array(item) => {
            out.line(format!("w.Begin(len({value}))"));
            // A loop over values without bytes would leave its variable unused.
            if **item != Type::Null {
                out.block(format!("for _, item{n} := range {value} {{"), "}", |out| {
                    write(ir, &format!("item{n}"), item, n, out);
                });
            }
            out.line("w.End()");
        }
        Type::Map(item) => {
            out.line(format!("w.Begin(len({value}))"));
            out.block(format!("for _, key{n} := range evento.SortedKeys({value}) {{"), "}", |out| {
                out.line(format!("w.String(key{n})"));
                write_entry(ir, &format!("{value}[key{n}]"), item, n, out);
            });
            out.line("w.End()");
        }
        Type::Optional { item, null_first } => {
            let some = u8::from(*null_first);
            out.line(format!("if {value} == nil {{\n\tw.Index({})", 1 - some));
            out.block("} else {", "}", |out| {
                out.line(format!("w.Index({some})"));
                write(ir, &pointed_to(value, item), item, depth, out);
            });
        }
        _ => {}
    }
}

/// What a map's entry needs before its bytes can be taken as a slice: a variable.
fn write_entry(ir: &Ir, value: &str, kind: &Type, n: usize, out: &mut Writer) {
    if matches!(kind, Type::Fixed { .. } | Type::Uuid { fixed: true }) {
        out.line(format!("value{n} := {value}"));
        return write(ir, &format!("value{n}"), kind, n, out);
    }
    write(ir, value, kind, n, out);
}

/// The value behind a pointer; methods and slices need no star.
fn pointed_to(value: &str, kind: &Type) -> String {
    match kind {
        Type::Record(_) | Type::Enum(_) | Type::Fixed { .. } | Type::Uuid { fixed: true } => value.to_owned(),
        Type::Map(_) => format!("(*{value})"),
        _ => format!("*{value}"),
    }
}

/// Least number of bytes that a value takes; 0 only for a type that never takes one.
pub(super) fn min_size(ir: &Ir, kind: &Type) -> u64 {
    min_within(ir, kind, &mut Vec::new())
}

fn min_within(ir: &Ir, kind: &Type, above: &mut Vec<TypeId>) -> u64 {
    match kind {
        Type::Null => 0,
        Type::Float => 4,
        Type::Double => 8,
        Type::Fixed { size, .. } | Type::Decimal { fixed: Some(size), .. } => u64::from(*size),
        Type::Uuid { fixed: true } => 16,
        Type::Uuid { fixed: false } => 37,
        Type::Record(id) => {
            // A record within itself comes with a null, a list or a map that makes it optional.
            if above.contains(id) {
                return 0;
            }
            let Some(record) = ir.record(*id) else { return 0 };
            above.push(*id);
            let sum =
                record.fields.iter().fold(0u64, |sum, field| sum.saturating_add(min_within(ir, &field.kind, above)));
            above.pop();
            sum
        }
        Type::Union(id) => match &ir.declared(*id).shape {
            Shape::Union(union) if !above.contains(id) => {
                above.push(*id);
                let least = union.branches.iter().map(|branch| min_within(ir, &branch.kind, above)).min();
                above.pop();
                least.unwrap_or(0).saturating_add(1)
            }
            _ => 1,
        },
        _ => 1,
    }
}
