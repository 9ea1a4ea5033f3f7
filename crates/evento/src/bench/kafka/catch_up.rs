//! Reading everything from the beginning: by a client that only counts, and by librdkafka.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::wire::Broker;
use super::{FETCH, Line, PARTITIONS};
use crate::bench::server::{Server, Usage};

/// What was read, and what it cost.
struct Read {
    by: &'static str,
    measure: &'static str,
    records: u64,
    bytes: u64,
    seconds: f64,
    usage: Usage,
    resident: [u64; 2],
}

impl Read {
    fn line(&self) -> Line {
        let (per_second, megabytes) = (self.records as f64 / self.seconds, self.bytes as f64 / self.seconds / 1e6);
        let core = self.usage.server_cpu / self.seconds * 100.0;
        let [before, after] = self.resident;
        let people = format!(
            "catch-up  {per_second:>9.0} records/s, {megabytes:.0} MB/s by {}   {} records; Evento {core:.0} % of a core, \
             {} MB resident before and {} MB after",
            self.by,
            self.records,
            before >> 20,
            after >> 20
        );
        let machine = json!({"measure": self.measure, "recordsPerSecond": per_second, "megabytesPerSecond": megabytes,
            "records": self.records, "serverCorePercent": core, "residentBytes": self.resident});
        Line { people, machine }
    }
}

/// One connection that counts records and throws them away. Says how many there are, and of how many bytes.
pub(super) async fn ours(server: &Server, kafka: &str) -> anyhow::Result<([u64; 2], Line)> {
    let mut broker = Broker::connect(kafka).await?;
    let ends = broker.ends("account.events", PARTITIONS).await?;
    let mut at = vec![0; PARTITIONS as usize];
    let (before, started) = (server.usage().await?, Instant::now());
    let (mut records, mut bytes) = (0, 0);
    while at.iter().zip(&ends).any(|(at, end)| at < end) {
        let got = broker.fetch("account.events", &mut at, FETCH, 0).await?;
        records += got.records;
        bytes += got.bytes;
    }
    let (seconds, after) = (started.elapsed().as_secs_f64(), server.usage().await?);
    let read = Read {
        by: "a client that only counts",
        measure: "catchUp",
        records,
        bytes,
        seconds,
        usage: after.since(&before),
        resident: [before.resident, after.resident],
    };
    Ok(([records, bytes], read.line()))
}

/// kcat, which is librdkafka with its default settings: it prints partition, offset, time, key and size of each of
/// the records, which are of so many bytes together. `None` if it is not installed.
pub(super) async fn kcat(server: &Server, kafka: &str, bytes: u64) -> anyhow::Result<Option<(u64, Line)>> {
    let (before, started) = (server.usage().await?, Instant::now());
    let mut command = Command::new("kcat");
    command.args(["-C", "-b", kafka, "-t", "account.events", "-o", "beginning", "-e", "-q", "-f", "%p %o %T %k %S\\n"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        child => child.context("start kcat")?,
    };
    let mut output = child.stdout.take().context("kcat's output")?;
    let (mut buffer, mut records) = (vec![0; 64 << 10], 0);
    loop {
        match output.read(&mut buffer).await? {
            0 => break,
            n => records += buffer[..n].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
    let status = child.wait().await?;
    ensure!(status.success(), "kcat ended with {status}");
    let (seconds, after) = (started.elapsed().as_secs_f64(), server.usage().await?);
    let usage = after.since(&before);
    let resident = [before.resident, after.resident];
    let read = Read { by: "kcat (librdkafka)", measure: "catchUpLibrdkafka", records, bytes, seconds, usage, resident };
    Ok(Some((records, read.line())))
}

/// Says that librdkafka was not measured.
pub(super) fn no_kcat() -> Line {
    Line {
        people: "catch-up  by librdkafka: not measured, kcat is not installed".to_owned(),
        machine: json!({"measure": "catchUpLibrdkafka", "skipped": "kcat is not installed"}),
    }
}
