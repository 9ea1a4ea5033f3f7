//! The state store: fjall, filled only by checkpoints. Disposable: a pure function of the log.
//!
//! Keys are big-endian, so that instances of a partition lie together and sequences in order. The only thing
//! here that is not in the topics is the states themselves, which replay gives back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, Offset, Sequence, Timestamp};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use super::Fault;
use super::tables::{EndedAt, Generation, Waiting};
use crate::frame::{put_ended, put_noted, read_ended, read_noted};
use crate::unit::StatePut;
use crate::wire::{Malformed, Read, Reader, put_bytes, put_state};

/// Bytes of the block cache.
const CACHE_BYTES: u64 = 4 << 20;
const APPLIED: &[u8] = b"applied";

/// Current states, history, snapshots, ids, unfinished commands.
pub(crate) struct Store {
    folder: PathBuf,
    /// `None` only while it is opened again, and after that failed.
    opened: RwLock<Option<Opened>>,
    /// A worker of the library gave up: nothing more can be written until it is opened again.
    poisoned: AtomicBool,
}

struct Opened {
    database: Database,
    states: Keyspace,
    history: Keyspace,
    snapshots: Keyspace,
    ids: Keyspace,
    waiting: Keyspace,
    mark: Keyspace,
}

/// What the store has of an unfinished command.
pub(crate) type Found = ((EntityKey, CommandId), Waiting);

/// Where, key, and value; `None` deletes.
type Change<'a> = (&'a Keyspace, Vec<u8>, Option<Vec<u8>>);

fn fault(error: fjall::Error) -> Fault {
    if matches!(error, fjall::Error::Locked) {
        // Never taken for damage: somebody is using it.
        return Fault::InUse { folder: "state".to_owned(), pid: std::process::id().to_string() };
    }
    let io = match &error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
        _ => None,
    };
    match io {
        Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
            Fault::Full("state: no space is left".to_owned())
        }
        _ => Fault::Write(format!("state store: {error}")),
    }
}

fn damaged(_: Malformed) -> Fault {
    let what = "a value is of no known form; delete the folder `state` and start again: it is rebuilt".to_owned();
    Fault::Corrupt { file: "state".to_owned(), offset: 0, what }
}

impl Opened {
    fn open(folder: &Path) -> Result<Opened, Fault> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .manual_journal_persist(true)
            .max_cached_files(Some(64))
            .open()
            .map_err(fault)?;
        let keyspace = |name: &str| {
            let options = || KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(8 << 20);
            database.keyspace(name, options).map_err(fault)
        };
        Ok(Opened {
            states: keyspace("state")?,
            history: keyspace("hist")?,
            snapshots: keyspace("snap")?,
            ids: keyspace("ids")?,
            waiting: keyspace("waiting")?,
            mark: keyspace("mark")?,
            database,
        })
    }
}

impl Store {
    pub(crate) fn open(folder: &Path) -> Result<Store, Fault> {
        let opened = RwLock::new(Some(Opened::open(folder)?));
        Ok(Store { folder: folder.to_owned(), opened, poisoned: AtomicBool::new(false) })
    }

