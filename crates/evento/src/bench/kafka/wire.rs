//! As much of the Kafka protocol as the measures need: Produce 3, Fetch 4, ListOffsets 1, written by hand.
//!
//! Source: Kafka protocol guide. No batch is decoded: its head says how many records it has.

use anyhow::{Context, ensure};
use evento_log::codec::BatchHeader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A connection to a listener.
pub struct Broker {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// What a fetch brought.
#[derive(Default)]
pub struct Fetched {
    /// Records from the asked offsets on.
    pub records: u64,
    /// Bytes of their batches.
    pub bytes: u64,
}

impl Broker {
    /// Connects to `host:port`.
    pub async fn connect(kafka: &str) -> anyhow::Result<Broker> {
        let stream = TcpStream::connect(kafka).await.with_context(|| format!("connect to {kafka}"))?;
        stream.set_nodelay(true)?;
        Ok(Broker { stream, request: Vec::new(), answer: Vec::new() })
    }

    /// Produces one batch with `acks=all`.
    pub async fn produce(&mut self, topic: &str, partition: i32, batch: &[u8]) -> anyhow::Result<()> {
        self.begin(0, 3);
        self.number16(-1);
        self.number16(-1);
        self.number32(30_000);
        self.number32(1);
        self.text(topic);
        self.number32(1);
        self.number32(partition);
        self.number32(batch.len() as i32);
        self.request.extend_from_slice(batch);
        self.exchange().await?;
        let mut answer = Cursor(&self.answer);
        answer.skip(4)?;
        answer.skip_text()?;
        answer.skip(8)?;
        let error = answer.number16()?;
        ensure!(error == 0, "a batch was answered with error {error}");
        Ok(())
    }

    /// One past the last offset of each partition.
    pub async fn ends(&mut self, topic: &str, partitions: u32) -> anyhow::Result<Vec<i64>> {
        self.begin(2, 1);
        self.number32(-1);
        self.number32(1);
        self.text(topic);
        self.number32(partitions as i32);
        for partition in 0..partitions {
            self.number32(partition as i32);
            self.number64(-1);
        }
        self.exchange().await?;
        let mut answer = Cursor(&self.answer);
        answer.skip(4)?;
        answer.skip_text()?;
        let mut ends = vec![0; partitions as usize];
        for _ in 0..answer.number32()? {
            let partition = answer.number32()? as usize;
            ensure!(answer.number16()? == 0, "ListOffsets was answered with an error");
            answer.skip(8)?;
            *ends.get_mut(partition).context("a partition that was not asked for")? = answer.number64()?;
        }
        Ok(ends)
    }

    /// Fetches from these offsets on and moves them to what follows.
    pub async fn fetch(
        &mut self,
        topic: &str,
        at: &mut [i64],
        (of_one, of_all): (i32, i32),
        wait_ms: i32,
    ) -> anyhow::Result<Fetched> {
        self.fetch_batches(topic, at, (of_one, of_all), wait_ms, |_, _, _| {}).await
    }

    /// As `fetch`; `each` gets the partition, the offset that was asked for, and a batch.
    pub async fn fetch_batches(
        &mut self,
        topic: &str,
        at: &mut [i64],
        (of_one, of_all): (i32, i32),
        wait_ms: i32,
        each: impl FnMut(usize, i64, &[u8]),
    ) -> anyhow::Result<Fetched> {
        self.begin(1, 4);
        self.number32(-1);
        self.number32(wait_ms);
        self.number32(1);
        self.number32(of_all);
        self.request.push(1);
        self.number32(1);
        self.text(topic);
        self.number32(at.len() as i32);
        for (partition, offset) in at.iter().enumerate() {
            self.number32(partition as i32);
            self.number64(*offset);
            self.number32(of_one);
        }
        self.exchange().await?;
        read_fetched(&self.answer, at, each)
    }

    fn begin(&mut self, key: i16, version: i16) {
        self.request.clear();
        self.request.extend_from_slice(&[0; 4]);
        self.number16(key);
        self.number16(version);
        self.number32(0);
        self.text("evento-bench");
    }

    fn number16(&mut self, number: i16) {
        self.request.extend_from_slice(&number.to_be_bytes());
    }

    fn number32(&mut self, number: i32) {
        self.request.extend_from_slice(&number.to_be_bytes());
    }

    fn number64(&mut self, number: i64) {
        self.request.extend_from_slice(&number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number16(text.len() as i16);
        self.request.extend_from_slice(text.as_bytes());
    }

    /// Sends the request and reads the answer without its length and correlation id.
    async fn exchange(&mut self) -> anyhow::Result<()> {
        let length = (self.request.len() - 4) as u32;
        self.request[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&self.request).await?;
        let length = self.stream.read_u32().await? as usize;
        ensure!((4..=ANSWER_BYTES_MAX).contains(&length), "an answer of {length} bytes");
        self.stream.read_u32().await?;
        self.answer.resize(length - 4, 0);
        self.stream.read_exact(&mut self.answer).await?;
        Ok(())
    }
}

fn read_fetched(answer: &[u8], at: &mut [i64], mut each: impl FnMut(usize, i64, &[u8])) -> anyhow::Result<Fetched> {
    let (mut answer, mut fetched) = (Cursor(answer), Fetched::default());
    answer.skip(8)?;
    answer.skip_text()?;
    for _ in 0..answer.number32()? {
        let partition = answer.number32()? as usize;
        let error = answer.number16()?;
        ensure!(error == 0, "partition {partition} was answered with error {error}");
        answer.skip(16)?;
        let aborted = answer.number32()?.max(0) as usize;
        answer.skip(aborted * 16)?;
        let length = answer.number32()?.max(0) as usize;
        let mut records = answer.take(length)?;
        fetched.bytes += records.len() as u64;
        let next = at.get_mut(partition).context("a partition that was not asked for")?;
        while let Ok(batch) = BatchHeader::read(records) {
            let end = batch.end_offset() as i64;
            each(partition, *next, &records[..batch.bytes.min(records.len())]);
            fetched.records += u64::try_from(end - *next).unwrap_or(0);
            *next = end.max(*next);
            records = records.get(batch.bytes..).unwrap_or_default();
        }
    }
    Ok(fetched)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).context("the answer is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> anyhow::Result<()> {
        self.take(length).map(drop)
    }

    fn number16(&mut self) -> anyhow::Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    fn number32(&mut self) -> anyhow::Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn number64(&mut self) -> anyhow::Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    fn skip_text(&mut self) -> anyhow::Result<()> {
        let length = self.number16()?.max(0) as usize;
        self.skip(length)
    }
}
