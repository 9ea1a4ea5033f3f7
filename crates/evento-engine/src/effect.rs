//! What the engine wants done: a closed set of plain values.

use std::sync::Arc;

use evento_function::RunRequest;
use evento_log::intake::{Answer, CommandStatus, Done};
use evento_log::record::EventRecord;
use evento_log::unit::{CommitUnit, Committed, StatePut};
use evento_model::{
    Code, CommandId, EntityKey, EntityTypeId, FullName, Outcome, Position, ResourceName, Revision, Timestamp, TopicKind,
};

use crate::{CallNo, LoadNo, UnitNo, WaiterId};

/// Something to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Look up an instance's state and, if a command is named, that command's outcome.
    Load {
        /// Comes back with the result.
        load: LoadNo,
        /// The instance.
        key: EntityKey,
        /// The command whose outcome is wanted as well.
        command: Option<CommandId>,
    },
    /// Call a function.
    Call {
        /// Comes back with the answer.
        call: CallNo,
        /// The function.
        function: ResourceName,
        /// The revision that must answer.
        revision: Revision,
        /// What it is asked.
        request: RunRequest,
        /// Total deadline, in milliseconds.
        timeout_ms: u64,
    },
    /// Write a unit; units are submitted in the order of their numbers. When it is durable, tell those who wait.
    Commit {
        /// Comes back when durable.
        unit: UnitNo,
        /// What is written.
        content: Box<CommitUnit>,
        /// Who is told what once it is durable.
        answers: Vec<(WaiterId, Draft)>,
    },
    /// Tell somebody something that is durable already, or that nothing was recorded.
    Answer(WaiterId, Answer),
    /// Ask the function for its manifest again: it behaves unlike the one that was registered.
    Rediscover(ResourceName),
    /// Something a person should see on the terminal, in the log or in the metrics.
    Notice(Notice),
}

/// An answer that becomes true with a commit.
#[derive(Debug)]
pub enum Draft {
    /// The outcome of a command; position and commit time are filled in by the commit.
    Done(Arc<DoneDraft>),
    /// The command is durable.
    Stored {
        /// Where it stands.
        status: Box<CommandStatus>,
        /// Index of its record among the unit's commands, if this unit wrote it.
        command_index: Option<usize>,
    },
}

impl Draft {
    /// The answer, once its unit is durable.
    pub fn answer(self, entity: EntityTypeId, partition: u32, committed: &Committed) -> Answer {
        match self {
            // Nearly always the only one: then nothing is copied.
            Draft::Done(draft) => {
                let draft = Arc::try_unwrap(draft).unwrap_or_else(|shared| (*shared).clone());
                Answer::Done(Arc::new(draft.done(entity, partition, committed)))
            }
            Draft::Stored { mut status, command_index } => {
                status.position = command_place(entity, partition, committed, command_index);
                Answer::Unfinished(status)
            }
        }
    }
}

impl DoneDraft {
    fn done(self, entity: EntityTypeId, partition: u32, committed: &Committed) -> Done {
        let offset = committed.event_offset_first + self.event_index as u64;
        Done {
            key: self.key,
            command_id: self.command_id,
            command_type: self.command_type,
            outcome: self.outcome,
            events: self.events,
            state: self.state,
            position: Position { entity, topic: TopicKind::Events, partition, offset },
            command_position: command_place(entity, partition, committed, self.command_index),
            attempts: self.attempts,
            revision: self.revision,
            accepted_at: self.accepted_at,
            committed_at: committed.committed_at,
            replayed: false,
        }
    }
}

/// Where a command's own record is, if this commit wrote it.
fn command_place(
    entity: EntityTypeId,
    partition: u32,
    committed: &Committed,
    index: Option<usize>,
) -> Option<Position> {
    let offset = committed.command_offset_first + index? as u64;
    Some(Position { entity, topic: TopicKind::Commands, partition, offset })
}

/// A finished command, but for where and when it is committed.
#[derive(Clone, Debug)]
pub struct DoneDraft {
    /// The instance.
    pub key: EntityKey,
    /// The command.
    pub command_id: CommandId,
    /// Full name of its type.
    pub command_type: FullName,
    /// How it ended.
    pub outcome: Outcome,
    /// Its events.
    pub events: Vec<EventRecord>,
    /// Index of its first event among the unit's.
    pub event_index: usize,
    /// Index of its own record among the unit's commands, if this unit wrote it.
    pub command_index: Option<usize>,
    /// The state after the unit.
    pub state: Option<StatePut>,
    /// Attempts it took.
    pub attempts: u32,
    /// Revision that handled it.
    pub revision: Option<Revision>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Something worth telling a person.
#[derive(Debug)]
pub enum Notice {
    /// An attempt failed.
    Failed(Box<CommandStatus>),
    /// A command was parked.
    Parked(Box<CommandStatus>),
    /// A function is down: its breaker opened.
    FunctionDown {
        /// The function.
        function: ResourceName,
        /// Why.
        code: Code,
        /// In words.
        title: String,
    },
    /// A function answers again.
    FunctionBack {
        /// The function.
        function: ResourceName,
        /// How long it was down, in milliseconds.
        down_ms: u64,
    },
}
