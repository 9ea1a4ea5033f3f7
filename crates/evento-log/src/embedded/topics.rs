//! Topic partitions: Kafka record batches one after the other, offsets dense from 0.
//!
//! Derived from the commit log: appended when a frame is durable, kept in memory until a few kilobytes are
//! together, synced at checkpoints, cut back to the last checkpoint and filled again from frames at start.
//! Offsets below the end are always readable: from the file, or from what is still in memory.

mod look;
mod stretch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use evento_model::{Offset, Timestamp, TopicKind, planted, sometimes};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::Fault;
use crate::codec::{BATCH_OVERHEAD, BatchHeader};
use crate::disk::{Disk, DiskFile};
use crate::frame::TopicPartition;
use crate::wire::Reader;
pub(crate) use look::Place;
pub(crate) use stretch::Whole;
pub use stretch::{FileStretch, Stretch};

/// Bytes read at once where no batch says how many there are.
const CHUNK: usize = 64 << 10;
/// Bytes of one index entry on disk: offset, position, time.
const ENTRY: usize = 24;

/// How topics lie on disk.
#[derive(Clone, Copy, Debug)]
pub struct TopicSizes {
    /// Bytes of a partition gathered in memory before they go to its file.
    pub gather: usize,
    /// Bytes between two entries of an index.
    pub index_every: u64,
    /// Bytes at which a new file is begun.
    pub file_max: u64,
}

impl Default for TopicSizes {
    fn default() -> TopicSizes {
        TopicSizes { gather: 64 << 10, index_every: 16 << 10, file_max: 1 << 30 }
    }
}

/// All partitions of all topics. Bound: partitions of the registered entity types.
pub(crate) struct Topics {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    sizes: TopicSizes,
    partitions: RwLock<FxHashMap<TopicPartition, Arc<RwLock<Partition>>>>,
}

/// Where a partition ended at a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PartitionEnd {
    pub(crate) next: Offset,
    /// Base offset of the last file, and its length.
    pub(crate) file: Offset,
    pub(crate) length: u64,
}

pub(crate) struct Partition {
    folder: PathBuf,
    sizes: TopicSizes,
    files: Vec<TopicFile>,
    /// What is not in the last file yet. Bound: `TopicSizes::gather`, or one batch.
    gathered: BytesMut,
    pub(crate) next: Offset,
}

struct TopicFile {
    base: Offset,
    /// Opened with the first bytes that go to it: a full disk is no reason not to begin one.
    handles: Option<Handles>,
    /// Bytes in the file, without what is gathered.
    length: u64,
    /// Sparse. Bound: one entry of 24 bytes per `TopicSizes::index_every` on disk.
    index: Vec<Entry>,
    /// Entries that are in the index file.
    indexed: usize,
    dirty: bool,
}

struct Handles {
    file: Arc<dyn DiskFile>,
    index: Box<dyn DiskFile>,
}

#[derive(Clone, Copy)]
struct Entry {
    offset: Offset,
    position: u64,
    time: i64,
}

/// The index of a file that has none, from the heads of its batches; up to the first that is none.
fn index_of(file: &dyn DiskFile, length: u64, every: u64) -> std::io::Result<Vec<Entry>> {
    let (mut index, mut position) = (Vec::<Entry>::new(), 0);
    let mut head = [0; BATCH_OVERHEAD];
    while position < length && file.read_at(&mut head, position)? == head.len() {
        let Ok(header) = BatchHeader::read(&head) else { break };
        if index.last().is_none_or(|entry| position - entry.position >= every) {
            index.push(Entry { offset: header.base_offset, position, time: header.timestamp });
        }
        position += header.bytes as u64;
    }
    Ok(index)
}

fn file_name(base: Offset, kind: &str) -> String {
    format!("{base:020}.{kind}")
}

/// Tells a full disk, which is told after everything else was done, from what ends the append at once.
fn later(result: Result<(), Fault>) -> Result<Result<(), Fault>, Fault> {
    match result {
        Ok(()) | Err(Fault::Full(_)) => Ok(result),
        Err(fault) => Err(fault),
    }
}

