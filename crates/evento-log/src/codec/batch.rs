//! A record batch, version 2: built record by record, read without trusting a length.

use std::ops::Range;

use bytes::Bytes;
use evento_model::hex;

/// Bytes of a batch before its first record.
pub const BATCH_OVERHEAD: usize = 61;
/// Bytes before the length field counts.
const LENGTH_END: usize = 12;
/// Where the CRC's cover begins: from the attributes to the end.
const CRC_FROM: usize = 21;

/// Room for a record of a small value.
const SCRATCH: usize = 2_048;

/// Why bytes are no batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("these bytes are no Kafka record batch of version 2")]
pub struct BatchError;

/// One batch being built. Records get offsets from 0; the base is patched in at the end.
pub(crate) struct BatchBuilder {
    out: Vec<u8>,
    scratch: Vec<u8>,
    count: u32,
}

impl Default for BatchBuilder {
    fn default() -> BatchBuilder {
        BatchBuilder::in_room_of(Vec::new())
    }
}

impl BatchBuilder {
    /// Builds in the room of a buffer that is no longer needed.
    pub(crate) fn in_room_of(mut out: Vec<u8>) -> BatchBuilder {
        out.clear();
        out.resize(BATCH_OVERHEAD, 0);
        BatchBuilder { out, scratch: Vec::with_capacity(SCRATCH), count: 0 }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the batch so far.
    pub(crate) fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Adds a record at the next offset; `headers` writes its headers.
    pub(crate) fn push(&mut self, key: &[u8], value: [&[u8]; 2], headers: impl FnOnce(&mut HeaderWriter<'_>)) {
        self.push_at((i64::from(self.count), 0), key, Some(value), headers);
    }

    /// Adds a record at so many offsets and milliseconds after the batch's base; no value is a tombstone.
    pub(crate) fn push_at(
        &mut self,
        (offset, time): (i64, i64),
        key: &[u8],
        value: Option<[&[u8]; 2]>,
        headers: impl FnOnce(&mut HeaderWriter<'_>),
    ) {
        self.scratch.clear();
        self.scratch.push(0);
        varint(&mut self.scratch, time);
        varint(&mut self.scratch, offset);
        varint(&mut self.scratch, key.len() as i64);
        self.scratch.extend_from_slice(key);
        match value {
            Some(value) => {
                varint(&mut self.scratch, (value[0].len() + value[1].len()) as i64);
                self.scratch.extend_from_slice(value[0]);
                self.scratch.extend_from_slice(value[1]);
            }
            None => varint(&mut self.scratch, -1),
        }
        // The count comes first; it is below 64, so that its place is one byte.
        let at = self.scratch.len();
        self.scratch.push(0);
        let mut writer = HeaderWriter { out: &mut self.scratch, count: 0 };
        headers(&mut writer);
        let count = writer.count;
        debug_assert!(count < 64, "one byte holds the count of headers");
        self.scratch[at] = (count << 1) as u8;
        varint(&mut self.out, self.scratch.len() as i64);
        self.out.extend_from_slice(&self.scratch);
        self.count += 1;
    }

    /// The finished batch: dense offsets, one timestamp.
    pub(crate) fn finish(self, base_offset: u64, timestamp: i64, epoch: u32) -> Vec<u8> {
        let last = self.count as i32 - 1;
        self.finish_at((base_offset, last), (timestamp, timestamp), epoch)
    }

    /// The finished batch with its base offset and the last one after it, its base timestamp and the highest one.
    pub(crate) fn finish_at(
        mut self,
        (base_offset, last): (u64, i32),
        (base, highest): (i64, i64),
        epoch: u32,
    ) -> Vec<u8> {
        let length = (self.out.len() - LENGTH_END) as i32;
        let head = &mut self.out[..BATCH_OVERHEAD];
        head[0..8].copy_from_slice(&base_offset.to_be_bytes());
        head[8..12].copy_from_slice(&length.to_be_bytes());
        head[12..16].copy_from_slice(&epoch.to_be_bytes());
        head[16] = 2;
        head[21..23].copy_from_slice(&0i16.to_be_bytes());
        head[23..27].copy_from_slice(&last.to_be_bytes());
        head[27..35].copy_from_slice(&base.to_be_bytes());
        head[35..43].copy_from_slice(&highest.to_be_bytes());
        head[43..51].copy_from_slice(&(-1i64).to_be_bytes());
        head[51..53].copy_from_slice(&(-1i16).to_be_bytes());
        head[53..57].copy_from_slice(&(-1i32).to_be_bytes());
        head[57..61].copy_from_slice(&self.count.to_be_bytes());
        let crc = crc32c::crc32c(&self.out[CRC_FROM..]);
        self.out[17..21].copy_from_slice(&crc.to_be_bytes());
        self.out
    }
}

/// Writes the headers of one record.
pub(crate) struct HeaderWriter<'a> {
    out: &'a mut Vec<u8>,
    count: usize,
}

impl HeaderWriter<'_> {
    /// A header whose value is the parts one after the other.
    pub(crate) fn put(&mut self, key: &str, parts: &[&[u8]]) {
        varint(self.out, key.len() as i64);
        self.out.extend_from_slice(key.as_bytes());
        varint(self.out, parts.iter().map(|part| part.len()).sum::<usize>() as i64);
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
        self.count += 1;
    }

    pub(crate) fn put_number(&mut self, key: &str, number: u64) {
        let mut digits = [0; 20];
        let text = decimal(number, &mut digits);
        self.put(key, &[text]);
    }

    /// Lower-case hex, with something before it.
    pub(crate) fn put_hex(&mut self, key: &str, before: &str, bytes: &[u8]) {
        self.put(key, &[before.as_bytes(), hex(bytes, &mut [0; 64]).as_bytes()]);
    }
}

/// The digits of a number, in a buffer of the caller's.
pub(crate) fn decimal(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &digits[at..];
        }
    }
}

