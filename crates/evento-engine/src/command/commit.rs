//! Stage 5: one unit per step of an instance: commands not yet written, events, state and outcomes together.
//!
//! Units go to the log in the order in which they are made here; the next command of the instance starts at
//! once on the state that is not durable yet.

use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::CommandStatus;
use evento_log::record::{CommandRecord, EventRecord};
use evento_log::unit::{CommandPlace, CommitUnit, Mark, OutcomePut, StatePut};
use evento_model::{CommandId, FullName, Outcome, Revision, SchemaId, planted};
use evento_schema::catalog::{EntityType, outcome_of};
use evento_schema::platform;

use crate::command::Evolved;
use crate::effect::{DoneDraft, Draft};
use crate::engine::Engine;
use crate::instance::{Current, InstanceNo, Pending, Stored};
use crate::{Effect, UnitNo, WaiterId, mark};

/// An event that is about to be recorded, with what is particular to it.
struct Happened {
    type_name: FullName,
    schema: SchemaId,
    payload: Bytes,
}

impl Engine {
    /// Ends the first commands of the mailbox with what was decided and applied for them.
    pub(crate) fn commit(&mut self, no: InstanceNo, entity: &EntityType, evolved: Vec<Evolved>) {
        let mut unit = self.unit(no);
        let mut answers = Vec::with_capacity(evolved.len());
        let mut ended = Vec::with_capacity(evolved.len());
        unit.events.reserve(evolved.len());
        unit.outcomes.reserve(evolved.len());
        unit.commands.reserve(evolved.len());
        for Evolved { decided, mut states, applied_by } in evolved {
            if planted!(21) {
                states.rotate_right(1);
            }
            let instance = self.table.get_mut(no);
            let pending = instance.busy().mailbox.pop_front().expect("a decision is for a command of the mailbox");
            let decided_on = instance.current.seq;
            let outcome = outcome_of(decided.events.iter().map(|event| event.rejection));
            let first = unit.events.len();
            let count = decided.events.len() as u32;
            for (n, (event, (state, digest))) in decided.events.into_iter().zip(states).enumerate() {
                let current = &mut self.table.get_mut(no).current;
                current.seq += 1;
                (current.state, current.digest) = (state, digest);
                if let Some((revision, schema)) = applied_by {
                    current.revision = Some(revision);
                    current.schema = schema;
                    current.updated_at = pending.record.accepted_at;
                } else if current.seq == 1 {
                    current.schema = entity.applier.as_ref().map_or(current.schema, |applier| applier.state.id);
                    current.updated_at = pending.record.accepted_at;
                }
                let happened =
                    Happened { type_name: event.type_name, schema: event.registered, payload: event.payload };
                let record = event_record(
                    &pending,
                    happened,
                    current,
                    outcome,
                    (n as u32 + 1, count),
                    decided_on,
                    Some(decided.revision),
                    applied_by.map(|(revision, _)| revision),
                    self.epoch,
                );
                unit.events.push(record);
            }
            self.end(no, pending, outcome, Some(decided.revision), first, &mut unit, &mut answers, &mut ended);
        }
        self.submit(no, unit, answers, ended);
    }

    /// Ends a command by the platform's own event; the state stays as it is.
    pub(crate) fn commit_platform_event(
        &mut self,
        no: InstanceNo,
        pending: Pending,
        schema: SchemaId,
        type_name: FullName,
        payload: Bytes,
        outcome: Outcome,
    ) {
        let mut unit = self.unit(no);
        let (mut answers, mut ended) = (Vec::new(), Vec::new());
        let current = &mut self.table.get_mut(no).current;
        let decided_on = current.seq;
        current.seq += 1;
        let happened = Happened { type_name, schema, payload };
        let record = event_record(&pending, happened, current, outcome, (1, 1), decided_on, None, None, self.epoch);
        unit.events.push(record);
        self.end(no, pending, outcome, None, 0, &mut unit, &mut answers, &mut ended);
        self.submit(no, unit, answers, ended);
    }

