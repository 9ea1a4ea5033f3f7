//! The transaction coordinator as a state: time is handed in, and what must become durable comes out.
//!
//! Every change of an id is written before it holds: a request gives [`Write`], the driver writes it and says
//! [`settle`](Coordinator::settle). Until then other requests of the id get `CONCURRENT_TRANSACTIONS`. Error codes
//! are those of Kafka's coordinator (KIP-98, KIP-360); the versions' differences are the API's.

mod due;
mod hold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evento_model::Timestamp;
use kafka_protocol::error::ResponseError;

use super::record::{self, Fact, Identity, Staged, Standing};
use super::state::{Entry, GROUPS_MAX, Next, Running, State, Step};
use crate::producer::Place;

/// Who a client says it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    /// The transactional id.
    pub(crate) id: &'a str,
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
    /// The number of the connection over which it says so; later ones have higher numbers.
    pub(crate) connection: u64,
}

/// All transactional ids.
#[derive(Default)]
pub(super) struct Coordinator {
    /// Bound: [`due::IDS_MAX`].
    ids: BTreeMap<Arc<str>, Entry>,
    /// When the timer looks at whom.
    due: BTreeSet<(Timestamp, Arc<str>)>,
    /// Bytes that transactions hold. Bound: [`hold::BYTES_ALL`].
    bytes: usize,
}

/// What must become durable, at once and together.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) id: Arc<str>,
    pub(super) facts: Vec<Fact>,
}

/// An answer to InitProducerId.
#[derive(Debug)]
pub(super) enum Init {
    /// A new producer id is wanted; ask again with one.
    IdWanted,
    /// The client was given these before.
    Known(i64, i16),
    /// These, when it is written.
    Given(Write, i64, i16),
}

/// An answer to EndTxn.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was ended before, and so.
    Known,
    /// It ends so when this is written.
    Deciding(Write),
}

/// What follows when a write has become durable.
#[derive(Default, Debug)]
pub(super) struct Settled {
    /// The producer whose transaction has ended.
    pub(super) ended: Option<i64>,
    /// The commands that are to be sent now.
    pub(super) commands: Vec<Staged>,
}

/// A transactional id, for those who look.
pub(crate) struct Shown {
    pub(crate) id: Arc<str>,
    pub(crate) state: &'static str,
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
    pub(crate) timeout_ms: u32,
    /// When its transaction began, if one is going on.
    pub(crate) since: Option<Timestamp>,
    pub(crate) places: Vec<Place>,
}

impl Coordinator {
    /// What the facts say. The commands of a committed transaction, if there are any, are to be sent again.
    pub(super) fn find(&mut self, id: &str, identity: Identity, standing: Standing, used: Timestamp, redo: &[Staged]) {
        self.bytes += record::weights(redo);
        self.ids.insert(id.into(), Entry::found(identity, standing, used, !redo.is_empty()));
        self.schedule(id);
    }

    /// InitProducerId: who the producer of a transactional id is from now on.
    pub(super) fn init(
        &mut self,
        now: Timestamp,
        id: &str,
        timeout_ms: u32,
        claimed: Option<(i64, i16)>,
        fresh: Option<i64>,
    ) -> Result<Init, ResponseError> {
        let mut facts = Vec::new();
        if !self.ids.contains_key(id) {
            if fresh.is_none() {
                return Ok(Init::IdWanted);
            }
            facts.extend(self.make_room(now)?);
            self.ids.insert(id.into(), Entry::unborn(now));
        }
        let entry = self.ids.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if entry.is_busy() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let Some(identity) = entry.begun(claimed, fresh)? else { return Ok(Init::IdWanted) };
        if identity == entry.identity {
            return Ok(Init::Known(identity.producer, identity.epoch));
        }
        let identity = Identity { timeout_ms, ..identity };
        let mut write = self.next(now, id, identity, Step::Renew);
        write.facts.append(&mut facts);
        Ok(Init::Given(write, identity.producer, identity.epoch))
    }

