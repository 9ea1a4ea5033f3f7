//! An entity: the interface to implement, the sealed interfaces of its commands, events and results, and its host.

use super::names::{File, Names};
use super::{comment, quoted, schemas};
use crate::ir::{Command, Entity, Event, Ir};
use crate::naming::{camel, escape};
use crate::{GenerateError, GeneratedFile, Language, Writer};

/// Most bytes of one string literal: the class file holds at most 65,535 (JVM specification 4.4.7).
const LITERAL_BYTES_MAX: usize = 20_000;

pub(super) fn files(ir: &Ir, names: &Names, entity: &Entity) -> Result<Vec<GeneratedFile>, GenerateError> {
    let place = ir.entities.iter().position(|other| other.full_name == entity.full_name).unwrap_or_default();
    let made = Made { ir, names, entity, place, state: ir.ident(entity.state) };
    let mut files = vec![made.function(), made.host()?, made.commands(), made.events()];
    files.extend(entity.commands.iter().map(|command| made.result(command)));
    Ok(files)
}

struct Made<'a> {
    ir: &'a Ir,
    names: &'a Names,
    entity: &'a Entity,
    place: usize,
    state: &'a str,
}

impl Made<'_> {
    fn method(&self, command: &Command) -> String {
        escape(Language::Java, &camel(self.ir.ident(command.record)))
    }

    fn on(&self, event: &Event) -> String {
        format!("on{}", self.ir.ident(event.record))
    }

    fn function(&self) -> GeneratedFile {
        let file = File::new(self.names);
        let (state, name) = (self.state, format!("{}Function", self.state));
        let base = file.import("dev.evento.EntityFunction");
        let (command, event) = (self.names.command(self.place), self.names.event(self.place));
        let mut out = Writer::new("    ");
        out.line("/**");
        out.line(format!(
            " * The two pure functions of {}: a method for each command decides, a method for each",
            self.entity.full_name
        ));
        out.line(" * event evolves. The state is null while the instance has none.");
        out.line(" */");
        let head = format!("public interface {name} extends {base}<{state}, {command}, {event}> {{");
        out.block(head, "}", |out| {
            for command in &self.entity.commands {
                self.decides(out, &file, command);
            }
            for event in self.entity.applied() {
                self.evolves(out, &file, event);
            }
            let host = file.import("dev.evento.host.Host");
            out.line(format!("@{}", file.import("java.lang.Override")));
            out.block(format!("default {host}<{state}> host() {{"), "}", |out| {
                out.line(format!("return {state}Host.of(this);"));
            });
        });
        file.finish(&name, out)
    }

    fn decides(&self, out: &mut Writer, file: &File<'_>, command: &Command) {
        let (events, context) = (file.import("dev.evento.Events"), file.import("dev.evento.Context"));
        let ident = self.ir.ident(command.record);
        out.line(format!("/** Decides {ident}{} */", self.what(command.record)));
        out.line(format!(
            "{events}<{ident}Result> {}({ident} command, {} state, {context} context);",
            self.method(command),
            self.state
        ));
        out.blank();
    }

    fn evolves(&self, out: &mut Writer, file: &File<'_>, event: &Event) {
        let ident = self.ir.ident(event.record);
        let context = file.import("dev.evento.ApplyContext");
        out.line(format!("/** The state after {ident}{} */", self.what(event.record)));
        out.line(format!(
            "{state} {}({ident} event, {state} state, {context} context);",
            self.on(event),
            state = self.state
        ));
        out.blank();
    }

    /// The first line of a record's doc, as the end of a sentence.
    fn what(&self, record: crate::ir::TypeId) -> String {
        let doc = self.ir.record(record).and_then(|record| record.doc.as_deref()).unwrap_or_default();
        match doc.trim().lines().next() {
            Some(line) => format!(": {}", comment(line.trim())),
            None => ".".to_owned(),
        }
    }

    fn host(&self) -> Result<GeneratedFile, GenerateError> {
        let file = File::new(self.names);
        let (state, host) = (self.state, file.import("dev.evento.host.Host"));
        let schemas = schemas::of(&self.entity.manifest)?;
        let mut out = Writer::new("    ");
        out.line(format!("/** How {state}Function is called: its names, schemas and codecs. */"));
        out.block(format!("final class {state}Host {{"), "}", |out| {
            out.line(format!("private {state}Host() {{}}")).blank();
            out.block(format!("static {host}<{state}> of({state}Function function) {{"), "}", |out| {
                out.line(format!("return {host}.of({state}.CODEC, function.stateVersion())"));
                for (name, text) in schemas {
                    out.line(format!("        .schema({}, {})", quoted(&name), literals(&text)));
                }
                self.types(out);
                out.line("        .build();");
            });
        });
        Ok(file.finish(&format!("{state}Host"), out))
    }

    fn types(&self, out: &mut Writer) {
        for event in &self.entity.events {
            let ident = self.ir.ident(event.record);
            let method = if event.rejection { "rejection" } else { "event" };
            let evolve = if event.applied { format!(", function::{}", self.on(event)) } else { String::new() };
            out.line(format!("        .{method}({ident}.CODEC{evolve})"));
        }
        for command in &self.entity.commands {
            let ident = self.ir.ident(command.record);
            let codec = |n: &usize| format!("{}.CODEC", self.ir.ident(self.entity.events[*n].record));
            let emits = command.emits.iter().map(codec).collect::<Vec<_>>().join(", ");
            out.line(format!("        .command({ident}.CODEC, function::{}, {emits})", self.method(command)));
        }
    }

    fn commands(&self) -> GeneratedFile {
        let records = self.entity.commands.iter().map(|command| self.ir.ident(command.record));
        self.sealed(self.names.command(self.place), &format!("All commands of {}.", self.entity.full_name), records)
    }

    fn events(&self) -> GeneratedFile {
        let records = self.entity.events.iter().map(|event| self.ir.ident(event.record));
        self.sealed(self.names.event(self.place), &format!("All events of {}.", self.entity.full_name), records)
    }

    fn result(&self, command: &Command) -> GeneratedFile {
        let ident = self.ir.ident(command.record);
        let records = command.emits.iter().map(|n| self.ir.ident(self.entity.events[*n].record));
        self.sealed(&format!("{ident}Result"), &format!("What {ident} may answer."), records)
    }

    /// An interface that exactly these records implement; without any it need not be sealed.
    fn sealed<'a>(&self, name: &str, what: &str, records: impl Iterator<Item = &'a str>) -> GeneratedFile {
        let records: Vec<&str> = records.collect();
        let mut out = Writer::new("    ");
        out.line(format!("/** {what} */"));
        match records.is_empty() {
            true => out.line(format!("public interface {name} {{}}")),
            false => out.line(format!("public sealed interface {name} permits {} {{}}", records.join(", "))),
        };
        File::new(self.names).finish(name, out)
    }
}

/// A text as string literals, none too long for a class file.
fn literals(text: &str) -> String {
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        if parts.last().is_some_and(|part| part.len() >= LITERAL_BYTES_MAX) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(", ")
}
