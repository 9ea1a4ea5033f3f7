//! The file of an entity: what its commands may answer, the trait to implement, and the host.

use std::collections::BTreeSet;

use super::{literal, name};
use crate::ir::{Command, Entity, Event};
use crate::naming::{distinct, escape, snake};
use crate::{Ir, Language, MARK, Writer};

/// Names of the methods of an entity's trait.
struct Methods {
    commands: Vec<String>,
    /// For each event that is applied, in order.
    applied: Vec<String>,
}

pub(super) fn entity(ir: &Ir, entity: &Entity) -> String {
    let mut out = Writer::new("    ");
    let state = ir.ident(entity.state);
    let methods = methods(ir, entity);
    out.line(format!("//! {MARK}")).line("//!");
    out.line(format!(
        "//! `{}`: what its commands may answer, the functions to write, and their host.",
        entity.full_name
    ));
    out.blank();
    if entity.commands.is_empty() {
        out.line("use evento_sdk::{ApplyContext, Encoded, Failure, Function, host};").blank();
    } else {
        out.line("use evento_sdk::avro::Malformed;");
        out.line("use evento_sdk::{Answer, ApplyContext, Decision, Encoded, Failure, Function, host};").blank();
    }
    out.line(format!("use super::types::{{{}}};", used(ir, entity).join(", "))).blank();
    out.line("/// Schemas, commands and events for the discovery manifest.");
    out.line(format!("const MANIFEST: &str = {};", raw(&entity.manifest)));
    for command in &entity.commands {
        out.blank();
        result(&mut out, ir, entity, command);
    }
    out.blank();
    interface(&mut out, ir, entity, &methods);
    out.blank();
    out.line(format!("/// Hosts a [`{state}Function`]: this is what the SDK serves and tests."));
    out.line("#[derive(Clone, Copy, Debug)]").line(format!("pub struct {state}Host<T>(pub T);")).blank();
    out.block(format!("impl<T: {state}Function> Function for {state}Host<T> {{"), "}", |out| {
        facts(out, ir, entity);
        handle(out, ir, entity, &methods);
        apply(out, ir, entity, &methods);
    });
    out.finish()
}

fn methods(ir: &Ir, entity: &Entity) -> Methods {
    let commands = entity.commands.iter().map(|command| name(ir.ident(command.record)));
    let applied =
        entity.applied().map(|event| escape(Language::Rust, &format!("on_{}", snake(ir.ident(event.record)))));
    let mut all = distinct(commands.chain(applied));
    let applied = all.split_off(entity.commands.len());
    Methods { commands: all, applied }
}

/// Every record of the entity, sorted.
fn used<'a>(ir: &'a Ir, entity: &Entity) -> Vec<&'a str> {
    let records = entity.commands.iter().map(|command| command.record);
    let records = records.chain(entity.events.iter().map(|event| event.record)).chain([entity.state]);
    let names: BTreeSet<&str> = records.map(|id| ir.ident(id)).collect();
    names.into_iter().collect()
}

/// A raw string literal.
fn raw(text: &str) -> String {
    let mut hashes = "#".to_owned();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
}

fn result(out: &mut Writer, ir: &Ir, entity: &Entity, command: &Command) {
    let ident = ir.ident(command.record);
    let events: Vec<&Event> = command.emits.iter().map(|n| &entity.events[*n]).collect();
    out.line(format!("/// What [`{ident}`] may answer.")).line("#[derive(Clone, PartialEq, Debug)]");
    out.block(format!("pub enum {ident}Result {{"), "}", |out| {
        for event in &events {
            let event_ident = ir.ident(event.record);
            let rejection = if event.rejection { ": the business says no" } else { "" };
            out.line(format!("/// [`{event_ident}`]{rejection}.")).line(format!("{event_ident}({event_ident}),"));
        }
    });
    for event in &events {
        let event = ir.ident(event.record);
        out.blank();
        out.block(format!("impl From<{event}> for {ident}Result {{"), "}", |out| {
            out.block(format!("fn from(event: {event}) -> {ident}Result {{"), "}", |out| {
                out.line(format!("{ident}Result::{event}(event)"));
            });
        });
    }
    out.blank();
    out.block(format!("impl Answer for {ident}Result {{"), "}", |out| {
        out.block("fn encode(&self) -> Result<Encoded, Malformed> {", "}", |out| {
            out.block("match self {", "}", |out| {
                for event in &events {
                    let event = ir.ident(event.record);
                    out.line(format!("{ident}Result::{event}(event) => Encoded::of(event),"));
                }
            });
        });
    });
}

