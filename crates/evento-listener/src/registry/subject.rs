//! Subjects: which there are by what is registered, and what each holds.

use evento_model::{FullName, SchemaId};
use evento_schema::platform::platform;
use evento_schema::registry::{Registry, Stored};
use evento_schema::resource::Compatibility;

use crate::topic::Content;

/// What a new version of a subject must keep possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    /// Nothing: the subject is derived.
    None,
    /// The new schema reads every version.
    Backward,
    /// The new schema reads every version, and every version reads the new one.
    Full,
}

impl Level {
    /// What holds where nothing else is said.
    pub(super) const GLOBAL: Level = Level::Backward;

    /// Confluent's word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Level::None => "NONE",
            Level::Backward => "BACKWARD_TRANSITIVE",
            Level::Full => "FULL_TRANSITIVE",
        }
    }
}

/// A subject as the catalogue has it now: one record type of one topic.
pub(super) struct Declared {
    pub(super) subject: String,
    pub(super) name: FullName,
    /// Every version, in the order of their registration.
    pub(super) versions: Vec<SchemaId>,
    /// The version in force.
    pub(super) in_force: SchemaId,
    pub(super) level: Level,
}

/// The record types of one topic.
pub(super) struct Topic {
    /// Its `-value` subject.
    pub(super) subject: String,
    /// In the order in which they were registered first, the platform's own after all others.
    pub(super) records: Vec<Declared>,
}

/// The commands and events topics of every entity.
pub(super) fn topics(registry: &Registry) -> Vec<Topic> {
    let both = |entity: &Stored| {
        let entity = entity.resource.name.as_str();
        [
            topic(entity, Content::Commands, commands(registry, entity)),
            topic(entity, Content::Events, events(registry, entity)),
        ]
    };
    registry.entities().flat_map(|(stored, _)| both(stored)).collect()
}

/// The `-value` subject of every entity's state topic.
pub(super) fn states(registry: &Registry) -> Vec<Declared> {
    let state = |stored: &Stored, name: &FullName| {
        Some(Declared {
            subject: value_subject(stored.resource.name.as_str(), Content::State),
            name: name.clone(),
            versions: stored.versions.clone(),
            in_force: stored.schema?,
            level: Level::None,
        })
    };
    registry.entities().filter_map(|(stored, spec)| state(stored, &spec.schema.full_name)).collect()
}

fn topic(entity: &str, content: Content, mut records: Vec<Declared>) -> Topic {
    let is_ours = |record: &Declared| platform().all().iter().any(|(name, _)| *name == record.name);
    records.sort_by_key(|record| (is_ours(record), record.versions.first().copied()));
    Topic { subject: value_subject(entity, content), records }
}

fn value_subject(entity: &str, content: Content) -> String {
    format!("{entity}.{}-value", content.as_str())
}

fn commands(registry: &Registry, entity: &str) -> Vec<Declared> {
    let of_entity = registry.commands().filter(|(_, spec)| spec.entity.as_str() == entity);
    let declared = |stored, name| declared(entity, Content::Commands, stored, name, Level::Backward);
    of_entity.filter_map(|(stored, spec)| declared(stored, &spec.schema.full_name)).collect()
}

fn events(registry: &Registry, entity: &str) -> Vec<Declared> {
    let of_entity = registry.events().filter(|(_, spec)| spec.entity.as_str() == entity);
    let own = of_entity.filter_map(|(stored, spec)| {
        let level = match spec.compatibility {
            Compatibility::Backward => Level::Backward,
            Compatibility::Full => Level::Full,
        };
        declared(entity, Content::Events, stored, &spec.schema.full_name, level)
    });
    let platform = platform().all().map(|(name, registered)| Declared {
        subject: record_subject(entity, Content::Events, &name),
        name,
        versions: vec![registered.id],
        in_force: registered.id,
        level: Level::Backward,
    });
    own.chain(platform).collect()
}

fn declared(entity: &str, content: Content, stored: &Stored, name: &FullName, level: Level) -> Option<Declared> {
    Some(Declared {
        subject: record_subject(entity, content, name),
        name: name.clone(),
        versions: stored.versions.clone(),
        in_force: stored.schema?,
        level,
    })
}

/// Topic and record name (Confluent's `TopicRecordNameStrategy`).
fn record_subject(entity: &str, content: Content, name: &FullName) -> String {
    format!("{entity}.{}-{name}", content.as_str())
}
