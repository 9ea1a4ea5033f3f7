//! The declared types: structs, string constants, and interfaces with a marker for unions.

use super::codec::{read, scalar, write as write_value};
use super::names::{Names, doc, fields, ident, own_name};
use crate::Writer;
use crate::ir::{Enum, Ir, Record, Shape, Type, Union};

/// Writes all declared types with their codecs.
pub(super) fn write(ir: &Ir, names: &Names, out: &mut Writer) {
    for declared in &ir.types {
        let name = ident(&declared.ident);
        match &declared.shape {
            Shape::Record(record) => write_record(ir, &name, record, out),
            Shape::Enum(made) => write_enum(&name, made, names.symbols(&declared.ident), out),
            Shape::Union(union) => write_union(ir, &name, union, names.branches(&declared.ident), out),
        }
    }
}

/// How a type is written in Go.
pub(super) fn go_type(ir: &Ir, kind: &Type) -> String {
    match kind {
        Type::Null => "struct{}".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Int => "int32".to_owned(),
        Type::Long => "int64".to_owned(),
        Type::Float => "float32".to_owned(),
        Type::Double => "float64".to_owned(),
        Type::Bytes => "[]byte".to_owned(),
        Type::String => "string".to_owned(),
        Type::Fixed { size, .. } => format!("[{size}]byte"),
        Type::Array(item) => format!("[]{}", go_type(ir, item)),
        Type::Map(item) => format!("map[string]{}", go_type(ir, item)),
        Type::Optional { item, .. } => format!("*{}", go_type(ir, item)),
        Type::Record(id) | Type::Enum(id) | Type::Union(id) => ident(ir.ident(*id)),
        Type::Decimal { .. } => "evento.Decimal".to_owned(),
        Type::Uuid { .. } => "evento.UUID".to_owned(),
        Type::Timestamp(_) => "time.Time".to_owned(),
        Type::Date => "evento.Date".to_owned(),
    }
}

/// Writes `NAME is WHAT: DOC`.
fn introduce(name: &str, what: &str, text: Option<&str>, out: &mut Writer) {
    let told = text.map(doc).filter(|told| !told.is_empty());
    let end = told.map_or_else(|| ".".to_owned(), |told| format!(": {told}"));
    out.blank().comment("//", &format!("{name} is {what}{end}"));
}

fn write_record(ir: &Ir, name: &str, record: &Record, out: &mut Writer) {
    let fields_named = fields(&record.fields);
    introduce(name, &record.full_name, record.doc.as_deref(), out);
    if record.fields.is_empty() {
        out.line(format!("type {name} struct{{}}"));
    } else {
        out.block(format!("type {name} struct {{"), "}", |out| {
            for (n, (field, field_name)) in record.fields.iter().zip(&fields_named).enumerate() {
                if n > 0 {
                    out.blank();
                }
                let told = field.doc.as_deref().map(doc).unwrap_or_default();
                let told = if told.is_empty() { format!("{field_name} is {}.", avro_words(&field.kind)) } else { told };
                out.comment("//", &told).line(format!("{field_name} {}", go_type(ir, &field.kind)));
            }
        });
    }
    out.line(format!("\n// AvroName is {}.", record.full_name));
    out.line(format!("func ({name}) AvroName() string {{\n\treturn {:?}\n}}", record.full_name));
    if record.fields.iter().all(|field| field.kind == Type::Null) {
        out.line(format!("\n// WriteAvro has nothing to write.\nfunc ({name}) WriteAvro(*evento.Writer) {{}}"));
        out.line(format!("\n// ReadAvro has nothing to read.\nfunc (*{name}) ReadAvro(*evento.Reader) {{}}"));
        return;
    }
    out.line("\n// WriteAvro appends the canonical bytes.");
    out.block(format!("func (v {name}) WriteAvro(w *evento.Writer) {{"), "}", |out| {
        out.line("if !w.Enter() {\n\treturn\n}");
        for (field, field_name) in record.fields.iter().zip(&fields_named) {
            write_value(ir, &format!("v.{field_name}"), &field.kind, 0, out);
        }
        out.line("w.Leave()");
    });
    out.line("\n// ReadAvro reads all fields; the first fault is kept in r.");
    out.block(format!("func (v *{name}) ReadAvro(r *evento.Reader) {{"), "}", |out| {
        out.line("if !r.Enter() {\n\treturn\n}");
        for (field, field_name) in record.fields.iter().zip(&fields_named) {
            read(ir, &format!("v.{field_name}"), &field.kind, 0, out);
        }
        out.line("r.Leave()");
    });
}