impl Topics {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, sizes: TopicSizes) -> Topics {
        Topics { disk, folder, sizes, partitions: RwLock::default() }
    }

    fn folder_of(&self, at: TopicPartition) -> PathBuf {
        self.folder.join(format!("{}.{}", at.entity.0, at.kind.as_str())).join(at.partition.to_string())
    }

    /// Whether everything is there that a checkpoint speaks of; changes nothing.
    pub(crate) fn check(&self, ends: &[(TopicPartition, PartitionEnd)]) -> Result<(), Fault> {
        for (at, end) in ends.iter().filter(|(_, end)| end.length > 0) {
            let folder = self.folder_of(*at);
            let path = folder.join(file_name(end.file, "log"));
            let there = self.disk.list(&folder).map_err(Fault::read(&folder))?;
            let found = match there.iter().any(|name| *name == file_name(end.file, "log")) {
                true => self.disk.open(&path).and_then(|file| file.length()).map_err(Fault::read(&path))?,
                false => 0,
            };
            if found < end.length {
                let what = format!("it has {found} bytes, but had {} at the last checkpoint", end.length);
                return Err(Fault::Corrupt { file: path.display().to_string(), offset: found, what });
            }
        }
        Ok(())
    }

    /// Opens every partition that was there at the checkpoint, and cuts everything back to it.
    pub(crate) fn open(&self, ends: &[(TopicPartition, PartitionEnd)]) -> Result<(), Fault> {
        for (at, end) in ends {
            let partition = Partition::open(&*self.disk, self.folder_of(*at), self.sizes, *end)?;
            self.partitions.write().insert(*at, Arc::new(RwLock::new(partition)));
        }
        Ok(())
    }

    /// Partitions that exist on disk, whatever a checkpoint says: for rebuilding from the records alone.
    pub(crate) fn on_disk(&self) -> Result<Vec<TopicPartition>, Fault> {
        let mut found = Vec::new();
        for topic in self.disk.list(&self.folder).map_err(Fault::write(&self.folder))? {
            let Some((entity, kind)) = topic.split_once('.') else { continue };
            let kinds = [TopicKind::Commands, TopicKind::Events];
            let kind = kinds.into_iter().find(|known| known.as_str() == kind);
            let (Ok(entity), Some(kind)) = (entity.parse(), kind) else { continue };
            let folder = self.folder.join(&topic);
            for partition in self.disk.list(&folder).map_err(Fault::write(&folder))? {
                if let Ok(partition) = partition.parse() {
                    found.push(TopicPartition { entity: evento_model::EntityTypeId(entity), kind, partition });
                }
            }
        }
        Ok(found)
    }

    /// The partition, if it has ever had a record.
    pub(crate) fn get(&self, at: TopicPartition) -> Option<Arc<RwLock<Partition>>> {
        self.partitions.read().get(&at).cloned()
    }

    pub(crate) fn next_offset(&self, at: TopicPartition) -> Offset {
        self.get(at).map_or(0, |partition| partition.read().next)
    }

    /// The partition, made if it is not there.
    fn get_or_make(&self, at: TopicPartition) -> Arc<RwLock<Partition>> {
        if let Some(partition) = self.get(at) {
            return partition;
        }
        let partition = Partition::new(self.folder_of(at), self.sizes);
        let partition = Arc::new(RwLock::new(partition));
        self.partitions.write().insert(at, partition.clone());
        partition
    }

    /// Appends a batch whose base offset is the partition's next one; one that is there already is left out.
    ///
    /// [`Fault::Full`]: it is readable, but in memory only until there is room.
    pub(crate) fn append(&self, at: TopicPartition, batch: &[u8]) -> Result<(), Fault> {
        let partition = self.get_or_make(at);
        let mut partition = partition.write();
        partition.append(&*self.disk, batch)
    }

    /// Everything appended so far becomes durable; says where each partition ends.
    pub(crate) fn sync(&self) -> Result<Vec<(TopicPartition, PartitionEnd)>, Fault> {
        let partitions: Vec<_> = self.partitions.read().iter().map(|(at, p)| (*at, p.clone())).collect();
        let mut ends = Vec::with_capacity(partitions.len());
        for (at, partition) in partitions {
            let end = partition.write().flush(&*self.disk)?;
            // Syncing takes long: readers and the committer go on meanwhile.
            partition.read().sync()?;
            ends.push((at, end));
        }
        // The names of files, of partitions and of topics: what is lost of a name is lost of all below it.
        let mut folders: BTreeSet<PathBuf> = BTreeSet::from([self.folder.clone()]);
        for folder in ends.iter().map(|(at, _)| self.folder_of(*at)) {
            folders.extend(folder.parent().map(Path::to_owned));
            folders.insert(folder);
        }
        for folder in folders {
            self.disk.sync_folder(&folder).map_err(Fault::write(&folder))?;
        }
        Ok(ends)
    }

    /// Bytes of all topics.
    pub(crate) fn bytes(&self) -> u64 {
        self.partitions.read().values().map(|partition| partition.read().bytes()).sum()
    }
}

