//! The registry: everything ever registered, as a value.
//!
//! A change is planned against it and gives the registry after it together with the keys to store; nothing here
//! stores anything. Schema ids and entity numbers are given once and never again, also after a deletion.

mod change;
mod check;
mod delete;
mod difference;
mod plan;
mod show;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use evento_model::{Digest, EntityTypeId, FullName, ResourceName, Revision, SchemaId, TopicKind};
use serde_json::Value;

use crate::avro::Schema;
use crate::platform::{SCHEMA_ID_FIRST, platform};
use crate::resource::{CommandSpec, EntitySpec, EventSpec, FunctionSpec, Kind, Resource, Spec};

pub use change::Change;
pub use difference::{Action, Difference, FieldChange};
pub use store::KEY_PREFIX;

/// Everything registered, at one version.
///
/// Bound: it holds what resources define. Sets are bounded by the reader of documents; old schema versions are kept
/// for ever, because the events written with them are.
#[derive(Clone, Debug)]
pub struct Registry {
    version: u64,
    schema_next: u32,
    entity_next: u32,
    schemas: BTreeMap<SchemaId, Schema>,
    ids: HashMap<Digest, SchemaId>,
    stored: BTreeMap<(Kind, ResourceName), Arc<Stored>>,
}

/// A resource with what Evento knows about it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The resource as last applied.
    pub resource: Resource,
    /// Raised by one with each change of the document.
    pub generation: u64,
    /// Every schema version ever registered for it, oldest first; empty for a Function.
    pub versions: Vec<SchemaId>,
    /// The version in force; none for a Function.
    pub schema: Option<SchemaId>,
    /// Number of an Entity.
    pub entity: Option<EntityTypeId>,
    /// What serves a Function.
    pub serving: Option<ServingRevision>,
    /// The document of a Function under which the revision before this one served.
    pub former: Option<Value>,
    /// With what the states of an Entity were last made.
    pub applied: Option<Applied>,
}

/// The revision of a function that serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServingRevision {
    /// It.
    pub revision: Revision,
    /// The one before it.
    pub previous: Option<Revision>,
    /// Events that were replayed to admit it.
    pub verified_events: u64,
}

/// With what the states of an entity are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The author's number for what apply means.
    pub state_version: u32,
    /// Schema of the states.
    pub schema: SchemaId,
}

/// What the log holds, as far as a change of resources must know it.
pub trait Usage {
    /// Instances of an entity.
    fn instances(&self, entity: EntityTypeId) -> u64;
    /// Records of one type in an entity's commands or events topic.
    fn records(&self, entity: EntityTypeId, topic: TopicKind, name: &FullName) -> u64;
}

/// A log that holds nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoUsage;

impl Usage for NoUsage {
    fn instances(&self, _entity: EntityTypeId) -> u64 {
        0
    }

    fn records(&self, _entity: EntityTypeId, _topic: TopicKind, _name: &FullName) -> u64 {
        0
    }
}

impl Default for Registry {
    fn default() -> Registry {
        let mut registry = Registry {
            version: 0,
            schema_next: SCHEMA_ID_FIRST,
            entity_next: 1,
            schemas: BTreeMap::new(),
            ids: HashMap::new(),
            stored: BTreeMap::new(),
        };
        for (_, registered) in platform().all() {
            registry.keep_schema(registered.id, registered.schema.clone());
        }
        registry
    }
}

impl Registry {
    /// Raised by one with each change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Every schema ever registered, also those of the platform, by id.
    pub fn schemas(&self) -> impl Iterator<Item = (SchemaId, &Schema)> {
        self.schemas.iter().map(|(id, schema)| (*id, schema))
    }

    /// The schema of an id.
    pub fn schema(&self, id: SchemaId) -> Option<&Schema> {
        self.schemas.get(&id)
    }

    /// The id of a schema, by digest: docs and unknown attributes make no difference.
    pub fn schema_id(&self, schema: &Schema) -> Option<SchemaId> {
        self.ids.get(&schema.digest()).copied()
    }

    /// One stored resource.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Stored> {
        let name = ResourceName::new(name).ok()?;
        self.stored.get(&(kind, name)).map(|stored| &**stored)
    }

    /// Every stored resource of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Stored> {
        self.stored.values().filter(move |stored| stored.resource.kind == kind).map(|stored| &**stored)
    }

    /// Every entity with its spec.
    pub fn entities(&self) -> impl Iterator<Item = (&Stored, &EntitySpec)> {
        self.all(Kind::Entity).filter_map(|stored| match &stored.resource.spec {
            Spec::Entity(spec) => Some((stored, spec)),
            _ => None,
        })
    }

    /// Every command with its spec, also retired ones.
    pub fn commands(&self) -> impl Iterator<Item = (&Stored, &CommandSpec)> {
        self.all(Kind::Command).filter_map(|stored| match &stored.resource.spec {
            Spec::Command(spec) => Some((stored, spec)),
            _ => None,
        })
    }

    /// Every event with its spec, also retired ones.
    pub fn events(&self) -> impl Iterator<Item = (&Stored, &EventSpec)> {
        self.all(Kind::Event).filter_map(|stored| match &stored.resource.spec {
            Spec::Event(spec) => Some((stored, spec)),
            _ => None,
        })
    }

    /// Every function with its spec.
    pub fn functions(&self) -> impl Iterator<Item = (&Stored, &FunctionSpec)> {
        self.all(Kind::Function).filter_map(|stored| match &stored.resource.spec {
            Spec::Function(spec) => Some((stored, &**spec)),
            _ => None,
        })
    }

    /// A function's spec.
    pub fn function(&self, name: &ResourceName) -> Option<(&Stored, &FunctionSpec)> {
        self.functions().find(|(stored, _)| stored.resource.name == *name)
    }

    /// The names of a kind, for suggestions.
    pub(crate) fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.all(kind).map(|stored| stored.resource.name.as_str())
    }

    /// The id of a schema, given now if it has none.
    fn register(&mut self, schema: &Schema) -> SchemaId {
        if let Some(id) = self.schema_id(schema) {
            return id;
        }
        let id = SchemaId(self.schema_next);
        self.schema_next += 1;
        self.keep_schema(id, schema.clone());
        id
    }

    fn keep_schema(&mut self, id: SchemaId, schema: Schema) {
        self.ids.insert(schema.digest(), id);
        self.schemas.insert(id, schema);
    }
}

impl Stored {
    /// Whether it is a command or event that was deleted with history.
    pub fn is_retired(&self) -> bool {
        match &self.resource.spec {
            Spec::Command(spec) => spec.retired,
            Spec::Event(spec) => spec.retired,
            _ => false,
        }
    }

    /// The entity that a command targets or an event happens to.
    pub(crate) fn entity_name(&self) -> Option<&ResourceName> {
        entity_of(&self.resource)
    }
}

/// The entity that a command targets or an event happens to.
pub(crate) fn entity_of(resource: &Resource) -> Option<&ResourceName> {
    match &resource.spec {
        Spec::Command(spec) => Some(&spec.entity),
        Spec::Event(spec) => Some(&spec.entity),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
