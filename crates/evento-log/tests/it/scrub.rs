//! The scrub: every file is visited, every changed byte is found and named, and nothing is found where nothing is.

use std::collections::BTreeSet;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use evento_log::embedded::{EmbeddedLog, Fault, Scrubbed};
use evento_model::Digest;

use crate::scratch::{Scratch, commit, commit_all, decided};

/// Files of topics with an ending, and how long they are.
fn files(scratch: &Scratch, ending: &str) -> Vec<(PathBuf, u64)> {
    fn collect(folder: &Path, ending: &str, found: &mut Vec<(PathBuf, u64)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, ending, found);
            } else if path.extension().is_some_and(|found| found == ending) {
                let length = path.metadata().expect("a file").len();
                found.push((path, length));
            }
        }
    }
    let mut found = Vec::new();
    collect(&scratch.config.folder.join("topics"), ending, &mut found);
    found.sort();
    found
}

/// A closed log of several files in each partition.
fn written(topic_file_bytes: u64, rounds: u64) -> Scratch {
    let mut scratch = Scratch::new();
    scratch.config.topics.file_max = topic_file_bytes;
    let (log, _) = scratch.open();
    for round in 0..rounds {
        let units = (0..40).map(|n| decided(&format!("i{n}"), &format!("c{n}-{round}"), round * 2, 2, "a state"));
        commit_all(&log, units.collect()).into_iter().for_each(|done| assert!(done.is_ok()));
    }
    log.close();
    scratch
}

/// Walks to the end; everything that was found.
fn scrub(log: &EmbeddedLog, bytes: usize) -> (Scrubbed, Vec<Fault>) {
    let (mut scrub, mut faults) = (log.scrub().expect("written"), Vec::new());
    loop {
        match scrub.step(bytes) {
            Ok(true) => {}
            Ok(false) => return (scrub.seen(), faults),
            Err(fault) => faults.push(fault),
        }
    }
}

#[test]
fn b11_every_file_is_visited_to_its_end_the_last_but_one_included() {
    let scratch = written(64 << 10, 120);
    let logs = files(&scratch, "log");
    let folders: BTreeSet<_> = logs.iter().filter_map(|(path, _)| path.parent()).collect();
    assert!(logs.len() > folders.len() * 2, "{} files in {} partitions", logs.len(), folders.len());
    let (log, _) = scratch.open();
    for bytes in [1, 5_000, 1 << 20] {
        let (seen, faults) = scrub(&log, bytes);
        assert!(faults.is_empty(), "{faults:?}");
        let wanted = Scrubbed {
            files: logs.len() as u64,
            bytes: logs.iter().map(|(_, length)| length).sum(),
            records: 120 * 40 * 3,
        };
        assert_eq!(seen, wanted);
    }
}

#[test]
fn while_it_is_written_nothing_is_found() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let writer = log.clone();
    let writing = std::thread::spawn(move || {
        for round in 0..200 {
            let units = (0..50).map(|n| decided(&format!("i{n}"), &format!("c{n}-{round}"), round * 2, 2, "a state"));
            commit_all(&writer, units.collect()).into_iter().for_each(|done| assert!(done.is_ok()));
        }
    });
    let mut records = 0;
    while !writing.is_finished() {
        let (seen, faults) = scrub(&log, 64 << 10);
        assert!(faults.is_empty(), "{faults:?}");
        records += seen.records;
    }
    writing.join().expect("written");
    assert!(records > 0);
}

#[test]
fn b02_every_changed_byte_of_a_topic_file_is_found_and_named_and_the_rest_is_looked_at_all_the_same() {
    let scratch = written(1 << 30, 2);
    let (path, length) = files(&scratch, "log").into_iter().find(|(_, length)| *length > 0).expect("a file");
    let (log, _) = scratch.open();
    let (whole, _) = scrub(&log, 1 << 20);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).expect("opened");
    for at in 0..length {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 1 << (at % 8)], at).expect("written");
        let (seen, faults) = scrub(&log, 1 << 20);
        file.write_all_at(&byte, at).expect("written");
        // The epoch of a batch's writer is outside its checksum, by Kafka's definition.
        let Some(Fault::Corrupt { file, offset, .. }) = faults.first() else {
            assert!((12..16).contains(&in_batch(&path, at)), "byte {at} was changed, and nothing found");
            continue;
        };
        assert_eq!(file, &path.display().to_string(), "byte {at}");
        assert!(*offset <= at, "byte {at} was changed, {offset} is named");
        assert_eq!((faults.len(), seen.files), (1, whole.files - 1), "byte {at}: {faults:?}");
    }
}

/// Where a byte of a file lies in its batch.
fn in_batch(path: &Path, at: u64) -> u64 {
    let bytes = std::fs::read(path).expect("read");
    let mut begin = 0;
    loop {
        let header = evento_log::codec::BatchHeader::read(&bytes[begin as usize..]).expect("a batch");
        if at < begin + header.bytes as u64 {
            return at - begin;
        }
        begin += header.bytes as u64;
    }
}

#[test]
fn a_file_that_lost_its_end_is_found() {
    let scratch = written(1 << 30, 5);
    let (path, length) = files(&scratch, "log").into_iter().find(|(_, length)| *length > 0).expect("a file");
    let (log, _) = scratch.open();
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
    file.set_len(length - 10).expect("cut");
    let (_, faults) = scrub(&log, 1 << 20);
    assert!(faults[0].to_string().contains("10 bytes too early"), "{faults:?}");
}

#[test]
fn an_index_that_lies_is_found_and_one_that_is_gone_is_made_again() {
    let scratch = written(1 << 30, 400);
    let (path, length) = files(&scratch, "idx").into_iter().max_by_key(|(_, length)| *length).expect("an index");
    assert!(length >= 72, "{length} bytes");
    let whole = std::fs::read(&path).expect("read");
    // The second entry, a little further than it should be.
    let mut wrong = whole.clone();
    wrong[24 + 15] += 1;
    std::fs::write(&path, wrong).expect("written");
    let (log, _) = scratch.open();
    let (_, faults) = scrub(&log, 1 << 20);
    let Some(Fault::Corrupt { file, offset: 24, what }) = faults.first() else { panic!("{faults:?}") };
    assert!(*file == path.display().to_string() && what.contains("delete the file"), "{faults:?}");
    log.close();
    std::fs::remove_file(&path).expect("removed");
    let (log, _) = scratch.open();
    assert!(scrub(&log, 1 << 20).1.is_empty());
    log.close();
    assert!(std::fs::read(&path).expect("read") == whole, "the index is what it was");
}

#[test]
fn a_state_that_is_not_what_its_digest_says_is_found_with_its_instance() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let mut unit = decided("ada", "c0", 0, 1, "a state");
    unit.state.as_mut().expect("a state").digest = Digest([9; 32]);
    commit(&log, unit).expect("durable");
    log.close();
    let (log, _) = scratch.open();
    let (_, faults) = scrub(&log, 1 << 20);
    let text = faults[0].to_string();
    assert!(text.contains("instance \"ada\"") && text.contains("digest"), "{text}");
}
