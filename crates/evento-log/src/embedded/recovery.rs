//! Opening a data directory: lock, checkpoint, topics cut back, frames since then.
//!
//! A torn tail was never acknowledged and is dropped. Damage in the middle is refused, with segment and
//! offset. A state store that is gone, broken or behind is rebuilt from the topics; only the states
//! themselves then need the functions.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};

use evento_model::{CommandId, EntityKey, EntityTypeId, Position, Timestamp, TopicKind, planted};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use super::checkpoint::Checkpoint;
use super::checkpoints::{Checkpointer, Preparer, Spares};
use super::committer::Committer;
use super::lock::Held;
use super::pace::Pace;
use super::reserve::Reserve;
use super::segments::{Frame, Replayed, Segment, Segments};
use super::store::{Store, open_empty};
use super::tables::{EndedAt, Generation, Tables, Waiting};
use super::topics::Topics;
use super::work::Work;
use super::{EmbeddedConfig, Fault, Machine, Queue, Recovered, Shared, Stats, WallClock, lock};
use crate::codec::{Names, command_of, event_of, records};
use crate::frame::{Ended, Section, TopicPartition};
use crate::record::{CommandRecord, EventRecord};
use crate::shelf::Shelves;
use crate::unit::{CommandPlace, Mark, StatePut};
use crate::view::{StoredCommand, Unfinished};

/// Bytes read at once while rebuilding.
const REBUILD_BYTES: usize = 1 << 20;

/// Opens a data directory. What is to be done from then on is given back: by threads, or turn by turn.
pub(crate) fn open(
    config: EmbeddedConfig,
    clock: WallClock,
    machine: Machine,
) -> Result<(Arc<Shared>, Work, Held, Recovered), Fault> {
    let Machine { disk, shelves } = machine;
    let lock = lock::take(&*disk, &config.folder)?;
    let folder = |name: &str| config.folder.join(name);
    let reserve = Reserve::new(disk.clone(), config.folder.clone(), config.reserve_bytes, config.segment_bytes);
    let segments = Segments::new(disk.clone(), folder("commit"), config.segment_bytes, reserve.margin());
    let checkpoint = Checkpoint::read(&*disk, &config.folder)?.unwrap_or_else(Checkpoint::beginning);
    let topics = Topics::new(disk.clone(), folder("topics"), config.topics);
    // Everything is looked at before anything is changed.
    segments.replay(checkpoint.place, config.accept_loss, |_| Ok(()))?;
    topics.check(&checkpoint.ends)?;

    reserve.give_up_if_scarce();
    let epoch = lock::raise_epoch(&*disk, &config.folder)?;
    let made = Fault::write(&config.folder);
    for name in ["commit", "topics"] {
        disk.make_folder(&folder(name)).map_err(&made)?;
    }
    // A folder whose name is lost with the power takes everything in it along.
    disk.sync_folder(&config.folder).map_err(made)?;
    let started = std::time::Instant::now();
    topics.open(&checkpoint.ends)?;
    tracing::debug!(took = ?started.elapsed(), "topics opened");

    let mut tables = Tables::new();
    tables.meta = checkpoint.meta;
    let (store, lost) = open_store(&*shelves, &folder("state"), checkpoint.place.commit_seq, &topics)?;
    let without_states = if lost { topics.on_disk()? } else { Vec::new() };
    let states_lost: BTreeSet<EntityTypeId> = without_states.into_iter().map(|at| at.entity).collect();
    tracing::debug!(took = ?started.elapsed(), "state store opened");
    for (key, waiting) in store.all_waiting()? {
        tables.unfinished.insert(key, waiting);
    }
    let replayed =
        segments.replay(checkpoint.place, config.accept_loss, |frame| take_over(frame, &topics, &mut tables))?;
    if planted!(9) {
        tables.active.ids.clear();
    }
    segments.confirm(&replayed)?;
    let unfinished = unfinished(&tables, &topics)?;
    tracing::debug!(took = ?started.elapsed(), frames = replayed.frames, "frames replayed");

    let end = replayed.end;
    let incarnations = u64::from(epoch) << 32;
    let next_number = end.segment + 1;
    let spares = spare_segments(&segments, &replayed, checkpoint.place.segment)?;
    let spares = Arc::new(Spares::new(spares, checkpoint.place.segment));
    let segment = match replayed.current {
        Some(segment) => segment,
        None => {
            let spare = spares.take();
            segments.prepare(end.segment, incarnations | end.segment, spare)?
        }
    };
    let full = match reserve.restore() {
        Err(fault @ Fault::Full(_)) => Some(fault),
        restored => restored.map(|()| None)?,
    };

    let shared = Arc::new(Shared {
        names: RwLock::new(Names::new(&config.cluster)),
        disk,
        clock,
        epoch,
        queue: Mutex::new(Queue { full, ..Queue::default() }),
        resumed: Condvar::new(),
        reserve,
        was_full: AtomicU64::new(0),
        queued: Condvar::new(),
        tables: RwLock::new(tables),
        topics,
        store,
        partitions: RwLock::new(FxHashMap::default()),
        durable: watch::Sender::new(end.commit_seq - 1),
        lost: watch::Sender::new(states_lost.clone()),
        publishing: AtomicBool::new(false),
        poison: OnceLock::new(),
        checkpoint_done: Condvar::new(),
        checkpoint_turn: Mutex::new(()),
        stats: Stats { units: AtomicU64::new(0), ..Stats::default() },
        pace: Pace::new(),
        stalled: OnceLock::new(),
        config,
    });
    let segments = Arc::new(segments);
    let work = work(&shared, segments, segment, next_number, incarnations, spares, end.commit_seq);
    let (frames, torn_bytes) = (replayed.frames, replayed.torn_bytes);
    Ok((shared, work, lock, Recovered { unfinished, epoch, frames, torn_bytes, states_lost }))
}

