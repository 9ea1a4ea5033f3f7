//! Python: one package with frozen dataclasses, straight-line codecs, and what the resources say of each entity.
//!
//! The package stands on `evento` (the Python SDK), whose readers and writers it calls. It has no base class and no
//! reflection: a record is a dataclass, its codec two functions. The entity's functions are written by hand and
//! compared with the package when they are served.

mod codec;
mod names;
mod types;

use std::collections::HashSet;

use crate::ir::{Declared, Entity, Shape};
use crate::{GenerateError, GeneratedFile, Ir, MARK, Options, Writer};
use names::Names;

/// Longest line of imports that is not broken.
const LINE_MAX: usize = 110;

/// Writes the package.
pub(crate) fn generate(ir: &Ir, options: &Options) -> Result<Vec<GeneratedFile>, GenerateError> {
    let names = Names::of(ir);
    let package = names::package(ir, options)?;
    let body = body(ir, &names);
    let mut out = Writer::new("    ");
    head(ir, &package, &mut out);
    imports(&body, &mut out);
    let path = format!("{}/__init__.py", package.replace('.', "/"));
    Ok(vec![GeneratedFile { path, text: out.finish() + &body }])
}

fn body(ir: &Ir, names: &Names) -> String {
    let mut out = Writer::new("    ");
    // Enums and wrappers hold no other class; records come after what they hold, for the sake of defaults.
    let of_kind = |wanted: fn(&Shape) -> bool| ir.types.iter().filter(move |declared| wanted(&declared.shape));
    of_kind(|shape| matches!(shape, Shape::Enum(_))).for_each(|declared| types::enumeration(declared, &mut out));
    for declared in of_kind(|shape| matches!(shape, Shape::Union(_))) {
        types::wrappers(ir, names, declared, &mut out);
    }
    of_kind(|shape| matches!(shape, Shape::Record(_))).for_each(|record| types::record(ir, names, record, &mut out));
    of_kind(|shape| matches!(shape, Shape::Union(_))).for_each(|union| types::union(ir, names, union, &mut out));
    ir.types.iter().for_each(|declared| codec::functions(ir, names, declared, &mut out));
    of_kind(|shape| matches!(shape, Shape::Record(_))).for_each(|record| attach(record, &mut out));
    ir.entities.iter().for_each(|entity| results(ir, entity, &mut out));
    ir.entities.iter().for_each(|entity| contract(ir, entity, &mut out));
    exports(ir, names, &mut out);
    out.finish()
}

fn head(ir: &Ir, package: &str, out: &mut Writer) {
    let entities: Vec<&str> = ir.entities.iter().map(|entity| entity.full_name.as_str()).collect();
    out.comment("#", MARK);
    out.line(format!("\"\"\"Package `{package}`: types and codecs of {}.\"\"\"", entities.join(", ")));
}

/// Modules and what is taken from them, in the order in which it is written; only what the package uses is.
/// Names that a schema could have as well are imported with an underscore.
const IMPORTS: &[(&str, &[&str])] = &[
    ("collections.abc", &["Mapping as _Mapping"]),
    ("dataclasses", &["dataclass as _dataclass", "field as _field"]),
    ("datetime", &["date as _date", "datetime as _datetime"]),
    ("decimal", &["Decimal as _Decimal"]),
    ("enum", &["Enum as _Enum"]),
    ("typing", &["ClassVar as _ClassVar", "Union as _Union"]),
    ("uuid", &["UUID as _UUID"]),
    (
        "evento.avro",
        &[
            "BOOLEAN",
            "INT",
            "LONG",
            "FrozenDict as _FrozenDict",
            "deeper",
            "read_array",
            "read_boolean",
            "read_bytes",
            "read_double",
            "read_fixed",
            "read_float",
            "read_index",
            "read_int",
            "read_long",
            "read_map",
            "read_null",
            "read_optional",
            "read_string",
            "write_array",
            "write_boolean",
            "write_bytes",
            "write_double",
            "write_fixed",
            "write_float",
            "write_int",
            "write_long",
            "write_map",
            "write_null",
            "write_string",
            "wrong",
        ],
    ),
    ("evento.codec", &["Codec as _Codec", "quick"]),
    (
        "evento.logical",
        &[
            "date_of_days",
            "decimal_of_bytes",
            "read_date",
            "read_decimal",
            "read_decimal_fixed",
            "read_timestamp_micros",
            "read_timestamp_millis",
            "read_uuid",
            "read_uuid_fixed",
            "time_of_micros",
            "write_date",
            "write_decimal",
            "write_decimal_fixed",
            "write_timestamp_micros",
            "write_timestamp_millis",
            "write_uuid",
            "write_uuid_fixed",
        ],
    ),
    ("evento.model", &["Command as _Command", "Entity as _Entity", "Event as _Event"]),
];

