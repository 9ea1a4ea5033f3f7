//! The checkpoint file: up to where topics and state store hold everything, and the small facts.
//!
//! Written whole beside the old one and renamed over it, after topics and store were synced: what it says is
//! always true. It is read first at start.

use std::path::Path;

use bytes::Bytes;
use std::collections::BTreeMap;

use super::Fault;
use super::segments::{CommitPlace, SEGMENT_HEAD};
use super::small;
use super::topics::PartitionEnd;
use crate::disk::Disk;
use crate::frame::TopicPartition;
use crate::wire::{Malformed, Read, Reader, put_bytes};
use evento_model::{TopicKind, planted};

const MAGIC: [u8; 8] = *b"EVCKPT01";
const NAME: &str = "checkpoint";

/// What a checkpoint says.
pub(crate) struct Checkpoint {
    /// The first frame that is not contained.
    pub(crate) place: CommitPlace,
    pub(crate) ends: Vec<(TopicPartition, PartitionEnd)>,
    pub(crate) meta: BTreeMap<Bytes, Bytes>,
}

impl Checkpoint {
    /// Before the first frame.
    pub(crate) fn beginning() -> Checkpoint {
        let place = CommitPlace { segment: 1, offset: SEGMENT_HEAD, commit_seq: 1 };
        Checkpoint { place, ends: Vec::new(), meta: BTreeMap::new() }
    }

    /// The checkpoint of a data directory, if one was ever made.
    pub(crate) fn read(disk: &dyn Disk, folder: &Path) -> Result<Option<Checkpoint>, Fault> {
        let Some(bytes) = small::read(disk, folder, NAME)? else { return Ok(None) };
        let what = "the checkpoint's checksum does not hold".to_owned();
        let file = folder.join(NAME).display().to_string();
        decode(&bytes).map(Some).map_err(|_| Fault::Corrupt { file, offset: 0, what })
    }

    /// Replaces the checkpoint; durable when this returns.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), Fault> {
        if planted!(8) {
            return small::put_beside(disk, folder, NAME, &self.encode());
        }
        small::replace(disk, folder, NAME, &self.encode())
    }

    /// The checkpoint in these bytes, if there is one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Checkpoint> {
        decode(bytes).ok()
    }

    /// Its bytes, with their checksum.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let CommitPlace { segment, offset, commit_seq } = self.place;
        [segment, offset, commit_seq].iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        out.extend_from_slice(&(self.ends.len() as u32).to_be_bytes());
        for (at, end) in &self.ends {
            out.extend_from_slice(&at.entity.0.to_be_bytes());
            out.push(at.kind as u8);
            out.extend_from_slice(&at.partition.to_be_bytes());
            [end.next, end.file, end.length].iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        }
        out.extend_from_slice(&(self.meta.len() as u32).to_be_bytes());
        for (key, value) in &self.meta {
            put_bytes(&mut out, key);
            put_bytes(&mut out, value);
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }
}

fn decode(bytes: &[u8]) -> Read<Checkpoint> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(Malformed)?;
    if crc32c::crc32c(content).to_be_bytes() != *crc {
        return Err(Malformed);
    }
    let mut reader = Reader(content.strip_prefix(&MAGIC).ok_or(Malformed)?);
    let place = CommitPlace { segment: reader.u64()?, offset: reader.u64()?, commit_seq: reader.u64()? };
    let mut ends = Vec::new();
    for _ in 0..reader.u32()? {
        let entity = reader.entity_type()?;
        let kind = reader.u8()?;
        let kinds = [TopicKind::Commands, TopicKind::Events];
        let kind = kinds.into_iter().find(|known| *known as u8 == kind).ok_or(Malformed)?;
        let at = TopicPartition { entity, kind, partition: reader.u32()? };
        ends.push((at, PartitionEnd { next: reader.u64()?, file: reader.u64()?, length: reader.u64()? }));
    }
    let mut meta = BTreeMap::new();
    for _ in 0..reader.u32()? {
        let key = Bytes::copy_from_slice(reader.bytes()?);
        meta.insert(key, Bytes::copy_from_slice(reader.bytes()?));
    }
    reader.end()?;
    Ok(Checkpoint { place, ends, meta })
}
