//! The committer: whoever holds it writes frames, one after the other. Everything queued goes into the next frame;
//! one sync each. It is held by a thread of the log, or by who submits a unit while nothing else is queued.
//!
//! Order within a group: offsets, batches, frame, write, sync; then topics and tables, so that readers see it;
//! then those who wait. Any failure of a write or sync is final: nothing more is acknowledged, and no sync is
//! ever repeated.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evento_model::{TopicKind, planted, sometimes};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::segments::{CommitPlace, Segment};
use super::tables::Generation;
use super::{Done, Fault, Queue, Shared};
use crate::codec::{BatchBuilder, Names};
use crate::failpoint;
use crate::frame::{Ended, HEAD, Noted, TopicPartition, UnitChange, put_batch, put_meta, put_unit};
use crate::unit::{CommandPlace, CommitUnit, Committed};

/// Units of one group at most.
const GROUP_UNITS_MAX: usize = 16_384;
/// How often a write in a caller's thread is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Buffers kept for the next group.
const ROOMS_MAX: usize = 64;
/// Largest buffer that is kept.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// Handed to the thread that writes checkpoints.
pub(crate) struct Cut {
    pub(crate) frozen: Arc<Generation>,
    pub(crate) place: CommitPlace,
}

/// What the committer owns.
pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segment: Segment,
    /// Gives the next segment.
    pub(crate) prepared: Box<dyn FnMut() -> Result<Segment, Fault> + Send>,
    pub(crate) checkpoints: SyncSender<Cut>,
    pub(crate) commit_seq: u64,
    /// Bytes of frames since the last cut.
    pub(crate) since_cut: u64,
    pub(crate) frame: Vec<u8>,
    /// Buffers of batches that were written, to be used again. Bound: `ROOMS_MAX`, of `ROOM_BYTES_MAX` each.
    pub(crate) rooms: Rooms,
}

/// Buffers to build batches in.
pub(crate) type Rooms = Vec<Vec<u8>>;

/// What is written as one frame.
pub(crate) type Group = Vec<(CommitUnit, Done)>;

impl Queue {
    /// Whether a caller may write what it has, because nothing comes before it. It must, then.
    pub(crate) fn begin_beside(&mut self) -> bool {
        if self.committing || self.closing || !self.units.is_empty() {
            return false;
        }
        self.committing = true;
        self.beside += 1;
        true
    }

    /// What comes first, up to a bound; `None` if nothing is queued.
    pub(crate) fn take_group(&mut self, bytes_max: usize) -> Option<Group> {
        let mut bytes = 0;
        let mut group = Vec::with_capacity(self.units.len().min(GROUP_UNITS_MAX));
        let one_by_one = planted!(14, 25);
        while bytes < bytes_max
            && group.len() < GROUP_UNITS_MAX
            && (group.is_empty() || !one_by_one)
            && let Some((unit, done)) = self.units.pop_front()
        {
            bytes += weight(&unit);
            group.push((unit, done));
        }
        self.committing = !group.is_empty();
        self.committing.then_some(group)
    }
}

/// The committer in common: nobody has it any more when the log is closed.
pub(crate) type Common = Arc<Mutex<Option<Committer>>>;

/// Writes what is queued, in a thread of its own, until the log closes.
pub(crate) fn run(common: &Common, shared: &Shared) {
    while let Some(group) = wait_for_group(shared) {
        if let Some(committer) = &mut *common.lock() {
            committer.turn(group);
        }
    }
    // Whoever writes segments and checkpoints ends when the committer is gone.
    if let Some(mut committer) = common.lock().take() {
        committer.finish();
    }
}

/// Everything that is queued, up to a bound, as soon as nothing else is being written; `None` when the log closes.
///
/// Meanwhile it looks whether a write in a caller's thread comes to its end.
fn wait_for_group(shared: &Shared) -> Option<Group> {
    let mut queue = shared.queue.lock();
    loop {
        if !queue.committing {
            if let Some(group) = queue.take_group(shared.config.group_bytes_max) {
                return Some(group);
            }
            if queue.closing {
                return None;
            }
        }
        if !queue.watched {
            shared.queued.wait(&mut queue);
            continue;
        }
        let begun = queue.beside;
        if shared.queued.wait_for(&mut queue, LOOK).timed_out() && queue.beside == begun {
            queue.watched = queue.committing;
            if let (true, Some(stalled)) = (queue.committing, shared.stalled.get()) {
                stalled();
            }
        }
    }
}

impl Committer {
    /// Writes one group, or refuses it.
    pub(crate) fn turn(&mut self, group: Group) {
        match self.may_write() {
            Err(fault) => group.into_iter().for_each(|(_, done)| done(Err(fault.clone()))),
            Ok(()) => self.commit(group),
        }
        let mut queue = self.shared.queue.lock();
        queue.committing = false;
        if queue.closing || !queue.units.is_empty() {
            self.shared.queued.notify_one();
        }
        drop(queue);
        if self.since_cut >= self.shared.config.checkpoint_bytes && self.shared.poison.get().is_none() {
            self.cut(false);
        }
    }

