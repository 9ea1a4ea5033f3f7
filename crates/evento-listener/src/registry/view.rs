//! The registry as its clients see it: subjects, versions and schemas, made from what the log holds at one moment.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use evento_log::embedded::EmbeddedLog;
use evento_model::SchemaId;
use evento_schema::avro::Schema;
use evento_schema::registry::{KEY_PREFIX, Registry};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::kept::{Kept, Reference, Union};
use super::members;
use super::subject::{Declared, Level, states, topics};

/// Everything that can be asked for. Immutable; a change of resources makes a new one.
pub(super) struct View {
    /// The catalogue's head when this was made.
    pub(super) head: Option<Bytes>,
    /// Whether everything registered has its numbers and ids; otherwise they could not be written down.
    pub(super) whole: bool,
    registry: Registry,
    /// Unions with what they are when their references are put in place.
    unions: BTreeMap<SchemaId, (Union, Schema)>,
    guids: HashMap<Uuid, SchemaId>,
    subjects: BTreeMap<String, Subject>,
}

/// One subject.
pub(super) struct Subject {
    /// From version 1: the schema, and whether the subject still has it.
    versions: Vec<(SchemaId, bool)>,
    /// The version in force.
    latest: Option<SchemaId>,
    /// None when all of it is gone.
    pub(super) level: Option<Level>,
}

/// A schema as it is answered.
pub(super) struct Shown<'a> {
    pub(super) text: &'a str,
    pub(super) references: &'a [Reference],
    /// It, standing for itself.
    pub(super) schema: &'a Schema,
}

/// A view in the making: what the log holds, and what it should hold by what is registered.
pub(super) struct Draft {
    head: Option<Bytes>,
    registry: Registry,
    before: Kept,
    after: Kept,
    declared: Vec<Declared>,
    /// The union subjects, each with the union in force.
    values: Vec<(String, SchemaId)>,
}

impl Draft {
    /// Reads the log, and gives numbers and ids where they are missing.
    pub(super) fn read(log: &EmbeddedLog) -> Result<Draft, String> {
        let entries = log.meta_scan(KEY_PREFIX.as_bytes());
        let head = entries.iter().find(|(key, _)| *key == head_key()).map(|(_, value)| value.clone());
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let registry = Registry::load(&entries)?;
        let before = Kept::load(log)?;
        let mut after = before.clone();
        let (mut declared, topics) = (states(&registry), topics(&registry));
        for record in declared.iter().chain(topics.iter().flat_map(|topic| &topic.records)) {
            for id in &record.versions {
                after.number(&record.subject, *id);
            }
        }
        let mut values = Vec::new();
        for topic in topics {
            match members::union(&registry, &mut after, &topic.records) {
                Some(union) => values.push((topic.subject.clone(), after.union(&topic.subject, union))),
                None if topic.records.is_empty() => {}
                None => tracing::warn!("{} has no schema: it would be too long", topic.subject),
            }
            declared.extend(topic.records);
        }
        Ok(Draft { head, registry, before, after, declared, values })
    }

    /// What must become durable before the view may be seen.
    pub(super) fn facts(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.after.facts_since(&self.before)
    }

    /// The view: `whole` with everything new, or of what was kept before when the new could not be made durable.
    pub(super) fn finish(self, whole: bool) -> Result<View, String> {
        let kept = if whole { self.after } else { self.before };
        let mut view = View::of(self.head, whole, self.registry, kept)?;
        for record in &self.declared {
            let Some(subject) = view.subjects.get_mut(&record.subject) else { continue };
            subject.live(record.level, record.in_force, |id| record.versions.contains(&id));
        }
        for (name, in_force) in &self.values {
            let Some(subject) = view.subjects.get_mut(name) else { continue };
            subject.live(Level::None, *in_force, |_| true);
        }
        Ok(view)
    }
}

/// The fact that changes whenever anything registered does.
pub(super) fn head_key() -> Bytes {
    format!("{KEY_PREFIX}head").into()
}

impl View {
    /// What is kept, with every subject gone.
    fn of(head: Option<Bytes>, whole: bool, registry: Registry, kept: Kept) -> Result<View, String> {
        let mut unions = BTreeMap::new();
        for (id, union) in kept.unions {
            let schema = members::resolve(&registry, &union).map_err(|error| format!("schema {}: {error}", id.0))?;
            unions.insert(id, (union, schema));
        }
        let guids = registry.schemas().map(|(id, schema)| (guid_of(schema), id));
        let guids = guids.chain(unions.iter().map(|(id, (union, _))| (guid_of_union(union), *id))).collect();
        let gone = |ids: Vec<SchemaId>| Subject {
            versions: ids.into_iter().map(|id| (id, false)).collect(),
            latest: None,
            level: None,
        };
        let subjects = kept.histories.into_iter().map(|(name, ids)| (name, gone(ids))).collect();
        Ok(View { head, whole, registry, unions, guids, subjects })
    }

