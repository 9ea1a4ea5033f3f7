//! Power cuts, failed syncs, failed writes and a full disk, on a simulated disk.
//!
//! The guarantees shown: E1 (acknowledged means synced), E2 (a failed sync or write stops the log), E3 (readers
//! stop at what is synced), E5 (a full disk is survivable), E7 (recovery is automatic, and a start that cannot
//! recover changes no byte).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evento_log::embedded::{self, EmbeddedConfig, EmbeddedLog, Fault, Recovered};
use evento_model::{Timestamp, TopicKind};
use evento_testkit::disk::{Failure, SimDisk, Verb};
use evento_testkit::shelf::SimShelves;

use crate::scratch::{ENTITY, PARTITIONS, commit, commit_all, decided, key};

/// Instances in the tests; few, so that each has a history.
const INSTANCES: u64 = 8;

struct Machine {
    config: EmbeddedConfig,
    disk: SimDisk,
    shelves: SimShelves,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        let mut config = EmbeddedConfig::new("/data");
        config.segment_bytes = 64 << 10;
        config.group_bytes_max = 8 << 10;
        config.checkpoint_bytes = 48 << 10;
        config.reserve_bytes = 0;
        let disk = SimDisk::new(&config.folder, seed);
        let shelves = SimShelves::new(disk.clone());
        Machine { config, disk, shelves }
    }

    /// The power goes, and comes back.
    fn cut_power(&self) {
        self.disk.cut_power();
        self.shelves.crash();
    }

    fn open(&self) -> Result<(EmbeddedLog, Recovered), Fault> {
        let now = Arc::new(AtomicI64::new(1_795_413_600_000));
        let clock = Box::new(move || Timestamp(now.fetch_add(1, Ordering::Relaxed)));
        let machine = embedded::Machine { disk: Arc::new(self.disk.clone()), shelves: Arc::new(self.shelves.clone()) };
        let (log, recovered) = EmbeddedLog::open_on(self.config.clone(), clock, machine)?;
        log.register_entity(ENTITY, "account", "bank.Account", PARTITIONS);
        Ok((log, recovered))
    }
}

/// The newest sequence of each instance, from the records alone; offsets and sequences must be dense.
fn newest(log: &EmbeddedLog) -> BTreeMap<String, u64> {
    let mut newest = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let end = log.end_offset(ENTITY, TopicKind::Events, partition);
        let mut from = 0;
        while from < end {
            for event in log.read_events(ENTITY, partition, from, 16 << 10).expect("readable") {
                assert_eq!(event.position.offset, from, "offsets are dense");
                from += 1;
                let seq: &mut u64 = newest.entry(event.record.id.as_str().to_owned()).or_default();
                assert_eq!(event.record.seq, *seq + 1, "sequences are dense");
                *seq = event.record.seq;
                // A unit's events come together or not at all.
                let (place, count) = event.record.batch;
                assert!(place <= count && (place > 1 || from + u64::from(count) - 1 <= end), "half a unit");
            }
        }
    }
    newest
}

/// Commits rounds of units until the log refuses; remembers what was acknowledged and what was seen.
fn work(log: &EmbeddedLog, disk: &SimDisk, acknowledged: &mut BTreeMap<String, u64>, rounds: u64) {
    let mut seqs = newest(log);
    for round in 0..rounds {
        let first = disk.chance(INSTANCES);
        let units: Vec<_> = (0..=disk.chance(INSTANCES - 1))
            .map(|n| {
                let id = format!("i{}", (first + n) % INSTANCES);
                let seq = seqs.get(&id).copied().unwrap_or(0);
                let count = 1 + disk.chance(3) as u32;
                let unit = decided(
                    &id,
                    &format!("c{round}-{}-{seq}", disk.chance(u64::MAX)),
                    seq,
                    count,
                    &"s".repeat(disk.chance(600) as usize),
                );
                (id, seq + u64::from(count), unit)
            })
            .collect();
        let (names, units): (Vec<_>, Vec<_>) = units.into_iter().map(|(id, seq, unit)| ((id, seq), unit)).unzip();
        let results = commit_all(log, units);
        // What readers see now is as good as acknowledged.
        for (id, seq) in names.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(name, _)| name) {
            assert_eq!(log.state(&key(id)).expect("readable").expect("a state").seq, *seq);
            seqs.insert(id.clone(), *seq);
            acknowledged.insert(id.clone(), *seq);
        }
        if results.iter().any(Result::is_err) {
            return;
        }
    }
}

