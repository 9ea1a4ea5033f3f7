//! Reading: states, outcomes, histories, snapshots, instances, and the record batches themselves.
//!
//! Only what is durable is ever here. What is newer than the last checkpoint comes from memory.

use bytes::Bytes;
use evento_model::{
    CommandId, EntityId, EntityKey, EntityTypeId, Offset, Outcome, Position, Sequence, Timestamp, TopicKind,
    partition_of,
};

use super::tables::EndedAt;
use super::topics::{Stretch, Topics};
use super::{EmbeddedLog, Fault};
use crate::codec::{BatchHeader, EventBrief, briefs_from, command_of, event_of, records_within};
use crate::frame::TopicPartition;
use crate::record::CommandRecord;
use crate::unit::StatePut;
use crate::view::{StoredCommand, StoredEvent, StoredOutcome, StoredState, Unfinished};

/// Bytes of a batch that is read for one record.
const ONE: usize = 1;
/// Units of an instance's history looked at for an id that we made ourselves.
const SEARCH_UNITS: usize = 512;

/// An instance in a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InstanceRow {
    /// Its partition.
    pub partition: u32,
    /// Its id.
    pub id: EntityId,
    /// Its state.
    pub state: StoredState,
}

impl EmbeddedLog {
    /// Partition of an instance; 0 for an entity type that was never registered.
    pub fn partition(&self, key: &EntityKey) -> u32 {
        let partitions = self.shared.partitions.read().get(&key.entity).copied().unwrap_or(1);
        partition_of(key.id.as_str().as_bytes(), partitions)
    }

    /// The newest durable state of an instance; `None` if it has no events.
    pub fn state(&self, key: &EntityKey) -> Result<Option<StoredState>, Fault> {
        let found = {
            let tables = self.shared.tables.read();
            tables.generations().find_map(|g| g.instances.get(key)?.state.clone())
        };
        let put = match found {
            Some(put) => Some(put),
            None => self.shared.store.state(key, self.partition(key))?,
        };
        Ok(put.map(stored))
    }

    /// The newest snapshot of an instance at or before a sequence.
    pub fn snapshot(&self, key: &EntityKey, seq: Sequence) -> Result<Option<StoredState>, Fault> {
        let found = {
            let tables = self.shared.tables.read();
            let newest = tables.generations().filter_map(|g| g.instances.get(key));
            newest.flat_map(|dirty| &dirty.snapshots).filter(|put| put.seq <= seq).max_by_key(|put| put.seq).cloned()
        };
        let put = match found {
            Some(put) => Some(put),
            None => self.shared.store.snapshot(key, self.partition(key), seq)?,
        };
        Ok(put.map(stored))
    }

    /// How a command ended. For ids that a client supplied the answer is exact and for ever; an id made here is
    /// searched in the newest part of the instance's history.
    pub fn outcome(&self, key: &EntityKey, id: &CommandId) -> Result<Option<StoredOutcome>, Fault> {
        let partition = self.partition(key);
        let at = (key.clone(), id.clone());
        let found = {
            let tables = self.shared.tables.read();
            tables.generations().find_map(|generation| generation.ids.get(&at).cloned())
        };
        let found = match found {
            Some(found) => Some(found),
            None => self.shared.store.ended(key, partition, id)?,
        };
        match found {
            Some(found) => Ok(Some(outcome_of(key, found))),
            None => self.search(key, partition, id),
        }
    }

