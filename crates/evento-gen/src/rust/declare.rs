//! `types.rs`: records, enums and unions with their codecs.

use super::codec::{can_fail, default, is_boxed, read, spell, spell_held, write};
use super::{literal, name};
use crate::ir::{Declared, Enum, Record, Shape, Type, Union};
use crate::naming::{distinct, escape, pascal};
use crate::{Ir, Language, MARK, Writer};

pub(super) fn types(ir: &Ir) -> String {
    let mut out = Writer::new("    ");
    out.line(format!("//! {MARK}")).line("//!");
    out.line("//! Every type that the schemas define, with its codec.").blank();
    if ir.types.iter().any(has_map) {
        out.line("use std::collections::BTreeMap;").blank();
    }
    out.line("use evento_sdk::avro::{Malformed, Reader, Record, Writer};");
    for declared in &ir.types {
        out.blank();
        match &declared.shape {
            Shape::Record(shape) => record(&mut out, ir, &declared.ident, shape),
            Shape::Enum(shape) => symbols(&mut out, &declared.ident, shape),
            Shape::Union(shape) => union(&mut out, ir, &declared.ident, shape),
        }
    }
    out.finish()
}

fn has_map(declared: &Declared) -> bool {
    fn within(kind: &Type) -> bool {
        match kind {
            Type::Map(_) => true,
            Type::Array(item) | Type::Optional { item, .. } => within(item),
            _ => false,
        }
    }
    match &declared.shape {
        Shape::Record(record) => record.fields.iter().any(|field| within(&field.kind)),
        Shape::Union(union) => union.branches.iter().any(|branch| within(&branch.kind)),
        Shape::Enum(_) => false,
    }
}

/// Names of a record's fields in Rust, in order.
pub(super) fn field_names(record: &Record) -> Vec<String> {
    distinct(record.fields.iter().map(|field| name(&field.name)))
}

/// Names of an enum's variants in Rust, in order.
pub(super) fn variants(symbols: &[String]) -> Vec<String> {
    distinct(symbols.iter().map(|symbol| escape(Language::Rust, &pascal(symbol))))
}

fn record(out: &mut Writer, ir: &Ir, ident: &str, record: &Record) {
    let names = field_names(record);
    let doc = record.doc.clone().unwrap_or_else(|| format!("`{}`.", record.full_name));
    out.comment("///", &doc).line("#[derive(Clone, PartialEq, Debug)]");
    if record.fields.is_empty() {
        out.line(format!("pub struct {ident} {{}}"));
    } else {
        out.block(format!("pub struct {ident} {{"), "}", |out| {
            for (field, name) in record.fields.iter().zip(&names) {
                out.comment("///", &field.doc.clone().unwrap_or_else(|| format!("`{}`.", field.name)));
                out.line(format!("pub {name}: {},", spell(ir, &field.kind)));
            }
        });
    }
    out.blank();
    out.block(format!("impl Record for {ident} {{"), "}", |out| {
        out.line(format!("const NAME: &'static str = {};", literal(&record.full_name))).blank();
        write_record(out, record, &names);
        out.blank();
        read_record(out, ir, ident, record, &names);
    });
    if !record.fields.is_empty() && record.fields.iter().all(|field| field.default.is_some()) {
        out.blank();
        default_record(out, ir, ident, record, &names);
    }
}

fn write_record(out: &mut Writer, record: &Record, names: &[String]) {
    let parameter = if record.fields.iter().all(|field| field.kind == Type::Null) { "_" } else { "out" };
    let head = format!("fn write(&self, {parameter}: &mut Writer) {{");
    if record.fields.is_empty() {
        out.line(format!("{head}}}"));
        return;
    }
    out.block(head, "}", |out| {
        for (field, name) in record.fields.iter().zip(names) {
            let place = format!("out.at({})", literal(&format!("{}.{}", record.full_name, field.name)));
            let call = write(&field.kind, "out", &format!("self.{name}"), false);
            if can_fail(&field.kind) {
                out.line(format!("{};", call.replacen("out", &place, 1)));
            } else if !call.is_empty() {
                out.line(format!("{call};"));
            }
        }
    });
}

fn read_record(out: &mut Writer, ir: &Ir, ident: &str, record: &Record, names: &[String]) {
    let fields = |out: &mut Writer| {
        for (field, name) in record.fields.iter().zip(names) {
            let reader = format!("reader.at({})", literal(&format!("{}.{}", record.full_name, field.name)));
            out.line(format!("{name}: {}?,", read(ir, &field.kind, &reader)));
        }
    };
    let parameter = if record.fields.is_empty() { "_" } else { "reader" };
    out.block(format!("fn read({parameter}: &mut Reader<'_>) -> Result<{ident}, Malformed> {{"), "}", |out| {
        match (record.fields.is_empty(), record.recursive) {
            (true, _) => {
                out.line(format!("Ok({ident} {{}})"));
            }
            (false, false) => out.block(format!("Ok({ident} {{"), "})", fields),
            (false, true) => out.block("reader.nested(|reader| {", "})", |out| {
                out.block(format!("Ok({ident} {{"), "})", fields);
            }),
        }
    });
}

