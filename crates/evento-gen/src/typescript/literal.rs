//! Defaults as expressions.

use super::names::{Names, key, quoted};
use super::types::tag;
use crate::ir::{Literal, Shape, TimeUnit, Type};

/// A default of a type.
pub(super) fn text(names: &Names<'_>, kind: &Type, literal: &Literal) -> String {
    match (kind, literal) {
        (_, Literal::Null) => "null".to_owned(),
        (_, Literal::Boolean(value)) => value.to_string(),
        (kind, Literal::Integer(value)) => integer(kind, *value),
        (_, Literal::Number(value)) => format!("{value:?}"),
        (_, Literal::Text(value)) => quoted(value),
        (kind, Literal::Bytes(bytes)) => of_bytes(kind, bytes),
        (Type::Enum(id), Literal::Symbol(n)) => match names.shape(*id) {
            Shape::Enum(of) => of.symbols.get(*n).map_or_else(String::new, |symbol| quoted(symbol)),
            Shape::Record(_) | Shape::Union(_) => String::new(),
        },
        (Type::Array(item), Literal::List(values)) => {
            let values: Vec<String> = values.iter().map(|value| text(names, item, value)).collect();
            format!("[{}]", values.join(", "))
        }
        (Type::Map(item), Literal::Entries(entries)) => {
            let entry = |(key, value): &(String, Literal)| format!("[{}, {}]", quoted(key), text(names, item, value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("new Map<string, {}>([{}])", names.text(item), entries.join(", "))
        }
        (Type::Optional { item, .. }, Literal::Some(value)) => text(names, item, value),
        (Type::Record(id), Literal::Fields(values)) => match names.shape(*id) {
            Shape::Record(record) if record.fields.is_empty() => format!("{}()", names.ident(*id)),
            Shape::Record(record) => {
                let fields = record.fields.iter().zip(values);
                let fields: Vec<String> = fields
                    .map(|(field, value)| format!("{}: {}", key(field), text(names, &field.kind, value)))
                    .collect();
                format!("{}({{ {} }})", names.ident(*id), fields.join(", "))
            }
            Shape::Enum(_) | Shape::Union(_) => String::new(),
        },
        (Type::Union(id), Literal::Branch(n, value)) => match names.shape(*id) {
            Shape::Union(union) => union.branches.get(*n).map_or_else(String::new, |branch| match branch.kind {
                Type::Null => "null".to_owned(),
                ref kind => format!("{{ type: {}, value: {} }}", tag(branch), text(names, kind, value)),
            }),
            Shape::Record(_) | Shape::Enum(_) => String::new(),
        },
        // The IR gives literals in the shape of their types.
        _ => String::new(),
    }
}

fn integer(kind: &Type, value: i64) -> String {
    match kind {
        Type::Long => format!("{value}n"),
        Type::Timestamp(TimeUnit::Millis) => format!("evento.Timestamp.ofMillis({value}n)"),
        Type::Timestamp(TimeUnit::Micros) => format!("evento.Timestamp.ofMicros({value}n)"),
        Type::Date => format!("evento.LocalDate.ofEpochDay({value})"),
        _ => value.to_string(),
    }
}

fn of_bytes(kind: &Type, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match kind {
        Type::Decimal { scale, .. } => {
            let digits = if hex.is_empty() { "0n".to_owned() } else { format!("0x{hex}n") };
            format!("new evento.Decimal(BigInt.asIntN({}, {digits}), {scale})", bytes.len() * 8)
        }
        Type::Uuid { .. } if hex.len() == 32 => {
            let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            quoted(&format!("{a}-{b}-{c}-{d}-{e}"))
        }
        _ => {
            let bytes: Vec<String> = bytes.iter().map(|byte| byte.to_string()).collect();
            format!("Uint8Array.of({})", bytes.join(", "))
        }
    }
}
