//! How a type is spelled, written and read in Rust.

use crate::Ir;
use crate::ir::{Literal, Record, Shape, TimeUnit, Type};

/// The type.
pub(super) fn spell(ir: &Ir, kind: &Type) -> String {
    match kind {
        Type::Null => "()".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Int => "i32".to_owned(),
        Type::Long => "i64".to_owned(),
        Type::Float => "f32".to_owned(),
        Type::Double => "f64".to_owned(),
        Type::Bytes => "Vec<u8>".to_owned(),
        Type::String => "String".to_owned(),
        Type::Fixed { size, .. } => format!("[u8; {size}]"),
        Type::Array(item) => format!("Vec<{}>", spell(ir, item)),
        Type::Map(item) => format!("BTreeMap<String, {}>", spell(ir, item)),
        Type::Optional { item, .. } => format!("Option<{}>", spell_held(ir, item)),
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => ir.ident(*id).to_owned(),
        Type::Decimal { .. } => "evento_sdk::Decimal".to_owned(),
        Type::Uuid { .. } => "evento_sdk::Uuid".to_owned(),
        Type::Timestamp(_) => "evento_sdk::Timestamp".to_owned(),
        Type::Date => "evento_sdk::Date".to_owned(),
    }
}

/// The type where a value of it may hold a value like the one around it: behind a box then.
pub(super) fn spell_held(ir: &Ir, kind: &Type) -> String {
    if is_boxed(ir, kind) { format!("Box<{}>", spell(ir, kind)) } else { spell(ir, kind) }
}

/// Whether an optional value or a branch of this type stands behind a box.
pub(super) fn is_boxed(ir: &Ir, kind: &Type) -> bool {
    matches!(kind, Type::Record(id) if ir.record(*id).is_some_and(|record| record.recursive))
}

/// A call that writes `value`, an expression of the type, or a reference to it if `by_reference`.
pub(super) fn write(kind: &Type, out: &str, value: &str, by_reference: bool) -> String {
    let copied = if by_reference { format!("*{value}") } else { value.to_owned() };
    let borrowed = if by_reference { value.to_owned() } else { format!("&{value}") };
    let closure = |item: &Type| match write(item, "out", "item", true) {
        call if call.is_empty() => "|_, _| {}".to_owned(),
        call => format!("|out, item| {call}"),
    };
    match kind {
        Type::Null => String::new(),
        Type::Boolean => format!("{out}.boolean({copied})"),
        Type::Int => format!("{out}.int({copied})"),
        Type::Long => format!("{out}.long({copied})"),
        Type::Float => format!("{out}.float({copied})"),
        Type::Double => format!("{out}.double({copied})"),
        Type::Bytes => format!("{out}.bytes({borrowed})"),
        Type::String => format!("{out}.string({borrowed})"),
        Type::Fixed { .. } => format!("{out}.fixed({borrowed})"),
        Type::Array(item) => format!("{out}.array({borrowed}, {})", closure(item)),
        Type::Map(item) => format!("{out}.map({borrowed}, {})", closure(item)),
        Type::Optional { item, null_first } => {
            format!("{out}.optional({value}.as_ref(), {}, {})", usize::from(*null_first), closure(item))
        }
        Type::Record(_) | Type::Enum(_) | Type::Union(_) => format!("{value}.write({out})"),
        Type::Decimal { precision, scale, fixed: None } => format!("{out}.decimal({borrowed}, {precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("{out}.decimal_fixed({borrowed}, {precision}, {scale}, {size})")
        }
        Type::Uuid { fixed: false } => format!("{out}.uuid({copied})"),
        Type::Uuid { fixed: true } => format!("{out}.uuid_fixed({copied})"),
        Type::Timestamp(TimeUnit::Millis) => format!("{out}.timestamp_millis({copied})"),
        Type::Timestamp(TimeUnit::Micros) => format!("{out}.timestamp_micros({copied})"),
        Type::Date => format!("{out}.date({copied})"),
    }
}

/// Whether writing can meet a value that the schema cannot hold; a message then names the field.
pub(super) fn can_fail(kind: &Type) -> bool {
    match kind {
        Type::Array(item) | Type::Map(item) | Type::Optional { item, .. } => can_fail(item),
        Type::Decimal { .. } | Type::Timestamp(_) => true,
        _ => false,
    }
}

/// An expression that reads a value from `reader`: a `Result`.
pub(super) fn read(ir: &Ir, kind: &Type, reader: &str) -> String {
    let function = |item: &Type| read_function(ir, item);
    match kind {
        Type::Array(item) => format!("{reader}.array({})", function(item)),
        Type::Map(item) => format!("{reader}.map({})", function(item)),
        Type::Optional { item, null_first } => {
            let some = usize::from(*null_first);
            match is_boxed(ir, item) {
                true => format!("{reader}.optional({some}, |reader| {}.map(Box::new))", read(ir, item, "reader")),
                false => format!("{reader}.optional({some}, {})", function(item)),
            }
        }
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("{}::read({reader})", ir.ident(*id)),
        scalar => format!("{reader}.{}", scalar_call(scalar)),
    }
}

/// The same as something to be called with a reader.
fn read_function(ir: &Ir, kind: &Type) -> String {
    match kind {
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("{}::read", ir.ident(*id)),
        kind => match read(ir, kind, "reader") {
            call if call.ends_with("()") => call.replace("reader.", "Reader::").trim_end_matches("()").to_owned(),
            call => format!("|reader| {call}"),
        },
    }
}

