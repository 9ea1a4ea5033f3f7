//! What people see of an entity: results, commands, events, the functions to write, and the function that takes them.

use serde_json::Value;

use super::doc;
use super::names::{Names, quoted};
use crate::Writer;
use crate::ir::{Entity, Shape, TypeId};

/// The codecs of all records, for whoever meets their bytes.
pub(super) fn codecs(out: &mut Writer, names: &Names<'_>) {
    doc(out, "Reads and writes the bytes of every record: for programs that meet them outside a function.");
    out.block("export const codecs = {", "};", |out| {
        for (id, declared) in names.declared() {
            if let Shape::Record(record) = &declared.shape {
                let (ident, name) = (names.ident(id), quoted(&record.full_name));
                out.line(format!("{ident}: {{ name: {name}, read: read${ident}, write: write${ident} }},"));
            }
        }
    });
}

/// Everything of one entity.
pub(super) fn entity(out: &mut Writer, names: &Names<'_>, entity: &Entity) {
    let state = names.ident(entity.state);
    for command in &entity.commands {
        let ident = names.ident(command.record);
        let emits = command.emits.iter().filter_map(|n| entity.events.get(*n)).map(|event| event.record);
        out.blank();
        doc(out, &format!("What {{@link {ident}}} may be answered with."));
        out.line(format!("export type {} = {};", names.beside(&format!("{ident}Result")), union(names, emits)));
    }
    let [command, event] = ["Command", "Event"].map(|what| names.beside(&format!("{state}{what}")));
    out.blank();
    doc(out, &format!("Every command of {{@link {state}}}."));
    let records = entity.commands.iter().map(|command| command.record);
    out.line(format!("export type {command} = {};", union(names, records))).blank();
    doc(out, &format!("Every event of {{@link {state}}}."));
    out.line(format!("export type {event} = {};", union(names, entity.events.iter().map(|event| event.record))))
        .blank();
    functions(out, names, entity, &state);
    out.blank();
    let (factory, functions) = (names.factory(entity), names.beside(&format!("{state}Function")));
    doc(out, &format!("The function of {{@link {state}}}, ready to be served and tested."));
    let result = format!("evento.EntityFunction<{state}, {command}, {event}>");
    out.block(format!("export function {factory}(functions: {functions}): {result} {{"), "}", |out| {
        out.line(format!("return new evento.EntityFunction(definition${state}, functions);"));
    });
    out.blank();
    definition(out, names, entity, &state);
}

fn union(names: &Names<'_>, records: impl Iterator<Item = TypeId>) -> String {
    let idents: Vec<String> = records.map(|id| names.ident(id)).collect();
    if idents.is_empty() { "never".to_owned() } else { idents.join(" | ") }
}

/// The interface to implement: one function for each command and for each event that is applied.
fn functions(out: &mut Writer, names: &Names<'_>, entity: &Entity, state: &str) {
    doc(out, &format!("What is to be written for {{@link {state}}}: pure functions, and synchronous ones."));
    let functions = names.beside(&format!("{state}Function"));
    out.block(format!("export interface {functions} {{"), "}", |out| {
        doc(out, "Raise it when `apply` changes meaning: stored states are then rebuilt. Default 1.");
        out.line("readonly stateVersion?: number | undefined;");
        doc(out, "Decides: one or more events for each command.");
        out.block("readonly handle: {", "};", |out| {
            for command in &entity.commands {
                let ident = names.ident(command.record);
                let result = names.beside(&format!("{ident}Result"));
                out.line(format!("readonly {ident}: evento.Handler<{ident}, {state}, {result}>;"));
            }
        });
        doc(out, "Evolves: the state after each event, null when the instance has ended.");
        out.block("readonly apply: {", "};", |out| {
            for event in entity.applied() {
                let ident = names.ident(event.record);
                out.line(format!("readonly {ident}: evento.Applier<{ident}, {state}>;"));
            }
        });
    });
}

fn definition(out: &mut Writer, names: &Names<'_>, entity: &Entity, state: &str) {
    out.block(format!("const definition${state}: evento.EntityDefinition = {{"), "};", |out| {
        out.line(format!("state: codecs.{state},"));
        out.block("commands: [", "],", |out| {
            for command in &entity.commands {
                let ident = names.ident(command.record);
                let emits = command.emits.iter().filter_map(|n| entity.events.get(*n));
                let emits: Vec<String> = emits.map(|event| quoted(&event.full_name)).collect();
                let (key, emits) = (quoted(&ident), emits.join(", "));
                out.line(format!("{{ key: {key}, codec: codecs.{ident}, emits: [{emits}] }},"));
            }
        });
        out.block("events: [", "],", |out| {
            for event in &entity.events {
                let ident = names.ident(event.record);
                let flags = format!("rejection: {}, applied: {}", event.rejection, event.applied);
                out.line(format!("{{ key: {}, codec: codecs.{ident}, {flags} }},", quoted(&ident)));
            }
        });
        manifest(out, &entity.manifest);
    });
}

/// The manifest as texts of JSON: numbers of JavaScript could not hold every default.
fn manifest(out: &mut Writer, manifest: &str) {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
    out.block("schemas: [", "],", |out| {
        for schema in list("schemas") {
            out.line(format!("{},", single_quoted(&schema.to_string())));
        }
    });
    for entity in list("entities") {
        out.line(format!("manifest: {},", single_quoted(&entity.to_string())));
    }
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