    fn opened(&self) -> Result<MappedRwLockReadGuard<'_, Opened>, Fault> {
        RwLockReadGuard::try_map(self.opened.read(), Option::as_ref)
            .map_err(|_| Fault::Write("state store: it could not be opened again".to_owned()))
    }

    /// Whether nothing more can be written until it is opened again.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Closes and opens it, as a start would. What was durable before must be in it.
    pub(crate) fn open_again(&self) -> Result<(), Fault> {
        let before = self.applied()?;
        let mut opened = self.opened.write();
        // The library's lock on the folder is given back first.
        drop(opened.take());
        *opened = Some(Opened::open(&self.folder)?);
        drop(opened);
        if self.applied()? < before {
            return Err(Fault::Write("state store: opened again, it is behind what was durable".to_owned()));
        }
        self.poisoned.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The `commit_seq` up to which (exclusive) everything is in it.
    pub(crate) fn applied(&self) -> Result<Option<u64>, Fault> {
        let opened = self.opened()?;
        let value = opened.mark.get(APPLIED).map_err(fault)?;
        value.map(|value| Reader(&value).u64().map_err(damaged)).transpose()
    }

    /// Writes a generation, in key order, and the mark with the last of it; durable when this returns.
    pub(crate) fn write(&self, generation: &Generation, commit_seq: u64) -> Result<(), Fault> {
        let opened = self.opened()?;
        let fault = |error: fjall::Error| {
            if matches!(error, fjall::Error::Poisoned) {
                self.poisoned.store(true, Ordering::Relaxed);
            }
            fault(error)
        };
        let mut changes: Vec<Change<'_>> = Vec::new();
        for (key, dirty) in &generation.instances {
            let prefix = prefix(key, dirty.partition);
            for (seq, offset, count) in &dirty.history {
                let mut value = offset.to_be_bytes().to_vec();
                value.extend_from_slice(&count.to_be_bytes());
                changes.push((&opened.history, with_seq(&prefix, *seq), Some(value)));
            }
            for put in &dirty.snapshots {
                changes.push((&opened.snapshots, with_seq(&prefix, put.seq), Some(state_value(put))));
            }
            if let Some(put) = &dirty.state {
                changes.push((&opened.states, prefix, Some(state_value(put))));
            }
        }
        for ((key, command), at) in &generation.ids {
            let mut value = at.offset.to_be_bytes().to_vec();
            value.extend_from_slice(&at.committed_at.0.to_be_bytes());
            put_ended(&mut value, &at.ended);
            changes.push((&opened.ids, id_key(key, at.partition, command), Some(value)));
        }
        for ((key, command), waiting) in &generation.waiting {
            let value = waiting.as_ref().map(waiting_value);
            changes.push((&opened.waiting, waiting_key(key, command), value));
        }
        changes.sort_by(|a, b| (a.0.id(), &a.1).cmp(&(b.0.id(), &b.1)));
        for changes in changes.chunk_by_mut(|a, b| a.0.id() == b.0.id()) {
            // Straight into a table: no journal that the next opening would have to read through.
            let mut table = changes[0].0.start_ingestion().map_err(fault)?;
            for (_, key, value) in changes {
                match value.take() {
                    Some(value) => table.write(std::mem::take(key), value),
                    None => table.write_tombstone(std::mem::take(key)),
                }
                .map_err(fault)?;
            }
            table.finish().map_err(fault)?;
        }
        opened.mark.insert(APPLIED, commit_seq.to_be_bytes()).map_err(fault)?;
        opened.database.persist(PersistMode::SyncAll).map_err(fault)
    }

    pub(crate) fn state(&self, key: &EntityKey, partition: u32) -> Result<Option<StatePut>, Fault> {
        let opened = self.opened()?;
        let value = opened.states.get(prefix(key, partition)).map_err(fault)?;
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
        let opened = self.opened()?;
        let prefix = prefix(key, partition);
        let (begin, from_key, end) = (with_seq(&prefix, 0), with_seq(&prefix, from), with_seq(&prefix, u64::MAX));
        let mut units = Vec::new();
        if let Some(guard) = opened.history.range(begin..from_key.clone()).next_back() {
            let (key, value) = guard.into_inner().map_err(fault)?;
            units.push(read_unit(&key, &value).map_err(damaged)?);
        }
        for guard in opened.history.range(from_key..=end).take(limit) {
            let (key, value) = guard.into_inner().map_err(fault)?;
            units.push(read_unit(&key, &value).map_err(damaged)?);
        }
        Ok(units)
    }

    /// The newest units of an instance, newest first, before a sequence.
    pub(crate) fn history_back(
        &self,
        key: &EntityKey,
        partition: u32,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Offset, u32)>, Fault> {
        let opened = self.opened()?;
        let prefix = prefix(key, partition);
        let range = with_seq(&prefix, 0)..with_seq(&prefix, before);
        let units = opened.history.range(range).rev().take(limit).map(|guard| {
            let (key, value) = guard.into_inner().map_err(fault)?;
            read_unit(&key, &value).map_err(damaged)
        });
        units.collect()
    }

    /// The newest snapshot at or before a sequence.
    pub(crate) fn snapshot(&self, key: &EntityKey, partition: u32, seq: Sequence) -> Result<Option<StatePut>, Fault> {
        let opened = self.opened()?;
        let prefix = prefix(key, partition);
        let found = opened.snapshots.range(with_seq(&prefix, 0)..=with_seq(&prefix, seq)).next_back();
        let Some(guard) = found else { return Ok(None) };
        let (_, value) = guard.into_inner().map_err(fault)?;
        Reader(&value).state().map(Some).map_err(damaged)
    }

    pub(crate) fn ended(&self, key: &EntityKey, partition: u32, id: &CommandId) -> Result<Option<EndedAt>, Fault> {
        let opened = self.opened()?;
        let Some(value) = opened.ids.get(id_key(key, partition, id)).map_err(fault)? else { return Ok(None) };
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
        let opened = self.opened()?;
        let mut begin = entity.0.to_be_bytes().to_vec();
        if let Some((partition, id)) = after {
            begin.extend_from_slice(&partition.to_be_bytes());
            begin.extend_from_slice(id.as_bytes());
            // One zero ends the key; a second one makes this the next possible key.
            begin.extend_from_slice(&[0, 0]);
        }
        let end = (entity.0 + 1).to_be_bytes().to_vec();
        let found = opened.states.range(begin..end).take(limit).map(|guard| {
            let (key, value) = guard.into_inner().map_err(fault)?;
            read_instance(&key, &value).map_err(damaged)
        });
        found.collect()
    }

    pub(crate) fn all_waiting(&self) -> Result<Vec<Found>, Fault> {
        let opened = self.opened()?;
        opened
            .waiting
            .iter()
            .map(|guard| {
                let (key, value) = guard.into_inner().map_err(fault)?;
                read_waiting(&key, &value).map_err(damaged)
            })
            .collect()
    }
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
pub(crate) fn open_empty(folder: &Path) -> Result<Arc<Store>, Fault> {
    let read = |error: std::io::Error| Fault::Read { file: folder.display().to_string(), why: error.to_string() };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(read)?;
    }
    Store::open(folder).map(Arc::new)
}
