//! Clients: they send commands, send them again when they do not know what became of them, and read.

use std::sync::Arc;

use evento_check::{Recorded, What};
use evento_log::intake::{Answer, Ask, Done, Offer, Status, Want};
use evento_model::{CommandId, Digest, EntityId, EntityKey, EntityTypeId, Revision, Seed, Timestamp, sometimes};

use super::plan::Trouble;
use super::world::{Asker, World};
use crate::counter::{self, ADD, COUNTER, MANY, REFUSED, VAULT, is_bad, long, name};

/// Longest patience of a client with one send, in milliseconds.
const PATIENCE_MS: u64 = 20_000;

/// A command as it was first sent.
pub(crate) struct Sent {
    pub(crate) key: EntityKey,
    pub(crate) id: CommandId,
    pub(crate) supplied: bool,
    pub(crate) amount: i64,
    /// The sequence the instance must have.
    if_seq: Option<u64>,
    /// Its id was sent with other content as well, and that may be what the log has.
    pub(crate) twofold: bool,
    /// The life of the process in which it was sent first.
    pub(crate) life: u32,
    /// Somebody knows what became of it.
    pub(crate) known: bool,
    /// It was parked once.
    pub(crate) parked: bool,
    /// Somebody put it back.
    pub(crate) retried: bool,
    /// The revisions under which it failed each time before it was parked, durably or not.
    pub(crate) parked_under: Vec<Option<Revision>>,
}

/// One client: it does one thing at a time.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) op: Option<Op>,
    /// Commands whose fate it does not know.
    pub(crate) doubts: Vec<usize>,
    /// What it was told last: instance and sequence.
    seen: Option<(EntityKey, u64, bool)>,
}

/// A send that is not answered yet.
pub(crate) struct Op {
    pub(crate) number: u64,
    pub(crate) command: usize,
    pub(crate) until: i64,
    /// What the sender says it is, if not what was sent first.
    amount: i64,
}

/// How the history names an instance.
pub(crate) fn k(key: &EntityKey) -> String {
    format!("{}/{}", entity_name(key.entity), key.id.as_str())
}

pub(crate) fn entity_name(entity: EntityTypeId) -> &'static str {
    if entity == VAULT { "vault" } else { "counter" }
}

fn digest_of(amount: i64) -> Digest {
    evento_check::history::content_digest("test.Add", &long(amount))
}

impl World {
    /// A client's turn.
    pub(crate) fn client(&mut self, who: usize) {
        let now = self.now;
        if let Some(op) = self.clients[who].op.take_if(|op| op.until <= now) {
            self.doubt(who, &op);
        }
        if self.clients[who].op.is_none() && (!self.calm || !self.clients[who].doubts.is_empty()) {
            self.act(who);
        }
        let wait = if self.calm { 200 } else { 1 + self.luck.wait(8_000) };
        self.client_in(who, wait);
    }

    fn act(&mut self, who: usize) {
        let doubts = self.clients[who].doubts.len() as u64;
        if doubts > 0 && (self.calm || self.luck.below(10) < 8) {
            let at = self.luck.below(doubts) as usize;
            let command = self.clients[who].doubts.swap_remove(at);
            return self.send(who, command, None);
        }
        let known = self.sent.len() as u64;
        match self.luck.below(20) {
            0 | 1 if known > 0 => {
                let command = self.luck.below(known) as usize;
                if self.sent[command].supplied {
                    self.send(who, command, None);
                }
            }
            2 if known > 0 => {
                let command = self.luck.below(known) as usize;
                if self.sent[command].supplied {
                    let other = self.sent[command].amount + 1 + self.luck.below(5) as i64;
                    self.send(who, command, Some(other));
                }
            }
            3..=6 => self.read_state(who),
            _ if self.left > 0 => {
                self.left -= 1;
                let command = self.new_command();
                self.send(who, command, None);
            }
            _ => {}
        }
    }

