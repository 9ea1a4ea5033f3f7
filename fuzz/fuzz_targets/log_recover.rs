//! A data directory with changed bytes, or with a commit segment and a checkpoint of any bytes: a start either finds
//! all that was committed but for the last frames, or refuses, naming what is damaged.
//!
//! The first byte says which: changes of three bytes each (file, place, and what is put there), or whole files.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use evento_log::disk::Disk;
use evento_log::embedded::{EmbeddedConfig, EmbeddedLog, Fault, Machine, Recovered, Turns};
use evento_log::unit::CommitUnit;
use evento_model::Timestamp;
use evento_testkit::disk::SimDisk;
use evento_testkit::shelf::SimShelves;
use libfuzzer_sys::fuzz_target;

/// Commits before anything is changed. Each writes one fact.
const COMMITS: usize = 10;

fn open(disk: &SimDisk) -> Result<(EmbeddedLog, Turns, Recovered), Fault> {
    let mut config = EmbeddedConfig::new("/data");
    config.segment_bytes = 64 << 10;
    config.checkpoint_bytes = 1 << 20;
    config.reserve_bytes = 0;
    let machine = Machine { disk: Arc::new(disk.clone()), shelves: Arc::new(SimShelves::new(disk.clone())) };
    EmbeddedLog::open_by_turns(config, Box::new(|| Timestamp(1)), machine)
}

fn fact(n: usize) -> Bytes {
    Bytes::from(format!("fact/{n:02}"))
}

/// A directory after some commits and a kill.
fn committed() -> SimDisk {
    let disk = SimDisk::new(Path::new("/"), 1);
    let (log, mut turns, _) = open(&disk).expect("an empty directory opens");
    for n in 0..COMMITS {
        let unit = CommitUnit::of_facts(vec![(fact(n), Some(Bytes::from_static(b"is so")))]);
        log.submit(unit, Box::new(|done| assert!(done.is_ok())));
        while turns.has_units() {
            turns.commit();
        }
    }
    disk.kill();
    disk
}

fn write(disk: &SimDisk, path: &Path, at: u64, bytes: &[u8]) {
    disk.open(path).and_then(|file| file.write_at(bytes, at)).expect("written");
}

/// Changes some bytes; says how many.
fn change(disk: &SimDisk, changes: &[u8]) -> usize {
    let files: Vec<(PathBuf, Vec<u8>)> = disk.content().into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let mut changed = 0;
    for change in changes.chunks_exact(4).take(3) {
        let (path, bytes) = &files[usize::from(change[0]) % files.len()];
        // What matters lies at the beginning of a segment of zeros.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let at = usize::from(u16::from_be_bytes([change[1], change[2]])) % used;
        write(disk, path, at as u64, &[change[3]]);
        changed += 1;
    }
    changed
}

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else { return };
    let disk = committed();
    let lost_most = match mode % 4 {
        0 => {
            write(&disk, Path::new("/data/commit/000000000001.cl"), 0, rest);
            COMMITS
        }
        1 => {
            write(&disk, Path::new("/data/checkpoint"), 0, rest);
            COMMITS
        }
        _ => change(&disk, rest),
    };
    match open(&disk) {
        Ok((log, ..)) => {
            let there: Vec<bool> = (0..COMMITS).map(|n| log.meta(&fact(n)).is_some()).collect();
            let first_gone = there.iter().position(|there| !there).unwrap_or(COMMITS);
            assert!(there[first_gone..].iter().all(|there| !there), "a hole: {there:?}");
            assert!(COMMITS - first_gone <= lost_most, "shortened in silence: {there:?}");
        }
        Err(fault) => assert!(
            matches!(fault, Fault::Corrupt { .. } | Fault::Format { .. } | Fault::Read { .. }),
            "no plain word on damage: {fault}"
        ),
    }
});
