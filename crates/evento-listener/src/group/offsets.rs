//! Committed offsets: how far a group has come, as facts of the log.
//!
//! A commit is checked and queued under one lock, so that commits are written in the order in which they were
//! granted: a member of an old generation never writes after one of the new. The log joins what waits together
//! into one write. Offsets are kept until somebody deletes them: they have no expiry (a group that comes back after
//! a year goes on where it was). An offset belongs to the topic it was committed for; a topic made anew under the
//! same name begins without.

mod fact;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use evento_log::embedded::EmbeddedLog;
use evento_model::Timestamp;
use evento_schema::catalog::Catalog;
use kafka_protocol::error::ResponseError;

pub(crate) use fact::Committed;
use fact::{PREFIX, key, parts, prefix};

use super::driver::State;
use super::groups::is_name;
use super::{Granted, GroupLimits, Name};
use crate::broker::Broker;
use crate::topic::Topic;

/// All offsets are counted anew at most this often, when the count says that there is no more room.
const RECOUNT: Duration = Duration::from_secs(10);

/// Facts to be written: key and value, `None` deletes.
pub(crate) type Facts = Vec<(Bytes, Option<Bytes>)>;

/// Who commits, as the request says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) group: &'a str,
    /// Empty: no member.
    pub(crate) member: &'a str,
    pub(crate) instance: Option<&'a str>,
    /// Generation, or epoch of a KIP-848 member; negative: no member.
    pub(crate) generation: i32,
}

/// How a commit comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// OffsetCommit of this version.
    Request(i16),
    /// TxnOffsetCommit.
    Transaction,
}

/// One offset to be committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    pub(crate) topic: Name,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// -1: not said.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// A commit that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Facts of the positions without error.
    pub(crate) facts: Facts,
    /// One per position, in their order.
    pub(crate) errors: Vec<Option<ResponseError>>,
}

/// How much is committed, and what transactions hold.
#[derive(Default, Debug)]
pub(crate) struct Usage {
    /// Offsets of all groups; too high when a write failed or a transaction was aborted, until it is counted anew.
    offsets: usize,
    counted: Duration,
    /// Keys of offsets that unfinished transactions will write, by producer. Bound: `offsets_of_group_max` each, and
    /// as many as there are open transactions.
    held: BTreeMap<i64, BTreeSet<Bytes>>,
}

impl Usage {
    /// What a log holds, and the names of the groups that have offsets.
    pub(crate) fn of(log: &EmbeddedLog) -> (Usage, Vec<Name>) {
        let facts = log.meta_scan(PREFIX);
        let groups: BTreeSet<Name> = facts.iter().filter_map(|(key, _)| Some(Name::from(parts(key)?.0))).collect();
        (Usage { offsets: facts.len(), ..Usage::default() }, groups.into_iter().collect())
    }

    fn has_room(&mut self, now: Duration, more: usize, limits: &GroupLimits, log: &EmbeddedLog) -> bool {
        if self.offsets + more > limits.offsets_max && now >= self.counted + RECOUNT {
            self.offsets = log.meta_scan(PREFIX).len();
            self.counted = now;
        }
        self.offsets + more <= limits.offsets_max
    }

    fn is_held(&self, key: &Bytes) -> bool {
        self.held.values().any(|keys| keys.contains(key))
    }

    fn holds_for(&self, group: &str) -> bool {
        self.held.values().flatten().any(|key| key.starts_with(&prefix(group)))
    }
}

impl Broker {
    /// Commits offsets: durable when it returns. One error or none per position, in their order.
    pub(crate) async fn commit_offsets(
        &self,
        by: &Committer<'_>,
        version: i16,
        positions: &[Position],
    ) -> Vec<Option<ResponseError>> {
        let (mut errors, written) = self.groups.ask(|state, now, _| {
            let Checked { facts, errors } = self.check_commit(state, now, by, Way::Request(version), positions);
            (errors, (!facts.is_empty()).then(|| self.submit_facts(facts)))
        });
        let Some(written) = written else { return errors };
        if !matches!(written.await, Ok(Ok(_))) {
            // The disk is full or the log has stopped: clients try again.
            errors.iter_mut().for_each(|error| *error = error.or(Some(ResponseError::CoordinatorNotAvailable)));
        }
        self.groups.ask(|state, _, _| self.keep_or_let_go(state, by.group));
        errors
    }

