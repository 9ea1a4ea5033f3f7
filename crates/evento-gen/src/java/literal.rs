//! A default as a Java expression.

use super::types::Types;
use super::union::branch_name;
use super::{constants, quoted};
use crate::ir::{Literal, Shape, TimeUnit, Type, TypeId};

/// The value of a type.
pub(super) fn literal(types: &Types<'_>, kind: &Type, value: &Literal) -> String {
    match (kind, value) {
        (Type::Optional { item, .. }, Literal::Some(value)) => literal(types, item, value),
        (Type::Array(item), Literal::List(values)) => list(types, item, values),
        (Type::Map(item), Literal::Entries(entries)) => map(types, item, entries),
        (Type::Record(id), Literal::Fields(values)) => record(types, *id, values),
        (Type::Enum(id), Literal::Symbol(n)) => match &types.ir.declared(*id).shape {
            Shape::Enum(of) => format!("{}.{}", types.ir.ident(*id), constants(&of.symbols)[*n]),
            _ => "null".to_owned(),
        },
        (Type::Union(id), Literal::Branch(n, value)) => branch(types, *id, *n, value),
        (kind, Literal::Bytes(bytes)) => bytes_of(types, kind, bytes),
        (Type::Uuid { .. }, Literal::Text(text)) => {
            format!("{}.fromString({})", types.file.import("java.util.UUID"), quoted(text))
        }
        (_, Literal::Text(text)) => quoted(text),
        (_, Literal::Boolean(value)) => value.to_string(),
        (kind, Literal::Integer(value)) => integer(types, kind, *value),
        (Type::Float, Literal::Number(value)) => format!("{}f", *value as f32),
        (_, Literal::Number(value)) => format!("{value:?}"),
        _ => "null".to_owned(),
    }
}

fn integer(types: &Types<'_>, kind: &Type, value: i64) -> String {
    match kind {
        Type::Long => format!("{value}L"),
        Type::Timestamp(TimeUnit::Millis) => {
            format!("{}.ofEpochMilli({value}L)", types.file.import("java.time.Instant"))
        }
        Type::Timestamp(TimeUnit::Micros) => {
            let (seconds, micros) = (value.div_euclid(1_000_000), value.rem_euclid(1_000_000));
            format!("{}.ofEpochSecond({seconds}L, {}L)", types.file.import("java.time.Instant"), micros * 1_000)
        }
        Type::Date => format!("{}.ofEpochDay({value}L)", types.file.import("java.time.LocalDate")),
        _ => value.to_string(),
    }
}

fn bytes_of(types: &Types<'_>, kind: &Type, bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let made = format!("{}.hex(\"{}\")", types.file.import("dev.evento.Bytes"), hex(bytes));
    match kind {
        Type::Decimal { scale, .. } => {
            let (decimal, integer) =
                (types.file.import("java.math.BigDecimal"), types.file.import("java.math.BigInteger"));
            format!("new {decimal}(new {integer}({made}.toByteArray()), {scale})")
        }
        Type::Uuid { .. } => {
            let (high, low) = bytes.split_at(8.min(bytes.len()));
            format!("new {}(0x{}L, 0x{}L)", types.file.import("java.util.UUID"), hex(high), hex(low))
        }
        _ => made,
    }
}

fn list(types: &Types<'_>, item: &Type, values: &[Literal]) -> String {
    let values = values.iter().map(|value| literal(types, item, value)).collect::<Vec<_>>().join(", ");
    // List.of takes no null.
    let class = if types.nullable(item) { "java.util.Arrays" } else { "java.util.List" };
    let method = if types.nullable(item) { "asList" } else { "of" };
    format!("{}.{method}({values})", types.file.import(class))
}

fn map(types: &Types<'_>, item: &Type, entries: &[(String, Literal)]) -> String {
    let map = types.file.import("java.util.Map");
    let entry =
        |(key, value): &(String, Literal)| format!("{map}.entry({}, {})", quoted(key), literal(types, item, value));
    if entries.is_empty() {
        return format!("{map}.of()");
    }
    format!("{map}.ofEntries({})", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

fn record(types: &Types<'_>, id: TypeId, values: &[Literal]) -> String {
    let fields = types.ir.record(id).map(|record| record.fields.as_slice()).unwrap_or_default();
    let values = fields.iter().zip(values).map(|(field, value)| literal(types, &field.kind, value));
    format!("new {}({})", types.ir.ident(id), values.collect::<Vec<_>>().join(", "))
}

fn branch(types: &Types<'_>, id: TypeId, n: usize, value: &Literal) -> String {
    let Shape::Union(union) = &types.ir.declared(id).shape else { return "null".to_owned() };
    match &union.branches[n].kind {
        Type::Null => "null".to_owned(),
        kind => {
            let class = format!("{}.{}", types.ir.ident(id), branch_name(&union.branches[n]));
            format!("new {class}({})", literal(types, kind, value))
        }
    }
}
