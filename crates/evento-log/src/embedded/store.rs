//! The state store: keys and values on a shelf, filled only by checkpoints. Disposable: a pure function of the log.
//!
//! Keys are big-endian, so that instances of a partition lie together and sequences in order. The only thing
//! here that is not in the topics is the states themselves, which replay gives back.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, Offset, Sequence, Timestamp, planted};

use super::Fault;
use super::tables::{EndedAt, Generation, Waiting};
use crate::frame::{put_ended, put_noted, read_ended, read_noted};
use crate::shelf::{Change, Shelf, Shelves, Space};
use crate::unit::StatePut;
use crate::wire::{Malformed, Read, Reader, put_bytes, put_state};

const APPLIED: &[u8] = b"applied";
const LOST: &[u8] = b"lost";

/// Current states, history, snapshots, ids, unfinished commands.
pub(crate) struct Store(Box<dyn Shelf>);

/// What the store has of an unfinished command.
pub(crate) type Found = ((EntityKey, CommandId), Waiting);

fn damaged(_: Malformed) -> Fault {
    let what = "a value is of no known form; delete the folder `state` and start again: it is rebuilt".to_owned();
    Fault::Corrupt { file: "state".to_owned(), offset: 0, what }
}

impl Store {
    pub(crate) fn open(shelves: &dyn Shelves, folder: &Path) -> Result<Store, Fault> {
        shelves.open(folder).map(Store)
    }

    /// Whether nothing more can be written until it is opened again.
    pub(crate) fn gave_up(&self) -> bool {
        self.0.gave_up()
    }

    /// Closes and opens it, as a start would. What was durable before must be in it.
    pub(crate) fn open_again(&self) -> Result<(), Fault> {
        let before = self.applied()?;
        self.0.open_again()?;
        if self.applied()? < before {
            return Err(Fault::Write("state store: opened again, it is behind what was durable".to_owned()));
        }
        Ok(())
    }

    /// The `commit_seq` up to which (exclusive) everything is in it.
    pub(crate) fn applied(&self) -> Result<Option<u64>, Fault> {
        let value = self.0.get(Space::Mark, APPLIED)?;
        value.map(|value| Reader(&value).u64().map_err(damaged)).transpose()
    }

    /// Writes a generation, in key order, and the mark with the last of it; durable when this returns.
    pub(crate) fn write(&self, generation: &Generation, commit_seq: u64) -> Result<(), Fault> {
        if !planted!(10) {
            self.fill(generation)?;
        }
        self.0.put(Space::Mark, APPLIED, &commit_seq.to_be_bytes())?;
        self.0.persist()?;
        if planted!(10) {
            self.fill(generation)?;
        }
        Ok(())
    }

    /// Writes a generation without the mark: a part of what the mark will speak of.
    pub(crate) fn fill(&self, generation: &Generation) -> Result<(), Fault> {
        for (space, mut changes) in changes(generation) {
            changes.sort_unstable();
            if !changes.is_empty() {
                self.0.ingest(space, changes)?;
            }
        }
        Ok(())
    }

    /// Whether states are missing that only replay gives back.
    pub(crate) fn is_lost(&self) -> Result<bool, Fault> {
        Ok(self.0.get(Space::Mark, LOST)?.is_some_and(|value| value[..] == [1]))
    }

    /// Notes that states are missing, or are no more; durable when this returns.
    pub(crate) fn set_lost(&self, lost: bool) -> Result<(), Fault> {
        self.0.put(Space::Mark, LOST, &[u8::from(lost)])?;
        self.0.persist()
    }

    pub(crate) fn state(&self, key: &EntityKey, partition: u32) -> Result<Option<StatePut>, Fault> {
        let value = self.0.get(Space::States, &prefix(key, partition))?;
        value.map(|value| Reader(&value).state().map_err(damaged)).transpose()
    }

