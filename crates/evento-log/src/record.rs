//! Commands and events as the log holds them: every field that is kept for ever, as plain values.
//!
//! How they become Kafka records is `codec`'s business. Payloads are opaque bytes here.

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{
    CommandId, Digest, EntityId, FullName, Outcome, OwnerEpoch, Revision, SchemaId, Seed, Sequence, Timestamp,
};

/// A command as it was accepted. Immutable, kept for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandRecord {
    /// The instance it targets.
    pub id: EntityId,
    /// Its id; the idempotency key as long as the instance exists.
    pub command_id: CommandId,
    /// Whether the client chose the id. Such ids are indexed for ever; ids made here are found by their time.
    pub client_supplied: bool,
    /// Full name of its type.
    pub type_name: FullName,
    /// Registry id of the payload's schema.
    pub schema: SchemaId,
    /// Canonical Avro bytes.
    pub payload: Bytes,
    /// When it was accepted, wall clock. The time that functions see, in every attempt and backtest.
    pub accepted_at: Timestamp,
    /// Chance that functions may use, fixed at acceptance.
    pub seed: Seed,
    /// SHA-256 over type and canonical payload; tells a repeated send from another command under the same id.
    pub digest: Digest,
    /// The sequence the instance must have, if the sender asked for one.
    pub if_seq: Option<Sequence>,
    /// Correlation id; `None` means the command id itself.
    pub correlation: Option<Arc<str>>,
    /// Id of the event or command that caused it.
    pub causation: Option<Arc<str>>,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
    /// Who sent it.
    pub principal: Option<Arc<str>>,
}

/// An event as it was committed. Final.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRecord {
    /// The instance.
    pub id: EntityId,
    /// Its number within the instance: 1, 2, 3, … without gaps.
    pub seq: Sequence,
    /// Full name of its type.
    pub type_name: FullName,
    /// Registry id of the payload's schema.
    pub schema: SchemaId,
    /// Canonical Avro bytes.
    pub payload: Bytes,
    /// Acceptance time of the command that caused it.
    pub time: Timestamp,
    /// That command.
    pub command_id: CommandId,
    /// Full name of that command's type.
    pub command_type: FullName,
    /// Registry id of that command's schema.
    pub command_schema: SchemaId,
    /// Correlation id.
    pub correlation: Arc<str>,
    /// How the command ended.
    pub outcome: Outcome,
    /// Which of the command's events this is: `(1, 2)` is the first of two.
    pub batch: (u32, u32),
    /// The sequence the decision saw.
    pub decided_on: Sequence,
    /// Function revision that decided; `None` for the platform's own events.
    pub revision: Option<Revision>,
    /// Function revision that applied; `None` when nothing was applied.
    pub apply_revision: Option<Revision>,
    /// Registry id of the state's schema.
    pub state_schema: SchemaId,
    /// SHA-256 of the state after this event; 32 zero bytes when there is no state.
    pub state_digest: Digest,
    /// The seed the decision saw.
    pub seed: Seed,
    /// Owner epoch under which it was written.
    pub epoch: OwnerEpoch,
    /// Attempts the command took.
    pub attempts: u32,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
}
