//! The catalogue made of what is registered and what serves.

use std::collections::HashMap;
use std::sync::Arc;

use evento_model::{FullName, ResourceName, SchemaId};

use super::{Bound, BoundApply, BoundCommand};
use crate::avro::{Plan, Schema};
use crate::catalog::{Applier, Catalog, CommandType, EmittedEvent, EntityType, EventType, Handler, Registered};
use crate::registry::{Registry, Stored};
use crate::resource::{EntitySpec, Finding, Findings};

/// Makes the catalogue and compiles every plan in it.
///
/// A bound revision that no longer fits what is registered serves nothing here: its commands wait. Bind it again to
/// be told why.
pub fn catalog(registry: &Registry, version: u64, bound: &[Arc<Bound>]) -> Catalog {
    let entities = registry.entities().filter_map(|(stored, spec)| entity(registry, stored, spec, bound)).map(Arc::new);
    let schemas = registry.schemas().map(|(id, schema)| (id, schema.clone())).collect();
    Catalog::new(version, entities.collect(), schemas)
}

/// What is wrong with what serves as a whole: two functions for one thing (`EV2201`, errors), and commands and
/// entities that nobody serves (`EV2210`, warnings).
pub fn findings(registry: &Registry, bound: &[Arc<Bound>]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut handlers: HashMap<&FullName, &ResourceName> = HashMap::new();
    let mut appliers: HashMap<&ResourceName, &ResourceName> = HashMap::new();
    for one in bound {
        let function = &one.serving.name;
        let refuse = |verb: &str, what: &str, other: &ResourceName| {
            let message = format!("{function} and {other} both {verb} {what}");
            let error = |stored: &Stored| stored.resource.error(2201, "/spec", message.clone());
            registry.function(function).map(|(stored, _)| error(stored))
        };
        for entity in &one.entities {
            for command in &entity.handles {
                if let Some(other) = handlers.insert(&command.name, function).filter(|other| *other != function) {
                    findings.extend(refuse("handle", command.name.as_str(), other));
                }
            }
            if entity.applies.is_some()
                && let Some(other) = appliers.insert(&entity.name, function).filter(|other| *other != function)
            {
                findings.extend(refuse("apply the events of", entity.name.as_str(), other));
            }
        }
    }
    for (stored, spec) in registry.commands().filter(|(_, spec)| !spec.retired) {
        if !handlers.contains_key(&spec.schema.full_name) {
            let message = format!("no function handles {}; its commands wait", stored.resource.name);
            findings.push(stored.resource.error(2210, "/spec", message).warning());
        }
    }
    for (stored, _) in registry.entities() {
        let name = &stored.resource.name;
        let needs = registry.events().any(|(_, spec)| spec.entity == *name && !spec.rejection);
        if needs && !appliers.contains_key(name) {
            let message = format!("no function applies the events of {name}; its commands wait");
            findings.push(stored.resource.error(2210, "/spec", message).warning());
        }
    }
    findings.verdict().unwrap_or_else(|findings| findings)
}

fn entity(registry: &Registry, stored: &Stored, spec: &EntitySpec, bound: &[Arc<Bound>]) -> Option<EntityType> {
    let name = &stored.resource.name;
    let events: Vec<Arc<EventType>> = registry
        .events()
        .filter(|(_, spec)| spec.entity == *name)
        .map(|(stored, spec)| {
            Arc::new(EventType {
                name: stored.resource.name.clone(),
                full_name: spec.schema.full_name.clone(),
                rejection: spec.rejection,
                versions: versions(registry, stored),
                retired: spec.retired,
            })
        })
        .collect();
    let commands = registry.commands().filter(|(_, spec)| spec.entity == *name).map(|(stored, spec)| {
        let emits = spec.emits.iter().filter_map(|event| events.iter().find(|known| known.name == *event));
        let mut command = CommandType {
            name: stored.resource.name.clone(),
            full_name: spec.schema.full_name.clone(),
            emits: emits.map(|event| event.full_name.clone()).collect(),
            versions: versions(registry, stored),
            retired: spec.retired,
            handler: None,
        };
        command.handler = handler(&command, &events, name, bound).map(Arc::new);
        Arc::new(command)
    });
    let commands = commands.collect();
    let state = Registered { id: stored.schema?, schema: spec.schema.schema.clone() };
    let applier = applier(&state, &events, name, bound).map(Arc::new);
    Some(EntityType {
        id: stored.entity?,
        name: name.clone(),
        full_name: spec.schema.full_name.clone(),
        partitions: spec.partitions,
        on_park: spec.on_park,
        retry: spec.retry,
        schema: state,
        commands,
        events,
        applier,
    })
}

