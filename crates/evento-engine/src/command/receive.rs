//! Stage 1: a command comes in and takes its place in the mailbox of its instance.
//!
//! Its schema and size were checked by the edge. Here: bounds, the id's history, the precondition. Nothing is
//! written yet: a command goes into the log with its outcome, or earlier when somebody must know that it is
//! durable.

use evento_log::intake::{Answer, CommandRef, Refusal, Want};
use evento_log::record::CommandRecord;
use evento_model::{Code, Digest, EntityKey, EntityTypeId, planted, sometimes};

use crate::engine::Engine;
use crate::instance::{Deferred, InstanceNo, Pending, Phase, Stored};
use crate::{UnitNo, WaiterId};

impl Engine {
    pub(crate) fn receive(&mut self, waiter: WaiterId, entity: EntityTypeId, command: Box<CommandRecord>, want: Want) {
        let Some(kind) = self.catalog.entity(entity).filter(|kind| kind.command(&command.type_name).is_some()) else {
            let detail = format!("{} is not known any more", command.type_name);
            return self.refuse(waiter, Refusal { code: Code(1001), detail, retry_after_ms: None, seq: None });
        };
        let key = EntityKey { entity, id: command.id.clone() };
        let no = self.table.find_or_insert(&key, || kind.partition_of(&command.id));
        let instance = self.table.wake(no);
        let (loaded, seq) = (instance.loaded, instance.current.seq);
        let busy = instance.busy();
        if command.client_supplied {
            if let Some(unit) = busy.ending(&command.command_id) {
                return busy.deferred.push((unit, waiter, Deferred::Send(command, want)));
            }
            if let Some(same) = busy.find(&command.command_id) {
                if same.record.digest != command.digest {
                    return self.refuse(waiter, key_reused());
                }
                sometimes!("duplicate while the first is running");
                return self.join(no, waiter, command, want);
            }
        }
        let unfinished = busy.mailbox.len() + busy.parked.len();
        if let Some(refusal) = self.crowded(unfinished, command.payload.len()) {
            self.refuse(waiter, refusal);
            return self.advance(no);
        }
        let busy = self.table.get_mut(no).busy();
        let quiet = loaded && unfinished == 0 && busy.unit_last.is_none();
        if quiet && command.if_seq.is_some_and(|wanted| wanted != seq) && !command.client_supplied {
            let refusal = precondition_not_met(&command, seq);
            self.refuse(waiter, refusal);
            return self.advance(no);
        }
        let (id, checking) = (command.command_id.clone(), command.client_supplied);
        let mut pending = Pending::new(command, checking, Stored::No);
        match want {
            Want::Outcome => pending.waiters.push(waiter),
            Want::Stored => busy.persisting.push((waiter, id.clone())),
        }
        busy.mailbox.push_back(pending);
        self.hold(no);
        if checking {
            self.look_up(no, Some(id));
        }
        self.advance(no);
        self.persist_wished(no);
    }

    /// Makes durable what somebody wants durable, as far as no look-up is missing.
    pub(crate) fn persist_wished(&mut self, no: InstanceNo) {
        let Some(busy) = self.table.busy(no) else { return };
        let wishes = std::mem::take(&mut busy.persisting);
        if wishes.is_empty() {
            return;
        }
        let key = self.table.get(no).key.clone();
        for (waiter, command_id) in wishes {
            self.persist(waiter, &CommandRef { key: key.clone(), command_id });
        }
    }

    /// Whoever repeats an unfinished command waits with the others.
    fn join(&mut self, no: InstanceNo, waiter: WaiterId, command: Box<CommandRecord>, want: Want) {
        let key = self.table.get(no).key.clone();
        let command = CommandRef { key, command_id: command.command_id };
        match want {
            Want::Outcome => self.wait(waiter, &command),
            Want::Stored => self.persist(waiter, &command),
        }
    }

    /// Answers with the outcome when it is there; at once with the status if the command is parked.
    pub(crate) fn wait(&mut self, waiter: WaiterId, command: &CommandRef) {
        let Some(no) = self.table.find(&command.key) else { return self.answer(waiter, Answer::NotUnfinished) };
        let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else {
            return self.answer(waiter, Answer::NotUnfinished);
        };
        if let Some(unit) = busy.ending(&command.command_id) {
            return busy.deferred.push((unit, waiter, Deferred::Answer(Answer::NotUnfinished)));
        }
        if let Some(pending) = busy.mailbox.iter_mut().find(|p| p.record.command_id == command.command_id) {
            return pending.waiters.push(waiter);
        }
        self.tell_status(waiter, command);
    }

