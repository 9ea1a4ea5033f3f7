//! Units that are written in their caller's thread, beside the log's own: in order, acknowledged once, and watched.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use evento_log::disk::{Disk, DiskFile, Lock};
use evento_log::embedded::{self, EmbeddedConfig, EmbeddedLog, Fault};
use evento_log::unit::{CommitUnit, Committed};
use evento_model::{Timestamp, TopicKind};
use evento_testkit::disk::SimDisk;
use evento_testkit::shelf::SimShelves;

use crate::scratch::{ENTITY, PARTITIONS, commit, decided};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk on which a write into the commit log waits while the gate is shut.
#[derive(Clone)]
struct Gated {
    disk: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
    /// A write waits.
    waiting: AtomicBool,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().expect("nobody panics") = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().expect("nobody panics");
        while *shut {
            self.waiting.store(true, Ordering::SeqCst);
            shut = self.opened.wait(shut).expect("nobody panics");
        }
    }
}

impl Disk for Gated {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path)?;
        let gate = path.components().any(|part| part.as_os_str() == "commit").then(|| self.gate.clone());
        Ok(Box::new(GatedFile { file, gate }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.make_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        self.disk.free(folder)
    }

    fn lock(&self, folder: &Path) -> io::Result<Lock> {
        self.disk.lock(folder)
    }
}

struct GatedFile {
    file: Box<dyn DiskFile>,
    gate: Option<Arc<Gate>>,
}

impl DiskFile for GatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write_synced(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.gate.iter().for_each(|gate| gate.pass());
        self.file.write_synced(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn handle(&self) -> Option<BorrowedFd<'_>> {
        self.file.handle()
    }
}

/// A log on such a disk, which was quick so far.
fn quick() -> (EmbeddedLog, Arc<Gate>) {
    let mut config = EmbeddedConfig::new("/data");
    config.segment_bytes = 1 << 20;
    config.reserve_bytes = 0;
    let disk = Gated { disk: SimDisk::new(&config.folder, 1), gate: Arc::default() };
    let gate = disk.gate.clone();
    let shelves = Arc::new(SimShelves::new(disk.disk.clone()));
    let now = Arc::new(AtomicI64::new(1_795_413_600_000));
    let clock = Box::new(move || Timestamp(now.fetch_add(1, Ordering::Relaxed)));
    let machine = embedded::Machine { disk: Arc::new(disk), shelves };
    let (log, _) = EmbeddedLog::open_on(config, clock, machine).expect("the log opens");
    log.register_entity(ENTITY, "account", "bank.Account", PARTITIONS);
    (log, gate)
}

fn unit(id: &str, seq: u64) -> CommitUnit {
    decided(id, &format!("{id}-{seq}"), seq, 1, "state")
}

/// Writes units of an instance until one is written before it is left; says how many there are then.
fn until_beside(log: &EmbeddedLog, id: &str) -> u64 {
    let until = Instant::now() + PATIENCE;
    for seq in 0.. {
        let (sender, receiver) = channel();
        log.submit_now(unit(id, seq), Box::new(move |result| drop(sender.send(result))));
        if let Ok(result) = receiver.try_recv() {
            result.expect("the disk is well");
            return seq + 1;
        }
        receiver.recv_timeout(PATIENCE).expect("it is told").expect("the disk is well");
        assert!(Instant::now() < until, "no unit was written in its caller's thread");
    }
    unreachable!("there are enough numbers")
}

#[test]
fn a_lone_unit_is_durable_when_its_caller_goes_on() {
    let (log, _) = quick();
    let count = until_beside(&log, "ada");
    let (events, end) = (count, log.end_offset(ENTITY, TopicKind::Events, unit("ada", 0).partition));
    assert_eq!(end, events);
    log.close();
}

