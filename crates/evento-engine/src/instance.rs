//! One entity instance: its state, its mailbox, and what is on its way. Plain data with small questions.
//!
//! Invariant: at most one work of an instance is in flight. Its first `in_flight` mailbox entries are in it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::{Answer, LastError, Want};
use evento_log::record::CommandRecord;
use evento_log::unit::NO_STATE;
use evento_model::{CommandId, Digest, EntityKey, Revision, SchemaId, Sequence, Timestamp};
use smallvec::SmallVec;

use crate::command::Decided;
use crate::line::LineNo;
use crate::{UnitNo, WaiterId};

/// Place of an instance in the engine's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct InstanceNo(pub(crate) u32);

/// An instance in memory. Idle ones are a cache entry; `busy` exists only while something is on its way.
pub(crate) struct Instance {
    pub(crate) key: EntityKey,
    pub(crate) partition: u32,
    /// Whether `current` is what the log says; false until the first look-up came back.
    pub(crate) loaded: bool,
    pub(crate) current: Current,
    pub(crate) busy: Option<Box<Busy>>,
    /// Raised each time the instance falls idle; tells whether an entry of the eviction queue is still meant.
    pub(crate) idle_stamp: u32,
}

/// What the instance is after its last event, durable or not.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) seq: Sequence,
    pub(crate) state: Option<Bytes>,
    pub(crate) digest: Digest,
    /// Schema of the state; meaningless while `seq` is 0.
    pub(crate) schema: SchemaId,
    pub(crate) updated_at: Timestamp,
    /// Revision that applied last.
    pub(crate) revision: Option<Revision>,
}

/// What is on its way for an instance.
pub(crate) struct Busy {
    /// Commands in the order they will be decided. Bound: `Config::instance_commands_max`.
    pub(crate) mailbox: VecDeque<Pending>,
    /// Commands that wait for a person or a new revision. Bound: counted with the mailbox.
    pub(crate) parked: Vec<Pending>,
    /// Commands to abandon as soon as nothing is in flight. Bound: the parked ones.
    pub(crate) abandoning: Vec<Abandoning>,
    pub(crate) phase: Phase,
    /// How many leading mailbox entries are in the work in flight.
    pub(crate) in_flight: usize,
    /// Events decided by one function while another one still has to apply them.
    pub(crate) decided: Option<Decided>,
    /// Look-ups not yet back.
    pub(crate) loads: u32,
    /// Ids finished in units that are not durable yet. Bound: units in the commit queue.
    pub(crate) finishing: Vec<(UnitNo, CommandId)>,
    /// What is answered or asked again when a unit is durable. Bound: `Config::instance_commands_max`.
    pub(crate) deferred: Vec<(UnitNo, WaiterId, Deferred)>,
    /// Who wants a command durable that still waits behind a look-up. Bound: as for `deferred`.
    pub(crate) persisting: Vec<(WaiterId, CommandId)>,
    /// The last unit of this instance, while it is not durable.
    pub(crate) unit_last: Option<UnitNo>,
    /// Most commands in the next work; lowered to 1 when a chained work failed as a whole.
    pub(crate) chain_max: usize,
}

/// Where the instance stands with its next command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Nothing to do.
    Idle,
    /// Its state is being looked up.
    Loading,
    /// In the queue of a function.
    Ready(LineNo),
    /// A function has its work.
    InFlight,
    /// The head failed and has its next attempt later.
    Delayed(LineNo),
    /// No function serves the head's command, or the entity has no applier.
    Unserved,
    /// A parked command blocks it (`onPark: block`).
    Blocked,
}

/// Whether a command's own record is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stored {
    /// Not yet written; it goes with its outcome or when somebody must know that it is durable.
    No,
    /// In a unit that is not durable yet.
    Writing(UnitNo),
    /// Durable.
    Yes,
}

/// Something that waits for a unit to be durable.
pub(crate) enum Deferred {
    /// A send that repeats the id of a command that ends with the unit: taken again.
    Send(Box<CommandRecord>, Want),
    /// An answer that shows what the unit changes.
    Answer(Answer),
}

/// A command without outcome.
pub(crate) struct Pending {
    pub(crate) record: Box<CommandRecord>,
    /// Whether a look-up for an earlier outcome under its id is not back yet.
    pub(crate) checking: bool,
    pub(crate) waiters: SmallVec<[WaiterId; 1]>,
    pub(crate) stored: Stored,
    pub(crate) trial: Trial,
}