#[test]
fn e1_nothing_acknowledged_is_lost_whenever_the_power_goes() {
    for seed in 1..=60 {
        let machine = Machine::new(seed);
        let mut acknowledged = BTreeMap::new();
        for life in 0..4 {
            machine.disk.power_for(Some(1 + machine.disk.chance(900)));
            match machine.open() {
                Ok((log, _)) => {
                    work(&log, &machine.disk, &mut acknowledged, 60);
                    log.close();
                }
                Err(fault) => assert!(machine.disk.is_off(), "seed {seed} life {life}: {fault}"),
            }
            machine.cut_power();
            if machine.disk.chance(4) == 0 {
                machine.shelves.wipe();
            }
            let (log, _) = machine.open().unwrap_or_else(|fault| panic!("seed {seed} life {life}: {fault}"));
            let found = newest(&log);
            for (id, seq) in &acknowledged {
                let there = found.get(id).copied().unwrap_or(0);
                assert!(there >= *seq, "seed {seed} life {life}: {id} was acknowledged at {seq}, {there} is there");
                let state = log.state(&key(id)).expect("readable").expect("a state");
                assert_eq!(state.seq, there, "seed {seed} life {life}: the state of {id}");
            }
            acknowledged = found;
            log.close();
        }
    }
}

/// A failure, and whether it is on the way of an acknowledgement (else at a checkpoint or ahead of it).
fn failures() -> Vec<(Failure, bool)> {
    let mut all = Vec::new();
    for nth in [0, 1, 7, 23] {
        let failure = |verb, part, kind| Failure { verb, part, nth, kind };
        all.push((failure(Verb::Sync, "commit/0", ErrorKind::Other), true));
        all.push((failure(Verb::Write, "commit/0", ErrorKind::Other), true));
        all.push((failure(Verb::Sync, "topics", ErrorKind::Other), false));
        all.push((failure(Verb::Write, "topics", ErrorKind::Other), false));
    }
    for (verb, part) in [
        (Verb::Sync, "commit/spare"),
        (Verb::Write, "commit/spare"),
        (Verb::Rename, "commit/0"),
        (Verb::SyncFolder, "commit"),
        (Verb::SyncFolder, "topics"),
        (Verb::Sync, "checkpoint"),
        (Verb::Rename, "checkpoint"),
    ] {
        all.push((Failure { verb, part, nth: 0, kind: ErrorKind::Other }, false));
    }
    all
}

#[test]
fn e2_a_failed_sync_or_write_closes_the_log_and_the_next_start_reads_from_disk() {
    for (number, (failure, on_the_way)) in failures().into_iter().enumerate() {
        let told = format!("{failure:?}");
        let machine = Machine::new(number as u64 + 1);
        let mut acknowledged = BTreeMap::new();
        let (log, _) = machine.open().expect("it opens");
        work(&log, &machine.disk, &mut acknowledged, 3);
        machine.disk.fail(failure);
        work(&log, &machine.disk, &mut acknowledged, 3_000);
        assert!(machine.disk.has_failed(), "{told} was never reached");
        let fault = log.fault().unwrap_or_else(|| panic!("{told} went unnoticed"));
        assert_eq!(fault.code().to_string(), "EV4001", "{told}");

        let (syncs, seqs) = (machine.disk.commit_syncs(), newest(&log));
        let again = commit(&log, decided("i0", "again", seqs.get("i0").copied().unwrap_or(0), 1, "s"));
        assert!(again.is_err(), "{told}: something was acknowledged after it");
        if on_the_way {
            assert_eq!(machine.disk.commit_syncs(), syncs, "{told}: a sync was tried again");
        }
        log.close();
        machine.cut_power();
        let (log, _) = machine.open().unwrap_or_else(|fault| panic!("{told}: {fault}"));
        let found = newest(&log);
        for (id, seq) in &acknowledged {
            assert!(found.get(id).is_some_and(|there| there >= seq), "{told}: {id} was acknowledged at {seq}");
        }
        commit(&log, decided("i0", "after", found.get("i0").copied().unwrap_or(0), 1, "s")).expect("durable");
        log.close();
    }
}