    /// The head was stored before its precondition turned out not to hold: a platform rejection tells it.
    pub(crate) fn commit_precondition_lost(&mut self, no: InstanceNo) {
        let instance = self.table.get_mut(no);
        let seq = instance.current.seq;
        let pending = instance.busy().mailbox.pop_front().expect("only a head can lose its precondition");
        let record = &pending.record;
        let payload =
            platform::precondition_failed(&record.command_id, &record.type_name, record.if_seq.unwrap_or(seq), seq);
        let registered = &self.catalog.platform().precondition_failed;
        let (schema, name) = (registered.id, platform::precondition_failed_name());
        self.commit_platform_event(no, pending, schema, name, payload, Outcome::Rejected);
    }

    /// Writes the records of the first commands, up to and including the one at `upto`, before they end.
    pub(crate) fn store(&mut self, no: InstanceNo, upto: usize, waiter: Option<WaiterId>) {
        let marked = Vec::new();
        self.store_marked(no, upto, marked, waiter);
    }

    /// As `store`, with marks for commands of the mailbox (by position, with whether they are parked).
    pub(crate) fn store_marked(&mut self, no: InstanceNo, upto: usize, marked: Vec<usize>, waiter: Option<WaiterId>) {
        let number = UnitNo(self.numbers + 1);
        let mut unit = self.unit(no);
        let busy = self.table.get_mut(no).busy();
        let mut told = None;
        let mut command_index = None;
        for (n, pending) in busy.mailbox.iter_mut().take(upto + 1).enumerate() {
            let place = place_in(&mut unit, pending, number);
            if marked.contains(&n) {
                unit.marks.push(mark_of(pending, place, false));
            }
            told = Some(pending.record.command_id.clone());
            command_index = index(place);
        }
        let answers = match (waiter, told) {
            (Some(waiter), Some(id)) => {
                let status = Box::new(self.status(no, &id));
                vec![(waiter, Draft::Stored { status, command_index })]
            }
            _ => Vec::new(),
        };
        self.submit(no, unit, answers, Vec::new());
    }

    /// Writes the mark of one command that is in neither queue at the moment, and tells who waits for it.
    pub(crate) fn store_apart(
        &mut self,
        no: InstanceNo,
        pending: &mut Pending,
        parked: bool,
        waiters: impl IntoIterator<Item = WaiterId>,
        status: impl Fn(&Engine, &Pending) -> CommandStatus,
    ) {
        let number = UnitNo(self.numbers + 1);
        let mut unit = self.unit(no);
        let place = place_in(&mut unit, pending, number);
        unit.marks.push(mark_of(pending, place, parked));
        let stored = |_| Draft::Stored { status: Box::new(status(self, pending)), command_index: index(place) };
        let answers = waiters.into_iter().map(|waiter| (waiter, stored(waiter))).collect();
        self.submit(no, unit, answers, Vec::new());
    }

    fn unit(&self, no: InstanceNo) -> CommitUnit {
        let instance = self.table.get(no);
        CommitUnit::empty(instance.key.entity, instance.partition, instance.key.id.clone())
    }

    /// Books the end of one command whose events are in the unit from `first` on.
    #[expect(clippy::too_many_arguments, reason = "one call per command, all of it belongs together")]
    fn end(
        &mut self,
        no: InstanceNo,
        pending: Pending,
        outcome: Outcome,
        revision: Option<Revision>,
        first: usize,
        unit: &mut CommitUnit,
        answers: &mut Vec<(WaiterId, Draft)>,
        ended: &mut Vec<CommandId>,
    ) {
        self.let_go(&pending);
        let current = &self.table.get(no).current;
        let Pending { record, waiters, stored, trial, .. } = pending;
        let record: CommandRecord = *record;
        let events = &unit.events[first..];
        let command = match stored {
            Stored::No => CommandPlace::InThisUnit(unit.commands.len()),
            Stored::Writing(_) | Stored::Yes => CommandPlace::Unfinished,
        };
        if !waiters.is_empty() {
            let draft = Arc::new(DoneDraft {
                key: self.table.get(no).key.clone(),
                command_id: record.command_id.clone(),
                command_type: record.type_name.clone(),
                outcome,
                events: events.to_vec(),
                event_index: first,
                command_index: index(command),
                state: Some(state_put(current)),
                attempts: trial.attempts + 1,
                revision,
                accepted_at: record.accepted_at,
            });
            answers.extend(waiters.into_iter().map(|waiter| (waiter, Draft::Done(draft.clone()))));
        }
        let (seq_first, seq_last) = (current.seq + 1 - events.len() as u64, current.seq);
        unit.outcomes.push(OutcomePut {
            command_id: record.command_id.clone(),
            client_supplied: record.client_supplied,
            digest: record.digest,
            outcome,
            seq_first,
            seq_last,
            attempts: trial.attempts + 1,
            accepted_at: record.accepted_at,
            revision,
            command,
        });
        unit.state = Some(state_put(current));
        ended.push(record.command_id.clone());
        if stored == Stored::No {
            unit.commands.push(record);
        }
    }

