//! The shelf of this machine: the library fjall, told to leave syncing to us.

use std::path::Path;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::Fault;
use crate::shelf::{Change, Keys, Pair, Shelf, Shelves, Space};

/// Bytes of the block cache.
const CACHE_BYTES: u64 = 4 << 20;

/// Stores in folders of this machine's disk.
pub(crate) struct FjallShelves;

struct FjallShelf {
    database: Database,
    /// In the order of [`Space::ALL`].
    spaces: Vec<Keyspace>,
}

/// The names on disk, in the order of [`Space::ALL`].
const NAMES: [&str; 6] = ["state", "hist", "snap", "ids", "waiting", "mark"];

impl Shelves for FjallShelves {
    fn open(&self, folder: &Path) -> Result<Box<dyn Shelf>, Fault> {
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
        let spaces = NAMES.iter().map(|name| keyspace(name)).collect::<Result<_, Fault>>()?;
        Ok(Box::new(FjallShelf { spaces, database }))
    }

    fn remove(&self, folder: &Path) -> Result<(), Fault> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::read(folder)(error)),
            _ => Ok(()),
        }
    }
}

impl FjallShelf {
    fn of(&self, space: Space) -> &Keyspace {
        &self.spaces[space as usize]
    }
}

impl Shelf for FjallShelf {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.of(space).get(key).map_err(fault)?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn first(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        self.of(space).range(keys.0.to_vec()..keys.1.to_vec()).take(limit).map(pair).collect()
    }

    fn last(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        self.of(space).range(keys.0.to_vec()..keys.1.to_vec()).rev().take(limit).map(pair).collect()
    }

    fn ingest(&self, space: Space, changes: Vec<Change>) -> Result<(), Fault> {
        // Straight into a table: no journal that the next opening would have to read through.
        let mut table = self.of(space).start_ingestion().map_err(fault)?;
        for (key, value) in changes {
            match value {
                Some(value) => table.write(key, value),
                None => table.write_tombstone(key),
            }
            .map_err(fault)?;
        }
        table.finish().map_err(fault)
    }

    fn put(&self, space: Space, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.of(space).insert(key, value).map_err(fault)
    }

    fn persist(&self) -> Result<(), Fault> {
        self.database.persist(PersistMode::SyncAll).map_err(fault)
    }
}

fn pair(guard: fjall::Guard) -> Result<Pair, Fault> {
    let (key, value) = guard.into_inner().map_err(fault)?;
    Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)))
}

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