/// What a frame says goes into topics and tables.
fn take_over(frame: Frame, topics: &Topics, tables: &mut Tables) -> Result<(), Fault> {
    for section in frame.sections {
        match section {
            // A full disk: it stays in memory until there is room.
            Section::Batch(at, bytes) => match topics.append(at, &bytes) {
                Ok(()) | Err(Fault::Full(_)) => {}
                Err(fault) => return Err(fault),
            },
            Section::Unit(change) => tables.apply(*change, frame.head.wall),
            Section::Meta(key, value) => tables.set_meta(key, value),
        }
    }
    Ok(())
}

/// Segments that may be used again: those after the current one were prepared but never used, those before the
/// checkpoint are over. Numbers go on above every file that is there, so that no name is taken twice.
fn spare_segments(segments: &Segments, replayed: &Replayed, checkpoint: u64) -> Result<Vec<u64>, Fault> {
    let numbers = segments.numbers()?;
    let end = replayed.end.segment;
    let highest = numbers.iter().copied().max().unwrap_or(0).max(end);
    let current = replayed.current.as_ref().map(|segment| segment.number);
    let over = |number: &u64| *number < checkpoint || current.is_none_or(|current| *number > current);
    let mut spares: Vec<u64> = numbers.into_iter().filter(over).collect();
    for spare in spares.iter_mut().filter(|number| **number > end) {
        let parked = highest + *spare + 1;
        segments.rename(*spare, parked)?;
        *spare = parked;
    }
    Ok(spares)
}

fn work(
    shared: &Arc<Shared>,
    segments: Arc<Segments>,
    segment: Segment,
    number: u64,
    incarnations: u64,
    spares: Arc<Spares>,
    commit_seq: u64,
) -> Work {
    let (cuts, cut) = sync_channel(1);
    let none = Box::new(|| Err(Fault::Closed));
    let committer = Committer {
        shared: shared.clone(),
        segment,
        prepared: none,
        checkpoints: cuts,
        commit_seq,
        since_cut: 0,
        frame: Vec::new(),
        rooms: Vec::new(),
    };
    let preparer = Preparer { segments: segments.clone(), spares: spares.clone(), number, incarnations };
    let checkpointer = Checkpointer { shared: shared.clone(), segments, spares };
    Work { committer, checkpointer, cut, preparer }
}

/// The state store, and whether it had to be made anew from the topics.
fn open_store(
    shelves: &dyn Shelves,
    folder: &std::path::Path,
    commit_seq: u64,
    topics: &Topics,
) -> Result<(Arc<Store>, bool), Fault> {
    let store = Store::open(shelves, folder).and_then(|store| Ok((store.applied()?, store.is_lost()?, store)));
    match store {
        Ok((applied, lost, store)) if applied.unwrap_or(1) >= commit_seq => return Ok((Arc::new(store), lost)),
        Ok((applied, ..)) => {
            tracing::warn!("the state store is behind ({applied:?} of {commit_seq}); it is rebuilt from the topics");
        }
        Err(fault @ Fault::InUse { .. }) => return Err(fault),
        Err(fault) => tracing::warn!("the state store cannot be used ({fault}); it is rebuilt from the topics"),
    }
    let store = open_empty(shelves, folder)?;
    store.set_lost(true)?;
    for at in topics.on_disk()?.into_iter().filter(|at| at.kind == TopicKind::Commands) {
        rebuild(&store, topics, at)?;
    }
    // Only now: a start that was interrupted before begins anew.
    store.write(&Generation::default(), commit_seq)?;
    Ok((store, true))
}

