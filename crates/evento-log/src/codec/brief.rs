//! What replay needs of an event, without the rest: borrowed from its batch, its headers stepped over.
//!
//! The events of a batch are read one after the other and handed on; nothing is kept. `record` reads all of an event.

use bytes::Bytes;
use evento_model::{Digest, Offset, SchemaId, Sequence, Timestamp};

use super::batch::{BatchError, Cursor, unharmed};
use super::headers as h;
use super::record::number_of;
use crate::record::EventRecord;

/// An event, as far as it matters for the state it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventBrief<'a> {
    /// The instance.
    pub id: &'a str,
    /// Its number within the instance.
    pub seq: Sequence,
    /// Full name of its type.
    pub type_name: &'a str,
    /// Registry id of the payload's schema.
    pub schema: SchemaId,
    /// Canonical Avro bytes.
    pub payload: Bytes,
    /// Acceptance time of the command that caused it.
    pub time: Timestamp,
    /// SHA-256 of the state after this event; 32 zero bytes when there is no state.
    pub state_digest: Digest,
}

impl EventRecord {
    /// The event without what replay does not need.
    pub fn brief(&self) -> EventBrief<'_> {
        EventBrief {
            id: self.id.as_str(),
            seq: self.seq,
            type_name: self.type_name.as_str(),
            schema: self.schema,
            payload: self.payload.clone(),
            time: self.time,
            state_digest: self.state_digest,
        }
    }
}

/// Hands on the events of a batch from an offset on, in their order. Errors: the checksum does not hold, or a record
/// is no event; those before it were handed on.
pub fn briefs_from(batch: &Bytes, from: Offset, mut see: impl FnMut(EventBrief<'_>)) -> Result<(), BatchError> {
    let (base, records) = unharmed(batch)?;
    let mut cursor = Cursor { batch: &records, at: 0, end: records.len() };
    for _ in 0..base.count {
        let begun = cursor.record(&base)?;
        if begun.offset >= from {
            see(brief(&mut cursor)?);
        }
        if cursor.at > begun.end {
            return Err(BatchError);
        }
        cursor.at = begun.end;
    }
    if cursor.at == records.len() { Ok(()) } else { Err(BatchError) }
}

/// The headers that matter, as they lie in the batch.
#[derive(Default)]
struct Found<'a> {
    type_name: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    seq: Option<&'a [u8]>,
    state_digest: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// Keeps one that matters. Whether it was kept: of two with one name it is the first.
    fn put(&mut self, name: &[u8], value: &'a [u8]) -> bool {
        const TYPE: &[u8] = h::TYPE.as_bytes();
        const TIME: &[u8] = h::TIME.as_bytes();
        const SEQUENCE: &[u8] = h::SEQUENCE.as_bytes();
        const STATE_DIGEST: &[u8] = h::STATE_DIGEST.as_bytes();
        let place = match name {
            TYPE => &mut self.type_name,
            TIME => &mut self.time,
            SEQUENCE => &mut self.seq,
            STATE_DIGEST => &mut self.state_digest,
            _ => return false,
        };
        let first = place.is_none();
        place.get_or_insert(value);
        first
    }
}

fn brief<'a>(cursor: &mut Cursor<'a>) -> Result<EventBrief<'a>, BatchError> {
    let batch = cursor.batch;
    let key = cursor.optional_span()?.ok_or(BatchError)?;
    let value = cursor.optional_span()?.ok_or(BatchError)?;
    let (mut found, mut missing) = (Found::default(), 4);
    for _ in 0..cursor.length()? {
        let name = cursor.optional_span()?.ok_or(BatchError)?;
        let value = cursor.optional_span()?.unwrap_or(0..0);
        if found.put(&batch[name], &batch[value]) {
            missing -= 1;
            // The rest is stepped over at once.
            if missing == 0 {
                break;
            }
        }
    }
    let (&[magic, a, b, c, d], _) = batch[value.clone()].split_first_chunk::<5>().ok_or(BatchError)?;
    if magic != 0 {
        return Err(BatchError);
    }
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|_| BatchError);
    Ok(EventBrief {
        id: text(&batch[key])?,
        seq: found.seq.and_then(number_of).ok_or(BatchError)?,
        type_name: text(found.type_name.ok_or(BatchError)?)?,
        schema: SchemaId(u32::from_be_bytes([a, b, c, d])),
        payload: batch.slice(value.start + 5..value.end),
        time: found.time.and_then(Timestamp::parse_rfc3339).ok_or(BatchError)?,
        state_digest: found.state_digest.and_then(Digest::parse).ok_or(BatchError)?,
    })
}
