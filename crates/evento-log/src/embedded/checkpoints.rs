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

/// Numbers of segments that no recovery needs any more. Bound: segments between two checkpoints.
pub(crate) type Spares = Arc<Mutex<Vec<u64>>>;

/// Writes checkpoints.
pub(crate) struct Checkpointer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) spares: Spares,
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
        match self.write(cut) {
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
        let old = self.segments.numbers().unwrap_or_default();
        let mut spares = self.spares.lock();
        for number in old.into_iter().filter(|number| *number < cut.place.segment) {
            if !spares.contains(&number) {
                spares.push(number);
            }
        }
    }

    fn wait_for_room(&self) {
        let mut queue = self.shared.queue.lock();
        while queue.full.is_some() && !queue.closing {
            self.shared.resumed.wait(&mut queue);
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
    pub(crate) spares: Spares,
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
        let spare = self.spares.lock().pop();
        let prepared = self.segments.prepare(self.number, self.incarnations | self.number, spare);
        self.number += u64::from(prepared.is_ok());
        prepared
    }
}
