//! Hostile bytes and hostile clients on the Kafka port: refused as the protocol says, in bounded memory, while a
//! well-behaved client and HTTP are answered.

use std::net::Shutdown;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiVersionsRequest, FetchRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::kafka_batch::{self, batch, lz4_bomb, record, snappy_claim, zstd_bomb};
use crate::kafka_wire::{Wire, frame, framed};
use crate::server::{Server, bank_function, bank_resources, free_address};

/// What the server may hold at most, all that is hostile at once: the three budgets of 256 MiB and itself.
const RESIDENT_MAX: usize = 1200 << 20;
/// Longest answer of HTTP and of a well-behaved Kafka client. A healthy one takes milliseconds; machines that run
/// tests are busy.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Partitions of the bank's topics.
const PARTITIONS: i32 = 12;
/// Instances with a large event each, so that there is something to read.
const LARGE: usize = 16;
/// Bytes of each of those events.
const LARGE_BYTES: usize = 700 << 10;

/// A server with a bank, and the address of its Kafka listener.
struct Bank {
    server: Server,
    kafka: String,
    /// Files that server and test may have open.
    files: usize,
}

impl Bank {
    fn start(folder: &std::path::Path) -> Bank {
        let kafka = free_address();
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" --kafka-listen \"$KAFKA\"", env!("CARGO_BIN_EXE_evento")]);
        command.env("KAFKA", &kafka);
        let server = Server::start_by(command, &folder.join("data"));
        server.apply(&bank_resources(folder, bank_function(), ""));
        let bank = Bank { server, kafka, files: raise_files() };
        bank.open("ada", "Ada");
        (0..LARGE).for_each(|n| bank.open(&format!("large-{n}"), &"x".repeat(LARGE_BYTES)));
        bank
    }

    fn open(&self, id: &str, owner: &str) {
        let path = format!("/v1/entities/account/{id}/commands/open-account");
        let body = format!("{{\"owner\":\"{owner}\",\"currency\":\"EUR\"}}");
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=30")];
        let reply = self.server.post(&path, &headers, body.as_bytes()).expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn connect(&self) -> Wire {
        Wire::connect(&self.kafka)
    }

    /// One figure of the server's memory, in bytes.
    fn memory(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("its status");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a figure");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") << 10
    }

    /// A well-behaved client and HTTP are answered in time, and memory is within its bound.
    fn is_well(&self, after: &str) {
        let begun = Instant::now();
        let mut wire = self.connect();
        let versions = wire.ask(3, &ApiVersionsRequest::default()).expect("an answer");
        assert!(!versions.api_keys.is_empty(), "after {after}");
        let fetched = wire.ask(11, &fetch("account.events", 0..PARTITIONS, 0, 1 << 20)).expect("an answer");
        let bytes: usize =
            fetched.responses[0].partitions.iter().filter_map(|data| data.records.as_ref()).map(Bytes::len).sum();
        assert!(
            fetched.error_code == 0 && bytes > 100,
            "after {after}: {bytes} bytes of records, {}",
            fetched.error_code
        );
        assert!(begun.elapsed() < ANSWER_MAX, "after {after}: Kafka took {:?}", begun.elapsed());
        let begun = Instant::now();
        assert_eq!(self.server.json("/v1/entities/account/ada")["state"]["owner"], "Ada", "after {after}");
        assert!(begun.elapsed() < ANSWER_MAX, "after {after}: HTTP took {:?}", begun.elapsed());
        let peak = self.memory("VmHWM:");
        assert!(peak < RESIDENT_MAX, "after {after}: {} MiB were resident", peak >> 20);
    }

    /// Error code of a produced batch.
    fn produce(&self, topic: &str, records: Bytes) -> i16 {
        let answer = self.connect().ask(9, &produce(topic, vec![records])).expect("an answer");
        answer.responses[0].partition_responses[0].error_code
    }
}

/// As many open files as the system lets a process have, for this one.
fn raise_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize)
}

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

fn fetch(topic: &str, partitions: std::ops::Range<i32>, offset: i64, bytes: i32) -> FetchRequest {
    let partition =
        |n| FetchPartition::default().with_partition(n).with_fetch_offset(offset).with_partition_max_bytes(bytes);
    let topic = FetchTopic::default().with_topic(name(topic)).with_partitions(partitions.map(partition).collect());
    FetchRequest::default().with_max_bytes(bytes).with_min_bytes(1).with_topics(vec![topic])
}

/// A request with batches for the first partition of a topic.
fn produce(topic: &str, batches: Vec<Bytes>) -> ProduceRequest {
    let data = batches.into_iter().map(|records| PartitionProduceData::default().with_records(Some(records)));
    let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(data.collect());
    ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic])
}

/// Bytes that look like chance.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| step()).collect()
}