    fn new_command(&mut self) -> usize {
        let entity = if self.luck.one_in(3) { VAULT } else { COUNTER };
        let id = EntityId::new(&format!("i{}", self.luck.below(self.instances))).expect("a valid id");
        let supplied = !self.luck.one_in(6);
        let number = self.sent.len();
        let id_text = match supplied {
            true => format!("c{number}"),
            // As the gateway makes them: a UUIDv7 of the wall clock.
            false => {
                let ms = self.wall().0.max(0) as u64 & 0xffff_ffff_ffff;
                format!("{:08x}-{:04x}-7000-8000-{number:012x}", ms >> 16, ms & 0xffff)
            }
        };
        let amount = match self.luck.below(20) {
            0 | 1 if self.plan.has(Trouble::Bad) => counter::FAILS + self.luck.below(7) as i64,
            2 | 3 => REFUSED,
            4 | 5 => -(2 + self.luck.below(12) as i64),
            6..=9 => MANY + 1_000 * self.luck.between(2, 4) as i64 + self.luck.between(1, 9) as i64,
            _ => 1 + self.luck.below(9) as i64,
        };
        self.sent.push(Sent {
            key: EntityKey { entity, id },
            id: CommandId::new(&id_text).expect("a valid id"),
            supplied,
            amount,
            if_seq: self.luck.one_in(8).then(|| self.luck.below(6)),
            twofold: false,
            life: self.life,
            known: false,
            parked: false,
            retried: false,
            parked_under: Vec::new(),
        });
        number
    }

    /// Sends a command, with its own content or another.
    pub(crate) fn send(&mut self, who: usize, command: usize, other: Option<i64>) {
        self.ops += 1;
        let number = self.ops;
        let Sent { amount, life, .. } = &self.sent[command];
        sometimes!("duplicate command after a crash", *life < self.life && other.is_none());
        sometimes!("same id with other content", other.is_some());
        let bad = is_bad(*amount) || other.is_some_and(is_bad);
        self.sent[command].twofold |= other.is_some();
        let Sent { key, id, amount, .. } = &self.sent[command];
        let (k, cmd, amount) = (k(key), id.as_str().to_owned(), other.unwrap_or(*amount));
        let pd = digest_of(amount);
        let what = What::Send { k, cmd: cmd.clone(), name: "test.Add".to_owned(), pd, way: "sim".to_owned(), bad };
        self.tell(Some(number), Some(client_name(who)), what);
        let patience = if self.luck.one_in(6) { self.luck.below(500) } else { PATIENCE_MS };
        let op = Op { number, command, until: self.now + patience as i64, amount };
        if self.node.is_none() {
            // Nobody listens: nothing went out.
            let what = What::Fail { cmd, status: 0, recorded: Recorded::No };
            self.tell(Some(number), Some(client_name(who)), what);
            if other.is_none() && !self.clients[who].doubts.contains(&command) {
                self.clients[who].doubts.push(command);
            }
            return;
        }
        let want = if self.luck.one_in(5) && self.sent[command].supplied { Want::Stored } else { Want::Outcome };
        self.ask_to_send(who, &op, want);
        self.clients[who].op = Some(op);
    }

    fn ask_to_send(&mut self, who: usize, op: &Op, want: Want) {
        let accepted_at = self.wall();
        let Sent { key, id, supplied, if_seq, .. } = &self.sent[op.command];
        let offer = Offer {
            key: key.clone(),
            supplied: supplied.then(|| id.clone()),
            type_name: name("test.Add"),
            schema: ADD,
            payload: long(op.amount),
            if_seq: *if_seq,
            correlation: None,
            causation: None,
            traceparent: None,
        };
        let made = id.clone();
        let (entity, record) = (key.entity, offer.record(|| made, Timestamp(accepted_at.0), Seed([7; 16])));
        self.ask(Asker::Client(who, op.number), Ask::Send { entity, command: Box::new(record), want });
    }

    /// No answer came in time, or the process died.
    pub(crate) fn doubt(&mut self, who: usize, op: &Op) {
        let cmd = self.sent[op.command].id.as_str().to_owned();
        self.tell(Some(op.number), Some(client_name(who)), What::Unknown { cmd });
        self.remember(who, op);
    }

