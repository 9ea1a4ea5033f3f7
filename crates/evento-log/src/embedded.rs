//! The log on this machine's disk: commit log, topics, state store, and the rules that tie them together.
//!
//! The commit log is the only thing synced for an acknowledgement. Topics and state store are derived from it
//! and made durable at checkpoints. Reads are answered from memory for what is newer than the last checkpoint.
//! Reading order: `segments` (frames on disk), `committer` (the one writer), `topics`, `tables`, `store`,
//! `checkpoint`, `recovery`; beside them `scrub`, `backup` and `restore`.

mod backup;
mod checkpoint;
mod checkpoints;
mod committer;
mod fjall;
mod lock;
mod look_up;
mod pace;
mod read;
mod recovery;
mod reserve;
mod restore;
mod scrub;
mod segments;
mod small;
mod store;
mod tables;
mod topics;
mod work;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use bytes::Bytes;
use evento_model::{EntityTypeId, OwnerEpoch, Timestamp, planted};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::codec::{Names, StateBatch};
use crate::disk::Disk;
use crate::shelf::Shelves;
use crate::unit::{CommitUnit, Committed};
use crate::view::{StoredEvent, StoredState, Unfinished};
use committer::Common;
use lock::Held;
use pace::Pace;
use reserve::Reserve;
use store::Store;
use tables::Tables;
use topics::Topics;

pub use crate::fault::Fault;
pub use backup::{Backup, LAST_BACKUP};
pub use look_up::Found;
pub use read::InstanceRow;
pub use restore::{Restored, restore};
pub use scrub::{Scrub, Scrubbed};
pub use topics::{FileStretch, Stretch, TopicSizes};
pub use work::Turns;

/// What the log stands on.
pub struct Machine {
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Keys and values of the state store.
    pub shelves: Arc<dyn Shelves>,
}

impl Machine {
    /// This machine.
    pub fn this() -> Machine {
        Machine { disk: crate::failpoint::watched(crate::disk::real()), shelves: Arc::new(fjall::FjallShelves) }
    }
}

/// Called when a unit is durable and readers see it, or when it never will be. Must not block.
pub type Done = Box<dyn FnOnce(Result<Committed, Fault>) + Send>;

/// Where and how large.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// The data directory.
    pub folder: PathBuf,
    /// Name of this Evento in `ce_source`.
    pub cluster: String,
    /// Bytes of a commit segment.
    pub segment_bytes: u64,
    /// Bytes of one group commit at most, roughly.
    pub group_bytes_max: usize,
    /// Bytes of frames after which a checkpoint is made; bounds memory and the time of a restart.
    pub checkpoint_bytes: u64,
    /// Bytes of a file that is given up when the disk is full (EV4005); a quarter of it stays free beside it.
    pub reserve_bytes: u64,
    /// How topics lie on disk.
    pub topics: TopicSizes,
    /// Go on after damage in the middle of the commit log, without what follows it. A person's decision.
    pub accept_loss: bool,
}

impl EmbeddedConfig {
    /// The defaults, for a folder.
    pub fn new(folder: impl Into<PathBuf>) -> EmbeddedConfig {
        EmbeddedConfig {
            folder: folder.into(),
            cluster: "local".to_owned(),
            segment_bytes: 64 << 20,
            group_bytes_max: 1 << 20,
            checkpoint_bytes: 64 << 20,
            reserve_bytes: 64 << 20,
            topics: TopicSizes::default(),
            accept_loss: false,
        }
    }
}

/// What was found at start.
#[derive(Debug)]
pub struct Recovered {
    /// Commands without outcome, in the order of their partitions' logs.
    pub unfinished: Vec<Unfinished>,
    /// The epoch that begins.
    pub epoch: OwnerEpoch,
    /// Frames read since the last checkpoint.
    pub frames: u64,
    /// Bytes of a frame that was never finished.
    pub torn_bytes: u64,
    /// The state store was gone or behind: the states of these entity types must be rebuilt by replay before they
    /// are used. So said by every start until [`EmbeddedLog::states_rebuilt`] was told of all.
    pub states_lost: BTreeSet<EntityTypeId>,
}

/// Counters since start.
#[derive(Clone, Copy, Default, Debug)]
pub struct LogStats {
    /// Units made durable.
    pub units: u64,
    /// Syncs of the commit log: one per group.
    pub syncs: u64,
    /// Time spent writing and syncing it, in nanoseconds.
    pub sync_nanos: u64,
    /// Bytes of frames.
    pub frame_bytes: u64,
    /// Bytes of all topics.
    pub topic_bytes: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// The newest durable commit.
    pub commit_seq: u64,
}

#[derive(Default)]
struct Stats {
    units: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
    frame_bytes: AtomicU64,
    checkpoints: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// Bound: the engine's limits on unfinished commands; it makes at most a few units of each.
    units: VecDeque<(CommitUnit, Done)>,
    /// A group was taken and is not written yet.
    committing: bool,
    /// Groups that were begun in callers' threads.
    beside: u64,
    /// The log's thread looks whether they end.
    watched: bool,
    closing: bool,
    /// The disk is full: nothing is written until `resume`.
    full: Option<Fault>,
}