    /// Looks for a command among the newest units, back to the time its id says it was made (UUIDv7).
    fn search(&self, key: &EntityKey, partition: u32, id: &CommandId) -> Result<Option<StoredOutcome>, Fault> {
        let Some(made_at) = made_at(id) else { return Ok(None) };
        let mut units = self.recent(key, u64::MAX);
        units.reverse();
        let before = units.last().map_or(u64::MAX, |unit| unit.0);
        units.extend(self.shared.store.history_back(key, partition, before, SEARCH_UNITS)?);
        let at = TopicPartition { entity: key.entity, kind: TopicKind::Events, partition };
        for (_, offset, count) in units.into_iter().take(SEARCH_UNITS) {
            let events = self.events_at(at, offset, count)?;
            if let Some(last) = events.iter().rfind(|event| event.record.command_id == *id) {
                let first = events.iter().find(|event| event.record.command_id == *id).unwrap_or(last);
                return Ok(Some(StoredOutcome {
                    event_position: first.position,
                    outcome: last.record.outcome,
                    digest: crate::unit::NO_STATE,
                    seq_first: first.record.seq,
                    seq_last: last.record.seq,
                    attempts: last.record.attempts,
                    revision: last.record.revision,
                    accepted_at: last.record.time,
                    committed_at: last.committed_at,
                }));
            }
            if events.first().is_some_and(|event| event.committed_at.0 < made_at) {
                break;
            }
        }
        Ok(None)
    }

    /// Units of an instance that are only in memory, oldest first, below a sequence.
    fn recent(&self, key: &EntityKey, before: Sequence) -> Vec<(Sequence, Offset, u32)> {
        let tables = self.shared.tables.read();
        let mut units: Vec<(Sequence, Offset, u32)> = tables
            .generations()
            .filter_map(|generation| generation.instances.get(key))
            .flat_map(|dirty| dirty.history.iter().copied())
            .filter(|unit| unit.0 < before)
            .collect();
        units.sort_unstable();
        units
    }

    /// The unit that has an event, as the history has it: its first sequence, where that is, and how many follow.
    pub(super) fn unit_at(
        &self,
        key: &EntityKey,
        partition: u32,
        seq: Sequence,
    ) -> Result<Option<(Sequence, Offset, u32)>, Fault> {
        let recent = self.recent(key, seq + 1).pop();
        if recent.is_some_and(|(first, _, count)| first + u64::from(count) > seq) {
            return Ok(recent);
        }
        let older = self.shared.store.history_back(key, partition, seq + 1, 1)?.pop();
        Ok(older.filter(|(first, _, count)| first + u64::from(*count) > seq))
    }

    /// Events of an instance from a sequence on, in order.
    pub fn history(&self, key: &EntityKey, from: Sequence, limit: usize) -> Result<Vec<StoredEvent>, Fault> {
        let partition = self.partition(key);
        let mut units = self.shared.store.history(key, partition, from, limit)?;
        let known = units.last().map_or(0, |unit| unit.0);
        if units.len() <= limit {
            units.extend(self.recent(key, u64::MAX).into_iter().filter(|unit| unit.0 > known));
        }
        let at = TopicPartition { entity: key.entity, kind: TopicKind::Events, partition };
        let mut events = Vec::new();
        for (seq, offset, count) in units {
            if seq + u64::from(count) <= from {
                continue;
            }
            for event in self.events_at(at, offset, count)? {
                if event.record.seq >= from && events.len() < limit {
                    events.push(event);
                }
            }
            if events.len() >= limit {
                break;
            }
        }
        Ok(events)
    }

    /// So many events from an offset on.
    pub fn events(
        &self,
        entity: EntityTypeId,
        partition: u32,
        offset: Offset,
        count: u32,
    ) -> Result<Vec<StoredEvent>, Fault> {
        self.events_at(TopicPartition { entity, kind: TopicKind::Events, partition }, offset, count)
    }

    fn events_at(&self, at: TopicPartition, offset: Offset, count: u32) -> Result<Vec<StoredEvent>, Fault> {
        let partition = self.shared.topics.get(at).ok_or_else(|| damaged(at, offset))?;
        let mut events = Vec::with_capacity(count as usize);
        let (mut from, end) = (offset, offset + u64::from(count));
        while from < end {
            let batches = partition.read().read(from, ONE)?;
            // Whoever names an offset knows that there is an event.
            let batch = batches.first().ok_or_else(|| damaged(at, from))?;
            from = BatchHeader::read(batch).map_err(|_| damaged(at, from))?.end_offset();
            for record in records_within(batch, offset..end).map_err(|_| damaged(at, offset))? {
                events.push(stored_event(at, &record)?);
            }
        }
        Ok(events)
    }