    fn remember(&mut self, who: usize, op: &Op) {
        let sent = &self.sent[op.command];
        let own = op.amount == sent.amount;
        if sent.supplied && own && !self.clients[who].doubts.contains(&op.command) {
            self.clients[who].doubts.push(op.command);
        }
    }

    /// An answer came for a client's send.
    pub(crate) fn client_told(&mut self, who: usize, number: u64, answer: Answer) {
        let Some(op) = self.clients[who].op.take_if(|op| op.number == number) else { return };
        let cmd = self.sent[op.command].id.as_str().to_owned();
        let name = Some(client_name(who));
        match answer {
            Answer::Done(done) => self.client_done(who, &op, &done),
            Answer::Unfinished(status) => {
                let pos = status
                    .position
                    .map(|at| format!("{}.commands/{}/{}", entity_name(at.entity), at.partition, at.offset));
                self.tell(Some(number), name, What::Ack { cmd, pos });
                self.sent[op.command].known = true;
                if status.status != Status::Parked {
                    self.remember(who, &op);
                }
            }
            Answer::Refused(refusal) => {
                let recorded = match refusal.recorded() {
                    Some(false) => Recorded::No,
                    Some(true) => Recorded::Yes,
                    None => Recorded::Unknown,
                };
                self.tell(Some(number), name, What::Fail { cmd, status: 503, recorded });
                sometimes!("precondition did not hold", refusal.code.0 == 1011);
                if !matches!(refusal.code.0, 1010 | 1011) {
                    self.remember(who, &op);
                }
            }
            // It ended in this moment: the same id tells how.
            Answer::NotUnfinished | Answer::Listed(_) => {
                self.ask_to_send(who, &op, Want::Outcome);
                self.clients[who].op = Some(op);
            }
        }
    }

    fn client_done(&mut self, who: usize, op: &Op, done: &Arc<Done>) {
        let behind = self.blocked.get(&done.key).is_some_and(|parked| *parked != done.command_id);
        if behind && !done.replayed {
            let message = format!("{} ended behind a parked command of {}", done.command_id, k(&done.key));
            self.broken("S6", message);
        }
        let (first, last) = (&done.events[0], &done.events[done.events.len() - 1]);
        let sd = done.state.as_ref().map_or(last.state_digest, |put| put.digest);
        let what = What::Done {
            cmd: done.command_id.as_str().to_owned(),
            outcome: done.outcome,
            first: first.seq,
            last: last.seq,
            // A chained unit brings the state after its last command, not after this one.
            sd: (done.state.as_ref().is_none_or(|put| put.seq == last.seq)).then_some(sd),
        };
        self.tell(Some(op.number), Some(client_name(who)), what);
        self.sent[op.command].known = true;
        self.clients[who].doubts.retain(|command| *command != op.command);
        let rejected = done.outcome == evento_model::Outcome::Rejected;
        self.clients[who].seen = Some((done.key.clone(), last.seq, rejected));
    }

    /// Reads a state; if it was told of an outcome, not an older one.
    fn read_state(&mut self, who: usize) {
        let from = self.record.t(self.now);
        let seen = self.clients[who].seen.clone();
        let (key, after, rejected) = match seen {
            Some((key, seq, rejected)) => (key, Some(seq), rejected),
            None if self.sent.is_empty() => return,
            None => (self.sent[self.luck.below(self.sent.len() as u64) as usize].key.clone(), None, false),
        };
        let Some(node) = &self.node else { return };
        match node.log.state(&key) {
            Ok(Some(state)) => {
                sometimes!("rejection followed by a consistent read", rejected);
                let what = What::Read { k: k(&key), from, after, seq: state.seq, sd: Some(state.digest) };
                self.tell(None, Some(client_name(who)), what);
            }
            Ok(None) if after.is_some() => self.broken("S1", format!("{} was told of, and has no state", k(&key))),
            Ok(None) => {}
            Err(fault) => self.unreadable(&fault),
        }
    }
}

pub(crate) fn client_name(who: usize) -> String {
    format!("w{who}")
}
