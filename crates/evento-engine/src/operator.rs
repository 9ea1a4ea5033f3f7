//! What a person can do with an unfinished command: retry, park, abandon. All of it is recorded.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::{Answer, CommandRef, Refusal};
use evento_model::{Code, Outcome, planted};
use evento_schema::platform::{self, Abandoned};

use crate::WaiterId;
use crate::engine::Engine;
use crate::instance::{Abandoning, InstanceNo, Pending, Phase, Trial};

impl Engine {
    /// Puts a parked command back with a fresh budget, or makes a waiting one due at once.
    pub(crate) fn retry(&mut self, waiter: WaiterId, command: &CommandRef) {
        let Some(no) = self.table.find(&command.key).filter(|no| self.has(*no, &command.command_id)) else {
            return self.answer(waiter, Answer::NotUnfinished);
        };
        if self.unpark(no, command) {
            let busy = self.table.get(no).busy.as_deref().expect("it has the command");
            let at = busy.mailbox.iter().position(|p| p.record.command_id == command.command_id).unwrap_or(0);
            self.store_marked(no, at, vec![at], Some(waiter));
            return self.advance(no);
        }
        let busy = self.table.get_mut(no).busy();
        let head = busy.mailbox.front().is_some_and(|head| head.record.command_id == command.command_id);
        if let (true, Phase::Delayed(line_no)) = (head, busy.phase) {
            if let Some((at, _)) = busy.mailbox.front_mut().and_then(|head| head.trial.due.take()) {
                self.delayed.remove(&(at, no));
            }
            self.table.get_mut(no).busy().phase = Phase::Ready(line_no);
            let line = self.line(line_no);
            line.delayed.remove(&no);
            line.ready.push_back(no);
        }
        self.tell_status(waiter, command);
    }

    /// Moves a parked command back into its mailbox, before whatever waits there. False if it is not parked.
    pub(crate) fn unpark(&mut self, no: InstanceNo, command: &CommandRef) -> bool {
        let busy = self.table.get_mut(no).busy();
        let Some(at) = busy.parked.iter().position(|p| p.record.command_id == command.command_id) else { return false };
        let mut pending = busy.parked.remove(at);
        let last_error = pending.trial.last_error.take();
        pending.trial = Trial { last_error, ..Trial::default() };
        // What is queued or in flight stays in front: its work is composed already.
        let taken = match busy.phase {
            Phase::InFlight => busy.in_flight,
            Phase::Ready(_) | Phase::Delayed(_) if busy.decided.is_some() => 1,
            Phase::Delayed(_) => 1,
            _ => 0,
        };
        busy.mailbox.insert(taken.min(busy.mailbox.len()), pending);
        if busy.phase == Phase::Blocked {
            busy.phase = Phase::Idle;
        }
        true
    }

    /// Parks a command that no function has at the moment.
    pub(crate) fn park_by_hand(&mut self, waiter: WaiterId, command: &CommandRef) {
        let Some(no) = self.table.find(&command.key).filter(|no| self.has(*no, &command.command_id)) else {
            return self.answer(waiter, Answer::NotUnfinished);
        };
        let busy = self.table.get_mut(no).busy();
        let Some(at) = busy.mailbox.iter().position(|p| p.record.command_id == command.command_id) else {
            return self.tell_status(waiter, command);
        };
        if at < busy.in_flight {
            return self.refuse(waiter, running());
        }
        if busy.mailbox.iter().take(at).any(|pending| pending.checking) {
            return self.refuse(waiter, running());
        }
        if at == 0 {
            self.unqueue(no);
        }
        let busy = self.table.get_mut(no).busy();
        busy.mailbox[at].waiters.push(waiter);
        self.park(no, at);
        self.advance(no);
    }

    /// Gives up on a command: its end is told by `evento.CommandAbandoned` in the instance's stream.
    pub(crate) fn abandon(&mut self, waiter: WaiterId, command: &CommandRef, by: Arc<str>, reason: Arc<str>) {
        let Some(no) = self.table.find(&command.key).filter(|no| self.has(*no, &command.command_id)) else {
            return self.answer(waiter, Answer::NotUnfinished);
        };
        let busy = self.table.get_mut(no).busy();
        let at = busy.mailbox.iter().position(|p| p.record.command_id == command.command_id);
        if at.is_some_and(|at| at < busy.in_flight || busy.mailbox.iter().take(at).any(|p| p.checking)) {
            return self.refuse(waiter, running());
        }
        if at == Some(0) {
            self.unqueue(no);
        }
        let busy = self.table.get_mut(no).busy();
        busy.abandoning.push(Abandoning { command_id: command.command_id.clone(), waiter, by, reason });
        if at.is_none() && matches!(busy.phase, Phase::Ready(_)) {
            // A parked one ends at once; the instance is queued again behind it.
            self.unqueue(no);
        }
        self.advance(no);
    }