fn interface(out: &mut Writer, ir: &Ir, entity: &Entity, methods: &Methods) {
    let state = ir.ident(entity.state);
    out.line(format!("/// The two pure functions of [`{state}`]: one method for each command, one for each event."));
    out.block(format!("pub trait {state}Function: Send + Sync + 'static {{"), "}", |out| {
        out.line("/// Raise it when the methods of events change what they mean: states are then made anew.");
        out.line("const STATE_VERSION: u32 = 1;");
        for (command, method) in entity.commands.iter().zip(&methods.commands) {
            let ident = ir.ident(command.record);
            out.blank();
            doc(out, ir, "Decides", command.record.0);
            out.block(format!("fn {method}("), format!(") -> Decision<{ident}Result>;"), |out| {
                out.line("&self,").line(format!("command: {ident},"));
                out.line(format!("state: Option<&{state}>,")).line("context: &evento_sdk::Context,");
            });
        }
        for (event, method) in entity.applied().zip(&methods.applied) {
            let ident = ir.ident(event.record);
            out.blank();
            doc(out, ir, "The state after", event.record.0);
            let arguments = format!("&self, event: {ident}, state: Option<{state}>, context: &ApplyContext");
            out.line(format!("fn {method}({arguments}) -> Option<{state}>;"));
        }
    });
}

/// What a method does, with the doc of its record.
fn doc(out: &mut Writer, ir: &Ir, verb: &str, record: usize) {
    let declared = &ir.types[record];
    let text = ir.record(crate::ir::TypeId(record)).and_then(|record| record.doc.as_deref());
    out.comment(
        "///",
        &format!("{verb} [`{}`]{}", declared.ident, text.map_or(".".to_owned(), |text| format!(": {text}"))),
    );
}

fn facts(out: &mut Writer, ir: &Ir, entity: &Entity) {
    out.block("fn entity(&self) -> &'static str {", "}\n", |out| {
        out.line(literal(&entity.full_name));
    });
    out.block("fn manifest(&self) -> evento_sdk::serde_json::Value {", "}\n", |out| {
        out.line("host::manifest(MANIFEST, T::STATE_VERSION)");
    });
    names(out, "applies", entity.applied());
    names(out, "rejects", entity.rejections());
    out.block("fn length(&self, type_name: &str, body: &[u8]) -> Result<usize, Failure> {", "}\n", |out| {
        out.block("match type_name {", "}", |out| {
            let commands = entity.commands.iter().map(|command| (&command.full_name, command.record));
            for (name, record) in commands.chain(entity.applied().map(|event| (&event.full_name, event.record))) {
                out.line(format!("{} => host::length::<{}>(body),", literal(name), ir.ident(record)));
            }
            out.line("_ => Err(Failure::unknown(\"type\", type_name)),");
        });
    });
}

/// A method that tells whether an event is one of these.
fn names<'a>(out: &mut Writer, method: &str, events: impl Iterator<Item = &'a Event>) {
    let names: Vec<String> = events.map(|event| literal(&event.full_name)).collect();
    let parameter = if names.is_empty() { "_" } else { "event" };
    out.block(format!("fn {method}(&self, {parameter}: &str) -> bool {{"), "}\n", |out| {
        match names.is_empty() {
            true => out.line("false"),
            false => out.line(format!("[{}].contains(&event)", names.join(", "))),
        };
    });
}

/// Names of parameters that a method without cases does not use.
fn parameters(unused: bool) -> [&'static str; 3] {
    if unused { ["_", "_", "_"] } else { ["payload", "state", "context"] }
}

fn handle(out: &mut Writer, ir: &Ir, entity: &Entity, methods: &Methods) {
    let state = ir.ident(entity.state);
    out.block("fn handle(", "", |out| {
        let [payload, state, context] = parameters(entity.commands.is_empty());
        out.line("&self,").line("command: &str,");
        out.line(format!("{payload}: &[u8],")).line(format!("{state}: Option<&[u8]>,"));
        out.line(format!("{context}: &evento_sdk::Context,"));
    });
    out.block(") -> Result<Vec<Encoded>, Failure> {", "}\n", |out| {
        if entity.commands.is_empty() {
            out.line("Err(Failure::unknown(\"command\", command))");
            return;
        }
        out.line(format!("let state = host::state::<{state}>(state)?;")).line("let state = state.as_ref();");
        out.block("match command {", "}", |out| {
            for (command, method) in entity.commands.iter().zip(&methods.commands) {
                let call = format!("host::decide(payload, |command| self.0.{method}(command, state, context))");
                out.line(format!("{} => {call},", literal(&command.full_name)));
            }
            out.line("_ => Err(Failure::unknown(\"command\", command)),");
        });
    });
}

fn apply(out: &mut Writer, ir: &Ir, entity: &Entity, methods: &Methods) {
    let state = ir.ident(entity.state);
    out.block("fn apply(", "", |out| {
        let [payload, state, context] = parameters(entity.applied().next().is_none());
        out.line("&self,").line("event: &str,");
        out.line(format!("{payload}: &[u8],")).line(format!("{state}: Option<&[u8]>,"));
        out.line(format!("{context}: &ApplyContext,"));
    });
    out.block(") -> Result<Option<Vec<u8>>, Failure> {", "}", |out| {
        if entity.applied().next().is_none() {
            out.line("Err(Failure::unknown(\"event\", event))");
            return;
        }
        out.line(format!("let state = host::state::<{state}>(state)?;"));
        out.block("match event {", "}", |out| {
            for (event, method) in entity.applied().zip(&methods.applied) {
                let call = format!("host::evolve(payload, |event| self.0.{method}(event, state, context))");
                out.line(format!("{} => {call},", literal(&event.full_name)));
            }
            out.line("_ => Err(Failure::unknown(\"event\", event)),");
        });
    });
}
