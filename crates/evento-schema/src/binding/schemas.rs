//! Comparing declared schemas with registered ones.

use std::collections::BTreeMap;

use evento_model::FullName;

use super::bind::Binder;
use crate::avro::{Plan, Schema, Violation};
use crate::registry::Stored;

/// A schema that a function takes: every registered version must resolve to it.
pub(super) fn check_taken(binder: &mut Binder<'_>, stored: &Stored, name: &FullName, declared: &Schema) {
    let mut broken: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (n, id) in stored.versions.iter().enumerate() {
        let Some(version) = binder.registry.schema(*id) else { continue };
        for violation in Plan::compile(version, declared).err().into_iter().flatten() {
            broken.entry((violation.path, violation.message)).or_default().push(n + 1);
        }
    }
    for ((path, message), versions) in &broken {
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        let message = format!("{path}: {message} (version {} of {})", versions.join(", "), stored.resource.name);
        let why = "what is in the log in a registered version must resolve to the schema the function declares";
        binder.push(binder.error(2204, message).why(why));
    }
    if broken.is_empty() && !is_registered(binder, stored, declared) {
        warn_bridged(binder, name);
    }
}

/// A schema that a function answers in: a registered version, or one that resolves to the version in force.
pub(super) fn check_emitted(binder: &mut Binder<'_>, stored: &Stored, name: &FullName, declared: &Schema) {
    if is_registered(binder, stored, declared) {
        return;
    }
    let Some(in_force) = stored.schema.and_then(|id| binder.registry.schema(id)) else { return };
    match Plan::compile(declared, in_force) {
        Ok(_) => warn_bridged(binder, name),
        Err(violations) => {
            for Violation { path, message } in violations {
                let message = format!("{path}: {message} (from what the function emits to {})", stored.resource.name);
                let why = "events are logged in the registered schema";
                binder.push(binder.error(2204, message).why(why));
            }
        }
    }
}

/// The schema of states: they are never transcoded, so the bytes must mean the same.
pub(super) fn check_state(binder: &mut Binder<'_>, stored: &Stored, declared: &Schema, state_version: Option<u32>) {
    let Some(id) = stored.schema else { return };
    let Some(in_force) = binder.registry.schema(id) else { return };
    let name = &stored.resource.name;
    let why = "states are never transcoded: the function must declare the entity's schema as it is in force";
    match Plan::compile(in_force, declared) {
        Ok(plan) if plan.is_identity() => {}
        Ok(_) => {
            let message = format!("the declared schema of {name} has another layout than the registered one");
            binder.push(binder.error(2204, message).why(why));
        }
        Err(violations) => {
            for Violation { path, message } in violations {
                binder.push(binder.error(2204, format!("{path}: {message} (the state of {name})")).why(why));
            }
        }
    }
    if let (Some(declared), Some(applied)) = (state_version, stored.applied)
        && applied.schema != id
        && declared <= applied.state_version
    {
        let message = format!("the schema of {name} changed and stateVersion is still {declared}");
        let finding = binder.error(2109, message).why("stored states are rebuilt only under a new stateVersion");
        binder.push(finding.help(format!("raise stateVersion to {}", applied.state_version + 1)));
    }
}

fn is_registered(binder: &Binder<'_>, stored: &Stored, declared: &Schema) -> bool {
    binder.registry.schema_id(declared).is_some_and(|id| stored.versions.contains(&id))
}

fn warn_bridged(binder: &mut Binder<'_>, name: &FullName) {
    let message = format!("the function declares a schema of {name} that is not registered; it is bridged");
    let help = "generate the function's types again from the registered schemas";
    binder.push(binder.error(2204, message).warning().help(help));
}
