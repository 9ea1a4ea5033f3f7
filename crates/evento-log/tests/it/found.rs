//! What the simulation found (docs/proof.md), each as a test of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use evento_log::embedded::{self, EmbeddedConfig, EmbeddedLog, Fault, Recovered, Turns};
use evento_log::unit::CommitUnit;
use evento_model::{Timestamp, TopicKind};
use evento_testkit::disk::{Failure, SimDisk, Verb};
use evento_testkit::shelf::SimShelves;

use crate::scratch::{ENTITY, PARTITIONS, decided, key};

/// A machine whose log is worked turn by turn.
struct Machine {
    config: EmbeddedConfig,
    disk: SimDisk,
    shelves: SimShelves,
}

type Told = Receiver<Result<(), Fault>>;

impl Machine {
    fn new(seed: u64) -> Machine {
        let mut config = EmbeddedConfig::new("/data");
        (config.segment_bytes, config.checkpoint_bytes, config.reserve_bytes) = (16 << 10, u64::MAX, 0);
        config.group_bytes_max = 1;
        (config.topics.gather, config.topics.index_every) = (1, 500);
        let disk = SimDisk::new(&config.folder, seed);
        let shelves = SimShelves::new(disk.clone());
        Machine { config, disk, shelves }
    }

    fn open(&self) -> Result<(EmbeddedLog, Turns, Recovered), Fault> {
        let now = Arc::new(AtomicI64::new(1_795_413_600_000));
        let clock = Box::new(move || Timestamp(now.fetch_add(1, Ordering::Relaxed)));
        let machine = embedded::Machine { disk: Arc::new(self.disk.clone()), shelves: Arc::new(self.shelves.clone()) };
        let opened = EmbeddedLog::open_by_turns(self.config.clone(), clock, machine)?;
        opened.0.register_entity(ENTITY, "account", "bank.Account", PARTITIONS);
        Ok(opened)
    }

    fn kill(&self) {
        self.disk.kill();
        self.shelves.crash();
    }

    fn cut_power(&self) {
        self.disk.cut_power();
        self.shelves.crash();
    }

    /// Files whose path has this part, in order.
    fn files(&self, part: &str) -> Vec<(PathBuf, Vec<u8>)> {
        self.disk.content().into_iter().filter(|(path, _)| path.to_string_lossy().contains(part)).collect()
    }
}

fn submit(log: &EmbeddedLog, unit: CommitUnit) -> Told {
    let (sender, told) = channel();
    log.submit(unit, Box::new(move |result| drop(sender.send(result.map(drop)))));
    told
}

/// Commits one unit in a group of its own.
fn commit(log: &EmbeddedLog, turns: &mut Turns, id: &str, seq: u64) -> Result<(), Fault> {
    let told = submit(log, decided(id, &format!("{id}-{seq}"), seq, 1, "state"));
    turns.commit();
    told.recv().expect("told")
}

fn sequences(log: &EmbeddedLog, id: &str) -> Result<Vec<u64>, Fault> {
    Ok(log.history(&key(id), 1, 1_000)?.iter().map(|event| event.record.seq).collect())
}

#[test]
fn what_a_failed_sync_left_in_memory_is_on_the_disk_before_anything_rests_on_it() {
    let machine = Machine::new(1);
    let (log, mut turns, _) = machine.open().expect("it opens");
    commit(&log, &mut turns, "ada", 0).expect("durable");
    machine.disk.fail(Failure { verb: Verb::Sync, part: "commit/0", nth: 0, kind: std::io::ErrorKind::Other });
    commit(&log, &mut turns, "ada", 1).expect_err("its sync failed");
    drop((log, turns));
    // The process ends, the machine stays on: the system still shows what it never wrote.
    machine.kill();
    let (log, mut turns, _) = machine.open().expect("it opens");
    let shown = sequences(&log, "ada").expect("readable").len() as u64;
    commit(&log, &mut turns, "ada", shown).expect("durable");
    drop((log, turns));
    machine.cut_power();
    let (log, ..) = machine.open().expect("nothing in the middle is missing");
    assert_eq!(sequences(&log, "ada").expect("readable"), (1..=shown + 1).collect::<Vec<_>>());
}