    /// Checks what a transaction commits for a group, and writes nothing.
    ///
    /// The facts are to be written in one unit with the end of the transaction, or dropped with it. Until
    /// [`Broker::txn_offsets_done`] they count as held: who asks for stable offsets is told to wait. A stale member
    /// of the group is refused (KIP-447); that of a KIP-848 group with `ILLEGAL_GENERATION`, since this request
    /// knows no other word for it.
    pub(crate) fn txn_offsets(&self, producer: i64, by: &Committer<'_>, positions: &[Position]) -> Checked {
        self.groups.ask(|state, now, _| {
            let mut checked = self.check_commit(state, now, by, Way::Transaction, positions);
            let held = state.usage.held.get(&producer).map_or(0, BTreeSet::len);
            if held + checked.facts.len() > self.limits.groups.offsets_of_group_max {
                checked.facts.clear();
                checked.errors.fill(Some(ResponseError::InvalidCommitOffsetSize));
            }
            if !checked.facts.is_empty() {
                let keys = checked.facts.iter().map(|(key, _)| key.clone());
                state.usage.held.entry(producer).or_default().extend(keys);
            }
            checked
        })
    }

    /// A transaction has ended, either way; its facts are durable or will never be.
    pub(crate) fn txn_offsets_done(&self, producer: i64) {
        self.groups.ask(|state, _, _| {
            let keys = state.usage.held.remove(&producer).unwrap_or_default();
            let groups: BTreeSet<&str> = keys.iter().filter_map(|key| Some(parts(key)?.0)).collect();
            groups.into_iter().for_each(|group| self.keep_or_let_go(state, group));
        });
    }

    fn check_commit(
        &self,
        state: &mut State,
        now: Duration,
        by: &Committer<'_>,
        way: Way,
        positions: &[Position],
    ) -> Checked {
        if let Err(error) = state.groups.may_commit(now, by, way) {
            return Checked { facts: Facts::new(), errors: vec![Some(error); positions.len()] };
        }
        let (catalog, at) = (self.node.catalog(), self.node.now());
        let mut room = Room { broker: self, of_group: None, group: by.group, now };
        let (mut facts, mut errors) = (Facts::new(), Vec::with_capacity(positions.len()));
        for position in positions {
            let fact = self.fact(&catalog, by.group, position, at).and_then(|(key, value)| {
                room.take(&mut state.usage, &key)?;
                facts.push((key, Some(value)));
                Ok(())
            });
            errors.push(fact.err());
        }
        if facts.is_empty() {
            self.keep_or_let_go(state, by.group);
        } else {
            state.groups.keep(&Name::from(by.group));
        }
        Checked { facts, errors }
    }

    fn fact(&self, catalog: &Catalog, group: &str, position: &Position, at: Timestamp) -> Granted<(Bytes, Bytes)> {
        let topic = Topic::named(catalog, &position.topic);
        let place = topic.and_then(|topic| Some((topic.partition(position.partition)?, topic)));
        let (partition, topic) = place.ok_or(ResponseError::UnknownTopicOrPartition)?;
        if position.offset < 0 {
            return Err(ResponseError::OffsetOutOfRange);
        }
        if position.metadata.len() > self.limits.groups.offset_text_max {
            return Err(ResponseError::OffsetMetadataTooLarge);
        }
        let committed = Committed {
            topic_id: topic.id(&self.cluster_id),
            offset: position.offset,
            leader_epoch: position.leader_epoch,
            at,
            metadata: position.metadata.clone(),
        };
        Ok((key(group, &position.topic, partition), committed.write()))
    }

    fn keep_or_let_go(&self, state: &mut State, group: &str) {
        if !state.usage.holds_for(group) && self.node.log().meta_scan(&prefix(group)).is_empty() {
            state.groups.let_go(group);
        } else {
            state.groups.keep(&Name::from(group));
        }
    }