/// How the clock is handed in.
pub type WallClock = Box<dyn Fn() -> Timestamp + Send + Sync>;

struct Shared {
    config: EmbeddedConfig,
    disk: Arc<dyn Disk>,
    clock: WallClock,
    epoch: OwnerEpoch,
    queue: Mutex<Queue>,
    queued: Condvar,
    /// Somebody said that there is room again, or the log closes; goes with `queue`.
    resumed: Condvar,
    reserve: Reserve,
    /// Checkpoints to come in which a dead worker of the state store is put down to the full disk there was.
    was_full: AtomicU64,
    tables: RwLock<Tables>,
    topics: Topics,
    store: Arc<Store>,
    names: RwLock<Names>,
    partitions: RwLock<FxHashMap<EntityTypeId, u32>>,
    durable: watch::Sender<u64>,
    /// Entity types whose states are lost. Bound: the registered ones.
    lost: watch::Sender<BTreeSet<EntityTypeId>>,
    /// A frame's batches may be readable while its tables are not yet.
    publishing: AtomicBool,
    poison: OnceLock<Fault>,
    checkpoint_done: Condvar,
    checkpoint_turn: Mutex<()>,
    stats: Stats,
    pace: Pace,
    stalled: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// The log. Clones share it.
#[derive(Clone)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    /// Nobody's where all is done by turns.
    committer: Common,
    threads: Arc<Mutex<Threads>>,
}

#[derive(Default)]
struct Threads {
    /// The lock is given back when they have ended.
    running: Vec<JoinHandle<()>>,
    lock: Option<Held>,
}

impl EmbeddedLog {
    /// Opens a data directory, made if it is not there, and brings topics and tables up to the last frame.
    ///
    /// Errors: [`Fault::InUse`], [`Fault::Format`], [`Fault::Corrupt`] for damage in the middle, or the
    /// system's own.
    pub fn open(config: EmbeddedConfig, clock: WallClock) -> Result<(EmbeddedLog, Recovered), Fault> {
        Self::open_on(config, clock, Machine::this())
    }

    /// As [`open`](Self::open), on a machine that is handed in.
    pub fn open_on(
        config: EmbeddedConfig,
        clock: WallClock,
        machine: Machine,
    ) -> Result<(EmbeddedLog, Recovered), Fault> {
        let (shared, work, lock, recovered) = recovery::open(config, clock, machine)?;
        let (committer, running) = work.start()?;
        let threads = Arc::new(Mutex::new(Threads { running, lock: Some(lock) }));
        Ok((EmbeddedLog { shared, committer, threads }, recovered))
    }

    /// As [`open_on`](Self::open_on), without a thread: whoever has the turns does the work, one after the other.
    pub fn open_by_turns(
        config: EmbeddedConfig,
        clock: WallClock,
        machine: Machine,
    ) -> Result<(EmbeddedLog, Turns, Recovered), Fault> {
        let (shared, work, lock, recovered) = recovery::open(config, clock, machine)?;
        let turns = work.by_turns(shared.clone());
        let threads = Arc::new(Mutex::new(Threads { running: Vec::new(), lock: Some(lock) }));
        Ok((EmbeddedLog { shared, committer: Common::default(), threads }, turns, recovered))
    }

    /// Tells how an entity type and its own record are called in records, and how many partitions it has. Before
    /// its first unit.
    pub fn register_entity(&self, entity: EntityTypeId, name: &str, record: &str, partitions: u32) {
        self.shared.names.write().set(entity, name, record);
        self.shared.partitions.write().insert(entity, partitions);
    }

    /// Queues a unit; units are written in the order in which they are queued.
    pub fn submit(&self, unit: CommitUnit, done: Done) {
        self.submit_many(vec![(unit, done)]);
    }

    /// Queues units that may go into the same group.
    pub fn submit_many(&self, units: Vec<(CommitUnit, Done)>) {
        let mut queue = self.shared.queue.lock();
        if queue.closing {
            drop(queue);
            return units.into_iter().for_each(|(_, done)| done(Err(Fault::Closed)));
        }
        queue.units.extend(units);
        drop(queue);
        self.shared.queued.notify_one();
    }

    /// As [`submit`](Self::submit); but if nothing else is queued and the disk is quick, the unit is written, and
    /// `done` called, before this returns: a lone command need not wait until two threads have woken each other.
    ///
    /// Blocks for about a quarter of a millisecond, longer only where a disk that was quick is so no more; see
    /// [`on_stall`](Self::on_stall).
    pub fn submit_now(&self, unit: CommitUnit, done: Done) {
        let mut committer = self.shared.pace.is_quick().then(|| self.committer.try_lock()).flatten();
        if let Some(Some(committer)) = committer.as_deref_mut() {
            let mut queue = self.shared.queue.lock();
            if queue.begin_beside() {
                let watched = std::mem::replace(&mut queue.watched, true);
                drop(queue);
                if !watched {
                    self.shared.queued.notify_one();
                }
                return committer.turn(vec![(unit, done)]);
            }
        }
        drop(committer);
        self.submit(unit, done);
    }

