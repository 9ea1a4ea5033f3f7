//! What the outside asks of the command path, and what it is told: plain values, without a channel.
//!
//! The edges (HTTP and Kafka) make an [`Offer`], and of it an [`Ask`]; the engine takes it and gives an [`Answer`]. Both meet here
//! because an edge knows the log but never the engine. How an ask travels is the binary's business.

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{
    Code, CommandId, Digest, EntityKey, EntityTypeId, FullName, Outcome, Position, ResourceName, Revision, SchemaId,
    Seed, Sequence, Timestamp,
};

use crate::record::{CommandRecord, EventRecord};
use crate::unit::StatePut;

/// A command as an edge has it: checked against its schema, not yet accepted.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The instance it targets.
    pub key: EntityKey,
    /// The id that the sender chose, if it chose one.
    pub supplied: Option<CommandId>,
    /// Full name of its type.
    pub type_name: FullName,
    /// Registry id of the payload's schema.
    pub schema: SchemaId,
    /// Canonical Avro bytes.
    pub payload: Bytes,
    /// The sequence the instance must have, if the sender asked for one.
    pub if_seq: Option<Sequence>,
    /// Correlation id.
    pub correlation: Option<Arc<str>>,
    /// Id of the event or command that caused it.
    pub causation: Option<Arc<str>>,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

impl Offer {
    /// The record: with id, time, seed and the digest that tells a repeated send from another command under the
    /// same id. The digest is the same whatever edge the command comes through.
    pub fn record(self, made_id: impl FnOnce() -> CommandId, accepted_at: Timestamp, seed: Seed) -> CommandRecord {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        hash.update(self.type_name.as_str().as_bytes());
        hash.update([0]);
        hash.update(&self.payload);
        CommandRecord {
            id: self.key.id,
            client_supplied: self.supplied.is_some(),
            command_id: self.supplied.unwrap_or_else(made_id),
            type_name: self.type_name,
            schema: self.schema,
            payload: self.payload,
            accepted_at,
            seed,
            digest: Digest(hash.finalize().into()),
            if_seq: self.if_seq,
            correlation: self.correlation,
            causation: self.causation,
            traceparent: self.traceparent,
            principal: None,
        }
    }
}

/// Something asked of the command path.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Take this command.
    Send {
        /// The entity type it targets.
        entity: EntityTypeId,
        /// The command, already checked against its schema.
        command: Box<CommandRecord>,
        /// When to answer.
        want: Want,
    },
    /// Answer when the command has its outcome.
    Wait(CommandRef),
    /// Make sure that the command is durable, then answer with its status.
    Persist(CommandRef),
    /// Answer with the status of a command that is not finished.
    Status(CommandRef),
    /// Answer with the unfinished commands that fit.
    List(ListFilter),
    /// Put a parked command back, or make a retrying one due at once.
    Retry(CommandRef),
    /// Park a command that is not running.
    Park(CommandRef),
    /// End a parked command with `evento.CommandAbandoned`.
    Abandon {
        /// The command.
        command: CommandRef,
        /// Who gives up on it.
        by: Arc<str>,
        /// Why; required.
        reason: Arc<str>,
    },
}

/// A command of an instance.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CommandRef {
    /// The instance.
    pub key: EntityKey,
    /// The command.
    pub command_id: CommandId,
}

/// When the sender of a command wants its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// When it has an outcome.
    Outcome,
    /// As soon as it is durable.
    Stored,
}

/// Which unfinished commands to list. Every given field must fit.
#[derive(Clone, Default, Debug)]
pub struct ListFilter {
    /// Of this entity type.
    pub entity: Option<EntityTypeId>,
    /// In this status.
    pub status: Option<Status>,
    /// Waiting for this function.
    pub function: Option<ResourceName>,
    /// With this fingerprint of the last error.
    pub fingerprint: Option<String>,
    /// With this command id.
    pub command_id: Option<CommandId>,
    /// At most so many.
    pub limit: usize,
}

