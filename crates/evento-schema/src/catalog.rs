//! The catalogue: one immutable snapshot of everything that is registered and which function revision serves it.
//!
//! Engine and gateway read the same snapshot; a change of resources or revisions is a new snapshot, swapped
//! whole. Nothing here opens a file or calls a function: rollout builds a catalogue, this file describes it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use evento_model::{
    Code, EntityTypeId, FullName, OnPark, Outcome, ResourceName, RetryPolicy, Revision, SchemaId, partition_of,
};

use crate::avro::{Plan, Schema};
use crate::platform::{Platform, platform};

/// Everything registered, at one version of the registry.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Raised by one with each change.
    pub version: u64,
    // Bound: both hold what resources define; a set has at most 1,000 documents a file.
    entities: Vec<Arc<EntityType>>,
    schemas: HashMap<SchemaId, Schema>,
}

/// A schema and its registry id.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Registry id.
    pub id: SchemaId,
    /// The schema.
    pub schema: Schema,
}

/// A class of business objects.
#[derive(Debug)]
pub struct EntityType {
    /// Its number.
    pub id: EntityTypeId,
    /// `metadata.name`.
    pub name: ResourceName,
    /// Full name of its Avro record.
    pub full_name: FullName,
    /// Partitions of each of its topics; never changes.
    pub partitions: u32,
    /// Whether an instance goes on when one of its commands is parked.
    pub on_park: OnPark,
    /// How failed commands are tried again.
    pub retry: RetryPolicy,
    /// Schema of its state.
    pub schema: Registered,
    /// Its commands.
    pub commands: Vec<Arc<CommandType>>,
    /// Its events.
    pub events: Vec<Arc<EventType>>,
    /// Who applies its events, if somebody does.
    pub applier: Option<Arc<Applier>>,
}

/// An intent that targets one entity type.
#[derive(Debug)]
pub struct CommandType {
    /// `metadata.name`.
    pub name: ResourceName,
    /// Full name of its Avro record.
    pub full_name: FullName,
    /// Events it may answer with.
    pub emits: Vec<FullName>,
    /// Every version ever registered, oldest first, but the one in force last; never empty.
    pub versions: Vec<Registered>,
    /// Deleted with history: not accepted any more.
    pub retired: bool,
    /// Who handles it, if somebody does.
    pub handler: Option<Arc<Handler>>,
}

/// Something that can happen to an entity instance.
#[derive(Debug)]
pub struct EventType {
    /// `metadata.name`.
    pub name: ResourceName,
    /// Full name of its Avro record.
    pub full_name: FullName,
    /// Whether it tells that the business said no.
    pub rejection: bool,
    /// Every version ever registered, oldest first, but the one in force last; never empty.
    pub versions: Vec<Registered>,
    /// Deleted with history: no longer emitted, still applied and readable.
    pub retired: bool,
}

/// A function revision that serves.
#[derive(Debug)]
pub struct Serving {
    /// `metadata.name` of the Function.
    pub name: ResourceName,
    /// Its revision.
    pub revision: Revision,
    /// Most requests in flight per address.
    pub concurrency: u32,
    /// Most works in one request; 1 for a function that speaks only the plain framing.
    pub works_max: u32,
    /// Most steps in one request.
    pub steps_max: u32,
    /// Deadline of one request, in milliseconds.
    pub timeout_ms: u64,
}

/// How one command type is handled by the function revision that serves it.
#[derive(Debug)]
pub struct Handler {
    /// Who.
    pub function: Arc<Serving>,
    /// From each registered version of the command to the schema the function declared.
    pub plans: HashMap<SchemaId, Plan>,
    /// What it may answer.
    pub emits: HashMap<FullName, EmittedEvent>,
}

/// An event as a function emits it.
#[derive(Debug)]
pub struct EmittedEvent {
    /// The schema the function declared.
    pub declared: Schema,
    /// The registered version under which it is logged.
    pub registered: SchemaId,
    /// From the declared to the registered schema.
    pub plan: Plan,
    /// Whether it is a rejection of its entity.
    pub rejection: bool,
}

/// How the events of one entity type are applied by the function revision that serves it.
#[derive(Debug)]
pub struct Applier {
    /// Who.
    pub function: Arc<Serving>,
    /// The author's number for what apply means; part of what makes stored states usable.
    pub state_version: u32,
    /// Schema of the states it gives.
    pub state: Registered,
    /// For each event it applies: from each registered version to the schema the function declared.
    pub applies: HashMap<FullName, HashMap<SchemaId, Plan>>,
}

/// Why a name does not lead to one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookupError {
    /// EV1001 unknown, EV2003 ambiguous.
    pub code: Code,
    /// The name as given.
    pub name: String,
    /// Nearest known names, or the candidates of an ambiguous one.
    pub candidates: Vec<String>,
}

