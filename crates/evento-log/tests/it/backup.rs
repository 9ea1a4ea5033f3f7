//! A backup is one moment of a log in use, and restoring it gives exactly that moment, or nothing at all.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use bytes::Bytes;
use evento_log::embedded::{Backup, EmbeddedConfig, EmbeddedLog, Fault, LAST_BACKUP, Restored, restore};
use evento_log::unit::CommitUnit;
use evento_model::{CommandId, TopicKind};

use crate::scratch::{ENTITY, PARTITIONS, Scratch, commit, commit_all, decided, key, parked, waiting};

fn take(log: &EmbeddedLog) -> (Backup, Vec<u8>) {
    let (sender, receiver) = channel();
    log.backup(move |taken| drop(sender.send(taken)));
    let backup = receiver.recv().expect("an answer").expect("taken");
    let mut archive = Vec::new();
    backup.write(&mut archive).expect("written");
    (backup, archive)
}

/// A scratch directory restored from an archive.
fn restored(archive: &[u8]) -> (Scratch, Result<Restored, Fault>) {
    let scratch = Scratch::new();
    let result = restore(&scratch.config, archive, |_| {});
    (scratch, result)
}

#[test]
fn e6_what_is_restored_is_exactly_what_was_committed_up_to_the_backups_commit() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let (writer, stop) = (log.clone(), AtomicBool::new(false));
    let (committed, archives) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut committed, mut round) = (BTreeMap::new(), 0);
            while !stop.load(Ordering::Relaxed) {
                let units = (0..30).map(|n| decided(&format!("i{n}"), &format!("c{n}-{round}"), round * 2, 2, "state"));
                for (n, done) in commit_all(&writer, units.collect()).into_iter().enumerate() {
                    committed.insert((n, round), done.expect("durable").commit_seq);
                }
                round += 1;
            }
            committed
        });
        let archives: Vec<_> = (0..5).map(|_| take(&log)).collect();
        stop.store(true, Ordering::Relaxed);
        (writing.join().expect("written"), archives)
    });
    for (backup, archive) in archives {
        let (scratch, result) = restored(&archive);
        let result = result.expect("restored");
        assert_eq!((result.commit_seq, result.bytes), (backup.commit_seq, backup.bytes));
        let (log, recovered) = scratch.open();
        let lost = recovered.states_lost.contains(&ENTITY);
        assert!(lost == (backup.bytes > 0) && recovered.epoch == 2, "{recovered:?}");
        for ((n, round), commit_seq) in &committed {
            let id = CommandId::new(&format!("c{n}-{round}")).expect("an id");
            let outcome = log.outcome(&key(&format!("i{n}")), &id).expect("readable");
            assert_eq!(outcome.is_some(), *commit_seq <= backup.commit_seq, "c{n}-{round} of {commit_seq}");
        }
        for n in 0..30 {
            let rounds = committed.iter().filter(|((m, _), seq)| *m == n && **seq <= backup.commit_seq).count() as u64;
            let history = log.history(&key(&format!("i{n}")), 1, 1_000_000).expect("readable");
            assert_eq!(history.len() as u64, rounds * 2);
            assert!(history.iter().zip(1..).all(|(event, seq)| event.record.seq == seq));
        }
    }
}

#[test]
fn facts_and_what_was_noted_of_unfinished_commands_come_back_and_commits_go_on() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    commit(&log, decided("ada", "c0", 0, 1, "s")).expect("durable");
    commit(&log, waiting("ada", "c1")).expect("durable");
    commit(&log, parked("ada", "c1")).expect("durable");
    commit(&log, waiting("bob", "c2")).expect("durable");
    let fact = (Bytes::from_static(b"a/fact"), Some(Bytes::from_static(b"true")));
    let last = commit(&log, CommitUnit::of_facts(vec![fact])).expect("durable").commit_seq;
    let (backup, archive) = take(&log);
    assert_eq!(backup.commit_seq, last + 1);
    commit(&log, decided("ada", "later", 1, 1, "s")).expect("durable");

    let (scratch, result) = restored(&archive);
    result.expect("restored");
    for opening in 0..2 {
        let (log, recovered) = scratch.open();
        let of = |command: &str| {
            recovered
                .unfinished
                .iter()
                .find(|found| found.command.record.command_id.as_str() == command)
                .expect(command)
        };
        assert_eq!(recovered.unfinished.len(), 2);
        let mark = of("c1").mark.as_ref().expect("a mark");
        assert!(mark.parked && mark.attempts == 3 && mark.note.as_deref() == Some(b"why"));
        assert!(of("c2").mark.is_none());
        assert_eq!(log.meta(b"a/fact").as_deref(), Some(&b"true"[..]));
        assert!(log.meta(LAST_BACKUP).is_some());
        assert_eq!(log.history(&key("ada"), 1, 10).expect("readable").len(), 1 + opening);
        let unit = decided("ada", &format!("again{opening}"), 1 + opening as u64, 1, "s");
        let seq = commit(&log, unit).expect("durable").commit_seq;
        assert!(seq > last + 1, "{seq} comes after {last}");
        log.close();
    }
}

