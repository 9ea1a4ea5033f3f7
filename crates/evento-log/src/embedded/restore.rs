//! The way back from a backup: a new data directory, made beside its place and put there when it is whole.
//!
//! Nothing of an archive is believed before its sums are right: names are those a backup has, sizes are those the
//! head says, and a directory that is there already is never touched. States come back at the next start, from the
//! events.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use evento_model::{EntityId, EntityTypeId, OwnerEpoch, Timestamp};
use sha2::{Digest, Sha256};

use super::backup::{CHECKPOINT, FORMAT, HEAD, NOTED, SUMS, Summing};
use super::checkpoint::Checkpoint;
use super::segments::Segments;
use super::{EmbeddedConfig, Fault, lock};
use crate::disk::{self, Disk};
use crate::frame::{self, Noted, UnitChange, put_unit, read_noted};
use crate::wire::Reader;

/// Bytes of an entry that is read into memory. Facts and notes are bounded by the registry and by the unfinished
/// commands, far below this.
const SMALL_MAX: u64 = 1 << 30;
/// Entries at most: files of a gigabyte.
const ENTRIES_MAX: usize = 10_000_000;

/// What was restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Number of the newest commit that is in it.
    pub commit_seq: u64,
    /// When the backup was taken.
    pub taken_at: Timestamp,
    /// Topic files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What an archive says of itself, first of all.
struct Head {
    commit_seq: u64,
    epoch: OwnerEpoch,
    taken_at: Timestamp,
    files: u64,
    bytes: u64,
}

/// Makes the data directory `config.folder` from an archive. `done` is told how many bytes of topics are there.
///
/// [`Fault::Occupied`] if the directory has something in it; [`Fault::Corrupt`] names the entry that is wrong;
/// reading and writing fail as the system says. Whatever fails, the directory is not there afterwards.
pub fn restore(config: &EmbeddedConfig, archive: impl Read, done: impl FnMut(u64)) -> Result<Restored, Fault> {
    let folder = &config.folder;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Fault::Occupied { folder: folder.display().to_string() });
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let beside = folder.with_file_name(name);
    remove(&beside)?;
    let made = Restoring { folder: beside.clone(), done, seen: BTreeMap::new(), bytes: 0 }.make(config, archive);
    let placed = made.and_then(|restored| {
        let write = Fault::write(folder);
        if folder.exists() {
            fs::remove_dir(folder).map_err(&write)?;
        }
        fs::rename(&beside, folder).map_err(&write)?;
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk::real().sync_folder(above).map_err(write)?;
        Ok(restored)
    });
    if placed.is_err() {
        remove(&beside)?;
    }
    placed
}

fn remove(folder: &Path) -> Result<(), Fault> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::write(folder)(error)),
        _ => Ok(()),
    }
}

struct Restoring<P> {
    folder: PathBuf,
    done: P,
    /// Sums of the entries so far. Bound: `ENTRIES_MAX`.
    seen: BTreeMap<String, String>,
    bytes: u64,
}

impl<P: FnMut(u64)> Restoring<P> {
    fn make(mut self, config: &EmbeddedConfig, archive: impl Read) -> Result<Restored, Fault> {
        fs::create_dir_all(&self.folder).map_err(Fault::write(&self.folder))?;
        let mut archive = tar::Archive::new(archive);
        let unreadable = |error: io::Error| Fault::Read { file: "the archive".to_owned(), why: error.to_string() };
        let mut entries = archive.entries().map_err(unreadable)?;
        let mut next = |wanted: &str| match entries.next() {
            Some(entry) => entry.map_err(unreadable),
            None => Err(wrong(wanted, "the archive ends before it".to_owned())),
        };
        let head = Head::read(&self.small(HEAD, &mut next(HEAD)?)?)?;
        let checkpoint = self.small(CHECKPOINT, &mut next(CHECKPOINT)?)?;
        let checkpoint = Checkpoint::decode(&checkpoint)
            .filter(|checkpoint| checkpoint.place.commit_seq == head.commit_seq + 1)
            .ok_or_else(|| wrong(CHECKPOINT, "it is of no known form".to_owned()))?;
        let noted = self.small(NOTED, &mut next(NOTED)?)?;
        for _ in 0..head.files {
            self.topic_file(&mut next("topics")?, head.bytes)?;
        }
        let sums = self.small(SUMS, &mut next(SUMS)?)?;
        self.compare(&sums)?;
        self.finish(config, &head, &checkpoint, &noted)?;
        let Head { commit_seq, taken_at, files, .. } = head;
        Ok(Restored { commit_seq, taken_at, files, bytes: self.bytes })
    }