    /// Carries out the next wish to abandon, when nothing of the instance is in flight.
    pub(crate) fn abandon_next(&mut self, no: InstanceNo) {
        let instance = self.table.get_mut(no);
        let busy = instance.busy();
        let Abandoning { command_id, waiter, by, reason } = busy.abandoning.remove(0);
        let waiting = busy.mailbox.iter().position(|pending| pending.record.command_id == command_id);
        if let Some(at) = waiting.filter(|at| *at > 0) {
            // The log holds the commands of an instance in the order in which they came.
            self.store(no, at - 1, None);
        }
        let busy = self.table.get_mut(no).busy();
        let taken = match waiting {
            Some(at) => {
                if at == 0 {
                    busy.decided = None;
                }
                busy.mailbox.remove(at)
            }
            None => {
                let at = busy.parked.iter().position(|pending| pending.record.command_id == command_id);
                at.map(|at| busy.parked.remove(at))
            }
        };
        let Some(mut pending) = taken else { return self.answer(waiter, Answer::NotUnfinished) };
        if planted!(23) && waiting.is_none() {
            let again = Pending::new(pending.record.clone(), false, pending.stored);
            self.table.get_mut(no).busy().mailbox.push_back(again);
            self.hold(no);
        }
        pending.waiters.push(waiter);
        let registered = &self.catalog.platform().abandoned;
        let (schema, name) = (registered.id, platform::abandoned_name());
        let payload = abandoned(&pending, &reason, &by, waiting.is_none());
        self.commit_platform_event(no, pending, schema, name, payload, Outcome::Abandoned);
    }

    /// Takes an instance out of whatever it waits in, so that it can be put anew.
    pub(crate) fn unqueue(&mut self, no: InstanceNo) {
        let busy = self.table.get_mut(no).busy();
        match busy.phase {
            Phase::Delayed(line_no) => {
                if let Some((at, _)) = busy.mailbox.front_mut().and_then(|head| head.trial.due.take()) {
                    self.delayed.remove(&(at, no));
                }
                self.line(line_no).delayed.remove(&no);
            }
            Phase::Ready(line_no) => {
                let line = self.line(line_no);
                let without = |queue: &mut VecDeque<InstanceNo>| queue.retain(|other| *other != no);
                without(&mut line.ready);
                without(&mut line.suspects);
                line.halves.iter_mut().for_each(|half| half.retain(|other| *other != no));
            }
            Phase::Idle | Phase::Loading | Phase::InFlight | Phase::Unserved | Phase::Blocked => {}
        }
        let busy = self.table.get_mut(no).busy();
        if busy.phase != Phase::InFlight {
            busy.phase = Phase::Idle;
        }
    }
}

/// What is told of a command that is given up. A parked one was parked when it last failed.
fn abandoned(pending: &Pending, reason: &str, by: &str, parked: bool) -> Bytes {
    let (record, trial) = (&pending.record, &pending.trial);
    let texts = trial.last_error.as_deref().map(|error| {
        let message = match error.detail.is_empty() {
            true => error.title.clone(),
            false => format!("{}: {}", error.title, error.detail),
        };
        (error.code.to_string(), message, error.revision.map(|r| r.to_string()).unwrap_or_default())
    });
    platform::abandoned(&Abandoned {
        command_id: &record.command_id,
        command_name: &record.type_name,
        reason,
        abandoned_by: by,
        attempts: trial.attempts,
        last_failure: texts.as_ref().map(|(kind, message, revision)| (&**kind, &**message, &**revision)),
        parked_at: trial.last_error.as_ref().filter(|_| parked).map(|error| error.at),
    })
}

fn running() -> Refusal {
    Refusal {
        code: Code(6010),
        detail: "the function has this command at the moment; ask again when the attempt is over".to_owned(),
        retry_after_ms: Some(1_000),
        seq: None,
    }
}