/// What the path says to an [`Ask`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// The command has its outcome, and it is durable.
    Done(Arc<Done>),
    /// The command is durable and has no outcome yet.
    Unfinished(Box<CommandStatus>),
    /// The commands that fit.
    Listed(Vec<CommandStatus>),
    /// Nothing was recorded.
    Refused(Refusal),
    /// No unfinished command has this id.
    NotUnfinished,
}

/// A finished command.
#[derive(Clone, Debug)]
pub struct Done {
    /// The instance.
    pub key: EntityKey,
    /// The command.
    pub command_id: CommandId,
    /// Full name of its type.
    pub command_type: FullName,
    /// How it ended.
    pub outcome: Outcome,
    /// Its events, in order; at least one.
    pub events: Vec<EventRecord>,
    /// The instance's state after it, if the answer comes straight from the commit.
    pub state: Option<StatePut>,
    /// Where its first event is.
    pub position: Position,
    /// Where its own record is, if the answer comes from the commit that wrote it.
    pub command_position: Option<Position>,
    /// Attempts it took.
    pub attempts: u32,
    /// Revision of the function that handled it.
    pub revision: Option<Revision>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its outcome was committed.
    pub committed_at: Timestamp,
    /// Whether the outcome was recorded by an earlier send.
    pub replayed: bool,
}

/// Where an unfinished command stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// In the log, not yet taken.
    Queued,
    /// Something else must come first.
    Waiting,
    /// The function has it.
    Running,
    /// Failed, with a next attempt.
    Retrying,
    /// Out of attempts.
    Parked,
}

impl Status {
    /// The word used in JSON, metrics and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Waiting => "waiting",
            Status::Running => "running",
            Status::Retrying => "retrying",
            Status::Parked => "parked",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Status> {
        [Status::Queued, Status::Waiting, Status::Running, Status::Retrying, Status::Parked]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What a command waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitingFor {
    /// An earlier command of the same instance.
    Command(CommandId),
    /// A function that is down, or not there at all (`None`).
    Function {
        /// Its name, if there is one.
        name: Option<ResourceName>,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// A person: the command is parked.
    Person,
}

/// Everything a person wants to know of an unfinished command.
#[derive(Clone, Debug)]
pub struct CommandStatus {
    /// The instance.
    pub key: EntityKey,
    /// The command.
    pub command_id: CommandId,
    /// Full name of its type.
    pub command_type: FullName,
    /// Where its own record is, if the answer comes from the commit that wrote it.
    pub position: Option<Position>,
    /// Where it stands.
    pub status: Status,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Wall-clock time of the next attempt, if one is set.
    pub next_attempt_at: Option<Timestamp>,
    /// What it waits for.
    pub waiting_for: Option<WaitingFor>,
    /// The last failure.
    pub last_error: Option<LastError>,
}

/// The last failure of a command, with the function's own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastError {
    /// EV30xx.
    pub code: Code,
    /// One line.
    pub title: String,
    /// More, may be empty.
    pub detail: String,
    /// The function.
    pub function: String,
    /// Its revision.
    pub revision: Option<Revision>,
    /// When.
    pub at: Timestamp,
    /// Groups equal errors.
    pub fingerprint: String,
    /// The function's stack, if it gave one.
    pub stack: Option<String>,
}

/// Why nothing was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// EV10xx, EV40xx or EV60xx.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The instance's sequence, for a precondition that does not hold.
    pub seq: Option<Sequence>,
}

impl Refusal {
    /// Whether the command is in the log, as far as can be said: after a fault of the log nobody knows until the
    /// next start, or until there is room again. The same id tells it then.
    pub fn recorded(&self) -> Option<bool> {
        let known = !matches!(self.code, Code(4001) | Code(4002) | Code(4005)) || evento_model::planted!(32);
        known.then_some(false)
    }
}