fn scalar_call(kind: &Type) -> String {
    match kind {
        Type::Boolean => "boolean()".to_owned(),
        Type::Int => "int()".to_owned(),
        Type::Long => "long()".to_owned(),
        Type::Float => "float()".to_owned(),
        Type::Double => "double()".to_owned(),
        Type::Bytes => "bytes()".to_owned(),
        Type::String => "string()".to_owned(),
        Type::Fixed { .. } => "fixed()".to_owned(),
        Type::Decimal { precision, scale, fixed: None } => format!("decimal({precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => format!("decimal_fixed({precision}, {scale}, {size})"),
        Type::Uuid { fixed: false } => "uuid()".to_owned(),
        Type::Uuid { fixed: true } => "uuid_fixed()".to_owned(),
        Type::Timestamp(TimeUnit::Millis) => "timestamp_millis()".to_owned(),
        Type::Timestamp(TimeUnit::Micros) => "timestamp_micros()".to_owned(),
        Type::Date => "date()".to_owned(),
        _ => "null()".to_owned(),
    }
}

/// A default as a Rust expression.
pub(super) fn default(ir: &Ir, kind: &Type, literal: &Literal) -> String {
    match (kind, literal) {
        (Type::Null, _) => "()".to_owned(),
        (Type::Optional { .. }, Literal::Null) => "None".to_owned(),
        (Type::Optional { item, .. }, Literal::Some(value)) => format!("Some({})", held(ir, item, value)),
        (Type::Timestamp(TimeUnit::Millis), Literal::Integer(value)) => {
            format!("evento_sdk::Timestamp::from_millis({value})")
        }
        (Type::Timestamp(TimeUnit::Micros), Literal::Integer(value)) => {
            format!("evento_sdk::Timestamp::from_micros({value})")
        }
        (Type::Date, Literal::Integer(value)) => format!("evento_sdk::Date::from_days({value})"),
        (_, Literal::Integer(value)) => value.to_string(),
        (_, Literal::Boolean(value)) => value.to_string(),
        (_, Literal::Number(value)) => format!("{value:?}"),
        (Type::Uuid { .. }, Literal::Text(text)) => format!("evento_sdk::Uuid::from_bytes({:?})", uuid_bytes(text)),
        (Type::Uuid { .. }, Literal::Bytes(bytes)) => format!("evento_sdk::Uuid::from_bytes({bytes:?})"),
        (Type::Decimal { scale, .. }, Literal::Bytes(bytes)) => {
            format!("evento_sdk::Decimal::from_unscaled_bytes(&{bytes:?}, {scale})")
        }
        (Type::Fixed { .. }, Literal::Bytes(bytes)) => format!("{bytes:?}"),
        (_, Literal::Bytes(bytes)) => format!("vec!{bytes:?}"),
        (_, Literal::Text(text)) => format!("{}.to_owned()", super::literal(text)),
        (kind, value) => composed(ir, kind, value),
    }
}

fn composed(ir: &Ir, kind: &Type, literal: &Literal) -> String {
    match (kind, literal) {
        (Type::Array(item), Literal::List(values)) => {
            let values: Vec<String> = values.iter().map(|value| default(ir, item, value)).collect();
            format!("vec![{}]", values.join(", "))
        }
        (Type::Map(item), Literal::Entries(entries)) => {
            let entry = |(key, value): &(String, Literal)| {
                format!("({}.to_owned(), {})", super::literal(key), default(ir, item, value))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("BTreeMap::from([{}])", entries.join(", "))
        }
        (Type::Enum(id), Literal::Symbol(n)) => match &ir.declared(*id).shape {
            Shape::Enum(of) => format!("{}::{}", ir.ident(*id), super::declare::variants(&of.symbols)[*n]),
            _ => String::new(),
        },
        (Type::Union(id), Literal::Branch(n, value)) => match &ir.declared(*id).shape {
            Shape::Union(union) => {
                let branch = &union.branches[*n];
                let variant = format!("{}::{}", ir.ident(*id), branch.ident);
                if branch.kind == Type::Null {
                    variant
                } else {
                    format!("{variant}({})", held(ir, &branch.kind, value))
                }
            }
            _ => String::new(),
        },
        (Type::Record(id), Literal::Fields(values)) => match ir.record(*id) {
            Some(record) => record_default(ir, ir.ident(*id), record, values),
            None => String::new(),
        },
        _ => String::new(),
    }
}

fn record_default(ir: &Ir, ident: &str, record: &Record, values: &[Literal]) -> String {
    let names = super::declare::field_names(record);
    let fields = record.fields.iter().zip(values).zip(names);
    let fields: Vec<String> =
        fields.map(|((field, value), name)| format!("{name}: {}", default(ir, &field.kind, value))).collect();
    format!("{ident} {{ {} }}", fields.join(", "))
}

fn held(ir: &Ir, kind: &Type, value: &Literal) -> String {
    let plain = default(ir, kind, value);
    if is_boxed(ir, kind) { format!("Box::new({plain})") } else { plain }
}

/// Bytes of a UUID whose text was checked with its schema.
fn uuid_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|letter| letter.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}
