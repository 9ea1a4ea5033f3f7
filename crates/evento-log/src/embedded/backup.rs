//! A backup: everything up to one commit, as one tar archive, made while the log is in use.
//!
//! The moment is taken between two commits; what is copied then never changes any more, however long that takes. In
//! the archive are the topics, the small facts and what is noted of unfinished commands. States and indexes follow
//! from these and are not in it. `restore` is the way back.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use evento_model::{OwnerEpoch, Timestamp};
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::segments::{CommitPlace, SEGMENT_HEAD};
use super::tables::Waiting;
use super::topics::{FileStretch, Whole};
use super::{EmbeddedLog, Fault, Shared};
use crate::frame::put_noted;
use crate::unit::CommitUnit;
use crate::wire::put_bytes;

/// First line of an archive's first entry.
pub(super) const FORMAT: &str = "evento backup 1";
/// The entries beside topics.
pub(super) const HEAD: &str = "backup";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const NOTED: &str = "noted";
pub(super) const SUMS: &str = "SHA256SUMS";
/// The fact that says when the last backup was begun: milliseconds since 1970, big-endian.
pub const LAST_BACKUP: &[u8] = b"log/backup";
/// Bytes read at once.
const READ: usize = 256 << 10;

/// A moment of the log, ready to be copied.
pub struct Backup {
    /// Number of the newest commit that is in it.
    pub commit_seq: u64,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Bytes of the topics in it: about what the archive has.
    pub bytes: u64,
    epoch: OwnerEpoch,
    files: Vec<Whole>,
    checkpoint: Vec<u8>,
    noted: Vec<u8>,
}

impl EmbeddedLog {
    /// Takes a moment: `taken` is called between two commits, by the thread that commits. It must not block.
    ///
    /// Writes the fact [`LAST_BACKUP`]; fails as any commit does.
    pub fn backup(&self, taken: impl FnOnce(Result<Backup, Fault>) + Send + 'static) {
        let shared = self.shared.clone();
        let now = (shared.clock)();
        let fact = (Bytes::from_static(LAST_BACKUP), Some(Bytes::copy_from_slice(&now.0.to_be_bytes())));
        let done = Box::new(move |committed: Result<crate::unit::Committed, Fault>| {
            taken(committed.and_then(|committed| Backup::of(&shared, committed.commit_seq, now)));
        });
        self.submit(CommitUnit::of_facts(vec![fact]), done);
    }
}

impl Backup {
    /// All that is durable now. Between two commits only: topics and tables are at the same commit then.
    fn of(shared: &Arc<Shared>, commit_seq: u64, taken_at: Timestamp) -> Result<Backup, Fault> {
        let files = shared.topics.whole()?;
        let tables = shared.tables.read();
        let place = CommitPlace { segment: 1, offset: SEGMENT_HEAD, commit_seq: commit_seq + 1 };
        let ends = files.iter().filter(|file| file.is_last).map(|file| (file.at, file.end)).collect();
        let checkpoint = Checkpoint { place, ends, meta: tables.meta.clone() }.encode();
        let mut noted = Vec::new();
        for ((key, _), Waiting { partition, noted: found, .. }) in &tables.unfinished {
            let Some(found) = found else { continue };
            noted.extend_from_slice(&key.entity.0.to_be_bytes());
            noted.extend_from_slice(&partition.to_be_bytes());
            put_bytes(&mut noted, key.id.as_str().as_bytes());
            put_noted(&mut noted, found);
        }
        let bytes = files.iter().map(|file| file.stretch.length).sum();
        Ok(Backup { commit_seq, taken_at, bytes, epoch: shared.epoch, files, checkpoint, noted })
    }

    /// Writes the archive: POSIX tar, whose last entry has the SHA-256 of all others.
    ///
    /// Fails as `out` does, or if the disk does not give what it should.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut archive = Archive { tar: tar::Builder::new(out), sums: String::new(), taken_at: self.taken_at };
        archive.put(HEAD, self.head().as_bytes())?;
        archive.put(CHECKPOINT, &self.checkpoint)?;
        archive.put(NOTED, &self.noted)?;
        for file in &self.files {
            archive.copy(&file.name, file.stretch.length, Copying { stretch: &file.stretch, at: 0 })?;
        }
        let sums = std::mem::take(&mut archive.sums);
        archive.put(SUMS, sums.as_bytes())?;
        archive.tar.into_inner()?.flush()
    }

    fn head(&self) -> String {
        format!(
            "{FORMAT}\ncommit {}\nepoch {}\ntaken {}\nfiles {}\nbytes {}\n",
            self.commit_seq,
            self.epoch,
            self.taken_at.0,
            self.files.len(),
            self.bytes
        )
    }
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    sums: String,
    taken_at: Timestamp,
}

impl<W: Write> Archive<W> {
    fn put(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.copy(name, content.len() as u64, content)
    }

    fn copy(&mut self, name: &str, length: u64, content: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.taken_at.0.max(0) as u64 / 1000);
        let mut content = Summing { content, sum: Sha256::new() };
        self.tar.append_data(&mut header, name, &mut content)?;
        let sum = content.sum.finalize();
        let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        self.sums.push_str(&format!("{hex}  {name}\n"));
        Ok(())
    }
}

/// What goes by is summed.
pub(super) struct Summing<R> {
    pub(super) content: R,
    pub(super) sum: Sha256,
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}

/// A stretch of a file, read from its beginning.
struct Copying<'a> {
    stretch: &'a FileStretch,
    at: u64,
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stretch.read(self.at, buffer.len().min(READ))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