#[test]
fn an_empty_log_and_one_of_many_files_come_back_with_the_same_bytes() {
    let mut scratch = Scratch::new();
    scratch.config.topics.file_max = 16 << 10;
    let (log, _) = scratch.open();
    let (_, empty) = take(&log);
    let (again, result) = restored(&empty);
    assert_eq!(result.expect("restored").files, 0);
    again.open().0.close();
    for round in 0..40 {
        let units = (0..30).map(|n| decided(&format!("i{n}"), &format!("c{n}-{round}"), round, 1, "state"));
        commit_all(&log, units.collect()).into_iter().for_each(|done| assert!(done.is_ok()));
    }
    let (_, archive) = take(&log);
    let (again, result) = restored(&archive);
    assert!(result.expect("restored").files > u64::from(PARTITIONS) * 4);
    let (copy, _) = again.open();
    for (kind, partition) in
        [TopicKind::Commands, TopicKind::Events].iter().flat_map(|k| (0..PARTITIONS).map(move |p| (k, p)))
    {
        let all = |log: &EmbeddedLog| log.read(ENTITY, *kind, partition, 0, 1 << 30).expect("readable").concat();
        assert!(all(&log) == all(&copy), "{kind:?} {partition}");
    }
}

#[test]
fn a_damaged_or_short_archive_is_refused_and_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    commit(&log, decided("ada", "c0", 0, 2, "s")).expect("durable");
    let (_, archive) = take(&log);
    let refused = |archive: &[u8], what: &str| {
        let (scratch, result) = restored(archive);
        let folder = scratch.config.folder.parent().expect("above");
        let left = folder.read_dir().expect("listed").count();
        assert_eq!(left, 0, "{what} left something behind");
        result.err()
    };
    // Bytes that only describe an entry, such as its owner or padding, change nothing that is stored.
    let mut found = 0;
    for at in (0..archive.len()).step_by(397) {
        let mut bad = archive.clone();
        bad[at] ^= 1;
        let (scratch, result) = restored(&bad);
        if result.is_err() {
            found += 1;
            assert!(!scratch.config.folder.exists());
        } else {
            let (copy, _) = scratch.open();
            assert_eq!(copy.history(&key("ada"), 1, 10).expect("readable").len(), 2, "byte {at}");
        }
    }
    assert!(found > 0, "no change was found");
    // An archive ends with two blocks of zeros, after an entry that is filled up to a block.
    for length in (0..archive.len() - 3 * 512).step_by(2003) {
        let fault = refused(&archive[..length], "a short archive");
        assert!(fault.is_some(), "{length} of {} bytes were enough", archive.len());
    }
    let mut other = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    other.append_data(&mut header, "backup", &b"x\n"[..]).expect("put");
    let text = refused(&other.into_inner().expect("made"), "no backup").expect("a fault").to_string();
    assert!(text.contains("its form is \"x\""), "{text}");
}

#[test]
fn names_that_no_backup_has_are_refused() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    commit(&log, decided("ada", "c0", 0, 1, "s")).expect("durable");
    let (_, archive) = take(&log);
    for name in ["topics/../../evil.log", "/etc/evil", "topics/1.events/0/evil.log", "topics/1.state/0/1.log", "format"]
    {
        let mut renamed = tar::Builder::new(Vec::new());
        let mut read = tar::Archive::new(&archive[..]);
        for entry in read.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("read");
            let mut header = entry.header().clone();
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let place = if path.starts_with("topics") { name } else { &path };
            // The name as it is: the builder itself would refuse some.
            let bytes = header.as_gnu_mut().expect("gnu");
            bytes.name = [0; 100];
            bytes.name[..place.len()].copy_from_slice(place.as_bytes());
            header.set_cksum();
            renamed.append(&header, &content[..]).expect("put");
        }
        let (scratch, result) = restored(&renamed.into_inner().expect("made"));
        let text = result.expect_err(name).to_string();
        assert!(text.contains("no backup has such an entry"), "{name}: {text}");
        assert!(!scratch.config.folder.exists());
    }
}

#[test]
fn a_directory_that_has_something_in_it_is_never_touched() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let (_, archive) = take(&log);
    let config = EmbeddedConfig::new(scratch.folder.path().join("other"));
    std::fs::create_dir_all(&config.folder).expect("made");
    restore(&config, &archive[..], |_| {}).expect("an empty folder is as good as none");
    let before = std::fs::read(config.folder.join("checkpoint")).expect("read");
    let fault = restore(&config, &archive[..], |_| {}).expect_err("occupied");
    assert!(matches!(fault, Fault::Occupied { .. }) && fault.code().to_string() == "EV7005", "{fault}");
    assert!(std::fs::read(config.folder.join("checkpoint")).expect("read") == before);
}
