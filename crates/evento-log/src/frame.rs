//! A frame of the commit log: everything one group commit changes, as bytes that prove themselves.
//!
//! Head (40 bytes): magic `EVCF`, version 1, three zero bytes, length of the content, CRC-32C of all that
//! follows it, incarnation of the segment, `commit_seq`, wall clock. The incarnation keeps bytes of a recycled
//! segment from being taken for new ones. Content: sections, each a tag and its fields. Replay is a pure
//! function of the content: nothing is derived from a store that is being rebuilt.

use bytes::Bytes;
use evento_model::{
    CommandId, Digest, EntityId, EntityTypeId, Offset, Outcome, Revision, Sequence, Timestamp, TopicKind, planted,
};

use crate::unit::StatePut;
use crate::wire::{Malformed, Read, Reader, put_bytes, put_optional, put_outcome, put_state};

/// Bytes of a frame before its content.
pub(crate) const HEAD: usize = 40;
/// Frames begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;
/// Longest content that is believed.
pub(crate) const CONTENT_MAX: usize = 64 << 20;

const MAGIC: [u8; 4] = *b"EVCF";
const VERSION: u8 = 1;

/// What a frame says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHead {
    pub(crate) incarnation: u64,
    pub(crate) commit_seq: u64,
    pub(crate) wall: Timestamp,
    pub(crate) content: usize,
}

impl FrameHead {
    /// Bytes the frame takes in its segment.
    pub(crate) fn span(&self) -> usize {
        (HEAD + self.content).next_multiple_of(ALIGNMENT)
    }

    /// Reads and checks a frame at the beginning of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Option<FrameHead> {
        let head = bytes.get(..HEAD)?;
        if head[..4] != MAGIC || head[4] != VERSION {
            return None;
        }
        let mut fields = Reader(&head[8..]);
        let (content, crc) = (fields.u32().ok()? as usize, fields.u32().ok()?);
        let (incarnation, commit_seq, wall) = (fields.u64().ok()?, fields.u64().ok()?, fields.i64().ok()?);
        let whole = bytes.get(16..HEAD.checked_add(content)?).filter(|_| content <= CONTENT_MAX)?;
        (crc32c::crc32c(whole) == crc || planted!(4)).then_some(FrameHead {
            incarnation,
            commit_seq,
            wall: Timestamp(wall),
            content,
        })
    }
}

/// Fills in the head of a frame whose content is in `frame[HEAD..]`, and pads it to the alignment.
pub(crate) fn seal(frame: &mut Vec<u8>, incarnation: u64, commit_seq: u64, wall: Timestamp) {
    let content = (frame.len() - HEAD) as u32;
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..8].copy_from_slice(&[VERSION, 0, 0, 0]);
    frame[8..12].copy_from_slice(&content.to_be_bytes());
    frame[16..24].copy_from_slice(&incarnation.to_be_bytes());
    frame[24..32].copy_from_slice(&commit_seq.to_be_bytes());
    frame[32..40].copy_from_slice(&wall.0.to_be_bytes());
    let crc = crc32c::crc32c(&frame[16..]);
    frame[12..16].copy_from_slice(&crc.to_be_bytes());
    frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
}

/// One part of a frame's content.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Section {
    /// Records of one topic partition.
    Batch(TopicPartition, Bytes),
    /// What a unit changes beside its records.
    Unit(Box<UnitChange>),
    /// A small fact; `None` deletes it.
    Meta(Bytes, Option<Bytes>),
}

/// A partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct TopicPartition {
    pub(crate) entity: EntityTypeId,
    pub(crate) kind: TopicKind,
    pub(crate) partition: u32,
}

/// What a unit changes beside its records.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct UnitChange {
    pub(crate) entity: EntityTypeId,
    pub(crate) partition: u32,
    pub(crate) id: EntityId,
    /// Number of its first event, that event's offset, and how many there are.
    pub(crate) events: (Sequence, Offset, u32),
    pub(crate) state: Option<StatePut>,
    /// Commands written with it that have not ended.
    pub(crate) stored: Vec<(CommandId, Offset)>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) noted: Vec<Noted>,
}