#[test]
fn a_start_that_was_interrupted_while_it_rebuilt_the_state_store_rebuilds_all_of_it() {
    for verbs in 1..60 {
        let mut machine = Machine::new(verbs);
        machine.config.checkpoint_bytes = 1;
        let (log, mut turns, _) = machine.open().expect("it opens");
        for n in 0..6 {
            commit(&log, &mut turns, &format!("i{n}"), 0).expect("durable");
            turns.checkpoint();
        }
        drop((log, turns));
        machine.kill();
        machine.shelves.wipe();
        machine.disk.power_for(Some(verbs));
        drop(machine.open());
        machine.kill();
        let (log, _, recovered) = machine.open().expect("it opens");
        assert!(!recovered.states_lost.is_empty(), "after {verbs} verbs: somebody must rebuild the states");
        for n in 0..6 {
            let state = log.state(&key(&format!("i{n}"))).expect("readable");
            assert_eq!(state.map(|state| state.seq), Some(1), "after {verbs} verbs: the state of i{n}");
        }
        drop(log);
        machine.kill();
        let (log, _, recovered) = machine.open().expect("it opens");
        assert!(!recovered.states_lost.is_empty(), "nobody has said that the states are rebuilt");
        log.states_rebuilt(ENTITY).expect("noted");
        drop(log);
        machine.kill();
        assert!(machine.open().expect("it opens").2.states_lost.is_empty());
    }
}

#[test]
fn what_was_queued_for_a_full_disk_is_refused_before_there_is_room_again() {
    let mut machine = Machine::new(1);
    machine.config.reserve_bytes = 4 << 10;
    let (log, mut turns, _) = machine.open().expect("it opens");
    machine.disk.set_capacity(machine.disk.used());
    let first = submit(&log, decided("ada", "c1", 0, 1, "one"));
    let second = submit(&log, decided("ada", "c2", 1, 1, "two"));
    turns.commit();
    assert!(matches!(first.recv().expect("told"), Err(Fault::Full(_))));
    machine.disk.set_capacity(u64::MAX);
    assert!(matches!(log.resume(), Err(Fault::Full(_))), "the second unit rests on the first");
    turns.commit();
    assert!(matches!(second.recv().expect("told"), Err(Fault::Full(_))));
    log.resume().expect("there is room");
    commit(&log, &mut turns, "ada", 0).expect("durable");
}

#[test]
fn damage_at_the_beginning_of_a_segment_is_not_taken_for_the_end_of_the_log() {
    let machine = Machine::new(1);
    let (log, mut turns, _) = machine.open().expect("it opens");
    let mut seq = 0;
    while machine.files("commit/000000000002.cl").first().is_none_or(|(_, bytes)| count(bytes) < 4) {
        commit(&log, &mut turns, "ada", seq).expect("durable");
        seq += 1;
    }
    drop((log, turns));
    machine.kill();
    let second = machine.files("commit/000000000002.cl")[0].0.clone();
    // Its head, and its first frame.
    for at in [3, 12, 20, 26, 4_100, 4_150, 4_300] {
        machine.disk.flip(&second, at, 3);
        let Err(Fault::Corrupt { .. }) = machine.open() else { panic!("byte {at}: the damage was not seen") };
        machine.disk.flip(&second, at, 3);
    }
    let (log, ..) = machine.open().expect("it is well again");
    assert_eq!(sequences(&log, "ada").expect("readable").len() as u64, seq);
}

fn count(segment: &[u8]) -> usize {
    segment.windows(4).filter(|bytes| bytes == b"EVCF").count()
}