/// How the attempts of a command went.
#[derive(Default)]
pub(crate) struct Trial {
    /// Failed attempts under the present revision.
    pub(crate) attempts: u32,
    /// Attempts that count towards parking.
    pub(crate) charged: u32,
    /// Charged attempts that ended in a crash or timeout.
    pub(crate) crashes: u32,
    /// A failure that waits for evidence that the function is alive.
    pub(crate) noted: Option<Noted>,
    /// When the next attempt is due: monotonic, and as shown to people.
    pub(crate) due: Option<(Timestamp, Timestamp)>,
    pub(crate) last_error: Option<Box<LastError>>,
}

/// A failed attempt, not charged yet.
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    /// The function that was asked: a command may be handled by one and applied by another.
    pub(crate) line: LineNo,
    /// Valid answers the function had given when it failed.
    pub(crate) answers: u64,
    /// Outages the function had had.
    pub(crate) outages: u64,
    /// Whether it ended in a crash or timeout.
    pub(crate) crash: bool,
}

/// An operator's wish to give up on a parked command.
pub(crate) struct Abandoning {
    pub(crate) command_id: CommandId,
    pub(crate) waiter: WaiterId,
    pub(crate) by: Arc<str>,
    pub(crate) reason: Arc<str>,
}

impl Instance {
    pub(crate) fn new(key: EntityKey, partition: u32) -> Instance {
        Instance { key, partition, loaded: false, current: Current::new(), busy: None, idle_stamp: 0 }
    }

    /// What is on its way, made when there was nothing.
    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_with(|| Box::new(Busy::new()))
    }

    /// Bytes this instance costs while idle: its state, its id, and a fixed share of the table.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.current.state.as_ref().map_or(0, Bytes::len) + self.key.id.as_str().len() + size_of::<Instance>() + 32
    }
}

impl Current {
    /// Before the first event.
    pub(crate) fn new() -> Current {
        Current { seq: 0, state: None, digest: NO_STATE, schema: SchemaId(0), updated_at: Timestamp(0), revision: None }
    }
}

impl Busy {
    fn new() -> Busy {
        Busy {
            mailbox: VecDeque::new(),
            parked: Vec::new(),
            abandoning: Vec::new(),
            phase: Phase::Idle,
            in_flight: 0,
            decided: None,
            loads: 0,
            finishing: Vec::new(),
            deferred: Vec::new(),
            persisting: Vec::new(),
            unit_last: None,
            chain_max: usize::MAX,
        }
    }

    /// Whether nothing is on its way any more, so that this can be dropped.
    pub(crate) fn is_over(&self) -> bool {
        self.mailbox.is_empty()
            && self.parked.is_empty()
            && self.abandoning.is_empty()
            && self.loads == 0
            && self.deferred.is_empty()
            && self.persisting.is_empty()
            && self.unit_last.is_none()
            && self.phase == Phase::Idle
    }

    /// The unit with which a command of this id ends, while it is not durable.
    pub(crate) fn ending(&self, id: &CommandId) -> Option<UnitNo> {
        self.finishing.iter().find(|(_, finished)| finished == id).map(|(unit, _)| *unit)
    }

    /// Whoever wants this command durable waits for its end instead: it has come to one.
    pub(crate) fn take_wishes(&mut self, pending: &mut Pending) {
        for (waiter, _) in self.persisting.extract_if(.., |(_, id)| *id == pending.record.command_id) {
            pending.waiters.push(waiter);
        }
    }

    /// The unfinished command with this id, waiting or parked.
    pub(crate) fn find(&mut self, id: &CommandId) -> Option<&mut Pending> {
        self.mailbox.iter_mut().chain(self.parked.iter_mut()).find(|pending| pending.record.command_id == *id)
    }
}

impl Pending {
    pub(crate) fn new(record: Box<CommandRecord>, checking: bool, stored: Stored) -> Pending {
        Pending { record, checking, waiters: SmallVec::new(), stored, trial: Trial::default() }
    }

    /// Bytes held for it.
    pub(crate) fn bytes(&self) -> usize {
        self.record.payload.len() + size_of::<CommandRecord>() + size_of::<Pending>()
    }
}