#[test]
fn what_several_write_beside_each_other_is_told_once_and_in_the_order_of_each() {
    let (log, _) = quick();
    let told: Arc<Mutex<Vec<Committed>>> = Arc::default();
    let failed = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for name in ["ada", "bob", "cyd"] {
            let (log, told, failed) = (log.clone(), told.clone(), failed.clone());
            scope.spawn(move || {
                let order: Arc<Mutex<Vec<u64>>> = Arc::default();
                for seq in 0..400 {
                    let (told, failed, order) = (told.clone(), failed.clone(), order.clone());
                    let done = Box::new(move |result: Result<Committed, Fault>| match result {
                        Ok(committed) => {
                            order.lock().expect("nobody panics").push(seq);
                            told.lock().expect("nobody panics").push(committed);
                        }
                        Err(_) => {
                            failed.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                    match name {
                        "cyd" => log.submit(unit(name, seq), done),
                        _ => log.submit_now(unit(name, seq), done),
                    }
                }
                let until = Instant::now() + PATIENCE;
                while order.lock().expect("nobody panics").len() < 400 {
                    assert!(Instant::now() < until, "everything is told");
                    std::thread::yield_now();
                }
                assert!(order.lock().expect("nobody panics").is_sorted());
            });
        }
    });
    assert_eq!((told.lock().expect("nobody panics").len(), failed.load(Ordering::SeqCst)), (1_200, 0));
    for name in ["ada", "bob", "cyd"] {
        let first = unit(name, 0);
        let mut seqs = Vec::new();
        let end = log.end_offset(ENTITY, TopicKind::Events, first.partition);
        let mut from = 0;
        while from < end {
            let events = log.read_events(ENTITY, first.partition, from, 64 << 10).expect("readable");
            from += events.len() as u64;
            let ours = events.iter().filter(|event| event.record.id.as_str() == name);
            seqs.extend(ours.map(|event| event.record.seq));
        }
        assert!(seqs.iter().copied().eq(1..=400), "{name}: {seqs:?}");
    }
    log.close();
}

#[test]
fn whoever_waits_with_a_stalled_write_is_helped_until_it_ends() {
    let (log, gate) = quick();
    let helped = Arc::new(AtomicUsize::new(0));
    let counted = helped.clone();
    log.on_stall(Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let (sender, receiver) = channel();
    let seq = until_beside(&log, "ada");
    gate.set(true);
    let writer = {
        let log = log.clone();
        std::thread::spawn(move || log.submit_now(unit("ada", seq), told(sender)))
    };
    let until = Instant::now() + PATIENCE;
    // It may come to the log's thread, if this machine was slow just now: then nobody is kept.
    while helped.load(Ordering::SeqCst) < 3 && !(writer.is_finished() && gate.waiting.load(Ordering::SeqCst)) {
        assert!(Instant::now() < until, "nobody was called");
        std::thread::yield_now();
    }
    gate.set(false);
    writer.join().expect("the writer goes on");
    receiver.recv_timeout(PATIENCE).expect("it is told").expect("the disk is well");
    commit(&log, unit("ada", seq + 1)).expect("the log goes on");
    log.close();
}

#[test]
fn closing_waits_for_what_is_being_written_and_refuses_what_comes_later() {
    let (log, gate) = quick();
    let seq = until_beside(&log, "ada");
    gate.set(true);
    let (sender, receiver) = channel();
    let (second, late) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| log.submit_now(unit("ada", seq), told(sender)));
        let until = Instant::now() + PATIENCE;
        while !gate.waiting.load(Ordering::SeqCst) {
            assert!(Instant::now() < until, "the write begins");
            std::thread::yield_now();
        }
        let closing = {
            let log = log.clone();
            scope.spawn(move || log.close())
        };
        gate.set(false);
        closing.join().expect("it closes");
    });
    receiver.recv_timeout(PATIENCE).expect("it is told").expect("it was being written");
    log.submit_now(unit("ada", seq + 1), told(second));
    assert!(matches!(late.recv_timeout(PATIENCE), Ok(Err(Fault::Closed))));
}

fn told(sender: Sender<Result<Committed, Fault>>) -> embedded::Done {
    Box::new(move |result| drop(sender.send(result)))
}