/// A command that ended.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ended {
    pub(crate) command_id: CommandId,
    pub(crate) client_supplied: bool,
    pub(crate) digest: Digest,
    pub(crate) outcome: Outcome,
    pub(crate) seq_first: Sequence,
    pub(crate) seq_last: Sequence,
    pub(crate) attempts: u32,
    pub(crate) accepted_at: Timestamp,
    pub(crate) revision: Option<Revision>,
}

/// What is noted about a command that has not ended.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Noted {
    pub(crate) command_id: CommandId,
    pub(crate) parked: bool,
    pub(crate) attempts: u32,
    pub(crate) note: Option<Bytes>,
}

const BATCH: u8 = 1;
const UNIT: u8 = 2;
const META: u8 = 3;

/// Appends a batch.
pub(crate) fn put_batch(out: &mut Vec<u8>, at: TopicPartition, batch: &[u8]) {
    out.push(BATCH);
    put_partition(out, at);
    put_bytes(out, batch);
}

/// Appends a fact.
pub(crate) fn put_meta(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    out.push(META);
    put_bytes(out, key);
    put_optional(out, value);
}

/// Appends a change.
pub(crate) fn put_unit(out: &mut Vec<u8>, change: &UnitChange) {
    out.push(UNIT);
    out.extend_from_slice(&change.entity.0.to_be_bytes());
    out.extend_from_slice(&change.partition.to_be_bytes());
    put_bytes(out, change.id.as_str().as_bytes());
    out.extend_from_slice(&change.events.0.to_be_bytes());
    out.extend_from_slice(&change.events.1.to_be_bytes());
    out.extend_from_slice(&change.events.2.to_be_bytes());
    out.push(u8::from(change.state.is_some()));
    if let Some(state) = &change.state {
        put_state(out, state);
    }
    out.extend_from_slice(&(change.stored.len() as u32).to_be_bytes());
    for (id, offset) in &change.stored {
        put_bytes(out, id.as_str().as_bytes());
        out.extend_from_slice(&offset.to_be_bytes());
    }
    out.extend_from_slice(&(change.ended.len() as u32).to_be_bytes());
    change.ended.iter().for_each(|ended| put_ended(out, ended));
    out.extend_from_slice(&(change.noted.len() as u32).to_be_bytes());
    change.noted.iter().for_each(|noted| put_noted(out, noted));
}

pub(crate) fn put_ended(out: &mut Vec<u8>, ended: &Ended) {
    put_bytes(out, ended.command_id.as_str().as_bytes());
    out.push(u8::from(ended.client_supplied));
    out.extend_from_slice(&ended.digest.0);
    put_outcome(out, ended.outcome);
    out.extend_from_slice(&ended.seq_first.to_be_bytes());
    out.extend_from_slice(&ended.seq_last.to_be_bytes());
    out.extend_from_slice(&ended.attempts.to_be_bytes());
    out.extend_from_slice(&ended.accepted_at.0.to_be_bytes());
    put_optional(out, ended.revision.as_ref().map(|revision| &revision.0.0[..]));
}

pub(crate) fn put_noted(out: &mut Vec<u8>, noted: &Noted) {
    put_bytes(out, noted.command_id.as_str().as_bytes());
    out.push(u8::from(noted.parked));
    out.extend_from_slice(&noted.attempts.to_be_bytes());
    put_optional(out, noted.note.as_deref());
}

fn put_partition(out: &mut Vec<u8>, at: TopicPartition) {
    out.extend_from_slice(&at.entity.0.to_be_bytes());
    out.push(match at.kind {
        TopicKind::Commands => 0,
        TopicKind::Events => 1,
    });
    out.extend_from_slice(&at.partition.to_be_bytes());
}