fn default_record(out: &mut Writer, ir: &Ir, ident: &str, record: &Record, names: &[String]) {
    out.line("/// The defaults of the schema.");
    out.block(format!("impl Default for {ident} {{"), "}", |out| {
        out.block(format!("fn default() -> {ident} {{"), "}", |out| {
            out.block(format!("{ident} {{"), "}", |out| {
                for (field, name) in record.fields.iter().zip(names) {
                    if let Some(value) = &field.default {
                        out.line(format!("{name}: {},", default(ir, &field.kind, value)));
                    }
                }
            });
        });
    });
}

fn symbols(out: &mut Writer, ident: &str, of: &Enum) {
    let variants = variants(&of.symbols);
    let doc = of.doc.clone().unwrap_or_else(|| format!("`{}`.", of.full_name));
    out.comment("///", &doc).line("#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]");
    out.block(format!("pub enum {ident} {{"), "}", |out| {
        for (symbol, variant) in of.symbols.iter().zip(&variants) {
            out.line(format!("/// `{symbol}`.")).line(format!("{variant},"));
        }
    });
    out.blank();
    let all: Vec<String> = variants.iter().map(|variant| format!("{ident}::{variant}")).collect();
    out.block(format!("impl {ident} {{"), "}", |out| {
        out.line("/// Every symbol, in the order of the schema.");
        out.line(format!("pub const ALL: [{ident}; {}] = [{}];", all.len(), all.join(", "))).blank();
        out.line("/// The symbol as in the schema.");
        out.block("pub fn symbol(self) -> &'static str {", "}", |out| {
            out.block("match self {", "}", |out| {
                for (symbol, variant) in of.symbols.iter().zip(&all) {
                    out.line(format!("{variant} => {},", literal(symbol)));
                }
            });
        });
        out.blank();
        out.block("fn write(&self, out: &mut Writer) {", "}", |out| {
            out.line("out.index(*self as usize);");
        });
        out.blank();
        out.block(format!("fn read(reader: &mut Reader<'_>) -> Result<{ident}, Malformed> {{"), "}", |out| {
            out.line(format!("Ok({ident}::ALL[reader.index({})?])", all.len()));
        });
    });
}

fn union(out: &mut Writer, ir: &Ir, ident: &str, union: &Union) {
    out.line(format!("/// One of several types, in `{}`.", union.place)).line("#[derive(Clone, PartialEq, Debug)]");
    out.block(format!("pub enum {ident} {{"), "}", |out| {
        for branch in &union.branches {
            out.line(format!("/// Branch {}.", spell(ir, &branch.kind).replace("evento_sdk::", "")));
            match branch.kind {
                Type::Null => out.line(format!("{},", branch.ident)),
                _ => out.line(format!("{}({}),", branch.ident, spell_held(ir, &branch.kind))),
            };
        }
    });
    out.blank();
    out.block(format!("impl {ident} {{"), "}", |out| {
        write_union(out, ir, ident, union);
        out.blank();
        read_union(out, ir, ident, union);
    });
}

fn write_union(out: &mut Writer, ir: &Ir, ident: &str, union: &Union) {
    out.block("fn write(&self, out: &mut Writer) {", "}", |out| {
        out.block("match self {", "}", |out| {
            for (n, branch) in union.branches.iter().enumerate() {
                if branch.kind == Type::Null {
                    out.line(format!("{ident}::{} => out.index({n}),", branch.ident));
                    continue;
                }
                out.block(format!("{ident}::{}(value) => {{", branch.ident), "}", |out| {
                    out.line(format!("out.index({n});"));
                    let value = if is_boxed(ir, &branch.kind) { "value.as_ref()" } else { "value" };
                    out.line(format!("{};", write(&branch.kind, "out", value, true)));
                });
            }
        });
    });
}

fn read_union(out: &mut Writer, ir: &Ir, ident: &str, union: &Union) {
    let count = union.branches.len();
    out.block(format!("fn read(reader: &mut Reader<'_>) -> Result<{ident}, Malformed> {{"), "}", |out| {
        if let [branch] = &union.branches[..] {
            out.line("reader.index(1)?;");
            match branch.kind {
                Type::Null => out.line(format!("Ok({ident}::{})", branch.ident)),
                _ => out.line(format!("{}.map({ident}::{})", read(ir, &branch.kind, "reader"), branch.ident)),
            };
            return;
        }
        out.block(format!("match reader.index({count})? {{"), "}", |out| {
            for (n, branch) in union.branches.iter().enumerate() {
                // The last arm takes what is left: the reader gives no other number.
                let number = if n + 1 == count { "_".to_owned() } else { n.to_string() };
                let variant = format!("{ident}::{}", branch.ident);
                let boxed = if is_boxed(ir, &branch.kind) { ".map(Box::new)" } else { "" };
                match branch.kind {
                    Type::Null => out.line(format!("{number} => Ok({variant}),")),
                    _ => out.line(format!("{number} => {}{boxed}.map({variant}),", read(ir, &branch.kind, "reader"))),
                };
            }
        });
    });
}
