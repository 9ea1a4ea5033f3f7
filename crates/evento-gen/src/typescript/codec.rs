//! Codecs: straight-line code, field after field. What a value must be is checked by the run-time library.

use super::names::{Names, key, member, quoted};
use super::types::tag;
use crate::Writer;
use crate::ir::{Record, TimeUnit, Type, TypeId, Union};

/// `read$Name` and `write$Name` of a record.
pub(super) fn record(out: &mut Writer, names: &Names<'_>, id: TypeId, record: &Record) {
    let ident = names.ident(id);
    let counted = names.is_counted(id);
    // Nulls take no bytes.
    let empty = record.fields.iter().all(|field| field.kind == Type::Null);
    out.blank();
    let reader = if empty && !counted { "_r" } else { "r" };
    out.block(format!("function read${ident}({reader}: evento.Reader): {ident} {{"), "}", |out| {
        if counted {
            out.line("r.enter();");
        }
        let (open, close) =
            if counted { (format!("const value: {ident} = {{"), "};") } else { ("return {".into(), "};") };
        out.block(open, close, |out| {
            if names.is_message(id) {
                out.line(format!("$type: {},", quoted(&record.full_name)));
            }
            for field in &record.fields {
                out.line(format!("{}: {},", key(field), read(names, &field.kind)));
            }
        });
        if counted {
            out.line("r.leave();").line("return value;");
        }
    });
    out.blank();
    let (writer, value) = if empty { (if counted { "w" } else { "_w" }, "_value") } else { ("w", "value") };
    let head = format!("function write${ident}({writer}: evento.Writer, {value}: {ident}): void {{");
    out.block(head, "}", |out| {
        if counted {
            out.line(format!("w.enter({});", quoted(&record.full_name)));
        }
        for field in &record.fields {
            let place = quoted(&format!("{}.{}", record.full_name, field.name));
            write(out, names, &field.kind, &member("value", field), &place);
        }
        if counted {
            out.line("w.leave();");
        }
    });
}

/// `read$Name` and `write$Name` of a union.
pub(super) fn union(out: &mut Writer, names: &Names<'_>, id: TypeId, union: &Union) {
    let ident = names.ident(id);
    out.block(format!("function read${ident}(r: evento.Reader): {ident} {{"), "}", |out| {
        out.block(format!("switch (r.index({}, \"branch\")) {{", union.branches.len()), "}", |out| {
            for (n, branch) in union.branches.iter().enumerate() {
                // The index was checked: the last branch is what is left.
                let case = if n + 1 == union.branches.len() { "default".to_owned() } else { format!("case {n}") };
                let value = match branch.kind {
                    Type::Null => "null".to_owned(),
                    ref kind => format!("{{ type: {}, value: {} }}", tag(branch), read(names, kind)),
                };
                out.line(format!("{case}:\n  return {value};"));
            }
        });
    });
    out.blank();
    out.block(format!("function write${ident}(w: evento.Writer, value: {ident}): void {{"), "}", |out| {
        if let Some(n) = union.branches.iter().position(|branch| branch.kind == Type::Null) {
            out.line(format!("if (value === null) return w.index({n});"));
        }
        out.block("switch (value.type) {", "}", |out| {
            for (n, branch) in union.branches.iter().enumerate().filter(|(_, branch)| branch.kind != Type::Null) {
                out.block(format!("case {}:", tag(branch)), "", |out| {
                    out.line(format!("w.index({n});"));
                    write(out, names, &branch.kind, "value.value", &quoted(&union.place));
                    out.line("return;");
                });
            }
            out.line(format!("default:\n  evento.noBranch(value, {});", quoted(&union.place)));
        });
    });
}