impl TopicFile {
    /// One that is not on disk yet.
    fn new(base: Offset) -> TopicFile {
        TopicFile { base, handles: None, length: 0, index: Vec::new(), indexed: 0, dirty: false }
    }
}

impl Partition {
    /// One that never had a record.
    fn new(folder: PathBuf, sizes: TopicSizes) -> Partition {
        Partition { folder, sizes, files: vec![TopicFile::new(0)], gathered: BytesMut::new(), next: 0 }
    }

    fn open(disk: &dyn Disk, folder: PathBuf, sizes: TopicSizes, end: PartitionEnd) -> Result<Partition, Fault> {
        let mut partition = Partition { files: Vec::new(), next: end.next, ..Partition::new(folder, sizes) };
        partition.remove_after(disk, end.file)?;
        for base in partition.bases(disk)? {
            let file = partition.open_file(disk, base, (base == end.file).then_some(end.length))?;
            partition.files.push(file);
        }
        if partition.files.is_empty() {
            partition.files.push(TopicFile::new(0));
        }
        Ok(partition)
    }

    /// Where the files on disk begin, in order.
    fn bases(&self, disk: &dyn Disk) -> Result<Vec<Offset>, Fault> {
        let names = disk.list(&self.folder).map_err(Fault::write(&self.folder))?;
        let mut bases: Vec<Offset> = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
        bases.sort_unstable();
        Ok(bases)
    }