/// What a batch says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of its first record.
    pub base_offset: u64,
    /// Bytes of the whole batch.
    pub bytes: usize,
    /// Records in it.
    pub count: u32,
    /// Commit time of its records.
    pub timestamp: i64,
}

impl BatchHeader {
    /// Reads the first 61 bytes of a batch; whether the rest is there and unharmed is not looked at.
    pub fn read(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let head = bytes.get(..BATCH_OVERHEAD).ok_or(BatchError)?;
        let i32_at = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let i64_at = |at: usize| head[at..at + 8].try_into().map(i64::from_be_bytes).map_err(|_| BatchError);
        let length = usize::try_from(i32_at(8)).map_err(|_| BatchError)?;
        let count = u32::try_from(i32_at(57)).map_err(|_| BatchError)?;
        if head[16] != 2 || length < BATCH_OVERHEAD - LENGTH_END {
            return Err(BatchError);
        }
        let base_offset = u64::try_from(i64_at(0)?).map_err(|_| BatchError)?;
        Ok(BatchHeader { base_offset, bytes: LENGTH_END + length, count, timestamp: i64_at(35)? })
    }

    /// One past its last offset.
    pub fn end_offset(&self) -> u64 {
        self.base_offset + u64::from(self.count)
    }
}

/// One record of a batch, sliced out of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its offset.
    pub offset: u64,
    /// Commit time, in milliseconds.
    pub timestamp: i64,
    /// Its key; empty if it has none.
    pub key: Bytes,
    /// Its value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<(Bytes, Bytes)>,
}

/// The records of a batch whose checksum holds.
pub fn records(batch: &Bytes) -> Result<Vec<Record>, BatchError> {
    records_within(batch, 0..u64::MAX)
}

/// Those with offsets in a range. The others are stepped over: one event of a large group costs little more than
/// its checksum.
pub fn records_within(batch: &Bytes, offsets: Range<u64>) -> Result<Vec<Record>, BatchError> {
    let (base, records) = unharmed(batch)?;
    records_in(&records, base, offsets, usize::MAX)
}

/// What follows the head of a batch whose checksum holds, and what it is relative to.
pub(super) fn unharmed(batch: &Bytes) -> Result<(Base, Bytes), BatchError> {
    let header = BatchHeader::read(batch)?;
    let whole = batch.get(..header.bytes).ok_or(BatchError)?;
    if !checksum_holds(whole) {
        return Err(BatchError);
    }
    let time = i64::from_be_bytes(whole[27..35].try_into().map_err(|_| BatchError)?);
    let base = Base { offset: header.base_offset, time, count: header.count };
    Ok((base, batch.slice(BATCH_OVERHEAD..header.bytes)))
}

/// Key of the first record, of a batch whose checksum need not hold: for telling a person what is damaged.
pub(crate) fn first_key(batch: &Bytes) -> Option<Bytes> {
    let mut cursor = Cursor { batch, at: BATCH_OVERHEAD, end: batch.len() };
    cursor.length().ok()?;
    cursor.span(1).ok()?;
    cursor.varint().ok()?;
    cursor.varint().ok()?;
    cursor.optional().ok()?
}

/// Whether the CRC of a whole batch is right.
pub(super) fn checksum_holds(whole: &[u8]) -> bool {
    let said = whole.get(17..CRC_FROM).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    said == Some(crc32c::crc32c(whole.get(CRC_FROM..).unwrap_or_default()))
}

/// What the records of a batch are relative to, and how many there are.
pub(super) struct Base {
    pub(super) offset: u64,
    pub(super) time: i64,
    pub(super) count: u32,
}

