//! What goes on beside the committer: writing checkpoints, and preparing commit segments.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use evento_model::sometimes;
use parking_lot::Mutex;

use super::checkpoint::Checkpoint;
use super::committer::Cut;
use super::segments::{Segment, Segments};
use super::{Fault, Shared};
use crate::failpoint;

/// Numbers of segments that no recovery needs any more. Each comes here once: a number that was taken is that of a
/// file which may have another name by now.
pub(crate) struct Spares(Mutex<Numbers>);

struct Numbers {
    /// Bound: segments between two checkpoints.
    free: Vec<u64>,
    /// Segments below have come here.
    below: u64,
}

impl Spares {
    /// Those of a start whose checkpoint is in the segment `below`.
    pub(crate) fn new(free: Vec<u64>, below: u64) -> Spares {
        Spares(Mutex::new(Numbers { free, below }))
    }

    /// One of them, for good.
    pub(crate) fn take(&self) -> Option<u64> {
        self.0.lock().free.pop()
    }

    /// No recovery needs what is below a segment; these are there.
    fn add(&self, there: Vec<u64>, below: u64) {
        let mut numbers = self.0.lock();
        let first = numbers.below;
        numbers.free.extend(there.into_iter().filter(|number| (first..below).contains(number)));
        numbers.below = below.max(first);
    }
}

/// Checkpoints after a full disk within which a worker that died of it is noticed: it works behind them.
pub(crate) const FULL_FELT: u64 = 3;

/// Writes checkpoints.
pub(crate) struct Checkpointer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) spares: Arc<Spares>,
}

impl Checkpointer {
    /// Writes out what the committer cuts off, until it ends.
    pub(crate) fn run(&self, cuts: &Receiver<Cut>) {
        for cut in cuts {
            while !self.turn(&cut) {
                self.wait_for_room();
            }
        }
    }

    /// Writes one checkpoint. False if the disk is full: it is to be tried again when there is room.
    pub(crate) fn turn(&self, cut: &Cut) -> bool {
        match self.write_or_open_again(cut) {
            Ok(()) => self.written(cut),
            Err(fault @ Fault::Full(_)) if !self.shared.queue.lock().closing => {
                // Everything is in the commit log, and nothing more is accepted meanwhile.
                sometimes!("disk full in a checkpoint");
                self.shared.refuse(&fault);
                return false;
            }
            Err(fault) => {
                sometimes!("crash in a checkpoint");
                // The commit log still has everything; but memory would grow without bound.
                tracing::error!(code = %fault.code(), "the checkpoint failed: {fault}");
                let _ = self.shared.poison.set(fault);
            }
        }
        let _turn = self.shared.checkpoint_turn.lock();
        if self.shared.poison.get().is_none() {
            self.shared.tables.write().frozen = None;
        }
        self.shared.checkpoint_done.notify_all();
        true
    }

    fn written(&self, cut: &Cut) {
        self.shared.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
        let left = self.shared.was_full.load(Ordering::Relaxed).saturating_sub(1);
        self.shared.was_full.store(left, Ordering::Relaxed);
        self.spares.add(self.segments.numbers().unwrap_or_default(), cut.place.segment);
    }

    fn wait_for_room(&self) {
        let mut queue = self.shared.queue.lock();
        while queue.full.is_some() && !queue.closing {
            self.shared.resumed.wait(&mut queue);
        }
    }

    /// On a full disk a worker of the state store may have given up. It has lost nothing that was durable: it is
    /// opened again once there is room. After any other failure it is not believed any more.
    fn write_or_open_again(&self, cut: &Cut) -> Result<(), Fault> {
        let shared = &self.shared;
        match self.write(cut) {
            Err(fault) if shared.store.gave_up() && shared.was_full.load(Ordering::Relaxed) > 0 => {
                shared.reserve.check()?;
                tracing::warn!("{fault}: the disk was full; the state store is opened again");
                shared.store.open_again()?;
                self.write(cut)
            }
            written => written,
        }
    }

    /// Topics, then store, then the file that says so.
    fn write(&self, cut: &Cut) -> Result<(), Fault> {
        let shared = &self.shared;
        let ends = shared.topics.sync()?;
        failpoint::reach("store-write-before");
        shared.store.write(&cut.frozen, cut.place.commit_seq)?;
        failpoint::reach("store-write-after");
        let meta = shared.tables.read().meta.clone();
        Checkpoint { place: cut.place, ends, meta }.write(&*shared.disk, &shared.config.folder)
    }
}

/// Makes commit segments, of old ones or of zeros.
pub(crate) struct Preparer {
    pub(crate) segments: Arc<Segments>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) number: u64,
    pub(crate) incarnations: u64,
}

impl Preparer {
    /// Keeps one segment ready until nobody wants them any more.
    pub(crate) fn run(mut self, ready: &SyncSender<Result<Segment, Fault>>) {
        loop {
            let prepared = self.turn();
            let failed = prepared.as_ref().is_err_and(|fault| !matches!(fault, Fault::Full(_)));
            if ready.send(prepared).is_err() || failed {
                return;
            }
        }
    }

    /// Makes the next segment.
    pub(crate) fn turn(&mut self) -> Result<Segment, Fault> {
        let spare = self.spares.take();
        let prepared = self.segments.prepare(self.number, self.incarnations | self.number, spare);
        self.number += u64::from(prepared.is_ok());
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::Spares;

    #[test]
    fn a_segment_is_spare_once_even_if_its_file_was_seen_before_it_was_taken() {
        let spares = Spares::new(vec![1], 3);
        // The file of segment 3 has another name soon, but was listed just before.
        spares.add(vec![1, 2, 3, 4], 4);
        assert_eq!((spares.take(), spares.take(), spares.take()), (Some(3), Some(1), None));
        spares.add(vec![1, 2, 3, 4, 5], 5);
        assert_eq!((spares.take(), spares.take()), (Some(4), None));
        spares.add(vec![4, 5], 5);
        assert_eq!(spares.take(), None);
    }
}
