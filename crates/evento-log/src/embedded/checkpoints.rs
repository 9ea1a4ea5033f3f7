//! The threads beside the committer: one writes checkpoints, one prepares commit segments.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use parking_lot::Mutex;

use super::checkpoint::Checkpoint;
use super::committer::Cut;
use super::segments::{Segment, Segments};
use super::{Fault, Shared};
use crate::failpoint;

/// Numbers of segments that no recovery needs any more. Bound: segments between two checkpoints.
pub(crate) type Spares = Arc<Mutex<Vec<u64>>>;

/// Checkpoints after a full disk within which a worker that died of it is noticed: it works behind them.
pub(crate) const FULL_FELT: u64 = 3;

/// Writes out what the committer cut off, until it ends.
pub(crate) fn write_checkpoints(shared: &Shared, cuts: &Receiver<Cut>, segments: &Segments, spares: &Spares) {
    for cut in cuts {
        match write_when_there_is_room(shared, &cut) {
            Ok(()) => {
                shared.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
                let left = shared.was_full.load(Ordering::Relaxed).saturating_sub(1);
                shared.was_full.store(left, Ordering::Relaxed);
                let old = segments.numbers().unwrap_or_default();
                let mut spares = spares.lock();
                for number in old.into_iter().filter(|number| *number < cut.place.segment) {
                    if !spares.contains(&number) {
                        spares.push(number);
                    }
                }
            }
            Err(fault) => {
                // The commit log still has everything; but memory would grow without bound.
                tracing::error!(code = %fault.code(), "the checkpoint failed: {fault}");
                let _ = shared.poison.set(fault);
            }
        }
        let _turn = shared.checkpoint_turn.lock();
        if shared.poison.get().is_none() {
            shared.tables.write().frozen = None;
        }
        shared.checkpoint_done.notify_all();
    }
}

/// A full disk is waited out: everything is in the commit log, and nothing more is accepted meanwhile.
fn write_when_there_is_room(shared: &Shared, cut: &Cut) -> Result<(), Fault> {
    loop {
        match write_or_open_again(shared, cut) {
            Err(fault @ Fault::Full(_)) => {
                shared.refuse(&fault);
                let mut queue = shared.queue.lock();
                while queue.full.is_some() && !queue.closing {
                    shared.resumed.wait(&mut queue);
                }
                if queue.closing {
                    return Err(fault);
                }
            }
            written => return written,
        }
    }
}

/// On a full disk a worker of the state store may have given up. It has lost nothing that was durable: it is
/// opened again once there is room. After any other failure it is not believed any more.
fn write_or_open_again(shared: &Shared, cut: &Cut) -> Result<(), Fault> {
    match write(shared, cut) {
        Err(fault) if shared.store.is_poisoned() && shared.was_full.load(Ordering::Relaxed) > 0 => {
            shared.reserve.check()?;
            tracing::warn!("{fault}: the disk was full; the state store is opened again");
            shared.store.open_again()?;
            write(shared, cut)
        }
        written => written,
    }
}

/// Topics, then store, then the file that says so.
fn write(shared: &Shared, cut: &Cut) -> Result<(), Fault> {
    let ends = shared.topics.sync()?;
    failpoint::reach("store-write-before");
    shared.store.write(&cut.frozen, cut.place.commit_seq)?;
    failpoint::reach("store-write-after");
    let meta = shared.tables.read().meta.clone();
    Checkpoint { place: cut.place, ends, meta }.write(&*shared.disk, &shared.config.folder)
}

/// Keeps one segment ready, made of an old one or of zeros, until nobody wants them any more.
pub(crate) fn prepare_segments(
    segments: &Segments,
    spares: &Spares,
    ready: &SyncSender<Result<Segment, Fault>>,
    mut number: u64,
    incarnations: u64,
) {
    loop {
        let spare = spares.lock().pop();
        let prepared = segments.prepare(number, incarnations | number, spare);
        let failed = prepared.as_ref().is_err_and(|fault| !matches!(fault, Fault::Full(_)));
        let made = prepared.is_ok();
        if ready.send(prepared).is_err() || failed {
            return;
        }
        number += u64::from(made);
    }
}