    /// An entry that must have this name, whole.
    fn small<R: Read>(&mut self, name: &str, entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, Fault> {
        let found = entry_name(entry);
        if found != name || entry.size() > SMALL_MAX {
            return Err(wrong(name, format!("the archive has {found:?} of {} bytes instead", entry.size())));
        }
        let mut content = Vec::new();
        let mut summing = Summing { content: entry, sum: Sha256::new() };
        summing.read_to_end(&mut content).map_err(|error| wrong(name, error.to_string()))?;
        self.note(name, summing.sum);
        Ok(content)
    }

    fn topic_file<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, bytes_max: u64) -> Result<(), Fault> {
        let (name, size) = (entry_name(entry), entry.size());
        if !is_topic_file(&name) || self.seen.contains_key(&name) || self.seen.len() > ENTRIES_MAX {
            return Err(wrong(&name, "no backup has such an entry".to_owned()));
        }
        if self.bytes.saturating_add(size) > bytes_max {
            return Err(wrong(&name, format!("it has {size} bytes, more than the head of the archive tells")));
        }
        let path = self.folder.join(&name);
        let write = Fault::write(&path);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder)).map_err(&write)?;
        let mut file = File::create(&path).map_err(&write)?;
        let mut summing = Summing { content: entry, sum: Sha256::new() };
        let mut buffer = vec![0; 256 << 10];
        loop {
            match summing.read(&mut buffer).map_err(|error| wrong(&name, error.to_string()))? {
                0 => break,
                read => file.write_all(&buffer[..read]).map_err(&write)?,
            }
        }
        file.sync_all().map_err(&write)?;
        self.bytes += size;
        (self.done)(self.bytes);
        self.note(&name, summing.sum);
        Ok(())
    }

    fn note(&mut self, name: &str, sum: Sha256) {
        let hex = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.seen.insert(name.to_owned(), hex);
    }

    /// Every entry has the sum that the archive's last one says.
    fn compare(&self, sums: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(sums);
        let told: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
        for (name, sum) in self.seen.iter().filter(|(name, _)| *name != SUMS) {
            if told.get(name.as_str()) != Some(&sum.as_str()) {
                return Err(wrong(name, "its content is not what it was when the backup was made".to_owned()));
            }
        }
        Ok(())
    }

    /// Everything else that a data directory has; durable when this returns.
    fn finish(&self, config: &EmbeddedConfig, head: &Head, at: &Checkpoint, noted: &[u8]) -> Result<(), Fault> {
        let disk = disk::real();
        let commit = self.folder.join("commit");
        fs::create_dir_all(&commit).map_err(Fault::write(&commit))?;
        self.write_notes(config, head, at, noted)?;
        at.write(&*disk, &self.folder)?;
        lock::begin(&*disk, &self.folder, head.epoch)?;
        sync_folders(&*disk, &self.folder)
    }

    /// What was noted of unfinished commands, as the first frame of the commit log.
    fn write_notes(&self, config: &EmbeddedConfig, head: &Head, at: &Checkpoint, noted: &[u8]) -> Result<(), Fault> {
        let mut frame = vec![0; frame::HEAD];
        let mut reader = Reader(noted);
        while !reader.0.is_empty() {
            let mut read = || -> crate::wire::Read<(EntityTypeId, u32, EntityId, Noted)> {
                Ok((reader.entity_type()?, reader.u32()?, reader.entity_id()?, read_noted(&mut reader)?))
            };
            let (entity, partition, id, found) =
                read().map_err(|_| wrong(NOTED, "it is of no known form".to_owned()))?;
            let (events, state, stored, ended) = ((0, 0, 0), None, Vec::new(), Vec::new());
            put_unit(
                &mut frame,
                &UnitChange { entity, partition, id, events, state, stored, ended, noted: vec![found] },
            );
        }
        if frame.len() == frame::HEAD {
            return Ok(());
        }
        let bytes = config.segment_bytes.max((frame.len() as u64 + (64 << 10)).next_multiple_of(1 << 20));
        let segments = Segments::new(disk::real(), self.folder.join("commit"), bytes, 0);
        let mut segment = segments.prepare(1, u64::from(head.epoch) << 32 | 1, None)?;
        let written = segment.write(&mut frame, at.place.commit_seq, head.taken_at);
        written.map_err(Fault::write(&self.folder))
    }
}

impl Head {
    fn read(content: &[u8]) -> Result<Head, Fault> {
        let text = String::from_utf8_lossy(content);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        if first != FORMAT {
            return Err(wrong(HEAD, format!("its form is {first:?}; this program knows {FORMAT:?}")));
        }
        let mut number = |name: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
            value.ok_or_else(|| wrong(HEAD, format!("the line {name:?} is missing")))
        };
        let (commit_seq, epoch) = (number("commit ")?, number("epoch ")?);
        let (taken, files, bytes) = (number("taken ")?, number("files ")?, number("bytes ")?);
        let epoch = OwnerEpoch::try_from(epoch).map_err(|_| wrong(HEAD, format!("epoch {epoch}")))?;
        Ok(Head { commit_seq, epoch, taken_at: Timestamp(taken as i64), files, bytes })
    }
}

fn entry_name<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

/// `topics/17.events/3/00000000000000000000.log`, and nothing else.
fn is_topic_file(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let ["topics", topic, partition, file] = parts[..] else { return false };
    let number = |text: &str| text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let of = topic.strip_suffix(".commands").or_else(|| topic.strip_suffix(".events"));
    of.is_some_and(number) && number(partition) && file.strip_suffix(".log").is_some_and(number)
}

fn sync_folders(disk: &dyn Disk, folder: &Path) -> Result<(), Fault> {
    let read = Fault::read(folder);
    for entry in fs::read_dir(folder).map_err(&read)? {
        let entry = entry.map_err(&read)?;
        if entry.file_type().map_err(&read)?.is_dir() {
            sync_folders(disk, &entry.path())?;
        }
    }
    disk.sync_folder(folder).map_err(Fault::write(folder))
}

fn wrong(entry: &str, what: String) -> Fault {
    Fault::Corrupt { file: format!("entry {entry} of the archive"), offset: 0, what }
}