/// The sections of a frame's content.
pub(crate) fn sections(content: &Bytes) -> Read<Vec<Section>> {
    let mut reader = Reader(content);
    let mut sections = Vec::new();
    while !reader.0.is_empty() {
        sections.push(match reader.u8()? {
            BATCH => {
                let at = read_partition(&mut reader)?;
                Section::Batch(at, content.slice_ref(reader.bytes()?))
            }
            UNIT => Section::Unit(Box::new(read_unit(&mut reader)?)),
            META => {
                let key = Bytes::copy_from_slice(reader.bytes()?);
                Section::Meta(key, reader.optional()?.map(Bytes::copy_from_slice))
            }
            _ => return Err(Malformed),
        });
    }
    Ok(sections)
}

fn read_partition(reader: &mut Reader<'_>) -> Read<TopicPartition> {
    let entity = reader.entity_type()?;
    let kind = match reader.u8()? {
        0 => TopicKind::Commands,
        1 => TopicKind::Events,
        _ => return Err(Malformed),
    };
    Ok(TopicPartition { entity, kind, partition: reader.u32()? })
}

fn read_unit(reader: &mut Reader<'_>) -> Read<UnitChange> {
    let (entity, partition, id) = (reader.entity_type()?, reader.u32()?, reader.entity_id()?);
    let events = (reader.u64()?, reader.u64()?, reader.u32()?);
    let state = if reader.u8()? == 1 { Some(reader.state()?) } else { None };
    let mut change =
        UnitChange { entity, partition, id, events, state, stored: Vec::new(), ended: Vec::new(), noted: Vec::new() };
    for _ in 0..reader.u32()? {
        change.stored.push((reader.command_id()?, reader.u64()?));
    }
    for _ in 0..reader.u32()? {
        change.ended.push(read_ended(reader)?);
    }
    for _ in 0..reader.u32()? {
        change.noted.push(read_noted(reader)?);
    }
    Ok(change)
}

pub(crate) fn read_ended(reader: &mut Reader<'_>) -> Read<Ended> {
    Ok(Ended {
        command_id: reader.command_id()?,
        client_supplied: reader.u8()? == 1,
        digest: reader.digest()?,
        outcome: reader.outcome()?,
        seq_first: reader.u64()?,
        seq_last: reader.u64()?,
        attempts: reader.u32()?,
        accepted_at: Timestamp(reader.i64()?),
        revision: reader.revision()?,
    })
}

pub(crate) fn read_noted(reader: &mut Reader<'_>) -> Read<Noted> {
    Ok(Noted {
        command_id: reader.command_id()?,
        parked: reader.u8()? == 1,
        attempts: reader.u32()?,
        note: reader.optional()?.map(Bytes::copy_from_slice),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use evento_model::Timestamp;
    use proptest::prelude::*;

    use super::{FrameHead, HEAD, put_meta, seal, sections};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        #[test]
        fn chance_bytes_are_sections_or_malformed(mut bytes: Vec<u8>, tag in 1..4_u8) {
            prop_assert_eq!(FrameHead::read(&bytes), None);
            bytes.insert(0, tag);
            if let Ok(read) = sections(&Bytes::from(bytes)) {
                prop_assert!(!read.is_empty());
            }
        }

        #[test]
        fn a_changed_frame_is_no_frame(at: u16, bit in 0..8_u8) {
            let mut frame = vec![0; HEAD];
            put_meta(&mut frame, b"a key", Some(b"a value"));
            let end = frame.len();
            seal(&mut frame, 7, 8, Timestamp(9));
            prop_assert!(FrameHead::read(&frame).is_some());
            // The three bytes after the version are spare; what pads the end is outside.
            let at = usize::from(at) % end;
            frame[at] ^= 1 << bit;
            prop_assert_eq!(FrameHead::read(&frame).is_some(), (5..8).contains(&at));
        }
    }
}