/// The imports that a text needs.
fn imports(text: &str, out: &mut Writer) {
    let words: HashSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let used = |name: &&&str| words.contains(name.rsplit(' ').next().unwrap_or(name));
    out.blank().line("# ruff: noqa").line("from __future__ import annotations").blank();
    for (module, names) in IMPORTS {
        let names: Vec<&str> = names.iter().filter(used).copied().collect();
        let line = format!("from {module} import {}", names.join(", "));
        if names.is_empty() {
            continue;
        }
        if line.len() <= LINE_MAX {
            out.line(line);
            continue;
        }
        out.block(format!("from {module} import ("), ")", |out| {
            for name in names {
                out.line(format!("{name},"));
            }
        });
    }
}

/// Puts the codec on its class.
fn attach(declared: &Declared, out: &mut Writer) {
    let Shape::Record(record) = &declared.shape else { return };
    let ident = &declared.ident;
    out.blank().line(format!(
        "{ident}.__evento__ = _Codec({ident}, {}, _read_{ident}, _write_{ident})",
        types::text(&record.full_name)
    ));
}

/// What each command may answer, for annotations.
fn results(ir: &Ir, entity: &Entity, out: &mut Writer) {
    for command in &entity.commands {
        let events: Vec<&str> = command.emits.iter().map(|n| ir.ident(entity.events[*n].record)).collect();
        let ident = ir.ident(command.record);
        out.blank().line(format!("{ident}Result = _Union[{}]", events.join(", ")));
        out.line(format!("\"\"\"What `{ident}` may be answered with.\"\"\""));
    }
}

/// What the resources say of an entity.
fn contract(ir: &Ir, entity: &Entity, out: &mut Writer) {
    out.blank();
    out.block("_Entity(", ")", |out| {
        out.line(format!("{},", ir.ident(entity.state)));
        out.line(format!("resource={},", types::text(&entity.resource)));
        out.block("commands=(", "),", |out| {
            for command in &entity.commands {
                let emits: Vec<&str> = command.emits.iter().map(|n| ir.ident(entity.events[*n].record)).collect();
                let (ident, resource) = (ir.ident(command.record), types::text(&command.resource));
                out.line(format!("_Command({ident}, {resource}, ({},)),", emits.join(", ")));
            }
        });
        out.block("events=(", "),", |out| {
            for event in &entity.events {
                let rejection = if event.rejection { ", rejection=True" } else { "" };
                // Told only where it is not what the other says.
                let applied = if event.rejection && event.applied { ", applied=True" } else { "" };
                let (ident, resource) = (ir.ident(event.record), types::text(&event.resource));
                out.line(format!("_Event({ident}, {resource}{rejection}{applied}),"));
            }
        });
        out.block("manifest=(", "),", |out| manifest(&entity.manifest, out));
    });
}

/// The manifest, a line for each schema, so that a change of one is a change of one line.
fn manifest(json: &str, out: &mut Writer) {
    let whole: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let schemas: Vec<String> = whole["schemas"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    out.line(types::text("{\"schemas\":["));
    for (n, schema) in schemas.iter().enumerate() {
        let comma = if n + 1 < schemas.len() { "," } else { "" };
        out.line(types::text(&format!("{schema}{comma}")));
    }
    out.line(types::text(&format!("],\"entities\":{}}}", whole["entities"])));
}

fn exports(ir: &Ir, names: &Names, out: &mut Writer) {
    let mut exported: Vec<String> = ir.types.iter().map(|declared| declared.ident.clone()).collect();
    exported.extend(names.wrapper_names());
    let commands = ir.entities.iter().flat_map(|entity| &entity.commands);
    exported.extend(commands.map(|command| format!("{}Result", ir.ident(command.record))));
    exported.sort();
    out.blank();
    out.block("__all__ = [", "]", |out| {
        for name in &exported {
            out.line(format!("{},", types::text(name)));
        }
    });
}
