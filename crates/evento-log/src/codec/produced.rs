//! A batch as a producer sends it: its head, and its records once they are uncompressed.
//!
//! Nothing of it is stored: each record becomes a command, or the batch is refused. Uncompressing is the caller's,
//! who knows how large a result may be.

use bytes::Bytes;

use super::batch::{BATCH_OVERHEAD, Base, BatchBuilder, BatchError, BatchHeader, Record, checksum_holds, records_in};

/// Headers of all records of a batch together: a header of two bytes takes 64 in memory.
const HEADERS_MAX: usize = 500_000;

/// How the records of a batch are compressed (Kafka protocol guide, "Record Batch", attributes bits 0 to 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy, raw or in the frames of the Java library.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// RFC 8878.
    Zstd,
}

/// A batch whose checksum holds.
#[derive(Clone, Debug)]
pub struct ProducedBatch {
    /// How its records are compressed.
    pub compression: Compression,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// Whether it is a marker, which only brokers write.
    pub control: bool,
    /// The producer's id; -1 for one that is not idempotent.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Number of the first record in the producer's sequence for the partition.
    pub base_sequence: i32,
    /// How many records it claims.
    pub count: u32,
    /// Its records, still compressed.
    pub payload: Bytes,
    base_time: i64,
}

impl ProducedBatch {
    /// Reads the one batch that these bytes must be.
    ///
    /// # Errors
    ///
    /// Bytes are missing or left over, the magic is not 2, the checksum is wrong, or the compression is unknown.
    pub fn read(bytes: &Bytes) -> Result<ProducedBatch, BatchError> {
        let header = BatchHeader::read(bytes)?;
        if header.bytes != bytes.len() || !checksum_holds(bytes) {
            return Err(BatchError);
        }
        let head = &bytes[..BATCH_OVERHEAD];
        let attributes = i16::from_be_bytes([head[21], head[22]]);
        let compression = match attributes & 7 {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return Err(BatchError),
        };
        let i64_at = |at: usize| head[at..at + 8].try_into().map(i64::from_be_bytes).map_err(|_| BatchError);
        Ok(ProducedBatch {
            compression,
            transactional: attributes & 16 != 0,
            control: attributes & 32 != 0,
            producer_id: i64_at(43)?,
            producer_epoch: i16::from_be_bytes([head[51], head[52]]),
            base_sequence: i32::from_be_bytes([head[53], head[54], head[55], head[56]]),
            count: header.count,
            payload: bytes.slice(BATCH_OVERHEAD..),
            base_time: i64_at(27)?,
        })
    }

    /// Its records out of the uncompressed payload; their offsets count from 0.
    ///
    /// # Errors
    ///
    /// The payload is not exactly so many records, or they have more than half a million headers.
    pub fn records(&self, payload: &Bytes) -> Result<Vec<Record>, BatchError> {
        records_in(payload, Base { offset: 0, time: self.base_time, count: self.count }, 0..u64::MAX, HEADERS_MAX)
    }
}

/// A batch as a plain producer sends it: keys and values, no headers, no producer id. For load and tests.
pub fn plain_batch<'a>(records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    records.into_iter().for_each(|(key, value)| builder.push(key, [value, &[]], |_| {}));
    builder.finish(0, 0, 0)
}
