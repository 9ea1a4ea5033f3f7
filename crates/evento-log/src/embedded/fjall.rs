//! The shelf of this machine: the library fjall, told to leave syncing to us.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use super::Fault;
use crate::disk::until_left;
use crate::shelf::{Change, Keys, Pair, Shelf, Shelves, Space};

/// Bytes of the block cache.
const CACHE_BYTES: u64 = 4 << 20;

/// Stores in folders of this machine's disk.
pub(crate) struct FjallShelves;

struct FjallShelf {
    folder: PathBuf,
    /// `None` only while it is opened again, and after that failed.
    opened: RwLock<Option<Opened>>,
    /// A worker of the library gave up: nothing more can be written until it is opened again.
    gave_up: AtomicBool,
}

struct Opened {
    database: Database,
    /// In the order of [`Space::ALL`].
    spaces: Vec<Keyspace>,
}

/// The names on disk, in the order of [`Space::ALL`].
const NAMES: [&str; 6] = ["state", "hist", "snap", "ids", "waiting", "mark"];

impl Shelves for FjallShelves {
    fn open(&self, folder: &Path) -> Result<Box<dyn Shelf>, Fault> {
        let opened = RwLock::new(Some(Opened::open(folder)?));
        Ok(Box::new(FjallShelf { folder: folder.to_owned(), opened, gave_up: AtomicBool::new(false) }))
    }

    fn remove(&self, folder: &Path) -> Result<(), Fault> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::read(folder)(error)),
            _ => Ok(()),
        }
    }
}

impl Opened {
    fn open(folder: &Path) -> Result<Opened, Fault> {
        let open = || {
            Database::builder(folder)
                .cache_size(CACHE_BYTES)
                .worker_threads(1)
                .manual_journal_persist(true)
                .max_cached_files(Some(64))
                .open()
        };
        // The directory is ours: whoever has the store still is about to leave it.
        let database = until_left(|| match open() {
            Err(fjall::Error::Locked) => None,
            opened => Some(opened),
        });
        let database = database.unwrap_or(Err(fjall::Error::Locked)).map_err(fault)?;
        let keyspace = |name: &str| {
            let options = || KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(8 << 20);
            database.keyspace(name, options).map_err(fault)
        };
        let spaces = NAMES.iter().map(|name| keyspace(name)).collect::<Result<_, Fault>>()?;
        Ok(Opened { spaces, database })
    }

    fn of(&self, space: Space) -> &Keyspace {
        &self.spaces[space as usize]
    }
}

impl FjallShelf {
    fn opened(&self) -> Result<MappedRwLockReadGuard<'_, Opened>, Fault> {
        RwLockReadGuard::try_map(self.opened.read(), Option::as_ref)
            .map_err(|_| Fault::Write("state store: it could not be opened again".to_owned()))
    }

    /// The fault of a write, which may tell that a worker is gone.
    fn unwritten(&self, error: fjall::Error) -> Fault {
        if matches!(error, fjall::Error::Poisoned) {
            self.gave_up.store(true, Ordering::Relaxed);
        }
        fault(error)
    }
}

impl Shelf for FjallShelf {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.opened()?.of(space).get(key).map_err(fault)?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn first(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        self.opened()?.of(space).range(keys.0.to_vec()..keys.1.to_vec()).take(limit).map(pair).collect()
    }

    fn last(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        self.opened()?.of(space).range(keys.0.to_vec()..keys.1.to_vec()).rev().take(limit).map(pair).collect()
    }

    fn ingest(&self, space: Space, changes: Vec<Change>) -> Result<(), Fault> {
        let (opened, fault) = (self.opened()?, |error| self.unwritten(error));
        // Straight into a table: no journal that the next opening would have to read through.
        let mut table = opened.of(space).start_ingestion().map_err(fault)?;
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
        self.opened()?.of(space).insert(key, value).map_err(|error| self.unwritten(error))
    }

    fn persist(&self) -> Result<(), Fault> {
        self.opened()?.database.persist(PersistMode::SyncAll).map_err(|error| self.unwritten(error))
    }

    fn gave_up(&self) -> bool {
        self.gave_up.load(Ordering::Relaxed)
    }

    fn open_again(&self) -> Result<(), Fault> {
        let mut opened = self.opened.write();
        // The library's lock on the folder is given back first.
        drop(opened.take());
        *opened = Some(Opened::open(&self.folder)?);
        self.gave_up.store(false, Ordering::Relaxed);
        Ok(())
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