    /// Units of an instance that begin at a sequence or later; the one before comes first.
    pub(crate) fn history(
        &self,
        key: &EntityKey,
        partition: u32,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Offset, u32)>, Fault> {
        let prefix = prefix(key, partition);
        let (begin, from_key, end) = (with_seq(&prefix, 0), with_seq(&prefix, from), with_seq(&prefix, u64::MAX));
        let mut units = self.0.last(Space::History, (&begin, &from_key), 1)?;
        units.extend(self.0.first(Space::History, (&from_key, &end), limit)?);
        units.iter().map(|(key, value)| read_unit(key, value).map_err(damaged)).collect()
    }

    /// The newest units of an instance, newest first, before a sequence.
    pub(crate) fn history_back(
        &self,
        key: &EntityKey,
        partition: u32,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Offset, u32)>, Fault> {
        let prefix = prefix(key, partition);
        let (begin, end) = (with_seq(&prefix, 0), with_seq(&prefix, before));
        let units = self.0.last(Space::History, (&begin, &end), limit)?;
        units.iter().map(|(key, value)| read_unit(key, value).map_err(damaged)).collect()
    }

    /// The newest snapshot at or before a sequence.
    pub(crate) fn snapshot(&self, key: &EntityKey, partition: u32, seq: Sequence) -> Result<Option<StatePut>, Fault> {
        let prefix = prefix(key, partition);
        let (begin, end) = (with_seq(&prefix, 0), with_seq(&prefix, seq.saturating_add(1)));
        let found = self.0.last(Space::Snapshots, (&begin, &end), 1)?;
        found.first().map(|(_, value)| Reader(value).state().map_err(damaged)).transpose()
    }

    pub(crate) fn ended(&self, key: &EntityKey, partition: u32, id: &CommandId) -> Result<Option<EndedAt>, Fault> {
        let Some(value) = self.0.get(Space::Ids, &id_key(key, partition, id))? else { return Ok(None) };
        let mut reader = Reader(&value);
        let mut read = || -> Read<EndedAt> {
            let (offset, committed_at) = (reader.u64()?, Timestamp(reader.i64()?));
            Ok(EndedAt { ended: read_ended(&mut reader)?, partition, offset, committed_at })
        };
        read().map(Some).map_err(damaged)
    }

    /// Instances of an entity type with their partitions, in the order of partition and id, after a place.
    pub(crate) fn instances(
        &self,
        entity: EntityTypeId,
        after: Option<(u32, &str)>,
        limit: usize,
    ) -> Result<Vec<(u32, EntityId, StatePut)>, Fault> {
        let mut begin = entity.0.to_be_bytes().to_vec();
        if let Some((partition, id)) = after {
            begin.extend_from_slice(&partition.to_be_bytes());
            begin.extend_from_slice(id.as_bytes());
            // One zero ends the key; a second one makes this the next possible key.
            begin.extend_from_slice(&[0, 0]);
        }
        let end = (entity.0 + 1).to_be_bytes().to_vec();
        let found = self.0.first(Space::States, (&begin, &end), limit)?;
        found.iter().map(|(key, value)| read_instance(key, value).map_err(damaged)).collect()
    }

    pub(crate) fn all_waiting(&self) -> Result<Vec<Found>, Fault> {
        // Keys begin with an entity type's number, and none has the highest.
        let found = self.0.first(Space::Waiting, (&[], &[0xff; 4]), usize::MAX)?;
        found.iter().map(|(key, value)| read_waiting(key, value).map_err(damaged)).collect()
    }
}

