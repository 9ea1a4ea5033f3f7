//! A stretch of a topic partition as it lies in its file, for whoever hands it on without looking into it.
//!
//! What was written to a topic file never changes until the file is given up, so a stretch stays right after the
//! partition was let go. The end of a stretch is found in the sparse index: nothing between is read here.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use evento_model::Offset;

use super::{BATCH_OVERHEAD, BatchHeader, Entry, Fault, Partition, PartitionEnd, TopicPartition, Topics, file_name};
use crate::disk::DiskFile;

/// Whole record batches, one after the other.
pub enum Stretch {
    /// They are in a file.
    File(FileStretch),
    /// They are in memory.
    Memory(Bytes),
}

/// Bytes of a topic file.
pub struct FileStretch {
    file: Arc<dyn DiskFile>,
    /// Where they begin.
    pub position: u64,
    /// How many they are.
    pub length: u64,
}

/// A topic file as it is at a moment.
pub(crate) struct Whole {
    pub(crate) at: TopicPartition,
    /// Relative to the data directory.
    pub(crate) name: String,
    pub(crate) stretch: FileStretch,
    /// Where its partition ends; of use if it is the partition's last file.
    pub(crate) end: PartitionEnd,
    pub(crate) is_last: bool,
}

impl Topics {
    /// All files to their ends; what is gathered in memory is written first.
    pub(crate) fn whole(&self) -> Result<Vec<Whole>, Fault> {
        let partitions: Vec<_> = self.partitions.read().iter().map(|(at, found)| (*at, found.clone())).collect();
        let mut all = Vec::new();
        for (at, partition) in partitions {
            let mut partition = partition.write();
            let end = partition.flush(&*self.disk)?;
            for (file, handles) in partition.files.iter().filter_map(|file| Some((file, file.handles.as_ref()?))) {
                let folder = format!("topics/{}.{}/{}", at.entity.0, at.kind.as_str(), at.partition);
                let stretch = FileStretch { file: handles.file.clone(), position: 0, length: file.length };
                let name = format!("{folder}/{}", file_name(file.base, "log"));
                all.push(Whole { at, name, stretch, end, is_last: file.base == end.file });
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

impl Stretch {
    /// Bytes of the batches.
    pub fn bytes(&self) -> u64 {
        match self {
            Stretch::File(file) => file.length,
            Stretch::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl FileStretch {
    /// The file's handle, if the disk has such: the system copies from it to a socket itself (sendfile).
    pub fn handle(&self) -> Option<BorrowedFd<'_>> {
        self.file.handle()
    }

    /// Reads from this many bytes after its beginning, at most so many; fewer only at its end.
    ///
    /// Fails with the system's error; `UnexpectedEof` if the file is shorter than it was.
    pub fn read(&self, after: u64, bytes_max: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.length.saturating_sub(after)).unwrap_or(usize::MAX);
        let mut bytes = BytesMut::zeroed(left.min(bytes_max));
        if self.file.read_at(&mut bytes, self.position + after)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes.freeze())
    }
}

impl Partition {
    /// Whole batches from the one that holds `from` on, of one file: at most so many bytes, at least one batch; of
    /// what is only in memory about so many. `None` at the end of the partition.
    pub(crate) fn stretch(&self, from: Offset, bytes_max: usize) -> Result<Option<Stretch>, Fault> {
        if from >= self.next {
            return Ok(None);
        }
        let file_at = self.files.partition_point(|file| file.base <= from).saturating_sub(1);
        let file = &self.files[file_at];
        let begin = self.believed(file_at, file.index.partition_point(|entry| entry.offset <= from))?;
        let (mut position, mut expected) = begin.map_or((0, file.base), |entry| (entry.position, entry.offset));
        // At most as far as two entries of the index are apart.
        let first = loop {
            if position >= file.length {
                let joined = self.read(from, bytes_max)?.concat();
                return Ok(Some(Stretch::Memory(joined.into())));
            }
            let head = self.chunk(file_at, position, BATCH_OVERHEAD)?;
            let header = BatchHeader::read(&head).map_err(|_| self.damaged(position))?;
            if position + header.bytes as u64 > file.length || header.base_offset != expected {
                return Err(self.damaged(position));
            }
            if header.end_offset() > from {
                break header.bytes as u64;
            }
            (position, expected) = (position + header.bytes as u64, header.end_offset());
        };
        let most = position.saturating_add(bytes_max as u64);
        let end = match file.length <= most {
            true => file.length,
            false => {
                let entry = self.believed(file_at, file.index.partition_point(|entry| entry.position <= most))?;
                entry.map_or(0, |entry| entry.position).max(position + first)
            }
        };
        let file = self.handles_of(file_at, position)?.file.clone();
        Ok(Some(Stretch::File(FileStretch { file, position, length: end - position })))
    }

    /// The entry before a place in a file's index, if a batch with its offset is where it says: the index is a hint.
    fn believed(&self, file_at: usize, before: usize) -> Result<Option<Entry>, Fault> {
        let Some(entry) = before.checked_sub(1).map(|at| self.files[file_at].index[at]) else { return Ok(None) };
        let head = self.chunk(file_at, entry.position, BATCH_OVERHEAD)?;
        let there = BatchHeader::read(&head).is_ok_and(|header| header.base_offset == entry.offset);
        Ok(there.then_some(entry))
    }
}
