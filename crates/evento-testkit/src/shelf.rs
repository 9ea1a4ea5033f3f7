//! A simulated shelf: keys and values in memory, of which a crash takes the last ones that were not persisted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use evento_log::embedded::Fault;
use evento_log::shelf::{Change, Keys, Pair, Shelf, Shelves, Space};
use parking_lot::Mutex;

use crate::disk::{SimDisk, Verb};

type Spaces = [BTreeMap<Bytes, Bytes>; Space::ALL.len()];
/// Changes that become visible together.
type Batch = (Space, Vec<Change>);

#[derive(Default)]
struct Inner {
    live: Spaces,
    durable: Spaces,
    /// What was taken in since the last persisting, in order.
    pending: Vec<Batch>,
}

/// The one store of a machine; clones share it. It loses power with the machine's disk.
#[derive(Clone)]
pub struct SimShelves {
    disk: SimDisk,
    inner: Arc<Mutex<Inner>>,
}

impl SimShelves {
    /// An empty store.
    pub fn new(disk: SimDisk) -> SimShelves {
        SimShelves { disk, inner: Arc::default() }
    }

    /// The power went, or the process died: the newest changes are gone, as many as chance takes.
    pub fn crash(&self) {
        let mut inner = self.inner.lock();
        let kept = self.disk.chance(inner.pending.len() as u64 + 1) as usize;
        let pending = std::mem::take(&mut inner.pending);
        pending.into_iter().take(kept).for_each(|batch| take_in(&mut inner.durable, batch));
        inner.live = inner.durable.clone();
    }

    /// Somebody deleted it.
    pub fn wipe(&self) {
        *self.inner.lock() = Inner::default();
    }

    fn uses(&self, verb: Verb) -> Result<(), Fault> {
        let uses = self.disk.uses(verb, Path::new("state"));
        uses.map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => Fault::Full("state: no space is left".to_owned()),
            _ => Fault::Write(format!("state store: {error}")),
        })
    }
}

fn take_in(spaces: &mut Spaces, (space, changes): Batch) {
    for (key, value) in changes {
        match value {
            Some(value) => spaces[space as usize].insert(key.into(), value.into()),
            None => spaces[space as usize].remove(&key[..]),
        };
    }
}

impl Shelves for SimShelves {
    fn open(&self, _folder: &Path) -> Result<Box<dyn Shelf>, Fault> {
        self.uses(Verb::Open)?;
        Ok(Box::new(self.clone()))
    }

    fn remove(&self, _folder: &Path) -> Result<(), Fault> {
        self.uses(Verb::Remove)?;
        self.wipe();
        Ok(())
    }
}

impl Shelf for SimShelves {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.inner.lock().live[space as usize].get(key).cloned())
    }

    fn first(&self, space: Space, (from, to): Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        let inner = self.inner.lock();
        Ok(range(&inner.live[space as usize], from, to).take(limit).map(pair).collect())
    }

    fn last(&self, space: Space, (from, to): Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault> {
        let inner = self.inner.lock();
        Ok(range(&inner.live[space as usize], from, to).rev().take(limit).map(pair).collect())
    }

    fn ingest(&self, space: Space, changes: Vec<Change>) -> Result<(), Fault> {
        assert!(changes.is_sorted_by(|a, b| a.0 < b.0), "keys come in order, each once");
        self.uses(Verb::Write)?;
        let mut inner = self.inner.lock();
        take_in(&mut inner.live, (space, changes.clone()));
        inner.pending.push((space, changes));
        Ok(())
    }

    fn put(&self, space: Space, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.ingest(space, vec![(key.to_vec(), Some(value.to_vec()))])
    }

    fn persist(&self) -> Result<(), Fault> {
        self.uses(Verb::Sync)?;
        let mut inner = self.inner.lock();
        let pending = std::mem::take(&mut inner.pending);
        pending.into_iter().for_each(|batch| take_in(&mut inner.durable, batch));
        Ok(())
    }

    fn gave_up(&self) -> bool {
        false
    }

    fn open_again(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn range<'a>(
    space: &'a BTreeMap<Bytes, Bytes>,
    from: &[u8],
    to: &[u8],
) -> std::collections::btree_map::Range<'a, Bytes, Bytes> {
    // An empty range is asked for with equal ends; a map panics when they are the wrong way round.
    let to = if from <= to { to } else { from };
    space.range(Bytes::copy_from_slice(from)..Bytes::copy_from_slice(to))
}

fn pair((key, value): (&Bytes, &Bytes)) -> Pair {
    (key.clone(), value.clone())
}
