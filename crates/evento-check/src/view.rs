//! What the log holds in the end, as plain values: entities, their instances, their events and commands.
//!
//! A simulation may fill it by hand; `reader` fills it through the production reader. Bound: it is as large as
//! the log without headers, about 200 bytes an event or command beside its payload.

use std::collections::BTreeMap;

use bytes::Bytes;
use evento_model::{Digest, Offset, Outcome, OwnerEpoch, SchemaId, Sequence, Timestamp};

/// Everything the log holds.
#[derive(Clone, Default, Debug)]
pub struct LogView {
    /// The entity types.
    pub entities: Vec<EntityView>,
}

/// One entity type.
#[derive(Clone, Default, Debug)]
pub struct EntityView {
    /// Its short name: the first part of `k`, and of its topics' names.
    pub name: String,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionView>,
    /// Its instances by id.
    pub instances: BTreeMap<String, InstanceView>,
}

/// One partition of an entity type's topics.
#[derive(Clone, Default, Debug)]
pub struct PartitionView {
    /// One past the last offset of its events.
    pub events_end: Offset,
    /// One past the last offset of its commands.
    pub commands_end: Offset,
    /// Owner epochs of its events in committed order: each offset from which on it is another one.
    pub epochs: Vec<(Offset, OwnerEpoch)>,
    /// Events and commands of instances that nobody wanted to see.
    pub left_out: (u64, u64),
}

/// One instance.
#[derive(Clone, Default, Debug)]
pub struct InstanceView {
    /// The partition of its events and commands.
    pub partition: u32,
    /// Its events, in the order of the log.
    pub events: Vec<EventView>,
    /// Its commands, in the order of the log.
    pub commands: Vec<CommandView>,
    /// Sequence and digest of its stored state.
    pub state: Option<(Sequence, Digest)>,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub struct EventView {
    /// Its offset in the partition.
    pub offset: Offset,
    /// Its number within the instance.
    pub seq: Sequence,
    /// The command that caused it.
    pub command: String,
    /// Full name of its type.
    pub type_name: String,
    /// Registry id of its schema.
    pub schema: SchemaId,
    /// Its bytes.
    pub payload: Bytes,
    /// How the command ended.
    pub outcome: Outcome,
    /// Which of the command's events this is: `(1, 2)` is the first of two.
    pub batch: (u32, u32),
    /// The sequence the decision saw.
    pub decided_on: Sequence,
    /// Attempts the command took.
    pub attempts: u32,
    /// Digest of the state after it.
    pub state_digest: Digest,
    /// Acceptance time of the command.
    pub time: Timestamp,
}

/// One command.
#[derive(Clone, PartialEq, Debug)]
pub struct CommandView {
    /// Its offset in the partition.
    pub offset: Offset,
    /// Its id.
    pub id: String,
    /// Whether the sender chose the id.
    pub client_supplied: bool,
    /// Full name of its type.
    pub type_name: String,
    /// Registry id of its schema.
    pub schema: SchemaId,
    /// Its bytes.
    pub payload: Bytes,
    /// Digest of its content, as stored.
    pub digest: Digest,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What the log says of it beside its events.
    pub standing: Standing,
}

/// What the log says of a command beside its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It has no outcome.
    Waiting,
    /// It has no outcome and is parked.
    Parked,
    /// The index by id has its outcome.
    Ended {
        /// How it ended.
        outcome: Outcome,
        /// Sequence of its first event.
        first: Sequence,
        /// Sequence of its last event.
        last: Sequence,
        /// Offset of its first event.
        offset: Offset,
    },
    /// The index by id knows nothing of it.
    Absent,
}

impl LogView {
    /// An entity type and one of its instances by `entity/id`.
    pub fn instance(&self, k: &str) -> Option<(&EntityView, &InstanceView)> {
        let (name, id) = k.split_once('/')?;
        let entity = self.entities.iter().find(|entity| entity.name == name)?;
        Some((entity, entity.instances.get(id)?))
    }

    /// All instances with their entity types and ids.
    pub fn instances(&self) -> impl Iterator<Item = (&EntityView, &str, &InstanceView)> {
        self.entities
            .iter()
            .flat_map(|entity| entity.instances.iter().map(move |(id, instance)| (entity, id.as_str(), instance)))
    }
}
