//! The background scrub: everything that is stored is looked through again and again, slowly.
//!
//! What it finds is logged with file and offset, and counted; nothing is mended and nothing is stopped, as answers
//! that meet damage are refused anyway. `evento verify` walks the same way, as fast as it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evento_log::embedded::{EmbeddedLog, Fault, Scrub, Scrubbed};
use evento_model::Timestamp;

/// Bytes looked at in one step: what a reader of the same partition waits for at most.
const STEP: usize = 256 << 10;

/// What the scrub came to since the start. Shared with the metrics.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) bytes: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) passes: AtomicU64,
    pub(super) damaged: AtomicU64,
    /// When the last pass ended, in milliseconds; 0 is never.
    pub(super) ended_at: AtomicU64,
}

/// Walks without end: at most so many bytes a second, a new pass so long after the last one.
pub(super) async fn run(log: EmbeddedLog, bytes_per_second: u64, every: Duration, counts: Arc<Counts>) {
    let pause = Duration::from_secs_f64(STEP as f64 / bytes_per_second as f64);
    loop {
        let begin = log.clone();
        let Ok(Ok(mut scrub)) = tokio::task::spawn_blocking(move || begin.scrub()).await else {
            // Nothing can be written any more; the command path tells that, and the server ends.
            return;
        };
        let mut before = Scrubbed::default();
        loop {
            let Ok((walked, step)) = tokio::task::spawn_blocking(move || next(scrub)).await else { return };
            scrub = walked;
            let seen = scrub.seen();
            counts.bytes.fetch_add(seen.bytes - before.bytes, Ordering::Relaxed);
            counts.files.fetch_add(seen.files - before.files, Ordering::Relaxed);
            before = seen;
            match step {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    counts.damaged.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(code = %fault.code(), "the scrub found damage: {fault}");
                }
            }
            tokio::time::sleep(pause).await;
        }
        counts.passes.fetch_add(1, Ordering::Relaxed);
        let Timestamp(now) = super::path::wall();
        counts.ended_at.store(now.max(0) as u64, Ordering::Relaxed);
        tracing::debug!(files = before.files, bytes = before.bytes, "the scrub has seen everything");
        tokio::time::sleep(every).await;
    }
}

fn next(mut scrub: Scrub) -> (Scrub, Result<bool, Fault>) {
    let step = scrub.step(STEP);
    (scrub, step)
}

/// Walks to the end at once, telling how many bytes are done. Everything that was found, up to a bound.
pub(super) fn whole(
    log: &EmbeddedLog,
    faults_max: usize,
    mut done: impl FnMut(u64),
) -> Result<(Scrubbed, Vec<Fault>), Fault> {
    let (mut scrub, mut faults) = (log.scrub()?, Vec::new());
    loop {
        match scrub.step(STEP) {
            Ok(true) => done(scrub.seen().bytes),
            Ok(false) => return Ok((scrub.seen(), faults)),
            Err(fault) if faults.len() < faults_max => faults.push(fault),
            Err(_) => {}
        }
    }
}
