//! Who does the log's work after it was opened: three threads, or whoever takes its turns one by one.
//!
//! Both do the same: the threads are loops of the turns. Beside its thread, who submits a single unit may commit. Turn by turn, the order in which commits, checkpoints and
//! the preparing of segments follow one another is the caller's, so that a simulation can choose it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::checkpoints::{Checkpointer, Preparer};
use super::committer::{self, Committer, Common, Cut};
use super::segments::Segment;
use super::{Fault, Shared};

/// What there is to do: committing, writing checkpoints, preparing segments.
pub(crate) struct Work {
    /// Has no way to get its next segment yet.
    pub(crate) committer: Committer,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) cut: Receiver<Cut>,
    pub(crate) preparer: Preparer,
}

impl Work {
    /// Gives each its thread; and the committer, for who wants to commit beside its thread.
    pub(crate) fn start(self) -> Result<(Common, Vec<JoinHandle<()>>), Fault> {
        let Work { mut committer, checkpointer, cut, preparer } = self;
        let (ready, prepared) = sync_channel(0);
        committer.prepared = Box::new(move || prepared.recv().map_err(|_| Fault::Closed)?);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            started.map_err(|error| Fault::Write(format!("start a thread: {error}")))
        };
        let shared = committer.shared.clone();
        let common = Common::new(Mutex::new(Some(committer)));
        let of_thread = common.clone();
        let running = vec![
            spawn("log-commit", Box::new(move || committer::run(&of_thread, &shared)))?,
            spawn("log-check", Box::new(move || checkpointer.run(&cut)))?,
            spawn("log-prepare", Box::new(move || preparer.run(&ready)))?,
        ];
        Ok((common, running))
    }

    /// Leaves every turn to the caller.
    pub(crate) fn by_turns(self, shared: Arc<Shared>) -> Turns {
        let Work { mut committer, checkpointer, cut, preparer } = self;
        let ahead = Arc::new(Mutex::new(Ahead { preparer, ready: None }));
        let source = ahead.clone();
        committer.prepared = Box::new(move || source.lock().take());
        Turns { shared, committer, checkpointer, cut, waiting: None, ahead }
    }
}

/// A segment that was prepared before it is wanted.
struct Ahead {
    preparer: Preparer,
    ready: Option<Result<Segment, Fault>>,
}

impl Ahead {
    fn take(&mut self) -> Result<Segment, Fault> {
        self.ready.take().unwrap_or_else(|| self.preparer.turn())
    }
}

/// The log's work, turn by turn. Dropping it is as good as a kill.
pub struct Turns {
    shared: Arc<Shared>,
    committer: Committer,
    checkpointer: Checkpointer,
    cut: Receiver<Cut>,
    /// A checkpoint that found the disk full.
    waiting: Option<Cut>,
    ahead: Arc<Mutex<Ahead>>,
}

impl Turns {
    /// Whether a unit is queued.
    pub fn has_units(&self) -> bool {
        !self.shared.queue.lock().units.is_empty()
    }

    /// Whether a checkpoint waits to be written, and may be.
    pub fn has_checkpoint(&self) -> bool {
        let queue = self.shared.queue.lock();
        self.shared.poison.get().is_none() && queue.full.is_none() && self.shared.tables.read().frozen.is_some()
    }

    /// Whether no segment is ready.
    pub fn has_no_segment(&self) -> bool {
        self.ahead.lock().ready.is_none()
    }

    /// Writes one group; those who wait for its units are told before this returns.
    pub fn commit(&mut self) {
        let group = self.shared.queue.lock().take_group(self.shared.config.group_bytes_max);
        if let Some(group) = group {
            self.committer.turn(group);
        }
    }

    /// Writes the checkpoint that waits, if one does.
    pub fn checkpoint(&mut self) {
        let cut = self.waiting.take().or_else(|| self.cut.try_recv().ok());
        self.waiting = cut.filter(|cut| !self.checkpointer.turn(cut));
    }

    /// Makes a segment ready, as far as none is.
    pub fn prepare(&mut self) {
        let mut ahead = self.ahead.lock();
        if ahead.ready.is_none() {
            ahead.ready = Some(ahead.preparer.turn());
        }
    }

    /// Writes what is queued and a last checkpoint.
    pub fn close(mut self) {
        self.shared.queue.lock().closing = true;
        while self.has_units() {
            self.commit();
        }
        self.checkpoint();
        self.committer.finish();
        self.checkpoint();
    }
}
