//! Classes, annotations and default values.

use super::names::{self, Names};
use crate::ir::{Declared, Field, Literal, Shape, TimeUnit, Type, TypeId};
use crate::{Ir, Writer};

/// An enum.
pub(super) fn enumeration(declared: &Declared, out: &mut Writer) {
    let Shape::Enum(symbols) = &declared.shape else { return };
    out.blank().blank();
    out.block(format!("class {}(_Enum):", declared.ident), "", |out| {
        docstring(symbols.doc.as_deref().unwrap_or(&format!("`{}`.", symbols.full_name)), out);
        out.blank();
        for (member, symbol) in names::members(&symbols.symbols).iter().zip(&symbols.symbols) {
            out.line(format!("{member} = {}", text(symbol)));
        }
    });
}

/// A class for each branch of a union that does not tell itself apart.
pub(super) fn wrappers(ir: &Ir, names: &Names, declared: &Declared, out: &mut Writer) {
    let (Shape::Union(union), Some(id)) = (&declared.shape, id_of(ir, declared)) else { return };
    for (n, branch) in union.branches.iter().enumerate() {
        let Some(name) = names.wrapper(id, n) else { continue };
        out.blank().blank().line("@_dataclass(frozen=True, slots=True)");
        out.block(format!("class {name}:"), "", |out| {
            docstring(&format!("Branch {} of `{}`.", branch.ident, union.place), out);
            out.blank().line(format!("value: {}", annotation(ir, &branch.kind)));
        });
    }
}

/// The name of a union, for annotations.
pub(super) fn union(ir: &Ir, names: &Names, declared: &Declared, out: &mut Writer) {
    let (Shape::Union(union), Some(id)) = (&declared.shape, id_of(ir, declared)) else { return };
    let branches = union.branches.iter().enumerate().map(|(n, branch)| match names.wrapper(id, n) {
        Some(wrapper) => wrapper.to_owned(),
        None => annotation(ir, &branch.kind),
    });
    let branches: Vec<String> = branches.collect();
    out.blank().line(format!("{} = _Union[{}]", declared.ident, branches.join(", ")));
    out.line(format!("\"\"\"What `{}` may be.\"\"\"", union.place));
}

/// The number of a declared type.
pub(super) fn id_of(ir: &Ir, declared: &Declared) -> Option<TypeId> {
    ir.types.iter().position(|other| other.ident == declared.ident).map(TypeId)
}

/// A record.
pub(super) fn record(ir: &Ir, names: &Names, declared: &Declared, out: &mut Writer) {
    let Shape::Record(record) = &declared.shape else { return };
    // A field with a default cannot stand before one without.
    let first_default = record.fields.iter().rposition(|field| field.default.is_none()).map_or(0, |n| n + 1);
    out.blank().blank().line("@_dataclass(frozen=True, slots=True)");
    out.block(format!("class {}:", declared.ident), "", |out| {
        docstring(record.doc.as_deref().unwrap_or(&format!("`{}`.", record.full_name)), out);
        out.blank();
        for (n, (field, name)) in record.fields.iter().zip(names::fields(record)).enumerate() {
            let default = field.default.as_ref().filter(|_| n >= first_default);
            let default =
                default.map_or(String::new(), |default| format!(" = {}", default_of(ir, names, field, default)));
            out.line(format!("{name}: {}{default}", annotation(ir, &field.kind)));
            if let Some(doc) = &field.doc {
                docstring(doc, out);
            }
        }
        out.line(format!("__evento__: _ClassVar[_Codec[{}]]", declared.ident));
    });
}

/// What a value of a type is in Python.
pub(super) fn annotation(ir: &Ir, kind: &Type) -> String {
    match kind {
        Type::Null => "None".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Int | Type::Long => "int".to_owned(),
        Type::Float | Type::Double => "float".to_owned(),
        Type::Bytes | Type::Fixed { .. } => "bytes".to_owned(),
        Type::String => "str".to_owned(),
        Type::Array(item) => format!("tuple[{}, ...]", annotation(ir, item)),
        Type::Map(value) => format!("_Mapping[str, {}]", annotation(ir, value)),
        Type::Optional { item, .. } => format!("{} | None", annotation(ir, item)),
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => ir.ident(*id).to_owned(),
        Type::Decimal { .. } => "_Decimal".to_owned(),
        Type::Uuid { .. } => "_UUID".to_owned(),
        Type::Timestamp(_) => "_datetime".to_owned(),
        Type::Date => "_date".to_owned(),
    }
}