    /// What planted bugs commit before the rest, in a unit of its own.
    fn apart(unit: &mut CommitUnit) -> Option<CommitUnit> {
        let mut first = CommitUnit::empty(unit.entity, unit.partition, unit.id.clone());
        if planted!(25) && unit.events.len() > 1 {
            first.events = unit.events.drain(..1).collect();
        } else if planted!(14) && unit.commands.is_empty() && !unit.outcomes.is_empty() {
            first.outcomes = std::mem::take(&mut unit.outcomes);
        } else {
            return None;
        }
        Some(first)
    }

    fn submit(&mut self, no: InstanceNo, mut unit: CommitUnit, answers: Vec<(WaiterId, Draft)>, ended: Vec<CommandId>) {
        if let Some(first) = Engine::apart(&mut unit) {
            let number = UnitNo(self.number());
            self.effects.push(Effect::Commit { unit: number, content: Box::new(first), answers: Vec::new() });
        }
        let number = UnitNo(self.number());
        let busy = self.table.get_mut(no).busy();
        busy.finishing.extend(ended.into_iter().map(|id| (number, id)));
        busy.unit_last = Some(number);
        self.units.insert(number, no);
        self.effects.push(Effect::Commit { unit: number, content: Box::new(unit), answers });
    }
}

/// Where a command's record is; written with this unit if it is nowhere yet.
fn place_in(unit: &mut CommitUnit, pending: &mut Pending, number: UnitNo) -> CommandPlace {
    if pending.stored != Stored::No {
        return CommandPlace::Unfinished;
    }
    pending.stored = Stored::Writing(number);
    unit.commands.push(CommandRecord::clone(&pending.record));
    CommandPlace::InThisUnit(unit.commands.len() - 1)
}

/// Index of a record among the unit's commands.
fn index(place: CommandPlace) -> Option<usize> {
    match place {
        CommandPlace::InThisUnit(index) => Some(index),
        CommandPlace::Unfinished => None,
    }
}

fn mark_of(pending: &Pending, command: CommandPlace, parked: bool) -> Mark {
    Mark {
        command_id: pending.record.command_id.clone(),
        command,
        parked,
        attempts: pending.trial.attempts,
        note: pending.trial.last_error.as_deref().map(mark::write),
    }
}

fn state_put(current: &Current) -> StatePut {
    let Current { seq, state, digest, schema, updated_at, revision } = current.clone();
    StatePut { seq, state, schema, digest, updated_at, revision }
}

#[expect(clippy::too_many_arguments, reason = "an event record has this many independent parts")]
fn event_record(
    pending: &Pending,
    happened: Happened,
    current: &Current,
    outcome: Outcome,
    batch: (u32, u32),
    decided_on: u64,
    revision: Option<Revision>,
    apply_revision: Option<Revision>,
    epoch: u32,
) -> EventRecord {
    let command = &pending.record;
    EventRecord {
        id: command.id.clone(),
        seq: current.seq,
        type_name: happened.type_name,
        schema: happened.schema,
        payload: happened.payload,
        time: command.accepted_at,
        command_id: command.command_id.clone(),
        command_type: command.type_name.clone(),
        command_schema: command.schema,
        correlation: command.correlation.clone().unwrap_or_else(|| command.command_id.shared()),
        outcome,
        batch,
        decided_on,
        revision,
        apply_revision,
        state_schema: current.schema,
        state_digest: current.digest,
        seed: command.seed,
        epoch,
        attempts: pending.trial.attempts + 1,
        traceparent: command.traceparent.clone(),
    }
}
