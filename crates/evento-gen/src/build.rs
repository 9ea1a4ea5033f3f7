//! From the resources of a project to what a generator needs.
//!
//! The set is planned against an empty registry first, so that everything `evento apply` would refuse is refused
//! here with the same words. What a server has stored is not known.

mod defaults;
mod finish;
mod types;

use std::collections::BTreeMap;

use evento_model::ResourceName;
use evento_schema::catalog::nearest;
use evento_schema::registry::{NoUsage, Registry};
use evento_schema::resource::{CommandSpec, EntitySpec, EventSpec, Resource, ResourceSet, Spec};

use crate::ir::{Command, Entity, Event, Ir, TypeId};
use crate::{GenerateError, manifest};
use types::Types;

/// The annotation of a rejection that goes through apply.
const APPLY: &str = "evento.dev/apply";

pub(crate) fn build(set: &ResourceSet, wanted: &[String]) -> Result<Ir, GenerateError> {
    Registry::default().plan(set, &NoUsage).map_err(GenerateError::Resources)?;
    let chosen = choose(set, wanted)?;
    let mut types = Types::reserving(chosen.iter().flat_map(|(resource, spec)| names_beside(set, resource, spec)));
    let mut entities = Vec::new();
    for (resource, spec) in chosen {
        entities.push(entity(set, resource, spec, &mut types)?);
    }
    let mut ir = Ir { entities, types: types.declared()? };
    finish::finish(&mut ir);
    Ok(ir)
}

/// The entities that code is made for, in the order of their documents.
fn choose<'a>(set: &'a ResourceSet, wanted: &[String]) -> Result<Vec<(&'a Resource, &'a EntitySpec)>, GenerateError> {
    let all: Vec<(&Resource, &EntitySpec)> = set
        .resources
        .iter()
        .filter_map(|resource| match &resource.spec {
            Spec::Entity(spec) => Some((resource, spec)),
            _ => None,
        })
        .collect();
    let mut chosen = vec![wanted.is_empty(); all.len()];
    for name in wanted {
        chosen[find(&all, name)?] = true;
    }
    let chosen: Vec<_> = all.into_iter().zip(chosen).filter_map(|(entity, chosen)| chosen.then_some(entity)).collect();
    if chosen.is_empty() { Err(GenerateError::NoEntity) } else { Ok(chosen) }
}

fn find(all: &[(&Resource, &EntitySpec)], name: &str) -> Result<usize, GenerateError> {
    let exact = |(resource, spec): &(&Resource, &EntitySpec)| {
        resource.name.as_str() == name || spec.schema.full_name.as_str() == name
    };
    if let Some(n) = all.iter().position(exact) {
        return Ok(n);
    }
    let short: Vec<usize> = (0..all.len()).filter(|n| all[*n].1.schema.full_name.short() == name).collect();
    match short[..] {
        [n] => Ok(n),
        [] => {
            let known = all.iter().flat_map(|(resource, spec)| [resource.name.as_str(), spec.schema.full_name.short()]);
            Err(GenerateError::UnknownEntity { name: name.to_owned(), near: nearest(name, known) })
        }
        _ => {
            let near = short.iter().map(|n| all[*n].1.schema.full_name.to_string()).collect();
            Err(GenerateError::UnknownEntity { name: name.to_owned(), near })
        }
    }
}

/// Names that generators make of an entity and its commands, so that no declared type takes them.
fn names_beside(set: &ResourceSet, resource: &Resource, spec: &EntitySpec) -> Vec<String> {
    let entity = types::ident(spec.schema.full_name.short());
    let mut names = vec![format!("{entity}Function"), format!("{entity}Host")];
    for (_, command) in commands(set, &resource.name) {
        let command = types::ident(command.schema.full_name.short());
        names.extend([format!("{command}Result"), format!("{command}Events")]);
    }
    names
}

fn commands<'a>(set: &'a ResourceSet, entity: &ResourceName) -> impl Iterator<Item = (&'a Resource, &'a CommandSpec)> {
    set.resources.iter().filter_map(move |resource| match &resource.spec {
        Spec::Command(spec) if spec.entity == *entity => Some((resource, spec)),
        _ => None,
    })
}

fn events<'a>(set: &'a ResourceSet, entity: &ResourceName) -> impl Iterator<Item = (&'a Resource, &'a EventSpec)> {
    set.resources.iter().filter_map(move |resource| match &resource.spec {
        Spec::Event(spec) if spec.entity == *entity => Some((resource, spec)),
        _ => None,
    })
}

fn entity(
    set: &ResourceSet,
    resource: &Resource,
    spec: &EntitySpec,
    types: &mut Types,
) -> Result<Entity, GenerateError> {
    let state = types.top(&spec.schema.schema)?;
    let mut schemas = vec![&spec.schema.schema];
    let mut command_records: Vec<(&Resource, &CommandSpec, TypeId)> = Vec::new();
    for (command, spec) in commands(set, &resource.name) {
        command_records.push((command, spec, types.top(&spec.schema.schema)?));
        schemas.push(&spec.schema.schema);
    }
    let mut all_events = Vec::new();
    for (event, spec) in events(set, &resource.name) {
        all_events.push(Event {
            resource: event.name.to_string(),
            full_name: spec.schema.full_name.to_string(),
            record: types.top(&spec.schema.schema)?,
            rejection: spec.rejection,
            applied: !spec.rejection || says_apply(event)?,
        });
        schemas.push(&spec.schema.schema);
    }
    let place: BTreeMap<&str, usize> =
        all_events.iter().enumerate().map(|(n, event)| (event.resource.as_str(), n)).collect();
    let commands = command_records.into_iter().map(|(command, spec, record)| Command {
        resource: command.name.to_string(),
        full_name: spec.schema.full_name.to_string(),
        record,
        emits: spec.emits.iter().filter_map(|event| place.get(event.as_str()).copied()).collect(),
    });
    let mut entity = Entity {
        resource: resource.name.to_string(),
        full_name: spec.schema.full_name.to_string(),
        state,
        commands: commands.collect(),
        events: all_events,
        manifest: String::new(),
    };
    entity.manifest = manifest::of(&entity, &schemas);
    Ok(entity)
}

/// What the annotation of an event says about apply.
fn says_apply(event: &Resource) -> Result<bool, GenerateError> {
    let annotations = event.document.pointer("/metadata/annotations");
    match annotations.and_then(|annotations| annotations.get(APPLY)).and_then(serde_json::Value::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(GenerateError::Annotation {
            resource: event.name.to_string(),
            annotation: APPLY,
            value: other.to_owned(),
            allowed: "true and false are allowed",
        }),
    }
}