/// A generation as changes of each space, in no order.
fn changes(generation: &Generation) -> [(Space, Vec<Change>); 5] {
    let (mut states, mut history, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
    for (key, dirty) in &generation.instances {
        let prefix = prefix(key, dirty.partition);
        for (seq, offset, count) in &dirty.history {
            let mut value = offset.to_be_bytes().to_vec();
            value.extend_from_slice(&count.to_be_bytes());
            history.push((with_seq(&prefix, *seq), Some(value)));
        }
        snapshots.extend(dirty.snapshots.iter().map(|put| (with_seq(&prefix, put.seq), Some(state_value(put)))));
        states.extend(dirty.state.as_ref().map(|put| (prefix, Some(state_value(put)))));
    }
    let ids = generation.ids.iter().map(|((key, command), at)| {
        let mut value = at.offset.to_be_bytes().to_vec();
        value.extend_from_slice(&at.committed_at.0.to_be_bytes());
        put_ended(&mut value, &at.ended);
        (id_key(key, at.partition, command), Some(value))
    });
    let waiting = generation.waiting.iter();
    let waiting = waiting.map(|((key, command), found)| (waiting_key(key, command), found.as_ref().map(waiting_value)));
    [
        (Space::States, states),
        (Space::History, history),
        (Space::Snapshots, snapshots),
        (Space::Ids, ids.collect()),
        (Space::Waiting, waiting.collect()),
    ]
}

/// Entity type, partition, id, and a zero byte: ids have no control characters, so no prefix is another's.
fn prefix(key: &EntityKey, partition: u32) -> Vec<u8> {
    let id = key.id.as_str().as_bytes();
    let mut out = Vec::with_capacity(id.len() + 17);
    out.extend_from_slice(&key.entity.0.to_be_bytes());
    out.extend_from_slice(&partition.to_be_bytes());
    out.extend_from_slice(id);
    out.push(0);
    out
}

fn with_seq(prefix: &[u8], seq: Sequence) -> Vec<u8> {
    let mut out = prefix.to_vec();
    out.extend_from_slice(&seq.to_be_bytes());
    out
}

fn id_key(key: &EntityKey, partition: u32, command: &CommandId) -> Vec<u8> {
    let mut out = prefix(key, partition);
    out.extend_from_slice(command.as_str().as_bytes());
    out
}

fn waiting_key(key: &EntityKey, command: &CommandId) -> Vec<u8> {
    let mut out = key.entity.0.to_be_bytes().to_vec();
    put_bytes(&mut out, key.id.as_str().as_bytes());
    put_bytes(&mut out, command.as_str().as_bytes());
    out
}

fn waiting_value(waiting: &Waiting) -> Vec<u8> {
    let mut out = waiting.partition.to_be_bytes().to_vec();
    out.extend_from_slice(&waiting.offset.to_be_bytes());
    if let Some(noted) = &waiting.noted {
        put_noted(&mut out, noted);
    }
    out
}

fn state_value(put: &StatePut) -> Vec<u8> {
    let mut out = Vec::with_capacity(96 + put.state.as_ref().map_or(0, Bytes::len));
    put_state(&mut out, put);
    out
}

fn read_unit(key: &[u8], value: &[u8]) -> Read<(Sequence, Offset, u32)> {
    let seq = key.last_chunk::<8>().ok_or(Malformed)?;
    let mut reader = Reader(value);
    Ok((u64::from_be_bytes(*seq), reader.u64()?, reader.u32()?))
}

fn read_instance(key: &[u8], value: &[u8]) -> Read<(u32, EntityId, StatePut)> {
    let mut reader = Reader(key);
    reader.u32()?;
    let partition = reader.u32()?;
    let id = reader.0.strip_suffix(&[0]).ok_or(Malformed)?;
    let id = EntityId::new(crate::wire::text(id)?).map_err(|_| Malformed)?;
    Ok((partition, id, Reader(value).state()?))
}

fn read_waiting(key: &[u8], value: &[u8]) -> Read<Found> {
    let mut reader = Reader(key);
    let (entity, id, command) = (reader.entity_type()?, reader.entity_id()?, reader.command_id()?);
    let mut reader = Reader(value);
    let (partition, offset) = (reader.u32()?, reader.u64()?);
    let noted = if reader.0.is_empty() { None } else { Some(read_noted(&mut reader)?) };
    reader.end()?;
    Ok(((EntityKey { entity, id }, command), Waiting { partition, offset, noted }))
}

/// A store that is opened anew, empty.
pub(crate) fn open_empty(shelves: &dyn Shelves, folder: &Path) -> Result<Arc<Store>, Fault> {
    shelves.remove(folder)?;
    Store::open(shelves, folder).map(Arc::new)
}