/// What a field holds, for a comment where the schema has none.
fn avro_words(kind: &Type) -> String {
    match kind {
        Type::Null => "null".to_owned(),
        Type::Boolean => "a boolean".to_owned(),
        Type::Int => "an int".to_owned(),
        Type::Long => "a long".to_owned(),
        Type::Float => "a float".to_owned(),
        Type::Double => "a double".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::String => "a string".to_owned(),
        Type::Fixed { full_name, .. } => format!("a {full_name}"),
        Type::Array(_) => "a list".to_owned(),
        Type::Map(_) => "a map".to_owned(),
        Type::Optional { item, .. } => format!("nil or {}", avro_words(item)),
        Type::Record(_) => "a record".to_owned(),
        Type::Enum(_) => "an enum".to_owned(),
        Type::Union(_) => "a union".to_owned(),
        Type::Decimal { precision, scale, .. } => {
            format!("a decimal of at most {precision} digits, {scale} of them after the point")
        }
        Type::Uuid { .. } => "a uuid".to_owned(),
        Type::Timestamp(_) => "a time".to_owned(),
        Type::Date => "a date".to_owned(),
    }
}

fn write_enum(name: &str, made: &Enum, symbols: &[String], out: &mut Writer) {
    introduce(name, &made.full_name, made.doc.as_deref(), out);
    out.line(format!("type {name} string\n\n// The symbols of {}.", made.full_name));
    out.block("const (", ")", |out| {
        for (n, (symbol, constant)) in made.symbols.iter().zip(symbols).enumerate() {
            if n > 0 {
                out.blank();
            }
            out.line(format!("// {constant} is {symbol}.\n{constant} {name} = {symbol:?}"));
        }
    });
    out.line("\n// WriteAvro appends the number of the symbol.");
    out.block(format!("func (v {name}) WriteAvro(w *evento.Writer) {{"), "}", |out| {
        out.line("switch v {");
        for (n, constant) in symbols.iter().enumerate() {
            out.line(format!("case {constant}:\n\tw.Index({n})"));
        }
        out.line(format!("default:\n\tw.Fail(\"%q is no symbol of {}\", string(v))\n}}", made.full_name));
    });
    out.line("\n// ReadAvro reads the number of a symbol.");
    out.block(format!("func (v *{name}) ReadAvro(r *evento.Reader) {{"), "}", |out| {
        out.line(format!("switch r.Index({}) {{", symbols.len()));
        for (n, constant) in symbols.iter().enumerate() {
            out.line(format!("case {n}:\n\t*v = {constant}"));
        }
        out.line("}");
    });
}

fn write_union(ir: &Ir, name: &str, union: &Union, types: &[String], out: &mut Writer) {
    let one_of: Vec<&str> = types.iter().map(String::as_str).collect();
    let what = format!("the union of {}: one of {}", union.place, one_of.join(", "));
    introduce(name, &what, None, out);
    out.line(format!("type {name} interface {{\n\tis{name}()\n}}"));
    for (branch, branch_type) in union.branches.iter().zip(types) {
        if branch.kind == Type::Null {
            continue;
        }
        if own_name(ir, branch).is_none() {
            let held = go_type(ir, &branch.kind);
            out.line(format!(
                "\n// {branch_type} is {} in a {name}.\ntype {branch_type} struct {{\n\tValue {held}\n}}",
                avro_words(&branch.kind)
            ));
        }
        out.line(format!("\nfunc ({branch_type}) is{name}() {{}}"));
    }
    write_union_codec(ir, name, union, types, out);
}

fn write_union_codec(ir: &Ir, name: &str, union: &Union, types: &[String], out: &mut Writer) {
    out.blank();
    out.block(format!("func write{name}(w *evento.Writer, union {name}) {{"), "}", |out| {
        out.line("switch v := union.(type) {");
        for (n, (branch, branch_type)) in union.branches.iter().zip(types).enumerate() {
            out.block(format!("case {branch_type}:"), "", |out| {
                out.line(format!("w.Index({n})"));
                let value = if own_name(ir, branch).is_some() { "v" } else { "v.Value" };
                write_value(ir, value, &branch.kind, 0, out);
            });
        }
        out.line(format!("default:\n\tw.Fail(\"a {name} cannot be a %T\", v)\n}}"));
    });
    out.blank();
    out.block(format!("func read{name}(r *evento.Reader) {name} {{"), "}", |out| {
        out.line(format!("switch r.Index({}) {{", union.branches.len()));
        for (n, (branch, branch_type)) in union.branches.iter().zip(types).enumerate() {
            out.block(format!("case {n}:"), "", |out| match scalar(ir, &branch.kind) {
                _ if branch.kind == Type::Null => {
                    out.line("return nil");
                }
                Some(value) => {
                    out.line(format!("return {branch_type}{{{value}}}"));
                }
                None => {
                    out.line(format!("var v {branch_type}"));
                    let target = if own_name(ir, branch).is_some() { "v" } else { "v.Value" };
                    read(ir, target, &branch.kind, 0, out);
                    out.line("return v");
                }
            });
        }
        out.line("}\nreturn nil");
    });
}
