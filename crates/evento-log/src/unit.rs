//! The commit unit: what becomes durable together or not at all, for one instance.
//!
//! The engine makes units; the log writes them in the order in which they are submitted.

use bytes::Bytes;
use evento_model::{
    CommandId, Digest, EntityId, EntityTypeId, Offset, Outcome, Revision, SchemaId, Sequence, Timestamp,
};

use crate::record::{CommandRecord, EventRecord};

/// Everything that one step of an instance changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitUnit {
    /// Entity type.
    pub entity: EntityTypeId,
    /// Partition of the instance.
    pub partition: u32,
    /// The instance.
    pub id: EntityId,
    /// Commands whose own records are written with this unit, in mailbox order.
    pub commands: Vec<CommandRecord>,
    /// Events, in order.
    pub events: Vec<EventRecord>,
    /// The state after the last event, if this unit has events.
    pub state: Option<StatePut>,
    /// Commands that end with this unit.
    pub outcomes: Vec<OutcomePut>,
    /// What must survive a restart of commands that have not ended.
    pub marks: Vec<Mark>,
    /// Small metadata (catalogue and the like): key and value; `None` deletes.
    pub meta: Vec<(Bytes, Option<Bytes>)>,
}

impl CommitUnit {
    /// A unit that changes nothing of its instance yet.
    pub fn empty(entity: EntityTypeId, partition: u32, id: EntityId) -> CommitUnit {
        CommitUnit {
            entity,
            partition,
            id,
            commands: Vec::new(),
            events: Vec::new(),
            state: None,
            outcomes: Vec::new(),
            marks: Vec::new(),
            meta: Vec::new(),
        }
    }

    /// A unit of facts alone: it belongs to no instance.
    pub fn of_facts(meta: Vec<(Bytes, Option<Bytes>)>) -> CommitUnit {
        let id = EntityId::new("facts").expect("a valid id");
        CommitUnit { meta, ..CommitUnit::empty(EntityTypeId(0), 0, id) }
    }
}

/// The state of an instance after the unit's last event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatePut {
    /// Number of the last event it contains.
    pub seq: Sequence,
    /// Avro bytes; `None` when the instance has no state.
    pub state: Option<Bytes>,
    /// Registry id of its schema.
    pub schema: SchemaId,
    /// SHA-256 of the bytes; 32 zero bytes when there is no state.
    pub digest: Digest,
    /// Acceptance time of the last command that changed it.
    pub updated_at: Timestamp,
    /// Function revision that applied; `None` while nothing was ever applied.
    pub revision: Option<Revision>,
}

/// How a command ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomePut {
    /// The command.
    pub command_id: CommandId,
    /// Whether its id is to be indexed for ever.
    pub client_supplied: bool,
    /// Digest of the content it was sent with.
    pub digest: Digest,
    /// How it ended.
    pub outcome: Outcome,
    /// Number of its first event.
    pub seq_first: Sequence,
    /// Number of its last event.
    pub seq_last: Sequence,
    /// Attempts it took.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Function revision that decided.
    pub revision: Option<Revision>,
    /// Where its own record is.
    pub command: CommandPlace,
}

/// Where a command's own record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandPlace {
    /// In this unit, at this index of `commands`.
    InThisUnit(usize),
    /// Written by an earlier unit and not ended: the log finds it by id among the unfinished commands.
    Unfinished,
}

/// What must survive a restart of a command that has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The command.
    pub command_id: CommandId,
    /// Where its record is.
    pub command: CommandPlace,
    /// Whether it is parked.
    pub parked: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// The engine's own note (the last error); opaque here.
    pub note: Option<Bytes>,
}

/// Where and when a unit became durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Number of the group commit it was in.
    pub commit_seq: u64,
    /// Wall clock of that group.
    pub committed_at: Timestamp,
    /// Offset of the unit's first command, meaningful when it has commands.
    pub command_offset_first: Offset,
    /// Offset of the unit's first event, meaningful when it has events.
    pub event_offset_first: Offset,
}

/// The digest that stands for "no state": 32 zero bytes.
pub const NO_STATE: Digest = Digest([0; 32]);

/// A state's digest: SHA-256 of its bytes, or [`NO_STATE`].
pub fn state_digest(state: Option<&[u8]>) -> Digest {
    use sha2::Digest as _;
    state.map_or(NO_STATE, |bytes| Digest(sha2::Sha256::digest(bytes).into()))
}
