//! What people see of a declared type: the type, and the function that makes a value of it.

use super::names::{Names, key, member, quoted};
use super::{doc, literal};
use crate::Writer;
use crate::ir::{Branch, Enum, Field, Record, Type, TypeId, Union};

/// A readonly object, and a factory that fills in defaults.
pub(super) fn record(out: &mut Writer, names: &Names<'_>, id: TypeId, record: &Record) {
    let ident = names.ident(id);
    doc(out, record.doc.as_deref().unwrap_or_default());
    out.block(format!("export interface {ident} {{"), "}", |out| {
        if names.is_message(id) {
            out.line(format!("readonly $type: {};", quoted(&record.full_name)));
        }
        for field in &record.fields {
            doc(out, field.doc.as_deref().unwrap_or_default());
            out.line(format!("readonly {}: {};", key(field), names.text(&field.kind)));
        }
    });
    out.blank();
    factory(out, names, id, record);
}

fn factory(out: &mut Writer, names: &Names<'_>, id: TypeId, record: &Record) {
    let ident = names.ident(id);
    doc(out, &format!("Makes {} {{@link {ident}}}.", article(&ident)));
    if record.fields.is_empty() {
        let text = if names.is_message(id) { format!("$type: {} ", quoted(&record.full_name)) } else { String::new() };
        let text = if text.is_empty() { "{}".to_owned() } else { format!("{{ {text}}}") };
        out.block(format!("export function {ident}(): {ident} {{"), "}", |out| {
            out.line(format!("return {text};"));
        });
        return;
    }
    out.block(format!("export function {ident}(fields: {{"), "", |out| {
        for field in &record.fields {
            let (optional, undefined) = if field.default.is_some() { ("?", " | undefined") } else { ("", "") };
            out.line(format!("readonly {}{optional}: {}{undefined};", key(field), names.text(&field.kind)));
        }
    });
    let absent = if record.fields.iter().all(|field| field.default.is_some()) { " = {}" } else { "" };
    out.block(format!("}}{absent}): {ident} {{"), "}", |out| {
        out.block("return {", "};", |out| {
            if names.is_message(id) {
                out.line(format!("$type: {},", quoted(&record.full_name)));
            }
            for field in &record.fields {
                out.line(format!("{}: {},", key(field), given(names, field)));
            }
        });
    });
}

/// The value of a field: as given, else its default.
fn given(names: &Names<'_>, field: &Field) -> String {
    let value = member("fields", field);
    match &field.default {
        None => value,
        Some(default) => {
            let default = literal::text(names, &field.kind, default);
            // An explicit null stays what it is.
            let nullable = matches!(field.kind, Type::Optional { .. } | Type::Union(_) | Type::Null);
            if nullable && default != "null" {
                format!("{value} === undefined ? {default} : {value}")
            } else {
                format!("{value} ?? {default}")
            }
        }
    }
}

/// A union of literals, the list of them, and their codec.
pub(super) fn enumeration(out: &mut Writer, names: &Names<'_>, id: TypeId, of: &Enum) {
    let ident = names.ident(id);
    let symbols: Vec<String> = of.symbols.iter().map(|symbol| quoted(symbol)).collect();
    doc(out, of.doc.as_deref().unwrap_or_default());
    out.line(format!("export type {ident} = {};", symbols.join(" | "))).blank();
    doc(out, &format!("Every {{@link {ident}}}, in the order of the schema."));
    out.line(format!("export const {ident}: readonly {ident}[] = [{}];", symbols.join(", "))).blank();
    out.block(format!("function read${ident}(r: evento.Reader): {ident} {{"), "}", |out| {
        out.line(format!("return {ident}[r.index({}, \"symbol\")] as {ident};", symbols.len()));
    });
    out.blank();
    out.block(
        format!("function write${ident}(w: evento.Writer, value: {ident}, place: string): void {{"),
        "}",
        |out| {
            out.line(format!("w.symbol({ident}, value, place);"));
        },
    );
}

/// A union of objects that say which branch they are.
pub(super) fn union(out: &mut Writer, names: &Names<'_>, id: TypeId, union: &Union) {
    let ident = names.ident(id);
    doc(out, &format!("One of several, in {}.", union.place));
    out.block(format!("export type {ident} ="), "", |out| {
        let last = union.branches.len().saturating_sub(1);
        for (n, branch) in union.branches.iter().enumerate() {
            let text = match branch.kind {
                Type::Null => "null".to_owned(),
                ref kind => {
                    format!("{{ readonly type: {}; readonly value: {} }}", tag(branch), names.text(kind))
                }
            };
            out.line(format!("| {text}{}", if n == last { ";" } else { "" }));
        }
    });
    out.blank();
}

/// What a value of a branch says it is: a named type its name, any other one begins small.
pub(super) fn tag(branch: &Branch) -> String {
    match branch.kind {
        Type::Record(_) | Type::Enum(_) | Type::Fixed { .. } => quoted(&branch.ident),
        _ => {
            let mut letters = branch.ident.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            quoted(&first.into_iter().chain(letters).collect::<String>())
        }
    }
}

fn article(ident: &str) -> &'static str {
    if ident.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}
