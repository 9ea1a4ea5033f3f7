//! What readers of the log get: the stored things together with where and when they were committed.

use evento_model::{Digest, Outcome, Position, Revision, SchemaId, Sequence, Timestamp};

use bytes::Bytes;

use crate::record::{CommandRecord, EventRecord};
use crate::unit::{Mark, NO_STATE};

/// The state of an instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredState {
    /// Number of the last event it contains.
    pub seq: Sequence,
    /// Avro bytes; `None` when the instance has no state any more.
    pub state: Option<Bytes>,
    /// Registry id of its schema.
    pub schema: SchemaId,
    /// SHA-256 of the bytes; 32 zero bytes when there is no state.
    pub digest: Digest,
    /// Acceptance time of the last command that changed it.
    pub updated_at: Timestamp,
    /// Function revision that applied last.
    pub revision: Option<Revision>,
}

impl StoredState {
    /// There was a state, but its bytes went with the state store: replay has to give them back.
    pub fn is_lost(&self) -> bool {
        self.state.is_none() && self.digest != NO_STATE
    }
}

/// An event and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEvent {
    /// Where.
    pub position: Position,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The event.
    pub record: EventRecord,
}

/// A command and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCommand {
    /// Where.
    pub position: Position,
    /// The command.
    pub record: CommandRecord,
}

/// How a command ended, as the log remembers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredOutcome {
    /// Where its first event is; `seq_last - seq_first + 1` events follow one another there.
    pub event_position: Position,
    /// How it ended.
    pub outcome: Outcome,
    /// Digest of the content it was sent with.
    pub digest: Digest,
    /// Number of its first event.
    pub seq_first: Sequence,
    /// Number of its last event.
    pub seq_last: Sequence,
    /// Attempts it took.
    pub attempts: u32,
    /// Function revision that decided.
    pub revision: Option<Revision>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its outcome was committed.
    pub committed_at: Timestamp,
}

/// A command that has not ended, found at start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    /// The command.
    pub command: StoredCommand,
    /// What was noted about it, if anything was.
    pub mark: Option<Mark>,
}