#[test]
fn whatever_comes_in_on_the_kafka_port_others_are_served_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let bank = Bank::start(folder.path());
    bank.is_well("the start");
    // First, while memory that others gave back is not there to be taken again.
    idle_and_half_open_connections(&bank);
    bytes_that_are_no_request(&bank);
    counts_that_lie(&bank);
    batches_that_are_none(&bank);
    batches_that_explode(&bank);
    offsets_out_of_range(&bank);
    requests_that_never_end(&bank);
    large_requests_at_once(&bank);
    slow_readers(&bank);
    println!("{} MiB were resident at most", bank.memory("VmHWM:") >> 20);
}

fn bytes_that_are_no_request(bank: &Bank) {
    for seed in 0..100 {
        let mut wire = bank.connect();
        let _ = wire.send(&noise(seed, 1 + seed as usize * 37));
        let _ = wire.0.shutdown(Shutdown::Write);
        assert!(wire.is_ended(), "chance bytes {seed} are answered");
    }
    for length in [1 << 30, i32::MAX, -1, i32::MIN, (16 << 20) + 1, 0, 1, 7] {
        let mut wire = bank.connect();
        let _ = wire.send(&length.to_be_bytes());
        let _ = wire.send(&[0; 16]);
        assert!(wire.is_ended(), "a length of {length}");
    }
    for (key, version) in [(0_u16, 99_u16), (1, 3), (1, 0xffff), (999, 0), (0xffff, 0xffff), (27, 0)] {
        let mut wire = bank.connect();
        let head = [key.to_be_bytes(), version.to_be_bytes()].concat();
        wire.send(&framed(&[&head[..], &[0, 0, 0, 1, 0xff, 0xff, 0]].concat())).expect("sent");
        assert!(wire.is_ended(), "kind {key}, version {version}");
    }
    bank.is_well("bytes that are no request");
}

/// Five bytes in the right place ask the codec for gigabytes.
fn counts_that_lie(bank: &Bank) {
    let head = |key: u8, version: u8| [0, key, 0, version, 0, 0, 0, 1, 0xff, 0xff];
    let cases: [&[&[u8]]; 5] = [
        &[&head(3, 0), &[0x7f, 0xff, 0xff, 0xff]],
        &[&head(3, 9), &[0], &[0xff, 0xff, 0xff, 0xff, 0x0f]],
        &[&head(1, 4), &[0; 17], &[0x7f, 0xff, 0xff, 0xff]],
        &[&head(0, 3), &[0xff, 0xff, 0, 1, 0, 0, 0, 0], &[0x40, 0, 0, 0]],
        &[&head(3, 9), &[0xff, 0xff, 0xff, 0xff, 0x0f]],
    ];
    for (n, parts) in cases.iter().enumerate() {
        for _ in 0..50 {
            let mut wire = bank.connect();
            wire.send(&framed(&parts.concat())).expect("sent");
            assert!(wire.is_ended(), "case {n}");
        }
    }
    bank.is_well("counts that lie");
}

fn batches_that_are_none(bank: &Bank) {
    const CORRUPT: i16 = 2;
    let good = record(b"ada", b"\0\0\0\0\x01");
    let mut damaged = batch(0, 1, &good).to_vec();
    damaged[70] ^= 1;
    assert_eq!(bank.produce("account.commands", damaged.into()), CORRUPT, "a wrong checksum");
    for count in [0_u32, 2, 100_000, 0x7fff_ffff] {
        let code = bank.produce("account.commands", batch(0, count, &good));
        let wanted = if count > 100_000 { 10 } else { CORRUPT };
        assert_eq!(code, wanted, "one record that claims to be {count}");
    }
    let cut = batch(0, 1, &good);
    assert_eq!(bank.produce("account.commands", cut.slice(..cut.len() - 1)), CORRUPT);
    assert_eq!(bank.produce("account.commands", Bytes::new()), CORRUPT);
    assert_eq!(bank.produce("account.commands", batch(7, 1, &good)), CORRUPT, "an unknown compression");
    assert_eq!(bank.produce("account.commands", batch(32, 1, &good)), 87, "a control batch");
    assert_eq!(bank.produce("account.commands", batch(0, 1, &good)), 87, "no command");
    assert_eq!(bank.produce("nothing.commands", batch(0, 1, &good)), 3, "an unknown topic");
    for topic in ["account.events", "account.state"] {
        assert_eq!(bank.produce(topic, batch(0, 1, &good)), 29, "{topic} is read-only");
    }
    let noise = bank.produce("account.commands", noise(9, 5000).into());
    assert_eq!(noise, CORRUPT);
    bank.is_well("batches that are none");
}