#[test]
fn no_bit_of_an_index_changes_what_is_read() {
    let mut machine = Machine::new(1);
    machine.config.checkpoint_bytes = 1;
    let (log, mut turns, _) = machine.open().expect("it opens");
    for seq in 0..6 {
        commit(&log, &mut turns, "ada", seq).expect("durable");
        turns.checkpoint();
    }
    drop((log, turns));
    machine.kill();
    let partition = decided("ada", "x", 0, 1, "s").partition;
    let (path, index) = machine.files(&format!("events/{partition}/00000000000000000000.idx"))[0].clone();
    assert!(index.len() > 3 * 24, "the index has several entries");
    for at in 0..index.len() {
        machine.disk.flip(&path, at, (at % 8) as u8);
        let (log, ..) = machine.open().expect("it opens");
        for from in 1..=6 {
            let found = log.history(&key("ada"), from, 1).expect("readable");
            assert_eq!(found[0].record.seq, from, "byte {at} of the index");
            let found = log.read_events(ENTITY, partition, from - 1, 1).expect("readable");
            assert_eq!(found[0].record.seq, from, "byte {at} of the index");
        }
        drop(log);
        machine.kill();
        // The start has cut the index where it was wrong: as it was before.
        machine.disk.put(&path, &index);
    }
}

#[test]
fn a_batch_whose_offset_was_changed_is_damage() {
    let mut machine = Machine::new(1);
    machine.config.checkpoint_bytes = 1;
    let (log, mut turns, _) = machine.open().expect("it opens");
    for seq in 0..3 {
        commit(&log, &mut turns, "ada", seq).expect("durable");
        turns.checkpoint();
    }
    drop((log, turns));
    machine.kill();
    let partition = decided("ada", "x", 0, 1, "s").partition;
    let (path, bytes) = machine.files(&format!("events/{partition}/00000000000000000000.log"))[0].clone();
    let second = 12 + u32::from_be_bytes(bytes[8..12].try_into().expect("four bytes")) as usize;
    machine.disk.flip(&path, second + 7, 2);
    let (log, ..) = machine.open().expect("it opens");
    assert_eq!(log.end_offset(ENTITY, TopicKind::Events, partition), 3);
    let read = log.read_events(ENTITY, partition, 1, 1);
    assert!(matches!(read, Err(Fault::Corrupt { .. })), "{read:?}");
    let read = log.read_events(ENTITY, partition, 0, 10_000);
    assert!(matches!(read, Err(Fault::Corrupt { .. })), "{read:?}");
    // The index leads past it.
    assert_eq!(log.read_events(ENTITY, partition, 2, 1).expect("readable")[0].record.seq, 3);
}

#[test]
fn a_start_on_a_full_disk_needs_no_new_file() {
    let mut machine = Machine::new(1);
    machine.config.topics.gather = 64 << 10;
    let (log, mut turns, _) = machine.open().expect("it opens");
    commit(&log, &mut turns, "ada", 0).expect("durable");
    drop((log, turns));
    machine.kill();
    machine.config.topics.gather = 1;
    for _ in 0..3 {
        machine.disk.set_capacity(machine.disk.used());
        let (log, ..) = machine.open().expect("it opens although nothing can be written");
        assert_eq!(sequences(&log, "ada").expect("readable"), [1]);
        drop(log);
        machine.kill();
    }
}

#[test]
fn an_epoch_whose_bits_were_changed_is_damage() {
    let machine = Machine::new(1);
    drop(machine.open().expect("it opens"));
    machine.kill();
    let (path, bytes) = machine.files("/data/epoch")[0].clone();
    for at in 0..bytes.len() - 1 {
        for bit in 0..8 {
            machine.disk.flip(&path, at, bit);
            // A zero that became a space changes no number.
            let epoch = machine.open().map(|opened| opened.2.epoch);
            assert!(matches!(epoch, Err(Fault::Corrupt { .. }) | Ok(2)), "bit {bit} of byte {at}: {epoch:?}");
            machine.kill();
            machine.disk.put(&path, &bytes);
        }
    }
    assert_eq!(machine.open().expect("it opens").2.epoch, 2);
}