/// Records out of what follows the head of a batch, uncompressed; together they have at most so many headers.
pub(super) fn records_in(
    batch: &Bytes,
    base: Base,
    offsets: Range<u64>,
    mut headers_max: usize,
) -> Result<Vec<Record>, BatchError> {
    let mut cursor = Cursor { batch, at: 0, end: batch.len() };
    // A record has at least seven bytes, whatever the count says.
    let wanted = offsets.end.saturating_sub(offsets.start).min(u64::from(base.count)) as usize;
    let mut records = Vec::with_capacity(wanted.min(batch.len() / 7));
    for _ in 0..base.count {
        let begun = cursor.record(&base)?;
        if !offsets.contains(&begun.offset) {
            cursor.at = begun.end;
            continue;
        }
        let key = cursor.optional()?.unwrap_or_default();
        let value = cursor.optional()?;
        let count = cursor.length()?;
        headers_max = headers_max.checked_sub(count).ok_or(BatchError)?;
        let mut headers = Vec::with_capacity(count.min(begun.end.saturating_sub(cursor.at) / 2));
        for _ in 0..count {
            let key = cursor.optional()?.ok_or(BatchError)?;
            headers.push((key, cursor.optional()?.unwrap_or_default()));
        }
        if cursor.at != begun.end {
            return Err(BatchError);
        }
        records.push(Record { offset: begun.offset, timestamp: begun.timestamp, key, value, headers });
    }
    if cursor.at == batch.len() { Ok(records) } else { Err(BatchError) }
}

/// The beginning of a record: everything before its key.
pub(super) struct Begun {
    pub(super) offset: u64,
    timestamp: i64,
    /// Where the record ends.
    pub(super) end: usize,
}

/// Reads lengths and what they are the lengths of, never beyond the end.
pub(super) struct Cursor<'a> {
    pub(super) batch: &'a Bytes,
    pub(super) at: usize,
    pub(super) end: usize,
}

impl Cursor<'_> {
    /// Begins with a record.
    pub(super) fn record(&mut self, base: &Base) -> Result<Begun, BatchError> {
        let length = self.length()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.end).ok_or(BatchError)?;
        self.span(1)?;
        let (delta, offset) = (self.varint()?, self.varint()?);
        let offset = base.offset.saturating_add(u64::try_from(offset).map_err(|_| BatchError)?);
        Ok(Begun { offset, timestamp: base.time.wrapping_add(delta), end })
    }

    /// Where the next so many bytes are.
    pub(super) fn span(&mut self, length: usize) -> Result<Range<usize>, BatchError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end).ok_or(BatchError)?;
        let begin = std::mem::replace(&mut self.at, end);
        Ok(begin..end)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<i64, BatchError> {
        // Nearly all lengths are below 64.
        if let Some(&byte @ ..0x80) = self.batch.get(self.at).filter(|_| self.at < self.end) {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<i64, BatchError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.batch.get(self.at).filter(|_| self.at < self.end).ok_or(BatchError)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(BatchError)
    }

    pub(super) fn length(&mut self) -> Result<usize, BatchError> {
        usize::try_from(self.varint()?).map_err(|_| BatchError)
    }

    /// Where a value with its length before it is; none if its length is -1.
    pub(super) fn optional_span(&mut self) -> Result<Option<Range<usize>>, BatchError> {
        match self.varint()? {
            -1 => Ok(None),
            length => self.span(usize::try_from(length).map_err(|_| BatchError)?).map(Some),
        }
    }

    fn optional(&mut self) -> Result<Option<Bytes>, BatchError> {
        Ok(self.optional_span()?.map(|span| self.batch.slice(span)))
    }
}

/// A zigzag varint.
fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::{BatchBuilder, records, records_within};
    use bytes::Bytes;

    #[test]
    fn records_of_a_range_are_those_of_all_that_lie_in_it() {
        let mut builder = BatchBuilder::default();
        for n in 0..300_u32 {
            let value = n.to_be_bytes().repeat(n as usize);
            builder.push(&n.to_be_bytes(), [&value, b"end"], |headers| headers.put("n", &[&n.to_be_bytes()]));
        }
        let batch = Bytes::from(builder.finish(1_000, 7, 0));
        let shown = |records: Vec<super::Record>| {
            records.into_iter().map(|r| (r.offset, r.key, r.value, r.headers)).collect::<Vec<_>>()
        };
        let all = shown(records(&batch).expect("valid"));
        assert_eq!(all.len(), 300);
        for (from, to) in [(0, 1_001), (1_000, 1_000), (1_127, 1_130), (1_299, 5_000), (1_300, 1_301), (0, u64::MAX)] {
            let wanted: Vec<_> = all.iter().filter(|record| (from..to).contains(&record.0)).cloned().collect();
            assert_eq!(shown(records_within(&batch, from..to).expect("valid")), wanted, "{from}..{to}");
        }
    }
}
