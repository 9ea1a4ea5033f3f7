//! Stored resources as people and programs see them: the document with its `status`.

use std::sync::Arc;

use evento_model::ResourceName;
use serde_json::{Map, Value, json};

use super::{Registry, Stored, Usage};
use crate::catalog::{Catalog, CommandType};
use crate::resource::Kind;

impl Registry {
    /// A stored document with `metadata.generation` and the part of its `status` that the registry knows.
    pub fn resource(&self, kind: Kind, name: &str) -> Option<Value> {
        self.get(kind, name).map(shown)
    }

    /// Every stored document of a kind, by name, as [`resource`](Self::resource) gives them.
    pub fn resources(&self, kind: Kind) -> Vec<Value> {
        self.all(kind).map(shown).collect()
    }

    /// A stored document with its whole `status`: also its conditions under a catalogue, and an entity's instances.
    pub fn describe(&self, kind: Kind, name: &str, catalog: &Catalog, usage: &dyn Usage) -> Option<Value> {
        let stored = self.get(kind, name)?;
        let mut document = shown(stored);
        let status = document.get_mut("status").and_then(Value::as_object_mut)?;
        if let Some(entity) = stored.entity {
            status.insert("instances".to_owned(), usage.instances(entity).into());
        }
        if kind == Kind::Function {
            status.insert("handles".to_owned(), handled(&stored.resource.name, catalog));
        }
        let (ready, reason, message) = readiness(stored, catalog);
        let condition = json!({
            "type": "Ready",
            "status": if ready { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "observedGeneration": stored.generation,
        });
        status.insert("conditions".to_owned(), Value::Array(vec![condition]));
        Some(document)
    }
}

/// The commands that a function handles, whether its resource or its manifest names them.
fn handled(function: &ResourceName, catalog: &Catalog) -> Value {
    let commands = catalog.entities().iter().flat_map(|entity| &entity.commands);
    let by_it = |command: &&Arc<CommandType>| command.handler.as_ref().is_some_and(|h| h.function.name == *function);
    commands.filter(by_it).map(|command| Value::from(command.name.as_str())).collect()
}

fn shown(stored: &Stored) -> Value {
    let mut document = stored.resource.document.clone();
    if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
        metadata.insert("generation".to_owned(), stored.generation.into());
    }
    if let Value::Object(document) = &mut document {
        document.insert("status".to_owned(), Value::Object(status(stored)));
    }
    document
}

fn status(stored: &Stored) -> Map<String, Value> {
    let mut status = Map::new();
    status.insert("observedGeneration".to_owned(), stored.generation.into());
    if let Some((full_name, _)) = stored.resource.spec.named_schema() {
        status.insert("fullName".to_owned(), full_name.as_str().into());
        let ids: Vec<Value> = stored.versions.iter().map(|id| id.0.into()).collect();
        status.insert("schemaIds".to_owned(), Value::Array(ids));
    }
    if let Some(id) = stored.schema {
        status.insert("schemaId".to_owned(), id.0.into());
    }
    if stored.resource.kind == Kind::Entity {
        let name = &stored.resource.name;
        status.insert("topics".to_owned(), json!([format!("{name}.commands"), format!("{name}.events")]));
    }
    if let Some(serving) = &stored.serving {
        status.insert("revision".to_owned(), serving.revision.to_string().into());
        let previous = serving.previous.map_or(Value::Null, |revision| revision.to_string().into());
        status.insert("previousRevision".to_owned(), previous);
        status.insert("verifiedEvents".to_owned(), serving.verified_events.into());
    }
    status
}

/// Whether a resource does what it is for, a reason as one word, and the reason in words.
fn readiness(stored: &Stored, catalog: &Catalog) -> (bool, &'static str, String) {
    let name = &stored.resource.name;
    let entity_of = |entity: &str| catalog.entities().iter().find(|found| found.name.as_str() == entity);
    if stored.is_retired() {
        return (false, "Retired", format!("{name} was deleted with history"));
    }
    match stored.resource.kind {
        Kind::Entity => match entity_of(name.as_str()) {
            Some(entity) if entity.applier.is_some() => (true, "Serving", "its events are applied".to_owned()),
            _ => (false, "NoApplier", format!("no function applies the events of {name}")),
        },
        Kind::Command => {
            let entity = stored.entity_name().and_then(|entity| entity_of(entity.as_str()));
            let command = entity.and_then(|entity| entity.commands.iter().find(|command| command.name == *name));
            match command {
                Some(command) if command.handler.is_some() => (true, "Serving", "it is handled".to_owned()),
                _ => (false, "NoHandler", format!("no function handles {name}; its commands wait")),
            }
        }
        Kind::Event => (true, "Registered", "its versions are registered".to_owned()),
        Kind::Function => match &stored.serving {
            Some(serving) => (true, "Serving", format!("revision {} serves", serving.revision.short())),
            None => (false, "NoRevision", "no revision of it serves yet".to_owned()),
        },
    }
}