/// Every version of a resource, the one in force last and with the docs of its newest document.
fn versions(registry: &Registry, stored: &Stored) -> Vec<Registered> {
    let registered = |id: SchemaId| registry.schema(id).map(|schema| Registered { id, schema: schema.clone() });
    let others = stored.versions.iter().copied().filter(|id| Some(*id) != stored.schema);
    let in_force = stored.resource.spec.named_schema().zip(stored.schema);
    let in_force = in_force.map(|((_, schema), id)| Registered { id, schema: schema.clone() });
    others.filter_map(registered).chain(in_force).collect()
}

fn handler(
    command: &CommandType,
    events: &[Arc<EventType>],
    entity: &ResourceName,
    bound: &[Arc<Bound>],
) -> Option<Handler> {
    let (function, BoundCommand { declared, emits, .. }) = bound.iter().find_map(|one| {
        let of_entity = one.entities.iter().find(|of| of.name == *entity)?;
        let found = of_entity.handles.iter().find(|handled| handled.name == command.full_name)?;
        Some((&one.serving, found))
    })?;
    let emits = emits.iter().map(|(name, declared)| {
        let event = events.iter().find(|event| event.full_name == *name)?;
        Some((name.clone(), emitted(event, declared)?))
    });
    Some(Handler {
        function: Arc::clone(function),
        plans: plans(&command.versions, declared)?,
        emits: emits.collect::<Option<HashMap<_, _>>>()?,
    })
}

/// An event as it is answered and as it is logged: in the registered version that was declared, else in force.
fn emitted(event: &EventType, declared: &Schema) -> Option<EmittedEvent> {
    let same = event.versions.iter().find(|version| version.schema.digest() == declared.digest());
    let registered = same.unwrap_or(event.newest());
    let plan = Plan::compile(declared, &registered.schema).ok()?;
    Some(EmittedEvent { declared: declared.clone(), registered: registered.id, plan, rejection: event.rejection })
}

fn applier(
    state: &Registered,
    events: &[Arc<EventType>],
    entity: &ResourceName,
    bound: &[Arc<Bound>],
) -> Option<Applier> {
    let (function, BoundApply { state_version, events: applied }) = bound.iter().find_map(|one| {
        let of_entity = one.entities.iter().find(|of| of.name == *entity)?;
        Some((&one.serving, of_entity.applies.as_ref()?))
    })?;
    let covered = |event: &Arc<EventType>| event.rejection || applied.iter().any(|(name, _)| *name == event.full_name);
    if !events.iter().all(covered) {
        return None;
    }
    let applies = applied.iter().map(|(name, declared)| {
        let event = events.iter().find(|event| event.full_name == *name)?;
        Some((name.clone(), plans(&event.versions, declared)?))
    });
    Some(Applier {
        function: Arc::clone(function),
        state_version: *state_version,
        state: state.clone(),
        applies: applies.collect::<Option<HashMap<_, _>>>()?,
    })
}

/// From each registered version to the declared schema.
fn plans(versions: &[Registered], declared: &Schema) -> Option<HashMap<SchemaId, Plan>> {
    versions.iter().map(|version| Some((version.id, Plan::compile(&version.schema, declared).ok()?))).collect()
}