    /// Cuts off what has changed for a last checkpoint, if the log is well.
    pub(crate) fn finish(&mut self) {
        if self.shared.poison.get().is_none() && self.shared.queue.lock().full.is_none() {
            self.cut(true);
        }
    }

    fn may_write(&self) -> Result<(), Fault> {
        if let Some(fault) = self.shared.poison.get() {
            return Err(fault.clone());
        }
        if let Some(fault) = &self.shared.queue.lock().full {
            return Err(fault.clone());
        }
        self.shared.reserve.check().inspect_err(|fault| self.shared.refuse(fault))
    }

    fn commit(&mut self, group: Group) {
        let wall = (self.shared.clock)();
        let mut batches = Batches { rooms: std::mem::take(&mut self.rooms), ..Batches::default() };
        self.frame.clear();
        self.frame.resize(HEAD, 0);
        let mut changes = Vec::with_capacity(group.len());
        let mut facts = Vec::new();
        let mut reports = Vec::with_capacity(group.len());
        {
            let names = self.shared.names.read();
            for (mut unit, done) in group {
                facts.append(&mut unit.meta);
                let change = batches.add(&self.shared, &names, unit);
                let committed = Committed {
                    commit_seq: self.commit_seq,
                    committed_at: wall,
                    command_offset_first: change.commands_first,
                    event_offset_first: change.change.events.1,
                };
                changes.push(change.change);
                reports.push((done, committed));
            }
        }
        let (batches, rooms) = batches.finish(wall.0, self.shared.epoch);
        self.rooms = rooms;
        batches.iter().for_each(|(at, bytes)| put_batch(&mut self.frame, *at, bytes));
        changes.iter().for_each(|change| put_unit(&mut self.frame, change));
        facts.iter().for_each(|(key, value)| put_meta(&mut self.frame, key, value.as_deref()));
        if planted!(1) {
            reports.drain(..).for_each(|(done, committed)| done(Ok(committed)));
        }
        if planted!(2) {
            let _ = self.publish(&batches);
        }
        let several = changes.iter().any(|change| change.events.2 > 1);
        if let Err(fault) = self.write(wall).and_then(|()| self.publish(&batches)) {
            sometimes!("several events, crash in their commit", several);
            match fault {
                // There was no segment to write to: nothing has happened.
                Fault::Full(_) => self.shared.refuse(&fault),
                _ => {
                    let _ = self.shared.poison.set(fault.clone());
                    tracing::error!(code = %fault.code(), "{fault}");
                }
            }
            if planted!(30) {
                return;
            }
            return reports.into_iter().for_each(|(done, _)| done(Err(fault.clone())));
        }
        {
            let mut tables = self.shared.tables.write();
            changes.into_iter().for_each(|change| tables.apply(change, wall));
            facts.into_iter().for_each(|(key, value)| tables.set_meta(key, value));
        }
        self.shared.publishing.store(false, Ordering::SeqCst);
        failpoint::reach("publish-after");
        let rooms = batches.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.capacity() <= ROOM_BYTES_MAX);
        let free = ROOMS_MAX.saturating_sub(self.rooms.len());
        self.rooms.extend(rooms.take(free));
        self.commit_seq += 1;
        self.shared.durable.send_replace(self.commit_seq - 1);
        self.shared.stats.units.fetch_add(reports.len() as u64, Ordering::Relaxed);
        reports.into_iter().for_each(|(done, committed)| done(Ok(committed)));
        failpoint::reach("acknowledge-after");
    }

    /// Readers see the batches from here on.
    fn publish(&self, batches: &[(TopicPartition, Vec<u8>)]) -> Result<(), Fault> {
        self.shared.publishing.store(true, Ordering::SeqCst);
        for (at, bytes) in batches {
            match self.shared.topics.append(*at, bytes) {
                // It is durable in the commit log, and readable: only nothing more is accepted.
                Err(fault @ Fault::Full(_)) => self.shared.refuse(&fault),
                appended => appended?,
            }
        }
        Ok(())
    }

    /// The segment that was prepared. What was found full may be so no more: it is tried once anew.
    fn next_segment(&mut self) -> Result<Segment, Fault> {
        match (self.prepared)() {
            Err(Fault::Full(_)) => (self.prepared)(),
            prepared => prepared,
        }
    }

    fn write(&mut self, wall: evento_model::Timestamp) -> Result<(), Fault> {
        if !self.segment.has_room(self.frame.len()) {
            self.segment = self.next_segment()?;
            if !self.segment.has_room(self.frame.len()) {
                return Err(Fault::Write(format!("a group of {} bytes fits in no segment", self.frame.len())));
            }
        }
        let started = Instant::now();
        self.segment
            .write(&mut self.frame, self.commit_seq, wall)
            .map_err(|error| Fault::Write(format!("commit segment {}: {error}", self.segment.number)))?;
        let (stats, took) = (&self.shared.stats, started.elapsed());
        stats.syncs.fetch_add(1, Ordering::Relaxed);
        stats.sync_nanos.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        self.shared.pace.took(took);
        stats.frame_bytes.fetch_add(self.frame.len() as u64, Ordering::Relaxed);
        self.since_cut += self.frame.len() as u64;
        Ok(())
    }

    /// Hands what has changed to the checkpoint thread, unless that is still busy.
    fn cut(&mut self, last: bool) {
        let place =
            CommitPlace { segment: self.segment.number, offset: self.segment.offset, commit_seq: self.commit_seq };
        if last {
            // The thread may be writing the one before: wait for it.
            self.shared.wait_for_checkpoint();
        } else if self.shared.tables.read().frozen.is_some() {
            return;
        }
        let frozen = self.shared.tables.write().freeze();
        if self.checkpoints.send(Cut { frozen, place }).is_ok() {
            self.since_cut = 0;
        }
    }
}