    /// AddPartitionsToTxn: begins a transaction if none is going on. That it has begun is durable before anything of
    /// it is taken: what is lost with a kill must be missed after it.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        claim: Claim<'_>,
        places: impl IntoIterator<Item = Place>,
    ) -> Result<Option<Write>, ResponseError> {
        self.extend(now, claim, |running| {
            running.places.extend(places);
            Ok(())
        })
    }

    /// AddOffsetsToTxn: the same for a group's offsets.
    pub(super) fn add_group(
        &mut self,
        now: Timestamp,
        claim: Claim<'_>,
        group: &str,
    ) -> Result<Option<Write>, ResponseError> {
        self.extend(now, claim, |running| {
            if running.groups.len() >= GROUPS_MAX && !running.groups.contains(group) {
                return Err(ResponseError::PolicyViolation);
            }
            running.groups.insert(group.into());
            Ok(())
        })
    }

    fn extend(
        &mut self,
        now: Timestamp,
        claim: Claim<'_>,
        extend: impl FnOnce(&mut Running) -> Result<(), ResponseError>,
    ) -> Result<Option<Write>, ResponseError> {
        let entry = self.claimed(claim)?;
        match entry.running() {
            Ok(running) => {
                running.connection = running.connection.max(claim.connection);
                extend(running).map(|()| None)
            }
            Err(ResponseError::InvalidTxnState) => {
                let mut running = Box::new(Running::new(now, claim.connection));
                extend(&mut running)?;
                let identity = entry.identity;
                Ok(Some(self.next(now, claim.id, identity, Step::Begin(running))))
            }
            Err(error) => Err(error),
        }
    }

    /// EndTxn.
    ///
    /// The protocol of these versions does not say which transaction of an epoch is meant. A request that lay in an old
    /// connection while its client went on over a new one would end the next transaction: it is not heard
    /// (KIP-890 has the story; there the epoch tells them apart).
    pub(super) fn end(&mut self, now: Timestamp, claim: Claim<'_>, commit: bool) -> Result<Ended, ResponseError> {
        let entry = self.claimed(claim)?;
        if entry.next.is_some() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let step = match (&entry.state, commit) {
            (State::Ongoing(running), _) if claim.connection < running.connection => {
                return Err(ResponseError::ConcurrentTransactions);
            }
            (State::Ongoing(_), true) => Step::Commit,
            (State::Ongoing(_) | State::Lost, false) => Step::Abort,
            (State::Lost, true) => return Err(ResponseError::UnknownProducerId),
            (State::Committing, true) => return Err(ResponseError::ConcurrentTransactions),
            (State::Committed, true) | (State::Aborted, false) => return Ok(Ended::Known),
            _ => return Err(ResponseError::InvalidTxnState),
        };
        let identity = entry.identity;
        Ok(Ended::Deciding(self.next(now, claim.id, identity, step)))
    }

    /// What was asked to be written is durable, or never will be: then nothing has changed.
    pub(super) fn settle(&mut self, now: Timestamp, id: &str, durable: bool) -> Settled {
        let mut settled = Settled::default();
        let Some(entry) = self.ids.get_mut(id) else { return settled };
        let Some(Next { identity, step }) = entry.next.take() else { return settled };
        if !durable || matches!(step, Step::Forget) {
            self.unsettled(now, id, durable);
            return settled;
        }
        let committed = matches!(step, Step::Commit);
        let producer = std::mem::replace(&mut entry.identity, identity).producer;
        entry.used = now;
        if let State::Ongoing(running) = std::mem::replace(&mut entry.state, step.state()) {
            settled.ended = Some(producer);
            self.bytes -= running.bytes;
            if committed && !running.staged.is_empty() {
                self.bytes += record::weights(&running.staged);
                entry.state = State::Committing;
                settled.commands = running.staged;
            }
        }
        self.schedule(id);
        settled
    }

    /// All commands of a committed transaction, of so many bytes, are in their topics.
    pub(super) fn completed(&mut self, now: Timestamp, id: &str, bytes: usize) {
        self.bytes -= bytes;
        if let Some(entry) = self.ids.get_mut(id) {
            entry.state = State::Committed;
            entry.untidy = true;
            entry.used = now;
        }
        self.schedule(id);
    }

    /// Whether the fact with the commands of a complete transaction is to be deleted now. The next transaction does
    /// it along the way, if it comes before.
    pub(super) fn tidy(&mut self, id: &str) -> bool {
        let entry = self.ids.get_mut(id).filter(|entry| !entry.is_busy());
        entry.is_some_and(|entry| std::mem::take(&mut entry.untidy))
    }

    /// Whether the id waits for nothing that was begun.
    pub(super) fn is_complete(&self, id: &str) -> bool {
        self.ids.get(id).is_none_or(|entry| !entry.is_busy())
    }

    /// All ids, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Shown> {
        self.ids.iter().filter(|(_, entry)| entry.identity.epoch >= 0).map(|(id, entry)| shown(id, entry))
    }

    /// One id.
    pub(super) fn one(&self, id: &str) -> Option<Shown> {
        let known = self.ids.get_key_value(id).filter(|(_, entry)| entry.identity.epoch >= 0);
        known.map(|(id, entry)| shown(id, entry))
    }

    /// The entry of a client that is who it says it is.
    fn claimed(&mut self, claim: Claim<'_>) -> Result<&mut Entry, ResponseError> {
        let entry = self.ids.get_mut(claim.id).filter(|entry| entry.identity.producer == claim.producer);
        let entry = entry.ok_or(ResponseError::InvalidProducerIdMapping)?;
        if entry.identity.epoch != claim.epoch {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(entry)
    }

    /// Sets what an id becomes, and gives the facts that make it so.
    fn next(&mut self, now: Timestamp, id: &str, identity: Identity, step: Step) -> Write {
        let mut facts = match step {
            Step::Forget => vec![(record::identity_key(id), None)],
            _ => vec![record::identity(id, &identity, step.standing(), now)],
        };
        if let Some(entry) = self.ids.get_mut(id) {
            if std::mem::take(&mut entry.untidy) {
                facts.push((record::redo_key(id), None));
            }
            if let (State::Ongoing(running), Step::Commit) = (&mut entry.state, &step) {
                facts.extend(running.offsets.iter().map(|(key, value)| (key.clone(), value.clone())));
                if !running.staged.is_empty() {
                    facts.push((record::redo_key(id), Some(record::redo(&running.staged))));
                }
            }
            entry.next = Some(Next { identity, step });
        }
        self.schedule(id);
        Write { id: id.into(), facts }
    }
}

fn shown(id: &Arc<str>, entry: &Entry) -> Shown {
    let Identity { producer, epoch, timeout_ms, .. } = entry.identity;
    let (since, places) = match &entry.state {
        State::Ongoing(running) => (Some(running.since), running.places.iter().copied().collect()),
        _ => (None, Vec::new()),
    };
    Shown { id: id.clone(), state: entry.word(), producer, epoch, timeout_ms, since, places }
}

#[cfg(test)]
mod tests;