fn default_of(ir: &Ir, names: &Names, field: &Field, default: &Literal) -> String {
    let value = literal(ir, names, &field.kind, default);
    match default {
        // A dict cannot be a default of a dataclass.
        Literal::Entries(_) => format!("_field(default_factory=lambda: {value})"),
        _ => value,
    }
}

/// A value as an expression.
fn literal(ir: &Ir, names: &Names, kind: &Type, value: &Literal) -> String {
    let of = |kind: &Type, value: &Literal| literal(ir, names, kind, value);
    match (kind, value) {
        (_, Literal::Null) => "None".to_owned(),
        (_, Literal::Boolean(value)) => if *value { "True" } else { "False" }.to_owned(),
        (Type::Timestamp(TimeUnit::Millis), Literal::Integer(n)) => format!("time_of_micros({n} * 1000)"),
        (Type::Timestamp(TimeUnit::Micros), Literal::Integer(n)) => format!("time_of_micros({n})"),
        (Type::Date, Literal::Integer(n)) => format!("date_of_days({n})"),
        (_, Literal::Integer(n)) => n.to_string(),
        (_, Literal::Number(n)) => format!("{n:?}"),
        (Type::Uuid { .. }, Literal::Text(value)) => format!("_UUID({})", text(value)),
        (_, Literal::Text(value)) => text(value),
        (Type::Decimal { scale, .. }, Literal::Bytes(data)) => format!("decimal_of_bytes({}, {scale})", bytes(data)),
        (Type::Uuid { .. }, Literal::Bytes(data)) => format!("_UUID(bytes={})", bytes(data)),
        (_, Literal::Bytes(data)) => bytes(data),
        (Type::Enum(id), Literal::Symbol(n)) => symbol(ir, *id, *n),
        (Type::Array(item), Literal::List(values)) => {
            let items: String = values.iter().map(|value| format!("{}, ", of(item, value))).collect();
            format!("({})", if values.len() == 1 { items.trim_end() } else { items.trim_end_matches(", ") })
        }
        (Type::Map(item), Literal::Entries(entries)) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", text(key), of(item, value)));
            format!("_FrozenDict({{{}}})", entries.collect::<Vec<_>>().join(", "))
        }
        (Type::Record(id), Literal::Fields(values)) => {
            let fields = ir.record(*id).map_or(&[][..], |record| &record.fields);
            let values = fields.iter().zip(values).map(|(field, value)| of(&field.kind, value));
            format!("{}({})", ir.ident(*id), values.collect::<Vec<_>>().join(", "))
        }
        (Type::Optional { item, .. }, Literal::Some(value)) => of(item, value),
        (Type::Union(id), Literal::Branch(n, value)) => {
            let Shape::Union(union) = &ir.declared(*id).shape else { return "None".to_owned() };
            let inner = union.branches.get(*n).map_or(String::new(), |branch| of(&branch.kind, value));
            names.wrapper(*id, *n).map_or(inner.clone(), |wrapper| format!("{wrapper}({inner})"))
        }
        // The intermediate form gives each type the literal of its shape.
        _ => "None".to_owned(),
    }
}

fn symbol(ir: &Ir, id: TypeId, n: usize) -> String {
    let Shape::Enum(symbols) = &ir.declared(id).shape else { return "None".to_owned() };
    let members = names::members(&symbols.symbols);
    format!("{}.{}", ir.ident(id), members.get(n).map_or("", String::as_str))
}

/// A text as a Python literal.
pub(super) fn text(value: &str) -> String {
    let mut out = String::from("\"");
    let quote = if value.contains('"') && !value.contains('\'') { '\'' } else { '"' };
    out.replace_range(.., &quote.to_string());
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter == quote => out.extend(['\\', letter]),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\U{:08x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

fn bytes(data: &[u8]) -> String {
    let digits: String = data.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("b\"{digits}\"")
}

/// A text below a class or a field, as editors show it.
fn docstring(doc: &str, out: &mut Writer) {
    let mut doc = doc.trim().replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    if doc.ends_with('"') {
        doc.insert(doc.len() - 1, '\\');
    }
    let doc: String = doc.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect();
    match doc.contains('\n') {
        false => out.line(format!("\"\"\"{doc}\"\"\"")),
        true => out.line(format!("\"\"\"{doc}\n\"\"\"")),
    };
}