    /// Removes files that begin after an offset: they are of a life whose records were not kept, or come again.
    fn remove_after(&self, disk: &dyn Disk, last: Offset) -> Result<(), Fault> {
        for base in self.bases(disk)?.into_iter().filter(|base| *base > last) {
            for kind in ["idx", "log"] {
                match disk.remove(&self.path(base, kind)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Fault::write(&self.folder)(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn path(&self, base: Offset, kind: &str) -> PathBuf {
        self.folder.join(file_name(base, kind))
    }

    fn open_file(&self, disk: &dyn Disk, base: Offset, cut: Option<u64>) -> Result<TopicFile, Fault> {
        let (path, index_path) = (self.path(base, "log"), self.path(base, "idx"));
        let file = disk.open(&path).map_err(Fault::write(&path))?;
        let index_file = disk.open(&index_path).map_err(Fault::write(&index_path))?;
        let found = file.length().map_err(Fault::write(&path))?;
        let length = match cut {
            Some(length) => {
                file.set_length(length).map_err(Fault::write(&path))?;
                length
            }
            None => found,
        };
        let mut bytes = vec![0; index_file.length().map_err(Fault::write(&index_path))? as usize];
        index_file.read_at(&mut bytes, 0).map_err(Fault::write(&index_path))?;
        let mut index = Vec::with_capacity(bytes.len() / ENTRY);
        for entry in bytes.chunks_exact(ENTRY) {
            let mut reader = Reader(entry);
            let (Ok(offset), Ok(position), Ok(time)) = (reader.u64(), reader.u64(), reader.i64()) else { break };
            // What was not synced may be anything; the entries of a file are in order.
            let follows = match index.last() {
                Some(Entry { offset: before, position: at, .. }) => offset > *before && position > *at,
                None => offset == base && position == 0,
            };
            if position >= length || offset >= self.next || !follows {
                break;
            }
            index.push(Entry { offset, position, time });
        }
        index_file.set_length((index.len() * ENTRY) as u64).map_err(Fault::write(&index_path))?;
        let indexed = index.len();
        if index.is_empty() && length > 0 {
            index = index_of(&*file, length, self.sizes.index_every).map_err(Fault::read(&path))?;
        }
        let handles = Some(Handles { file: file.into(), index: index_file });
        Ok(TopicFile { base, handles, length, indexed, index, dirty: false })
    }

    fn append(&mut self, disk: &dyn Disk, batch: &[u8]) -> Result<(), Fault> {
        let corrupt =
            |what: String| Fault::Corrupt { file: self.folder.display().to_string(), offset: self.next, what };
        let header = BatchHeader::read(batch).map_err(|error| corrupt(error.to_string()))?;
        if header.end_offset() <= self.next {
            return Ok(());
        }
        if header.base_offset != self.next {
            return Err(corrupt(format!("offset {} follows, where {} should", header.base_offset, self.next)));
        }
        let mut full = Ok(());
        let begun = self.last().length + self.gathered.len() as u64;
        if begun > 0 && begun + batch.len() as u64 > self.sizes.file_max {
            full = later(self.roll(disk))?;
        }
        let position = self.last().length + self.gathered.len() as u64;
        let index_every = self.sizes.index_every;
        let last = self.files.last_mut().expect("a partition has a file");
        if last.index.last().is_none_or(|entry| position - entry.position >= index_every) {
            last.index.push(Entry { offset: header.base_offset, position, time: header.timestamp });
        }
        self.gathered.extend_from_slice(batch);
        self.next = header.end_offset();
        if self.gathered.len() >= self.sizes.gather {
            full = full.and(later(self.flush(disk).map(drop))?);
        }
        full
    }

    /// Begins a new file.
    fn roll(&mut self, disk: &dyn Disk) -> Result<(), Fault> {
        sometimes!("topic file rolled");
        self.flush(disk)?;
        self.files.push(TopicFile::new(self.next));
        Ok(())
    }

    fn last(&self) -> &TopicFile {
        self.files.last().expect("a partition has a file")
    }

    /// Everything goes to the file, not yet durable. Says where the partition ends.
    fn flush(&mut self, disk: &dyn Disk) -> Result<PartitionEnd, Fault> {
        let folder = self.folder.clone();
        if self.last().handles.is_none() {
            disk.make_folder(&folder).map_err(Fault::write(&folder))?;
            self.remove_after(disk, self.last().base)?;
            let begun = self.open_file(disk, self.last().base, Some(0))?;
            self.files.last_mut().expect("a partition has a file").handles = begun.handles;
        }
        let last = self.files.last_mut().expect("a partition has a file");
        let handles = last.handles.as_ref().expect("it was just opened");
        if !self.gathered.is_empty() {
            let written = handles.file.write_at(&self.gathered, last.length).map_err(Fault::write(&folder));
            if planted!(29) && written.is_err() {
                last.length = handles.file.length().unwrap_or(last.length);
            }
            written?;
            last.length += self.gathered.len() as u64;
            last.dirty = true;
            self.gathered.clear();
        }
        if last.indexed < last.index.len() {
            let mut bytes = Vec::new();
            for entry in &last.index[last.indexed..] {
                bytes.extend_from_slice(&entry.offset.to_be_bytes());
                bytes.extend_from_slice(&entry.position.to_be_bytes());
                bytes.extend_from_slice(&entry.time.to_be_bytes());
            }
            handles.index.write_at(&bytes, (last.indexed * ENTRY) as u64).map_err(Fault::write(&folder))?;
            last.indexed = last.index.len();
        }
        Ok(PartitionEnd { next: self.next, file: last.base, length: last.length })
    }

    fn sync(&self) -> Result<(), Fault> {
        for handles in self.files.iter().filter(|file| file.dirty).filter_map(|file| file.handles.as_ref()) {
            handles.file.sync().map_err(Fault::write(&self.folder))?;
            handles.index.sync().map_err(Fault::write(&self.folder))?;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum::<u64>() + self.gathered.len() as u64
    }

    /// Whole batches from the one that holds `from` on, at most about so many bytes, at least one batch.
    pub(crate) fn read(&self, from: Offset, bytes_max: usize) -> Result<Vec<Bytes>, Fault> {
        let mut batches = Vec::new();
        if from >= self.next {
            return Ok(batches);
        }
        let mut file_at = self.files.partition_point(|file| file.base <= from).saturating_sub(1);
        let mut left = bytes_max;
        let (mut position, mut expected, mut chunk) = self.find(file_at, from, bytes_max)?;
        loop {
            let header = match BatchHeader::read(&chunk) {
                Ok(header) if header.bytes <= chunk.len() => header,
                Ok(header) => {
                    chunk = self.chunk(file_at, position, header.bytes.max(left))?;
                    if chunk.len() < header.bytes {
                        return Err(self.damaged(position));
                    }
                    continue;
                }
                Err(_) if chunk.len() < BATCH_OVERHEAD => {
                    chunk = self.chunk(file_at, position, left.max(CHUNK))?;
                    if chunk.len() >= BATCH_OVERHEAD {
                        continue;
                    }
                    if file_at + 1 == self.files.len() {
                        // Below the end everything is readable: what is missing is damage, never an end.
                        return Err(self.damaged(position));
                    }
                    (file_at, position) = (file_at + 1, 0);
                    chunk = self.chunk(file_at, 0, left.max(CHUNK))?;
                    continue;
                }
                Err(_) => return Err(self.damaged(position)),
            };
            if header.base_offset != expected {
                return Err(self.damaged(position));
            }
            expected = header.end_offset();
            let batch = chunk.split_to(header.bytes);
            position += header.bytes as u64;
            if header.end_offset() > from {
                left = left.saturating_sub(batch.len());
                batches.push(batch);
                if left == 0 || header.end_offset() >= self.next {
                    return Ok(batches);
                }
            }
        }
    }

    /// Where to begin in a file to come to an offset: the position, the offset there, and some bytes from there on.
    ///
    /// The index is a hint: where it names no batch that begins with its offset, the way is from the file's begin.
    fn find(&self, file_at: usize, from: Offset, bytes_max: usize) -> Result<(u64, Offset, Bytes), Fault> {
        let file = &self.files[file_at];
        // Enough for the way from the index entry to the batch, and the batches themselves.
        let length = (self.sizes.index_every as usize + bytes_max).min(4 << 20);
        let entry = file.index.partition_point(|entry| entry.offset <= from).checked_sub(1);
        if let Some(Entry { offset, position, .. }) = entry.map(|entry| file.index[entry]) {
            let chunk = self.chunk(file_at, position, length)?;
            if BatchHeader::read(&chunk).is_ok_and(|header| header.base_offset == offset) {
                return Ok((position, offset, chunk));
            }
        }
        Ok((0, file.base, self.chunk(file_at, 0, length)?))
    }

    /// Bytes of a file from a position on, what is only gathered included.
    fn chunk(&self, file_at: usize, position: u64, length: usize) -> Result<Bytes, Fault> {
        let file = &self.files[file_at];
        let in_file = (file.length.saturating_sub(position) as usize).min(length);
        let mut bytes = Vec::new();
        if let Some(handles) = &file.handles {
            handles.file.read_onto(&mut bytes, in_file, position).map_err(Fault::read(&self.folder))?;
        }
        if file_at + 1 == self.files.len() && in_file < length {
            let from = (position + in_file as u64 - file.length) as usize;
            let to = self.gathered.len().min(from + length - in_file);
            bytes.extend_from_slice(&self.gathered[from.min(to)..to]);
        }
        Ok(bytes.into())
    }

    fn damaged(&self, position: u64) -> Fault {
        let what = "no whole record batch is there".to_owned();
        Fault::Corrupt { file: self.folder.display().to_string(), offset: position, what }
    }

    /// The first offset whose commit time is not before a time.
    pub(crate) fn offset_at(&self, time: Timestamp) -> Result<Offset, Fault> {
        let before = |file: &TopicFile| file.index.first().is_some_and(|entry| entry.time < time.0);
        let file = &self.files[self.files.partition_point(before).saturating_sub(1)];
        let entry = file.index.partition_point(|entry| entry.time < time.0).checked_sub(1);
        let mut from = entry.map_or(file.base, |entry| file.index[entry].offset);
        while from < self.next {
            for batch in self.read(from, CHUNK)? {
                let header = BatchHeader::read(&batch).map_err(|_| self.damaged(0))?;
                if header.timestamp >= time.0 {
                    return Ok(header.base_offset);
                }
                from = header.end_offset();
            }
        }
        Ok(self.next)
    }
}