/// Rough bytes of a unit in a frame.
fn weight(unit: &CommitUnit) -> usize {
    let payloads = unit.commands.iter().map(|c| c.payload.len() + 400).sum::<usize>()
        + unit.events.iter().map(|e| e.payload.len() + 800).sum::<usize>();
    let facts = unit.meta.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum::<usize>();
    payloads + facts + unit.state.as_ref().and_then(|put| put.state.as_ref()).map_or(0, |state| state.len()) + 200
}

/// One batch per topic partition of the group.
#[derive(Default)]
struct Batches {
    building: FxHashMap<TopicPartition, (u64, BatchBuilder)>,
    order: Vec<TopicPartition>,
    /// Buffers to build in.
    rooms: Rooms,
}

struct Placed {
    change: UnitChange,
    commands_first: u64,
}

impl Batches {
    fn at(&mut self, shared: &Shared, at: TopicPartition) -> &mut (u64, BatchBuilder) {
        self.building.entry(at).or_insert_with(|| {
            self.order.push(at);
            (shared.topics.next_offset(at), BatchBuilder::in_room_of(self.rooms.pop().unwrap_or_default()))
        })
    }

    fn add(&mut self, shared: &Shared, names: &Names, unit: CommitUnit) -> Placed {
        let CommitUnit { entity, partition, id, commands, events, state, outcomes, marks, meta: _ } = unit;
        let (mut commands_first, mut events_first) = (0, 0);
        if !commands.is_empty() {
            let at = TopicPartition { entity, kind: TopicKind::Commands, partition };
            let (base, builder) = self.at(shared, at);
            commands_first = *base + u64::from(builder.count());
            commands.iter().for_each(|command| builder.push_command(names, entity, command));
        }
        if !events.is_empty() {
            let at = TopicPartition { entity, kind: TopicKind::Events, partition };
            let (base, builder) = self.at(shared, at);
            events_first = *base + u64::from(builder.count());
            events.iter().for_each(|event| builder.push_event(names, entity, event));
        }
        let ended_here = |n: usize| outcomes.iter().any(|put| put.command == CommandPlace::InThisUnit(n));
        let stored = commands
            .iter()
            .enumerate()
            .filter(|(n, _)| !ended_here(*n))
            .map(|(n, command)| (command.command_id.clone(), commands_first + n as u64))
            .collect();
        let ended = outcomes
            .into_iter()
            .map(|put| Ended {
                command_id: put.command_id,
                client_supplied: put.client_supplied,
                digest: put.digest,
                outcome: put.outcome,
                seq_first: put.seq_first,
                seq_last: put.seq_last,
                attempts: put.attempts,
                accepted_at: put.accepted_at,
                revision: put.revision,
            })
            .collect();
        let noted = marks
            .into_iter()
            .map(|mark| Noted {
                command_id: mark.command_id,
                parked: mark.parked,
                attempts: mark.attempts,
                note: mark.note,
            })
            .collect();
        let seq_first = events.first().map_or(0, |event| event.seq);
        let events = (seq_first, events_first, events.len() as u32);
        let change = UnitChange { entity, partition, id, events, state, stored, ended, noted };
        Placed { change, commands_first }
    }

    /// The batches, and the buffers that are left.
    fn finish(mut self, timestamp: i64, epoch: u32) -> (Vec<(TopicPartition, Vec<u8>)>, Rooms) {
        let order = std::mem::take(&mut self.order);
        let finished = order.into_iter().filter_map(|at| {
            let (base, builder) = self.building.remove(&at)?;
            Some((at, builder.finish(base, timestamp, epoch)))
        });
        (finished.collect(), self.rooms)
    }
}
