//! Looking through topic files as they lie on disk: every checksum, every offset, every entry of the index.
//!
//! For the scrub, which must not trust what reading for an answer trusts. It changes nothing, and what comes in
//! meanwhile is not looked at.

use bytes::Bytes;
use evento_model::Offset;

use super::{CHUNK, Fault, Handles, Partition, TopicFile, TopicPartition, Topics, file_name, later};
use crate::codec::{BatchHeader, Record, first_key, records};

/// A place in a file, with what must be there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) at: TopicPartition,
    /// Base offset of the file.
    base: Offset,
    position: u64,
    /// Bytes of the file when this began: what comes later belongs to the next pass.
    length: u64,
    /// Offset of the batch at the position.
    next: Offset,
    /// The index entry that comes next.
    entry: usize,
}

impl Place {
    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.length
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

impl Topics {
    /// The beginning of every file of every partition, as far as they go now: what is gathered is written first.
    pub(crate) fn places(&self) -> Result<Vec<Place>, Fault> {
        let partitions: Vec<_> =
            self.partitions.read().iter().map(|(at, partition)| (*at, partition.clone())).collect();
        let mut places = Vec::new();
        for (at, partition) in partitions {
            // On a full disk it stays in memory, and is looked at another time.
            later(partition.write().flush(&*self.disk).map(drop))?.unwrap_or_default();
            let partition = partition.read();
            let of = |file: &TopicFile| Place {
                at,
                base: file.base,
                position: 0,
                length: file.length,
                next: file.base,
                entry: 0,
            };
            places.extend(partition.files.iter().filter(|file| file.handles.is_some()).map(of));
        }
        places.sort_by_key(|place| (place.at.entity, place.at.kind as u8, place.at.partition, place.base));
        Ok(places)
    }

    /// Looks at about so many bytes from a place on, at least one batch, and moves the place. Gives the records.
    ///
    /// [`Fault::Corrupt`] names file and offset of the first difference; the place is then of no more use.
    pub(crate) fn look(&self, place: &mut Place, bytes_max: usize) -> Result<Vec<Record>, Fault> {
        match self.get(place.at) {
            Some(partition) => partition.read().look(place, bytes_max),
            None => Ok(Vec::new()),
        }
    }
}

impl Partition {
    fn look(&self, place: &mut Place, bytes_max: usize) -> Result<Vec<Record>, Fault> {
        let Some(file_at) = self.files.iter().position(|file| file.base == place.base) else { return Ok(Vec::new()) };
        let left = usize::try_from(place.length - place.position).unwrap_or(usize::MAX);
        let mut chunk = self.bytes_of(file_at, place.position, left.min(bytes_max))?;
        let mut found = Vec::new();
        while !chunk.is_empty() {
            let wrong = |what: String| self.wrong(place.base, "log", place.position, what);
            let header = match BatchHeader::read(&chunk) {
                Ok(header) if header.bytes <= chunk.len() => header,
                // The chunk ends within this batch. The next look begins with it, unless there is nothing before it.
                _ if !found.is_empty() => return Ok(found),
                _ if chunk.len() < left.min(CHUNK) => {
                    chunk = self.bytes_of(file_at, place.position, left.min(CHUNK))?;
                    continue;
                }
                Ok(header) if chunk.len() < left.min(header.bytes) => {
                    chunk = self.bytes_of(file_at, place.position, left.min(header.bytes))?;
                    continue;
                }
                Ok(_) => return Err(wrong("a record batch goes beyond the end of the file".to_owned())),
                Err(_) => return Err(wrong("no record batch begins here".to_owned())),
            };
            let batch = chunk.split_to(header.bytes);
            if header.base_offset != place.next {
                let what = format!("the batch has offset {}, where {} follows", header.base_offset, place.next);
                return Err(wrong(what));
            }
            found.extend(records(&batch).map_err(|_| wrong(unsound(&batch, header)))?);
            self.look_at_index(file_at, place, header)?;
            place.position += header.bytes as u64;
            place.next = header.end_offset();
        }
        Ok(found)
    }

    /// The index entry of this batch, if it has one, must be right.
    fn look_at_index(&self, file_at: usize, place: &mut Place, header: BatchHeader) -> Result<(), Fault> {
        let Some(entry) = self.files[file_at].index.get(place.entry) else { return Ok(()) };
        if entry.position > place.position {
            return Ok(());
        }
        place.entry += 1;
        if (entry.position, entry.offset, entry.time) == (place.position, header.base_offset, header.timestamp) {
            return Ok(());
        }
        let what = format!(
            "an entry names offset {} at {}; offset {} is at {}; delete the file while the server is stopped, the next start makes it again",
            entry.offset, entry.position, header.base_offset, place.position
        );
        Err(self.wrong(place.base, "idx", ((place.entry - 1) * super::ENTRY) as u64, what))
    }

    fn bytes_of(&self, file_at: usize, position: u64, length: usize) -> Result<Bytes, Fault> {
        let file = &self.files[file_at];
        let path = self.path(file.base, "log");
        let mut bytes = vec![0; length];
        let handles = self.handles_of(file_at, position)?;
        let read = handles.file.read_at(&mut bytes, position).map_err(Fault::read(&path))?;
        if read < length {
            let what = format!("the file ends here, {} bytes too early", length - read);
            return Err(self.wrong(file.base, "log", position + read as u64, what));
        }
        Ok(bytes.into())
    }

    /// The handles of a file that has bytes.
    pub(super) fn handles_of(&self, file_at: usize, position: u64) -> Result<&Handles, Fault> {
        self.files[file_at].handles.as_ref().ok_or_else(|| self.damaged(position))
    }

    fn wrong(&self, base: Offset, kind: &str, offset: u64, what: String) -> Fault {
        Fault::Corrupt { file: self.folder.join(file_name(base, kind)).display().to_string(), offset, what }
    }
}

/// Says which records a batch with a wrong checksum had, as far as it can be told.
fn unsound(batch: &Bytes, header: BatchHeader) -> String {
    let (first, last) = (header.base_offset, header.end_offset().saturating_sub(1));
    let instance = first_key(batch).map(|key| format!(", the first of instance {:?}", String::from_utf8_lossy(&key)));
    format!("the checksum of offsets {first} to {last} does not hold{}", instance.unwrap_or_default())
}