    /// One committed offset of a group; none for a topic that is not there any more.
    pub(crate) fn committed(&self, catalog: &Catalog, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        let found = Topic::named(catalog, topic)?;
        let key = key(group, topic, found.partition(partition)?);
        let committed = Committed::read(self.node.log().meta(&key)?)?;
        (committed.topic_id == found.id(&self.cluster_id)).then_some(committed)
    }

    /// All committed offsets of a group, by topic and partition.
    pub(crate) fn all_committed(&self, catalog: &Catalog, group: &str) -> BTreeMap<Name, Vec<(i32, Committed)>> {
        let mut all: BTreeMap<Name, Vec<(i32, Committed)>> = BTreeMap::new();
        if !is_name(group) {
            return all;
        }
        for (key, _) in self.node.log().meta_scan(&prefix(group)) {
            let Some((_, topic, partition)) = parts(&key) else { continue };
            let partition = partition as i32;
            if let Some(committed) = self.committed(catalog, group, topic, partition) {
                all.entry(Name::from(topic)).or_default().push((partition, committed));
            }
        }
        all
    }

    /// Whether an unfinished transaction will move this offset.
    pub(crate) fn is_unstable(&self, group: &str, topic: &str, partition: i32) -> bool {
        u32::try_from(partition).is_ok_and(|p| self.groups.state().usage.is_held(&key(group, topic, p)))
    }

    /// Deletes an empty group and its offsets; durable when it returns.
    pub(crate) async fn delete_group(&self, group: &str) -> Granted<()> {
        self.delete(group, |state| {
            if state.groups.get(group).is_none() {
                return Err(ResponseError::GroupIdNotFound);
            }
            if !state.groups.is_empty(group) || state.usage.holds_for(group) {
                return Err(ResponseError::NonEmptyGroup);
            }
            Ok(self.node.log().meta_scan(&prefix(group)).into_iter().map(|(key, _)| key).collect())
        })
        .await
    }

    /// Deletes some offsets of a group that does not read their topics; durable when it returns. One error or none
    /// per offset, in their order.
    pub(crate) async fn delete_offsets(&self, group: &str, of: &[(Name, i32)]) -> Granted<Vec<Option<ResponseError>>> {
        let mut errors = Vec::new();
        self.delete(group, |state| {
            let found = state.groups.get(group).ok_or(ResponseError::GroupIdNotFound)?;
            errors = of.iter().map(|(topic, _)| found.may_delete_offsets(topic).err()).collect();
            let granted = of.iter().zip(&errors).filter(|(_, error)| error.is_none());
            let keys = granted.filter_map(|((topic, at), _)| Some(key(group, topic, u32::try_from(*at).ok()?)));
            Ok(keys.filter(|key| self.node.log().meta(key).is_some()).collect())
        })
        .await?;
        Ok(errors)
    }

    async fn delete(&self, group: &str, keys: impl FnOnce(&State) -> Granted<Vec<Bytes>>) -> Granted<()> {
        let written = self.groups.ask(|state, _, _| {
            let keys = keys(state)?;
            state.usage.offsets = state.usage.offsets.saturating_sub(keys.len());
            let facts: Facts = keys.into_iter().map(|key| (key, None)).collect();
            Ok((!facts.is_empty()).then(|| self.submit_facts(facts)))
        })?;
        if let Some(written) = written
            && !matches!(written.await, Ok(Ok(_)))
        {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.groups.ask(|state, _, _| self.keep_or_let_go(state, group));
        Ok(())
    }
}

/// What room there is for keys that are new.
struct Room<'a> {
    broker: &'a Broker,
    group: &'a str,
    /// Offsets of the group, once counted.
    of_group: Option<usize>,
    now: Duration,
}

impl Room<'_> {
    fn take(&mut self, usage: &mut Usage, key: &Bytes) -> Granted<()> {
        let (log, limits) = (self.broker.node.log(), &self.broker.limits.groups);
        if log.meta(key).is_some() {
            return Ok(());
        }
        let of_group = self.of_group.get_or_insert_with(|| log.meta_scan(&prefix(self.group)).len());
        if *of_group >= limits.offsets_of_group_max || !usage.has_room(self.now, 1, limits, log) {
            return Err(ResponseError::InvalidCommitOffsetSize);
        }
        *of_group += 1;
        usage.offsets += 1;
        Ok(())
    }
}
