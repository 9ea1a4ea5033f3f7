//! An entity: its results, the interface to implement, and what makes a function of it.

use super::names::ident;
use crate::Writer;
use crate::ir::{Command, Entity, Ir};
use crate::naming::distinct;

/// Writes what belongs to one entity.
pub(super) fn write(ir: &Ir, entity: &Entity, out: &mut Writer) {
    for command in &entity.commands {
        write_result(ir, entity, command, out);
    }
    let (commands, applies) = methods(ir, entity);
    write_interface(ir, entity, &commands, &applies, out);
    write_constructor(ir, entity, &commands, &applies, out);
}

/// Names of the methods: one for each command, one for each event that is applied.
fn methods(ir: &Ir, entity: &Entity) -> (Vec<String>, Vec<String>) {
    let commands = entity.commands.iter().map(|command| ident(ir.ident(command.record)));
    let applies = entity.applied().map(|event| format!("On{}", ident(ir.ident(event.record))));
    let mut all = distinct(commands.chain(applies));
    let applies = all.split_off(entity.commands.len());
    (all, applies)
}

fn write_result(ir: &Ir, entity: &Entity, command: &Command, out: &mut Writer) {
    let name = ident(ir.ident(command.record));
    let events: Vec<String> = command.emits.iter().map(|n| ident(ir.ident(entity.events[*n].record))).collect();
    out.line(format!("\n// {name}Result is an event that {name} may be answered by: {}.", events.join(" or ")));
    out.line(format!("type {name}Result interface {{\n\tevento.Record\n\tis{name}Result()\n}}"));
    for event in &events {
        out.line(format!("\nfunc ({event}) is{name}Result() {{}}"));
    }
    out.line(format!(
        "\n// {name}Events answers {name} by one or more events, which commit together in this order.\nfunc \
         {name}Events(first {name}Result, rest ...{name}Result) evento.Events[{name}Result] {{\n\treturn \
         evento.NewEvents(first, rest...)\n}}"
    ));
}

fn write_interface(ir: &Ir, entity: &Entity, commands: &[String], applies: &[String], out: &mut Writer) {
    let state = ident(ir.ident(entity.state));
    out.line(format!(
        "\n// {state}Function is the two pure functions of {}: a method for each command, which decides, and one for\n\
         // each event that is applied, which gives the state after it. A state that is nil does not exist.\n//\n\
         // A decision leaves the state it is given as it is. Methods are called from several goroutines at once.",
        entity.full_name
    ));
    out.block(format!("type {state}Function interface {{"), "}", |out| {
        for (n, (command, method)) in entity.commands.iter().zip(commands).enumerate() {
            if n > 0 {
                out.blank();
            }
            let record = ident(ir.ident(command.record));
            out.line(format!("// {method} decides {}.", command.full_name));
            out.line(format!(
                "{method}(c {record}, s *{state}, cx evento.Context) (evento.Events[{record}Result], error)"
            ));
        }
        for (n, (event, method)) in entity.applied().zip(applies).enumerate() {
            if n > 0 || !commands.is_empty() {
                out.blank();
            }
            let record = ident(ir.ident(event.record));
            out.line(format!("// {method} gives the state after {}.", event.full_name));
            out.line(format!("{method}(e {record}, s *{state}, cx evento.ApplyContext) *{state}"));
        }
    });
}

fn write_constructor(ir: &Ir, entity: &Entity, commands: &[String], applies: &[String], out: &mut Writer) {
    let state = ident(ir.ident(entity.state));
    let manifest = format!("manifestOf{state}");
    out.line(format!("\n// New{state}Function makes a function of its methods, to be served or tested."));
    out.block(format!("func New{state}Function(f {state}Function) *evento.Function {{"), "}", |out| {
        out.block(format!("return evento.NewFunction[{state}]("), ")", |out| {
            out.line(format!("{manifest},"));
            for method in commands {
                out.line(format!("evento.Handle(f.{method}),"));
            }
            for method in applies {
                out.line(format!("evento.Apply(f.{method}),"));
            }
        });
    });
    out.line(format!("\n// {manifest} is what discovery says of {}.", entity.full_name));
    let text = match entity.manifest.contains('`') {
        true => serde_json::Value::from(entity.manifest.as_str()).to_string(),
        false => format!("`{}`", entity.manifest),
    };
    out.line(format!("const {manifest} = {text}"));
}
