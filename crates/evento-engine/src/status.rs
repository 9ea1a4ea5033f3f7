//! What a person is told of an unfinished command.

use evento_log::intake::{Answer, CommandRef, CommandStatus, ListFilter, Status, WaitingFor};
use evento_model::{CommandId, ResourceName};

use crate::WaiterId;
use crate::engine::Engine;
use crate::instance::{Deferred, InstanceNo, Pending, Phase, Stored};
use crate::line::breaker::Breaker;

impl Engine {
    /// Answers with the status of an unfinished command. That a command is parked is told when it is durable: whoever
    /// sent it takes this for the word that it is recorded.
    pub(crate) fn tell_status(&mut self, waiter: WaiterId, command: &CommandRef) {
        let found = self.table.find(&command.key).filter(|no| self.has(*no, &command.command_id));
        let Some(no) = found else { return self.answer(waiter, Answer::NotUnfinished) };
        let answer = Answer::Unfinished(Box::new(self.status(no, &command.command_id)));
        let busy = self.table.get_mut(no).busy();
        let parked = busy.parked.iter().find(|pending| pending.record.command_id == command.command_id);
        match parked.map(|pending| pending.stored) {
            Some(Stored::Writing(unit)) => busy.deferred.push((unit, waiter, Deferred::Answer(answer))),
            _ => self.answer(waiter, answer),
        }
    }

    pub(crate) fn has(&self, no: InstanceNo, id: &CommandId) -> bool {
        let busy = self.table.get(no).busy.as_deref();
        busy.is_some_and(|b| b.mailbox.iter().chain(&b.parked).any(|p| !p.checking && p.record.command_id == *id))
    }

    /// The status of an unfinished command of an instance.
    pub(crate) fn status(&self, no: InstanceNo, id: &CommandId) -> CommandStatus {
        let busy = self.table.get(no).busy.as_deref().expect("an unfinished command keeps its instance busy");
        match busy.mailbox.iter().position(|pending| pending.record.command_id == *id) {
            Some(at) => self.status_waiting(no, at),
            None => {
                let parked = busy.parked.iter().find(|pending| pending.record.command_id == *id);
                self.status_parked(no, parked.expect("the caller has found it in one of the two"))
            }
        }
    }

    pub(crate) fn status_parked(&self, no: InstanceNo, pending: &Pending) -> CommandStatus {
        self.status_of(no, pending, Status::Parked, Some(WaitingFor::Person))
    }

    fn status_waiting(&self, no: InstanceNo, at: usize) -> CommandStatus {
        let busy = self.table.get(no).busy.as_deref().expect("checked by the caller");
        let pending = &busy.mailbox[at];
        let earlier = || busy.mailbox.front().map(|head| WaitingFor::Command(head.record.command_id.clone()));
        let (status, waiting_for) = match busy.phase {
            _ if at < busy.in_flight => (Status::Running, None),
            Phase::Blocked => {
                (Status::Waiting, busy.parked.first().map(|p| WaitingFor::Command(p.record.command_id.clone())))
            }
            _ if at > 0 => (Status::Waiting, earlier()),
            Phase::Unserved => (Status::Waiting, Some(self.unserved(no))),
            Phase::Ready(line) | Phase::Delayed(line) => {
                let line = &self.lines[line.0 as usize];
                match &line.breaker {
                    Breaker::Open { since_wall, .. } => {
                        let (name, since) = (Some(line.serving.name.clone()), Some(*since_wall));
                        (Status::Waiting, Some(WaitingFor::Function { name, since }))
                    }
                    Breaker::Closed { .. } if pending.trial.attempts > 0 => (Status::Retrying, None),
                    Breaker::Closed { .. } => (Status::Queued, None),
                }
            }
            Phase::Idle | Phase::Loading | Phase::InFlight => (Status::Queued, None),
        };
        self.status_of(no, pending, status, waiting_for)
    }

    /// No function serves: the name of the one that should, if the catalogue knows it.
    fn unserved(&self, no: InstanceNo) -> WaitingFor {
        let name = self.catalog.entity(self.table.get(no).key.entity).and_then(|entity| {
            let applier = entity.applier.as_ref().map(|applier| applier.function.name.clone());
            applier.or_else(|| entity.commands.iter().find_map(|c| c.handler.as_ref()).map(|h| h.function.name.clone()))
        });
        WaitingFor::Function { name, since: None }
    }

    fn status_of(
        &self,
        no: InstanceNo,
        pending: &Pending,
        status: Status,
        waiting: Option<WaitingFor>,
    ) -> CommandStatus {
        CommandStatus {
            position: None,
            key: self.table.get(no).key.clone(),
            command_id: pending.record.command_id.clone(),
            command_type: pending.record.type_name.clone(),
            status,
            accepted_at: pending.record.accepted_at,
            attempts: pending.trial.attempts,
            next_attempt_at: pending.trial.due.map(|(_, shown)| shown),
            waiting_for: waiting,
            last_error: pending.trial.last_error.as_deref().cloned(),
        }
    }

    /// Answers with the unfinished commands that fit, in no order.
    pub(crate) fn list(&mut self, waiter: WaiterId, filter: &ListFilter) {
        let mut listed = Vec::new();
        for (no, instance) in self.table.iter() {
            let Some(busy) = instance.busy.as_deref() else { continue };
            if filter.entity.is_some_and(|entity| entity != instance.key.entity) {
                continue;
            }
            let waiting = (0..busy.mailbox.len()).filter(|at| !busy.mailbox[*at].checking);
            let statuses = waiting
                .map(|at| self.status_waiting(no, at))
                .chain(busy.parked.iter().map(|pending| self.status_parked(no, pending)));
            listed.extend(statuses.filter(|status| self.fits(filter, status)).take(filter.limit - listed.len()));
            if listed.len() >= filter.limit {
                break;
            }
        }
        self.answer(waiter, Answer::Listed(listed));
    }

    fn fits(&self, filter: &ListFilter, status: &CommandStatus) -> bool {
        let function = |name: &ResourceName| {
            let handler =
                self.catalog.entity(status.key.entity).and_then(|e| e.command(&status.command_type)?.handler.as_ref());
            handler.is_some_and(|handler| handler.function.name == *name)
        };
        filter.status.is_none_or(|wanted| wanted == status.status)
            && filter.command_id.as_ref().is_none_or(|wanted| *wanted == status.command_id)
            && filter.function.as_ref().is_none_or(function)
            && filter
                .fingerprint
                .as_ref()
                .is_none_or(|wanted| status.last_error.as_ref().is_some_and(|error| error.fingerprint == *wanted))
    }
}