    /// A command of the log.
    pub fn command(&self, entity: EntityTypeId, partition: u32, offset: Offset) -> Result<CommandRecord, Fault> {
        command_at(&self.shared.topics, TopicPartition { entity, kind: TopicKind::Commands, partition }, offset)
    }

    /// Whole record batches of a topic partition, verbatim, from the one that holds an offset on.
    pub fn read(
        &self,
        entity: EntityTypeId,
        topic: TopicKind,
        partition: u32,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Bytes>, Fault> {
        match self.shared.topics.get(TopicPartition { entity, kind: topic, partition }) {
            Some(partition) => partition.read().read(from, bytes_max),
            None => Ok(Vec::new()),
        }
    }

    /// Whole record batches from the one that holds an offset on, as they lie: what `read` gives, not copied if
    /// they are in a file. `None` at the end. About so many bytes, at least one batch.
    pub fn stretch(
        &self,
        entity: EntityTypeId,
        topic: TopicKind,
        partition: u32,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Option<Stretch>, Fault> {
        match self.shared.topics.get(TopicPartition { entity, kind: topic, partition }) {
            Some(partition) => partition.read().stretch(from, bytes_max),
            None => Ok(None),
        }
    }

    /// Events of a partition from an offset on, decoded; about so many bytes.
    pub fn read_events(
        &self,
        entity: EntityTypeId,
        partition: u32,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<StoredEvent>, Fault> {
        let at = TopicPartition { entity, kind: TopicKind::Events, partition };
        let mut events = Vec::new();
        for batch in self.read(entity, TopicKind::Events, partition, from, bytes_max)? {
            for record in records_within(&batch, from..u64::MAX).map_err(|_| damaged(at, from))? {
                events.push(stored_event(at, &record)?);
            }
        }
        Ok(events)
    }

    /// Events of a partition from an offset on, as replay needs them, handed on one by one; about so many bytes.
    /// The offset after the last of them, or `from` when there is none.
    pub fn read_briefs(
        &self,
        entity: EntityTypeId,
        partition: u32,
        from: Offset,
        bytes_max: usize,
        mut see: impl FnMut(EventBrief<'_>),
    ) -> Result<Offset, Fault> {
        let at = TopicPartition { entity, kind: TopicKind::Events, partition };
        let mut next = from;
        for batch in self.read(entity, TopicKind::Events, partition, from, bytes_max)? {
            let header = BatchHeader::read(&batch).map_err(|_| damaged(at, next))?;
            briefs_from(&batch, from, &mut see).map_err(|_| damaged(at, next))?;
            next = header.end_offset();
        }
        Ok(next)
    }

    /// Commands of a partition from an offset on, decoded; about so many bytes.
    pub fn read_commands(
        &self,
        entity: EntityTypeId,
        partition: u32,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<StoredCommand>, Fault> {
        let at = TopicPartition { entity, kind: TopicKind::Commands, partition };
        let mut commands = Vec::new();
        for batch in self.read(entity, TopicKind::Commands, partition, from, bytes_max)? {
            for record in records_within(&batch, from..u64::MAX).map_err(|_| damaged(at, from))? {
                let position = Position { entity, topic: TopicKind::Commands, partition, offset: record.offset };
                let record = command_of(&record).map_err(|_| damaged(at, from))?;
                commands.push(StoredCommand { position, record });
            }
        }
        Ok(commands)
    }

    /// One past the last offset of a topic partition.
    pub fn end_offset(&self, entity: EntityTypeId, topic: TopicKind, partition: u32) -> Offset {
        self.shared.topics.next_offset(TopicPartition { entity, kind: topic, partition })
    }

    /// The first offset whose commit time is not before a time.
    pub fn offset_at(
        &self,
        entity: EntityTypeId,
        topic: TopicKind,
        partition: u32,
        time: Timestamp,
    ) -> Result<Offset, Fault> {
        match self.shared.topics.get(TopicPartition { entity, kind: topic, partition }) {
            Some(partition) => partition.read().offset_at(time),
            None => Ok(0),
        }
    }

    /// Instances of an entity type in the order of partition and id, after a place.
    pub fn instances(
        &self,
        entity: EntityTypeId,
        after: Option<(u32, EntityId)>,
        limit: usize,
    ) -> Result<Vec<InstanceRow>, Fault> {
        let after_place = after.as_ref().map(|(partition, id)| (*partition, id.as_str()));
        let mut rows: std::collections::BTreeMap<(u32, EntityId), StatePut> = self
            .shared
            .store
            .instances(entity, after_place, limit)?
            .into_iter()
            .map(|(partition, id, put)| ((partition, id), put))
            .collect();
        {
            let tables = self.shared.tables.read();
            let mut generations: Vec<_> = tables.generations().collect();
            generations.reverse();
            for (key, dirty) in generations.into_iter().flat_map(|generation| &generation.instances) {
                let place = (dirty.partition, key.id.clone());
                if key.entity == entity
                    && after.as_ref().is_none_or(|after| place > *after)
                    && let Some(put) = &dirty.state
                {
                    rows.insert(place, put.clone());
                }
            }
        }
        let rows = rows.into_iter().take(limit);
        Ok(rows.map(|((partition, id), put)| InstanceRow { partition, id, state: stored(put) }).collect())
    }

    /// The commands without outcome, as a fresh start would find them. For rebuilding an engine.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, Fault> {
        super::recovery::unfinished(&self.shared.tables.read(), &self.shared.topics)
    }
}

/// The command at an offset.
pub(crate) fn command_at(topics: &Topics, at: TopicPartition, offset: Offset) -> Result<CommandRecord, Fault> {
    let partition = topics.get(at).ok_or_else(|| damaged(at, offset))?;
    let batches = partition.read().read(offset, ONE)?;
    let batch = batches.first().ok_or_else(|| damaged(at, offset))?;
    let found = records_within(batch, offset..offset + 1).map_err(|_| damaged(at, offset))?;
    found.first().and_then(|record| command_of(record).ok()).ok_or_else(|| damaged(at, offset))
}

fn stored_event(at: TopicPartition, record: &crate::codec::Record) -> Result<StoredEvent, Fault> {
    let position =
        Position { entity: at.entity, topic: TopicKind::Events, partition: at.partition, offset: record.offset };
    let event = event_of(record).map_err(|_| damaged(at, record.offset))?;
    Ok(StoredEvent { position, committed_at: Timestamp(record.timestamp), record: event })
}

fn damaged(at: TopicPartition, offset: Offset) -> Fault {
    Fault::Corrupt {
        file: format!("topic {}.{} partition {}", at.entity.0, at.kind.as_str(), at.partition),
        offset,
        what: "no readable record is at this offset".to_owned(),
    }
}

fn stored(put: StatePut) -> StoredState {
    let StatePut { seq, state, schema, digest, updated_at, revision } = put;
    StoredState { seq, state, schema, digest, updated_at, revision }
}

fn outcome_of(key: &EntityKey, at: EndedAt) -> StoredOutcome {
    let EndedAt { ended, partition, offset, committed_at } = at;
    let outcome: Outcome = ended.outcome;
    StoredOutcome {
        event_position: Position { entity: key.entity, topic: TopicKind::Events, partition, offset },
        outcome,
        digest: ended.digest,
        seq_first: ended.seq_first,
        seq_last: ended.seq_last,
        attempts: ended.attempts,
        revision: ended.revision,
        accepted_at: ended.accepted_at,
        committed_at,
    }
}

/// When a UUIDv7 was made, in milliseconds, less a minute for clocks that were set back (RFC 9562, 5.7).
fn made_at(id: &CommandId) -> Option<i64> {
    let text = id.as_str();
    let version = text.as_bytes().get(14)?;
    if text.len() != 36 || *version != b'7' {
        return None;
    }
    let high = i64::from_str_radix(text.get(..8)?, 16).ok()?;
    let low = i64::from_str_radix(text.get(9..13)?, 16).ok()?;
    Some((high << 16 | low) - 60_000)
}
