//! What a damaged, locked or foreign directory comes to: a clear fault, never silence.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use evento_log::embedded::Fault;

use crate::scratch::{Scratch, commit, decided, key};

/// The frames' places in the first commit segment, by their magic.
fn frames(segment: &[u8]) -> Vec<usize> {
    (4_096..segment.len() - 4).step_by(8).filter(|at| &segment[*at..at + 4] == b"EVCF").collect()
}

fn first_segment(scratch: &Scratch) -> PathBuf {
    scratch.config.folder.join("commit/000000000001.cl")
}

/// Ten frames that no checkpoint contains, as after a kill.
fn killed() -> Scratch {
    let mut scratch = Scratch::new();
    let (log, _) = scratch.open();
    for n in 0..10 {
        commit(&log, decided("ada", &format!("c{n}"), n, 1, &format!("s{n}"))).expect("durable");
    }
    let copy = scratch.folder.path().join("copy");
    std::fs::create_dir_all(copy.join("commit")).expect("made");
    for name in ["format", "epoch", "commit/000000000001.cl"] {
        std::fs::copy(scratch.config.folder.join(name), copy.join(name)).expect("copied");
    }
    log.close();
    scratch.config.folder = copy;
    scratch
}

#[test]
fn a_torn_last_frame_is_dropped_and_everything_before_it_stays() {
    for cut in [1, 30, 41, 100] {
        let scratch = killed();
        let path = first_segment(&scratch);
        let bytes = std::fs::read(&path).expect("read");
        let last = *frames(&bytes).last().expect("a frame");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.write_all_at(&vec![0; 4_096], (last + cut) as u64).expect("written");
        let (log, recovered) = scratch.open();
        assert_eq!(recovered.frames, 9);
        assert_eq!(log.state(&key("ada")).expect("readable").expect("a state").seq, 9);
        commit(&log, decided("ada", "again", 9, 1, "s")).expect("durable");
        log.close();
        let (log, _) = scratch.open();
        assert_eq!(log.history(&key("ada"), 1, 100).expect("readable").len(), 10);
    }
}

#[test]
fn damage_in_the_middle_is_refused_with_its_place_unless_a_person_accepts_the_loss() {
    let reference = killed();
    let bytes = std::fs::read(first_segment(&reference)).expect("read");
    let places = frames(&bytes);
    for at in [places[0], places[4] + 9, places[4] + 45, places[8] + 300] {
        let mut scratch = killed();
        let path = first_segment(&scratch);
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.write_all_at(&[bytes[at] ^ 0x10], at as u64).expect("written");
        let Err(Fault::Corrupt { file, offset, .. }) = scratch.try_open() else {
            panic!("damage at {at} was not seen")
        };
        let place = *places.iter().rfind(|place| **place <= at).expect("a frame");
        assert_eq!((file, offset), (path.display().to_string(), place as u64));
        scratch.config.accept_loss = true;
        let (log, recovered) = scratch.open();
        assert_eq!(recovered.frames as usize, places.iter().position(|p| *p == place).expect("a frame"));
        log.close();
    }
}

#[test]
fn a_damaged_head_of_a_segment_is_refused_and_never_taken_for_an_empty_one() {
    for at in 0..28 {
        let mut scratch = killed();
        let path = first_segment(&scratch);
        let byte = std::fs::read(&path).expect("read")[at];
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.write_all_at(&[byte ^ 1], at as u64).expect("written");
        let Err(Fault::Corrupt { file, offset, .. }) = scratch.try_open() else { panic!("byte {at} was not seen") };
        assert_eq!((file, offset), (path.display().to_string(), 0));
        scratch.config.accept_loss = true;
        assert_eq!(scratch.open().1.frames, 0);
    }
}

#[test]
fn a_second_process_is_told_who_has_the_directory() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let Err(Fault::InUse { pid, .. }) = scratch.try_open() else { panic!("it was opened twice") };
    assert_eq!(pid, std::process::id().to_string());
    log.close();
    scratch.open();
}

#[test]
fn a_lock_that_outlives_its_killed_owner_for_a_moment_is_waited_for() {
    let scratch = Scratch::new();
    scratch.open().0.close();
    let lock = scratch.config.folder.join("lock");
    let mut gone = std::process::Command::new("true").spawn().expect("a process");
    gone.wait().expect("its end");
    std::fs::write(&lock, format!("{}\n", gone.id())).expect("written");
    // As a process that the killed one was just starting: it has the file open and never had the pid.
    let held = std::fs::File::open(&lock).expect("open");
    held.lock().expect("locked");
    std::thread::scope(|scope| {
        let start = scope.spawn(|| scratch.open());
        until(|| times_open(&lock) == 2);
        drop(held);
        start.join().expect("it starts").0.close();
    });
}

/// How often this process has a file open.
fn times_open(path: &std::path::Path) -> usize {
    let files = std::fs::read_dir("/proc/self/fd").expect("the open files").flatten();
    files.filter(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == path)).count()
}

/// Waits for a condition, within a deadline.
fn until(holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !holds() {
        assert!(std::time::Instant::now() < end, "it did not come to that");
        std::thread::yield_now();
    }
}

#[test]
fn a_directory_of_another_format_is_refused() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(&scratch.config.folder).expect("made");
    std::fs::write(scratch.config.folder.join("format"), "evento data 9\n").expect("written");
    let Err(fault) = scratch.try_open() else { panic!("it was opened") };
    assert!(fault.to_string().contains("evento data 9"), "{fault}");
}

#[test]
fn a_full_disk_accepts_nothing_and_loses_nothing() {
    let mut scratch = Scratch::new();
    let (log, _) = scratch.open();
    commit(&log, decided("ada", "c0", 0, 1, "s")).expect("durable");
    log.close();
    scratch.config.reserve_bytes = u64::MAX;
    let (log, _) = scratch.open();
    let Err(fault) = commit(&log, decided("ada", "c1", 1, 1, "s")) else { panic!("it was accepted") };
    assert_eq!(fault.code().to_string(), "EV4005");
    assert!(log.resume().is_err());
    assert_eq!(log.state(&key("ada")).expect("readable").expect("a state").seq, 1);
}

#[test]
fn a_damaged_checkpoint_and_a_short_topic_are_named() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    commit(&log, decided("ada", "c0", 0, 1, "s")).expect("durable");
    log.close();
    let path = scratch.config.folder.join("checkpoint");
    let good = std::fs::read(&path).expect("read");
    let mut bad = good.clone();
    bad[20] ^= 1;
    std::fs::write(&path, bad).expect("written");
    assert!(matches!(scratch.try_open(), Err(Fault::Corrupt { file, .. }) if file.ends_with("checkpoint")));
    std::fs::write(&path, good).expect("written");
    let partition = decided("ada", "x", 0, 1, "s").partition;
    let topic = scratch.config.folder.join(format!("topics/1.events/{partition}/{:020}.log", 0));
    std::fs::write(&topic, b"").expect("written");
    assert!(matches!(scratch.try_open(), Err(Fault::Corrupt { file, .. }) if file.ends_with(".log")));
}