/// An expression that reads a value from `r`.
fn read(names: &Names<'_>, kind: &Type) -> String {
    match kind {
        Type::Null => "null".to_owned(),
        Type::Boolean => "r.boolean()".to_owned(),
        Type::Int => "r.int()".to_owned(),
        Type::Long => "r.long()".to_owned(),
        Type::Float => "r.float()".to_owned(),
        Type::Double => "r.double()".to_owned(),
        Type::Bytes => "r.byteString()".to_owned(),
        Type::String => "r.string()".to_owned(),
        Type::Fixed { size, .. } => format!("r.fixed({size})"),
        Type::Array(item) => format!("evento.readArray(r, {}, {})", reader(names, item), names.size_min(item)),
        Type::Map(item) => format!("evento.readMap(r, {}, {})", reader(names, item), names.size_min(item)),
        Type::Optional { item, null_first } => {
            format!("r.index(2, \"branch\") === {} ? {} : null", u8::from(*null_first), read(names, item))
        }
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("read${}(r)", names.ident(*id)),
        Type::Decimal { precision, scale, fixed: None } => format!("evento.readDecimal(r, {precision}, {scale})"),
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("evento.readDecimalFixed(r, {size}, {precision}, {scale})")
        }
        Type::Uuid { fixed: false } => "evento.readUuid(r)".to_owned(),
        Type::Uuid { fixed: true } => "evento.readUuidBytes(r)".to_owned(),
        Type::Timestamp(TimeUnit::Millis) => "evento.readMillis(r)".to_owned(),
        Type::Timestamp(TimeUnit::Micros) => "evento.readMicros(r)".to_owned(),
        Type::Date => "evento.readDate(r)".to_owned(),
    }
}

/// A function that reads a value.
fn reader(names: &Names<'_>, kind: &Type) -> String {
    match kind {
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("read${}", names.ident(*id)),
        Type::Null => "() => null".to_owned(),
        _ => format!("(r) => {}", read(names, kind)),
    }
}

/// Statements that write a value to `w`.
fn write(out: &mut Writer, names: &Names<'_>, kind: &Type, value: &str, place: &str) {
    let (null, some) = match kind {
        Type::Optional { null_first, .. } => (u8::from(!null_first), u8::from(*null_first)),
        _ => (0, 0),
    };
    match kind {
        Type::Null => {}
        Type::Optional { item, .. } => {
            out.line(format!("if ({value} === null) w.index({null});"));
            out.block("else {", "}", |out| {
                out.line(format!("w.index({some});"));
                write(out, names, item, value, place);
            });
        }
        Type::Array(item) | Type::Map(item) => {
            let name = if matches!(kind, Type::Array(_)) { "writeArray" } else { "writeMap" };
            if let Type::Record(id) | Type::Union(id) = **item {
                out.line(format!("evento.{name}(w, {value}, write${}, {place});", names.ident(id)));
                return;
            }
            let parameters = if **item == Type::Null { "()" } else { "(w, item)" };
            out.block(format!("evento.{name}(w, {value}, {parameters} => {{"), format!("}}, {place});"), |out| {
                write(out, names, item, "item", place);
            });
        }
        kind => {
            out.line(format!("{};", write_call(names, kind, value, place)));
        }
    }
}

/// A call that writes a value that is neither a list nor optional.
fn write_call(names: &Names<'_>, kind: &Type, value: &str, place: &str) -> String {
    let method = |name: &str| format!("w.{name}({value}, {place})");
    let function = |name: &str| format!("evento.{name}(w, {value}, {place})");
    match kind {
        Type::Boolean => method("boolean"),
        Type::Int => method("int"),
        Type::Long => method("long"),
        Type::Float => method("float"),
        Type::Double => method("double"),
        Type::Bytes => method("byteString"),
        Type::Fixed { size, .. } => format!("w.fixed({value}, {size}, {place})"),
        Type::Record(id) | Type::Union(id) => format!("write${}(w, {value})", names.ident(*id)),
        Type::Enum(id) => format!("write${}(w, {value}, {place})", names.ident(*id)),
        Type::Decimal { precision, scale, fixed: None } => {
            format!("evento.writeDecimal(w, {value}, {precision}, {scale}, {place})")
        }
        Type::Decimal { precision, scale, fixed: Some(size) } => {
            format!("evento.writeDecimalFixed(w, {value}, {size}, {precision}, {scale}, {place})")
        }
        Type::Uuid { fixed: false } => function("writeUuid"),
        Type::Uuid { fixed: true } => function("writeUuidBytes"),
        Type::Timestamp(TimeUnit::Millis) => function("writeMillis"),
        Type::Timestamp(TimeUnit::Micros) => function("writeMicros"),
        Type::Date => function("writeDate"),
        _ => method("string"),
    }
}