fn batches_that_explode(bank: &Bank) {
    const CORRUPT: i16 = 2;
    const TOO_LARGE: i16 = 10;
    let bombs = [
        ("gzip", batch(1, 1, &kafka_batch::gzip_bomb(256 << 20)), TOO_LARGE),
        ("snappy", batch(2, 1, &snappy_claim(u32::MAX)), TOO_LARGE),
        ("lz4", batch(3, 1, &lz4_bomb(256 << 20)), TOO_LARGE),
        ("zstd", batch(4, 1, &zstd_bomb(256 << 20, 20)), TOO_LARGE),
        ("zstd with a window of 2 GiB", batch(4, 1, &zstd_bomb(1 << 20, 31)), CORRUPT),
        ("gzip below the limit", batch(1, 100_000, &kafka_batch::gzip_bomb(31 << 20)), CORRUPT),
    ];
    for (kind, bomb, wanted) in &bombs {
        assert_eq!(bank.produce("account.commands", bomb.clone()), *wanted, "{kind}");
    }
    // Many in one request, and many requests at once.
    let (_, bomb, _) = &bombs[5];
    let many = produce("account.commands", vec![bomb.clone(); 100]);
    let mut wires: Vec<Wire> = (0..40).map(|_| bank.connect()).collect();
    let bytes = frame(9, &many);
    wires.iter_mut().for_each(|wire| wire.send(&bytes).expect("sent"));
    bank.is_well("batches that explode were sent");
    for wire in &mut wires {
        assert!(wire.read().expect("an answer").len() < 64 << 10);
    }
    bank.is_well("batches that explode");
}

fn offsets_out_of_range(bank: &Bank) {
    let mut wire = bank.connect();
    for offset in [-1, 1_000_000, i64::MAX, i64::MIN] {
        let answer = wire.ask(11, &fetch("account.events", 0..1, offset, 1 << 20)).expect("an answer");
        assert_eq!(answer.responses[0].partitions[0].error_code, 1, "offset {offset}");
    }
    for (topic, partition) in [("nothing.events", 0), ("account.events", 9_999), ("account.events", -1)] {
        let answer = wire.ask(11, &fetch(topic, partition..partition + 1, 0, 1 << 20)).expect("an answer");
        assert_eq!(answer.responses[0].partitions[0].error_code, 3, "{topic} {partition}");
    }
    for bytes in [0, -1, i32::MIN, i32::MAX] {
        let answer = wire.ask(11, &fetch("account.events", 0..1, 0, bytes)).expect("an answer");
        assert_eq!(answer.error_code, 0, "{bytes} bytes are asked for");
    }
    bank.is_well("offsets out of range");
}

fn requests_that_never_end(bank: &Bank) {
    let whole = frame(3, &ApiVersionsRequest::default());
    let halves = (0..100).map(|n| {
        let mut wire = bank.connect();
        wire.send(&whole[..1 + n % (whole.len() - 1)]).expect("sent");
        wire
    });
    let mut halves: Vec<Wire> = halves.collect();
    // Large ones whose first bytes only come.
    for _ in 0..40 {
        let mut wire = bank.connect();
        wire.send(&(16_u32 << 20).to_be_bytes()).and_then(|()| wire.send(&[0; 1000])).expect("sent");
        halves.push(wire);
    }
    bank.is_well("requests that never end");
    // One that comes to its end after all is answered.
    halves[0].send(&whole[1..]).expect("sent");
    assert!(halves[0].read().expect("an answer").len() > 20);
}

/// As much as one request may be, from many at once: what the budget does not hold waits in the sockets.
fn large_requests_at_once(bank: &Bank) {
    let large = frame(9, &produce("account.commands", vec![batch(0, 1, &vec![1; 15 << 20])]));
    std::thread::scope(|scope| {
        let send = || {
            let mut wire = bank.connect();
            wire.send(&large).expect("sent");
            wire.read().expect("an answer").len()
        };
        let answers: Vec<_> = (0..40).map(|_| scope.spawn(send)).collect();
        bank.is_well("large requests were begun");
        answers.into_iter().for_each(|answer| assert!(answer.join().expect("ended") < 1000));
    });
    bank.is_well("large requests");
}

/// Clients that ask for much, again and again, and take nothing.
fn slow_readers(bank: &Bank) {
    let mut asked = Vec::new();
    for _ in 0..64 {
        asked.extend(frame(11, &fetch("account.events", 0..PARTITIONS, 0, i32::MAX)));
    }
    let readers = (0..200).map(|_| {
        let mut wire = bank.connect();
        wire.send(&asked).expect("sent");
        wire
    });
    let readers: Vec<Wire> = readers.collect();
    for _ in 0..20 {
        bank.is_well("slow readers");
    }
    drop(readers);
}

fn idle_and_half_open_connections(bank: &Bank) {
    // The server keeps three quarters of its files for them; we have as many files, and some of our own.
    let most = 10_000.min((bank.files / 4 * 3).saturating_sub(200));
    let whole = frame(3, &ApiVersionsRequest::default());
    let before = bank.memory("VmRSS:");
    let mut wires = Vec::with_capacity(most);
    for n in 0..most {
        let mut wire = bank.connect();
        match n % 4 {
            0 => {}
            1 => assert!(wire.send(&whole).and_then(|()| wire.read()).is_ok(), "connection {n}"),
            2 => wire.send(&whole[..9]).expect("sent"),
            _ => wire.0.shutdown(Shutdown::Write).expect("shut down"),
        }
        wires.push(wire);
    }
    bank.is_well("idle connections");
    let each = bank.memory("VmRSS:").saturating_sub(before) / most;
    assert!(each < 32 << 10, "{each} bytes for each of {most} idle connections");
    println!("{most} connections, {each} bytes each");
}