impl Catalog {
    /// Makes a snapshot. Entity types are kept in the order of their numbers.
    pub fn new(version: u64, mut entities: Vec<Arc<EntityType>>, schemas: HashMap<SchemaId, Schema>) -> Catalog {
        entities.sort_by_key(|entity| entity.id);
        Catalog { version, entities, schemas }
    }

    /// All entity types, by number.
    pub fn entities(&self) -> &[Arc<EntityType>] {
        &self.entities
    }

    /// The entity type of a number.
    pub fn entity(&self, id: EntityTypeId) -> Option<&Arc<EntityType>> {
        self.entities.binary_search_by_key(&id, |entity| entity.id).ok().and_then(|n| self.entities.get(n))
    }

    /// The schema of a registry id, also one of the platform's.
    pub fn schema(&self, id: SchemaId) -> Option<&Schema> {
        let of_platform = || self.platform().all().into_iter().find(|(_, r)| r.id == id).map(|(_, r)| &r.schema);
        self.schemas.get(&id).or_else(of_platform)
    }

    /// Every schema with its id, also those of the platform, in no order.
    pub fn schemas(&self) -> impl Iterator<Item = (SchemaId, &Schema)> {
        let of_platform = self.platform().all().map(|(_, registered)| (registered.id, &registered.schema));
        self.schemas.iter().map(|(id, schema)| (*id, schema)).chain(of_platform)
    }

    /// The platform's own events. They are members of every entity's stream and of no entity's `events`.
    pub fn platform(&self) -> &'static Platform {
        platform()
    }

    /// Finds an entity type by resource name, full name, or short record name if only one type has it.
    pub fn find_entity(&self, name: &str) -> Result<&Arc<EntityType>, LookupError> {
        find(name, &self.entities, |e| (e.name.as_str(), &e.full_name))
    }
}

impl EntityType {
    /// Partition of an instance.
    pub fn partition_of(&self, id: &evento_model::EntityId) -> u32 {
        partition_of(id.as_str().as_bytes(), self.partitions)
    }

    /// Finds a command that is not retired by resource name, full name, or short record name.
    pub fn find_command(&self, name: &str) -> Result<&Arc<CommandType>, LookupError> {
        match find(name, &self.commands, |c| (c.name.as_str(), &c.full_name)) {
            Ok(command) if command.retired => {
                Err(LookupError { code: Code(1001), name: name.to_owned(), candidates: Vec::new() })
            }
            found => found,
        }
    }

    /// The command type of a full name, also a retired one.
    pub fn command(&self, full_name: &FullName) -> Option<&Arc<CommandType>> {
        self.commands.iter().find(|command| command.full_name == *full_name)
    }

    /// The event type of a full name, also a retired one.
    pub fn event(&self, full_name: &FullName) -> Option<&Arc<EventType>> {
        self.events.iter().find(|event| event.full_name == *full_name)
    }
}

impl CommandType {
    /// The version in force: what is not said to be another version is this one.
    pub fn newest(&self) -> &Registered {
        self.versions.last().expect("a command type has at least one version")
    }
}

impl EventType {
    /// The version in force: what is not said to be another version is this one.
    pub fn newest(&self) -> &Registered {
        self.versions.last().expect("an event type has at least one version")
    }
}

/// The outcome that a list of events tells: rejected when any of them is a rejection.
pub fn outcome_of(rejections: impl IntoIterator<Item = bool>) -> Outcome {
    if rejections.into_iter().any(|rejection| rejection) { Outcome::Rejected } else { Outcome::Accepted }
}

/// Looks a name up in the order resource name, full name, unique short record name.
fn find<'a, T>(
    name: &str,
    things: &'a [Arc<T>],
    names: impl Fn(&T) -> (&str, &FullName),
) -> Result<&'a Arc<T>, LookupError> {
    if let Some(thing) = things.iter().find(|thing| names(thing).0 == name) {
        return Ok(thing);
    }
    if let Some(thing) = things.iter().find(|thing| names(thing).1.as_str() == name) {
        return Ok(thing);
    }
    let mut short = things.iter().filter(|thing| names(thing).1.short() == name);
    match (short.next(), short.next()) {
        (Some(thing), None) => Ok(thing),
        (Some(_), Some(_)) => {
            let candidates = things.iter().map(|thing| names(thing).1).filter(|full| full.short() == name);
            Err(LookupError {
                code: Code(2003),
                name: name.to_owned(),
                candidates: candidates.map(ToString::to_string).collect(),
            })
        }
        (None, _) => {
            let known = things.iter().flat_map(|thing| {
                let (resource, full) = names(thing);
                [resource, full.short()]
            });
            Err(LookupError { code: Code(1001), name: name.to_owned(), candidates: nearest(name, known) })
        }
    }
}

/// Up to three known names that are close to a misspelt one, nearest first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .collect();
    close.sort_by_key(|(distance, _)| *distance);
    // A resource and its record often differ in case and hyphens only; the first of them is enough.
    let mut seen = HashSet::new();
    close.retain(|(_, candidate)| seen.insert(candidate.to_lowercase().replace('-', "")));
    close.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}