    /// The schema of an id.
    pub(super) fn schema(&self, id: SchemaId) -> Option<Shown<'_>> {
        if let Some((union, schema)) = self.unions.get(&id) {
            return Some(Shown { text: &union.schema, references: &union.references, schema });
        }
        let schema = self.registry.schema(id)?;
        Some(Shown { text: schema.json(), references: &[], schema })
    }

    /// The id of a guid.
    pub(super) fn with_guid(&self, guid: Uuid) -> Option<SchemaId> {
        self.guids.get(&guid).copied()
    }

    /// The guid of an id.
    pub(super) fn guid(&self, id: SchemaId) -> Option<Uuid> {
        let of_union = self.unions.get(&id).map(|(union, _)| guid_of_union(union));
        of_union.or_else(|| self.registry.schema(id).map(guid_of))
    }

    /// The highest id.
    pub(super) fn id_max(&self) -> SchemaId {
        let union = self.unions.keys().next_back().copied();
        union.or_else(|| self.registry.schemas().map(|(id, _)| id).max()).unwrap_or(SchemaId(0))
    }

    /// Every subject with its name, sorted; also those that are gone if `deleted`.
    pub(super) fn subjects(&self, deleted: bool) -> impl Iterator<Item = (&str, &Subject)> {
        let shown = self.subjects.iter().filter(move |(_, subject)| deleted || subject.level.is_some());
        shown.map(|(name, subject)| (name.as_str(), subject))
    }

    /// A subject; also one that is gone if `deleted`.
    pub(super) fn subject(&self, name: &str, deleted: bool) -> Option<&Subject> {
        self.subjects.get(name).filter(|subject| deleted || subject.level.is_some())
    }

    /// The version of a subject that is this schema.
    pub(super) fn find(&self, subject: &Subject, schema: &Schema, deleted: bool) -> Option<(u32, SchemaId)> {
        let same = |id: SchemaId| self.schema(id).is_some_and(|shown| shown.schema == schema);
        subject.versions(deleted).into_iter().find(|(_, id)| same(*id))
    }

    /// The id of a schema, wherever it is registered.
    pub(super) fn id_of(&self, schema: &Schema) -> Option<SchemaId> {
        let union = || self.unions.iter().find(|(_, (_, union))| union == schema).map(|(id, _)| *id);
        self.registry.schema_id(schema).or_else(union)
    }

    /// Ids of the schemas that refer to a version of a subject.
    pub(super) fn referring(&self, subject: &str, version: u32) -> Vec<u32> {
        let refers = |union: &Union| union.references.iter().any(|r| r.subject == subject && r.version == version);
        self.unions.iter().filter(|(_, (union, _))| refers(union)).map(|(id, _)| id.0).collect()
    }
}

impl Subject {
    fn live(&mut self, level: Level, in_force: SchemaId, is_live: impl Fn(SchemaId) -> bool) {
        self.level = Some(level);
        self.versions.iter_mut().for_each(|(id, live)| *live = is_live(*id));
        self.latest = Some(in_force);
    }

    /// Number and schema of each version; also of those that are gone if `deleted`.
    pub(super) fn versions(&self, deleted: bool) -> Vec<(u32, SchemaId)> {
        let numbered = (1..).zip(&self.versions).filter(|(_, (_, live))| deleted || *live);
        numbered.map(|(number, (id, _))| (number, *id)).collect()
    }

    /// The version in force; the last one where that has no number yet, or where all of it is gone.
    pub(super) fn latest(&self, deleted: bool) -> Option<(u32, SchemaId)> {
        let versions = self.versions(deleted);
        versions.iter().find(|(_, id)| Some(*id) == self.latest).or(versions.last()).copied()
    }
}

/// The guid of a record's schema: half of its digest, so the same in every registry.
pub fn guid_of(schema: &Schema) -> Uuid {
    guid(&schema.digest().0)
}

/// The guid of a union: the references count, for they say where its types are.
pub(super) fn guid_of_union(union: &Union) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(union.schema.as_bytes());
    for reference in &union.references {
        hash.update(format!("\n{} {} {}", reference.name, reference.subject, reference.version));
    }
    guid(&hash.finalize())
}

fn guid(digest: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