    /// Makes a command durable, with everything before it, and answers with its status.
    pub(crate) fn persist(&mut self, waiter: WaiterId, command: &CommandRef) {
        let Some(no) = self.table.find(&command.key) else { return self.answer(waiter, Answer::NotUnfinished) };
        let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else {
            return self.answer(waiter, Answer::NotUnfinished);
        };
        if let Some(unit) = busy.ending(&command.command_id) {
            return busy.deferred.push((unit, waiter, Deferred::Answer(Answer::NotUnfinished)));
        }
        let Some(at) = busy.mailbox.iter().position(|p| p.record.command_id == command.command_id) else {
            return self.tell_status(waiter, command);
        };
        if busy.mailbox.iter().take(at + 1).any(|p| p.checking) {
            return busy.persisting.push((waiter, command.command_id.clone()));
        }
        match busy.mailbox[at].stored {
            Stored::Yes => self.tell_status(waiter, command),
            Stored::Writing(unit) => {
                let status = Box::new(self.status(no, &command.command_id));
                let answer = Deferred::Answer(Answer::Unfinished(status));
                self.table.get_mut(no).busy().deferred.push((unit, waiter, answer));
            }
            Stored::No => self.store(no, at, Some(waiter)),
        }
    }

    /// Why no further command of so many bytes can be held, if so.
    fn crowded(&self, unfinished: usize, bytes: usize) -> Option<Refusal> {
        let detail = if unfinished >= self.config.instance_commands_max {
            format!("this instance has {unfinished} unfinished commands; none is taken until some have ended")
        } else if self.held.commands >= self.config.commands_max
            || self.held.bytes + bytes > self.config.commands_bytes_max
        {
            format!("{} commands are unfinished; none is taken until some have ended", self.held.commands)
        } else {
            return None;
        };
        if planted!(27) {
            return None;
        }
        Some(Refusal { code: Code(6010), detail, retry_after_ms: Some(1_000), seq: None })
    }

    /// The log's word on the id of a waiting command came back: it is new, or it ended long ago.
    pub(crate) fn checked(
        &mut self,
        no: InstanceNo,
        id: &evento_model::CommandId,
        done: Option<(std::sync::Arc<evento_log::intake::Done>, Digest)>,
    ) {
        let busy = self.table.get_mut(no).busy();
        let Some(at) = busy.mailbox.iter().position(|p| p.record.command_id == *id && p.checking) else { return };
        match done {
            None => busy.mailbox[at].checking = false,
            Some((done, digest)) => {
                let mut pending = busy.mailbox.remove(at).expect("its position was just found");
                if busy.phase == Phase::Loading {
                    busy.phase = Phase::Idle;
                }
                busy.take_wishes(&mut pending);
                self.let_go(&pending);
                for waiter in pending.waiters {
                    match digest == pending.record.digest {
                        true => self.answer(waiter, Answer::Done(done.clone())),
                        false => self.refuse(waiter, key_reused()),
                    }
                }
            }
        }
    }

    /// The head's precondition does not hold. If nobody was told that it is stored, nothing is recorded.
    pub(crate) fn precondition_lost(&mut self, no: InstanceNo) {
        let instance = self.table.get_mut(no);
        let seq = instance.current.seq;
        let busy = instance.busy();
        let head = busy.mailbox.front().expect("only a head can lose its precondition");
        if head.stored != Stored::No {
            return self.commit_precondition_lost(no);
        }
        let mut pending = busy.mailbox.pop_front().expect("it was just looked at");
        busy.take_wishes(&mut pending);
        let refusal = precondition_not_met(&pending.record, seq);
        let after = busy.unit_last;
        self.let_go(&pending);
        for waiter in pending.waiters {
            self.refuse_after(no, after, waiter, refusal.clone());
        }
    }

    /// Refuses at once, or when what the refusal shows is durable.
    fn refuse_after(&mut self, no: InstanceNo, unit: Option<UnitNo>, waiter: WaiterId, refusal: Refusal) {
        match unit {
            None => self.refuse(waiter, refusal),
            Some(unit) => {
                let answer = Deferred::Answer(Answer::Refused(refusal));
                self.table.get_mut(no).busy().deferred.push((unit, waiter, answer));
            }
        }
    }
}

fn key_reused() -> Refusal {
    Refusal {
        code: Code(1010),
        detail: "this idempotency key was used for another command or payload; nothing was recorded".to_owned(),
        retry_after_ms: None,
        seq: None,
    }
}

fn precondition_not_met(command: &CommandRecord, seq: u64) -> Refusal {
    let wanted = command.if_seq.unwrap_or(seq);
    let detail = match wanted {
        0 => format!("the instance was to have no events, but is at seq {seq}"),
        _ => format!("the instance was to be at seq {wanted}, but is at seq {seq}"),
    };
    Refusal { code: Code(1011), detail, retry_after_ms: None, seq: Some(seq) }
}