/// History, ids and unfinished commands of one partition, from its records. States are left without bytes.
fn rebuild(store: &Store, topics: &Topics, commands: TopicPartition) -> Result<(), Fault> {
    let mut open: HashMap<(EntityKey, CommandId), (u64, CommandRecord)> = HashMap::new();
    let key_of = |id: &evento_model::EntityId| EntityKey { entity: commands.entity, id: id.clone() };
    each_record(topics, commands, |record| {
        let command = command_of(record).map_err(|error| error.to_string())?;
        open.insert((key_of(&command.id), command.command_id.clone()), (record.offset, command));
        Ok(())
    })?;
    let mut tables = Tables::new();
    let events = TopicPartition { kind: TopicKind::Events, ..commands };
    each_record(topics, events, |record| {
        let event = event_of(record).map_err(|error| error.to_string())?;
        let key = key_of(&event.id);
        let dirty = tables.active.instances.entry(key.clone()).or_default();
        dirty.partition = commands.partition;
        if event.batch.0 == 1 {
            dirty.history.push((event.seq, record.offset, event.batch.1));
        }
        dirty.state = Some(without_state(&event));
        if event.batch.0 == event.batch.1
            && let Some((_, command)) = open.remove(&(key.clone(), event.command_id.clone()))
            && command.client_supplied
        {
            let count = u64::from(event.batch.1) - 1;
            let ended = ended(&event, &command, count);
            let committed_at = Timestamp(record.timestamp);
            let at = EndedAt { ended, partition: commands.partition, offset: record.offset - count, committed_at };
            tables.active.ids.insert((key, event.command_id), at);
        }
        Ok(())
    })?;
    for (key, (offset, _)) in open {
        let waiting = Waiting { partition: commands.partition, offset, noted: None };
        tables.active.waiting.insert(key, Some(waiting));
    }
    store.fill(&tables.active)
}

fn without_state(event: &EventRecord) -> StatePut {
    StatePut {
        seq: event.seq,
        state: None,
        schema: event.state_schema,
        digest: event.state_digest,
        updated_at: event.time,
        revision: event.apply_revision,
    }
}

fn ended(last: &EventRecord, command: &CommandRecord, count: u64) -> Ended {
    Ended {
        command_id: last.command_id.clone(),
        client_supplied: true,
        digest: command.digest,
        outcome: last.outcome,
        seq_first: last.seq - count,
        seq_last: last.seq,
        attempts: last.attempts,
        accepted_at: command.accepted_at,
        revision: last.revision,
    }
}

fn each_record(
    topics: &Topics,
    at: TopicPartition,
    mut each: impl FnMut(&crate::codec::Record) -> Result<(), String>,
) -> Result<(), Fault> {
    let Some(partition) = topics.get(at) else { return Ok(()) };
    let mut from = 0;
    loop {
        let batches = partition.read().read(from, REBUILD_BYTES)?;
        if batches.is_empty() {
            return Ok(());
        }
        for batch in batches {
            let begin = from;
            let damaged = |what: String| Fault::Corrupt {
                file: format!("topic {}.{} partition {}", at.entity.0, at.kind.as_str(), at.partition),
                offset: begin,
                what,
            };
            for record in records(&batch).map_err(|error| damaged(error.to_string()))? {
                each(&record).map_err(&damaged)?;
                from = record.offset + 1;
            }
        }
    }
}

/// The unfinished commands with their records, in the order of each partition.
pub(crate) fn unfinished(tables: &Tables, topics: &Topics) -> Result<Vec<Unfinished>, Fault> {
    let mut waiting: Vec<(&(EntityKey, CommandId), &Waiting)> = tables.unfinished.iter().collect();
    waiting.sort_by_key(|((key, _), waiting)| (key.entity, waiting.partition, waiting.offset));
    let mut found = Vec::with_capacity(waiting.len());
    for ((key, command_id), waiting) in waiting {
        let at = TopicPartition { entity: key.entity, kind: TopicKind::Commands, partition: waiting.partition };
        let record = super::read::command_at(topics, at, waiting.offset)?;
        let position = Position {
            entity: key.entity,
            topic: TopicKind::Commands,
            partition: waiting.partition,
            offset: waiting.offset,
        };
        let mark = waiting.noted.clone().map(|noted| Mark {
            command_id: command_id.clone(),
            command: CommandPlace::Unfinished,
            parked: noted.parked,
            attempts: noted.attempts,
            note: noted.note,
        });
        found.push(Unfinished { command: StoredCommand { position, record }, mark });
    }
    Ok(found)
}