#[test]
fn e3_what_was_not_synced_is_shown_to_nobody() {
    let machine = Machine::new(7);
    let (log, _) = machine.open().expect("it opens");
    commit(&log, decided("ada", "c1", 0, 1, "one")).expect("durable");
    machine.disk.fail(Failure { verb: Verb::Sync, part: "commit/0", nth: 0, kind: ErrorKind::Other });
    commit(&log, decided("ada", "c2", 1, 2, "two")).expect_err("its sync failed");
    assert_eq!(log.state(&key("ada")).expect("readable").expect("a state").seq, 1);
    assert_eq!(log.history(&key("ada"), 1, 10).expect("readable").len(), 1);
    let partition = decided("ada", "x", 0, 1, "s").partition;
    assert_eq!(log.end_offset(ENTITY, TopicKind::Events, partition), 1);
    assert_eq!(log.end_offset(ENTITY, TopicKind::Commands, partition), 1);
    log.close();
}

#[test]
fn e5_a_full_disk_refuses_commands_answers_reads_restarts_and_goes_on_when_there_is_room() {
    for seed in 1..=12 {
        let mut machine = Machine::new(seed);
        machine.config.reserve_bytes = 96 << 10;
        machine.disk.set_capacity((300 + 60 * seed) << 10);
        let mut acknowledged = BTreeMap::new();
        let (log, _) = machine.open().expect("it opens");
        work(&log, &machine.disk, &mut acknowledged, 10_000);
        let fault = log.fault().expect("the disk is full");
        assert_eq!(fault.code().to_string(), "EV4005", "seed {seed}: {fault}");
        assert!(log.resume().is_err());
        assert_eq!(newest(&log), acknowledged, "reading goes on");
        log.close();

        // Somebody else takes what is left: even then it starts, reads, and refuses.
        machine.disk.set_capacity(machine.disk.used());
        let (log, _) = machine.open().unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        assert_eq!(newest(&log), acknowledged);
        // Cutting topics back has given a little room; that is taken as well.
        machine.disk.set_capacity(machine.disk.used());
        work(&log, &machine.disk, &mut acknowledged, 10_000);
        assert_eq!(log.fault().map(|fault| fault.code().to_string()).as_deref(), Some("EV4005"), "seed {seed}");
        assert_eq!(newest(&log), acknowledged);
        let before = acknowledged.clone();

        machine.disk.set_capacity(64 << 20);
        // The first attempts may still find what was prepared for the full disk.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while acknowledged == before {
            assert!(std::time::Instant::now() < until, "seed {seed}: {:?}", log.fault());
            // Refused until the last one who waited for the full disk has been told.
            match log.resume() {
                Ok(()) => work(&log, &machine.disk, &mut acknowledged, 5),
                Err(_) => std::thread::yield_now(),
            }
        }
        assert!(log.fault().is_none());
        log.close();
    }
}

#[test]
fn e7_a_start_that_cannot_recover_changes_no_byte() {
    let mut machine = Machine::new(3);
    // Without a checkpoint every frame is needed.
    machine.config.checkpoint_bytes = u64::MAX;
    let mut acknowledged = BTreeMap::new();
    let (log, _) = machine.open().expect("it opens");
    work(&log, &machine.disk, &mut acknowledged, 40);
    machine.disk.power_for(Some(0));
    log.close();
    machine.cut_power();
    let content = machine.disk.content();
    let (path, segment) = content
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|kind| kind == "cl"))
        .max_by_key(|(_, bytes)| bytes.windows(4).filter(|bytes| bytes == b"EVCF").count())
        .expect("a segment");
    let frames: Vec<usize> =
        (4_096..segment.len() - 4).step_by(8).filter(|at| &segment[*at..at + 4] == b"EVCF").collect();
    machine.disk.flip(path, frames[frames.len() / 2] + 60, 5);

    let before = machine.disk.content();
    for _ in 0..2 {
        let Err(Fault::Corrupt { file, offset, .. }) = machine.open() else { panic!("damage was not seen") };
        assert_eq!((file, offset), (path.display().to_string(), frames[frames.len() / 2] as u64));
        assert!(machine.disk.content() == before, "the start changed something");
    }
}