    /// Hands over what is called every 20 ms while a unit of [`submit_now`](Self::submit_now) is being written for
    /// longer than that, by another thread: whoever blocked may have others waiting who have nothing to do with it. It
    /// must not block. The first one handed over stays.
    pub fn on_stall(&self, stalled: Box<dyn Fn() + Send + Sync>) {
        let _ = self.shared.stalled.set(stalled);
    }

    /// After [`Fault::Full`]: accept units again, if there is room by now.
    ///
    /// Not before everything is refused that was queued for the full disk: it rests on what was not written.
    pub fn resume(&self) -> Result<(), Fault> {
        let queue = self.shared.queue.lock();
        if let Some(full) = queue.full.as_ref().filter(|_| queue.committing || !queue.units.is_empty()) {
            return Err(full.clone());
        }
        drop(queue);
        self.shared.reserve.restore()?;
        self.shared.queue.lock().full = None;
        self.shared.resumed.notify_all();
        Ok(())
    }

    /// Whether states of an entity type went with the state store and are not rebuilt yet. They must not be used:
    /// neither shown nor decided on.
    pub fn states_lost(&self, entity: EntityTypeId) -> bool {
        self.shared.lost.borrow().contains(&entity)
    }

    /// The entity types whose states are lost, whenever one is rebuilt.
    pub fn watch_lost(&self) -> watch::Receiver<BTreeSet<EntityTypeId>> {
        self.shared.lost.subscribe()
    }

    /// States of an entity type that were lost are rebuilt and durable. After the last one the next start need not
    /// do it again.
    pub fn states_rebuilt(&self, entity: EntityTypeId) -> Result<(), Fault> {
        if self.shared.lost.borrow().iter().eq([&entity]) {
            self.shared.store.set_lost(false)?;
        }
        self.shared.lost.send_if_modified(|lost| lost.remove(&entity));
        Ok(())
    }

    /// The epoch of this process: raised at every start, written with every batch.
    pub fn epoch(&self) -> OwnerEpoch {
        self.shared.epoch
    }

    /// Adds a state to a batch of the view `<entity>.state`.
    pub fn put_state(&self, batch: &mut StateBatch, entity: EntityTypeId, event: &StoredEvent, state: &StoredState) {
        batch.push(&self.shared.names.read(), entity, event, state);
    }

    /// Number of the newest durable commit, whenever it grows.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// A fact that was committed as a unit's `meta`.
    pub fn meta(&self, key: &[u8]) -> Option<Bytes> {
        self.shared.tables.read().meta.get(key).cloned()
    }

    /// All facts whose keys begin with a prefix, in order.
    pub fn meta_scan(&self, prefix: &[u8]) -> Vec<(Bytes, Bytes)> {
        let tables = self.shared.tables.read();
        let from = tables.meta.range(Bytes::copy_from_slice(prefix)..);
        from.take_while(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Why nothing is written any more, if so.
    pub fn fault(&self) -> Option<Fault> {
        if planted!(30) {
            return None;
        }
        self.shared.poison.get().cloned().or_else(|| self.shared.queue.lock().full.clone())
    }

    /// Counters since start.
    pub fn stats(&self) -> LogStats {
        let stats = &self.shared.stats;
        LogStats {
            units: stats.units.load(Ordering::Relaxed),
            syncs: stats.syncs.load(Ordering::Relaxed),
            sync_nanos: stats.sync_nanos.load(Ordering::Relaxed),
            frame_bytes: stats.frame_bytes.load(Ordering::Relaxed),
            topic_bytes: self.shared.topics.bytes(),
            checkpoints: stats.checkpoints.load(Ordering::Relaxed),
            commit_seq: *self.shared.durable.borrow(),
        }
    }

    /// Writes what is queued, makes a last checkpoint, and gives the directory back. Being killed instead is
    /// as good, but for the time of the next start. The directory is free when the last clone is gone.
    pub fn close(self) {
        self.shared.queue.lock().closing = true;
        self.shared.queued.notify_one();
        self.shared.resumed.notify_all();
        let mut threads = self.threads.lock();
        for thread in std::mem::take(&mut threads.running) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
        threads.lock = None;
    }
}

impl Shared {
    /// The disk is full: nothing more is accepted, and what was begun may use the reserve.
    fn refuse(&self, fault: &Fault) {
        self.was_full.store(checkpoints::FULL_FELT, Ordering::Relaxed);
        self.reserve.give_up();
        let mut queue = self.queue.lock();
        if queue.full.is_none() {
            tracing::warn!(code = %fault.code(), "{fault}; nothing more is accepted until there is room");
            queue.full = Some(fault.clone());
        }
    }

    /// Returns when no checkpoint is being written.
    fn wait_for_checkpoint(&self) {
        let mut turn = self.checkpoint_turn.lock();
        while self.tables.read().frozen.is_some() && self.poison.get().is_none() {
            self.checkpoint_done.wait(&mut turn);
        }
    }
}
