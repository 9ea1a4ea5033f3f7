//! A simulated disk: it forgets what was not synced when the power goes, fails where it is told to, and fills up.
//!
//! Pessimistic as POSIX allows: after a power cut each unsynced sector is there, or lost, or zero where the file
//! had grown, by chance; each folder shows its names as of any moment since it was last synced; a failed sync drops
//! what it should have written while reads go on showing it; a failed write has written the first part. What it
//! takes for granted: a sector is written as a whole or not at all, and what was synced stays until it is flipped.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evento_log::disk::{Disk, DiskFile, Lock};
use evento_model::sometimes;
use parking_lot::Mutex;

/// Bytes that are written as a whole or not at all.
const SECTOR: usize = 512;

/// What can be told to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Opening a file.
    Open,
    /// Writing, cutting or growing one.
    Write,
    /// Syncing one.
    Sync,
    /// Renaming one.
    Rename,
    /// Removing one.
    Remove,
    /// Making a folder.
    MakeFolder,
    /// Syncing one.
    SyncFolder,
}

/// Fails once: the `nth` (from 0) use of a verb on a path that contains `part`.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The verb.
    pub verb: Verb,
    /// Part of the path.
    pub part: &'static str,
    /// How many uses go well before.
    pub nth: u32,
    /// What is answered.
    pub kind: io::ErrorKind,
}

struct File {
    /// What reads show.
    live: Vec<u8>,
    /// What is on the platter for certain.
    durable: Vec<u8>,
    /// What it is called now.
    path: Arc<Path>,
    /// Ranges of `live` that were written since the last sync.
    unsynced: Vec<Range<usize>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder,
}

type Names = BTreeMap<String, Entry>;

struct Inner {
    files: Vec<File>,
    /// Every state of a folder since its last sync; the first is durable, the last is live.
    folders: BTreeMap<PathBuf, Vec<Names>>,
    /// Verbs left until the power goes.
    power: Option<u64>,
    /// Verbs used, ever.
    verbs: u64,
    /// Folders that are taken, with the number of the taking.
    locks: BTreeMap<PathBuf, u64>,
    takings: u64,
    failure: Option<Failure>,
    capacity: u64,
    /// Syncs of files whose path contains `commit/0`, since the start.
    commit_syncs: u64,
    random: u64,
}

/// The disk; clones share it.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

impl SimDisk {
    /// An empty disk whose root is this folder.
    pub fn new(root: &Path, seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(Inner {
            files: Vec::new(),
            folders: BTreeMap::from([(root.to_owned(), vec![Names::new()])]),
            power: None,
            verbs: 0,
            locks: BTreeMap::new(),
            takings: 0,
            failure: None,
            capacity: u64::MAX,
            commit_syncs: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        })))
    }

    /// The power goes after so many verbs; none of the following does anything.
    pub fn power_for(&self, verbs: Option<u64>) {
        self.0.lock().power = verbs;
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.0.lock().power == Some(0)
    }

    /// Lets a verb fail once.
    pub fn fail(&self, failure: Failure) {
        self.0.lock().failure = Some(failure);
    }

    /// Whether the failure that was asked for has happened.
    pub fn has_failed(&self) -> bool {
        self.0.lock().failure.is_none()
    }

    /// Forgets the failure that was asked for, if it has not happened.
    pub fn spare(&self) {
        self.0.lock().failure = None;
    }

    /// How many bytes all files may have.
    pub fn set_capacity(&self, bytes: u64) {
        self.0.lock().capacity = bytes;
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.0.lock().used()
    }

    /// Syncs of commit segments so far.
    pub fn commit_syncs(&self) -> u64 {
        self.0.lock().commit_syncs
    }

    /// A number below `of`, from the disk's own luck.
    pub fn chance(&self, of: u64) -> u64 {
        self.0.lock().chance(of)
    }

    /// Everything as it stands, by path.
    pub fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let inner = self.0.lock();
        let mut all = BTreeMap::new();
        for (folder, versions) in &inner.folders {
            for (name, entry) in versions.last().into_iter().flatten() {
                let bytes = match entry {
                    Entry::File(number) => inner.files[*number].live.clone(),
                    Entry::Folder => Vec::new(),
                };
                all.insert(folder.join(name), bytes);
            }
        }
        all
    }

    /// Changes a bit behind the log's back.
    pub fn flip(&self, path: &Path, offset: usize, bit: u8) {
        let mut inner = self.0.lock();
        let number = inner.find(path).expect("a file");
        let file = &mut inner.files[number];
        file.live[offset] ^= 1 << bit;
        if let Some(byte) = file.durable.get_mut(offset) {
            *byte ^= 1 << bit;
        }
    }

    /// Puts a file's content back, as if it had always been there.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut inner = self.0.lock();
        let number = inner.find(path).expect("a file");
        let file = &mut inner.files[number];
        (file.live, file.durable) = (content.to_vec(), content.to_vec());
        file.unsynced.clear();
    }

    /// Uses a verb that is no file's: counted, and failed, as all others.
    pub(crate) fn uses(&self, verb: Verb, path: &Path) -> io::Result<()> {
        self.0.lock().verb(verb, path)
    }

    /// Verbs used so far.
    pub fn verbs(&self) -> u64 {
        self.0.lock().verbs
    }

    /// The process died, and the machine stayed on: what was written is there, synced or not.
    pub fn kill(&self) {
        let mut inner = self.0.lock();
        (inner.power, inner.failure) = (None, None);
        inner.locks.clear();
    }

    /// Power off and on again: what was not synced is there by chance.
    pub fn cut_power(&self) {
        let mut inner = self.0.lock();
        (inner.power, inner.failure) = (None, None);
        inner.locks.clear();
        inner.lose_names();
        for number in 0..inner.files.len() {
            inner.lose_sectors(number);
        }
    }
}

impl Inner {
    /// Each folder shows its names as of any moment since its last sync.
    fn lose_names(&mut self) {
        let folders = std::mem::take(&mut self.folders);
        let known: Vec<PathBuf> = folders.keys().cloned().collect();
        // Parents come before what is in them; what was in a folder that vanished is gone with it.
        for (path, versions) in folders {
            let (parent, name) = split(&path);
            let there = !known.contains(&parent)
                || self.folders.get(&parent).is_some_and(|names| names[0].get(&name) == Some(&Entry::Folder));
            if there {
                let which = self.chance(versions.len() as u64) as usize;
                self.folders.insert(path, vec![versions[which].clone()]);
            }
        }
    }

    /// Each unsynced sector is there or not; where the file had grown it may be zero.
    fn lose_sectors(&mut self, number: usize) {
        let unsynced = std::mem::take(&mut self.files[number].unsynced);
        if unsynced.is_empty() {
            // A failed sync may have left what was never written.
            let File { live, durable, .. } = &mut self.files[number];
            return live.clone_from(durable);
        }
        let (live, mut durable) =
            (std::mem::take(&mut self.files[number].live), std::mem::take(&mut self.files[number].durable));
        if live.len() != durable.len() && self.chance(2) == 0 {
            durable.resize(live.len(), 0);
        }
        for range in unsynced {
            for sector in range.start / SECTOR..range.end.div_ceil(SECTOR) {
                let (from, to) = ((sector * SECTOR).max(range.start), ((sector + 1) * SECTOR).min(range.end));
                let to = to.min(durable.len()).min(live.len());
                if from < to && self.chance(2) == 0 {
                    durable[from..to].copy_from_slice(&live[from..to]);
                }
            }
        }
        self.files[number].live = durable.clone();
        self.files[number].durable = durable;
    }

    /// Xorshift: the same seed, the same luck.
    fn chance(&mut self, of: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % of.max(1)
    }

    fn used(&self) -> u64 {
        let live = self.folders.values().filter_map(|versions| versions.last()).flat_map(BTreeMap::values);
        live.map(|entry| match entry {
            Entry::File(number) => self.files[*number].live.len() as u64,
            Entry::Folder => 0,
        })
        .sum()
    }

    fn verb(&mut self, verb: Verb, path: &Path) -> io::Result<()> {
        match &mut self.power {
            Some(0) => return Err(io::Error::other("the power is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.verbs += 1;
        let text = path.to_string_lossy();
        if verb == Verb::Sync && text.contains("commit/0") {
            self.commit_syncs += 1;
        }
        let Some(failure) = &mut self.failure else { return Ok(()) };
        if failure.verb != verb || !text.contains(failure.part) {
            return Ok(());
        }
        if failure.nth > 0 {
            failure.nth -= 1;
            return Ok(());
        }
        let kind = failure.kind;
        self.failure = None;
        sometimes!("fsync failed", verb == Verb::Sync);
        Err(kind.into())
    }

    fn verb_on(&mut self, verb: Verb, number: usize) -> io::Result<()> {
        let path = self.files[number].path.clone();
        self.verb(verb, &path)
    }

    /// Puts bytes where they belong, not synced.
    fn write(&mut self, number: usize, bytes: &[u8], offset: usize) {
        let range = offset..offset + bytes.len();
        let file = &mut self.files[number];
        if file.live.len() < range.end {
            file.live.resize(range.end, 0);
        }
        file.live[range.clone()].copy_from_slice(bytes);
        file.unsynced.push(range);
    }

    /// Bytes that a file may still grow by, up to a length.
    fn room(&self, number: usize, to: usize) -> usize {
        let length = self.files[number].live.len();
        if to <= length || self.capacity == u64::MAX {
            return to;
        }
        length + ((to - length) as u64).min(self.capacity.saturating_sub(self.used())) as usize
    }

    fn names(&mut self, folder: &Path) -> io::Result<&Names> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", folder.display()));
        self.folders.get(folder).and_then(|versions| versions.last()).ok_or_else(missing)
    }

    fn change(&mut self, folder: &Path, change: impl FnOnce(&mut Names)) -> io::Result<()> {
        let mut names = self.names(folder)?.clone();
        change(&mut names);
        self.folders.get_mut(folder).expect("it was just found").push(names);
        Ok(())
    }

    fn find(&mut self, path: &Path) -> Option<usize> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        match self.names(path.parent()?).ok()?.get(&name)? {
            Entry::File(number) => Some(*number),
            Entry::Folder => None,
        }
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.0.lock();
        inner.verb(Verb::Open, path)?;
        let number = match inner.find(path) {
            Some(number) => number,
            None if inner.capacity != u64::MAX && inner.used() >= inner.capacity => {
                return Err(io::ErrorKind::StorageFull.into());
            }
            None => {
                let (folder, name) = split(path);
                inner.files.push(File { live: vec![], durable: vec![], path: path.into(), unsynced: vec![] });
                let number = inner.files.len() - 1;
                inner.change(&folder, |names| {
                    names.insert(name, Entry::File(number));
                })?;
                number
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), number }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.0.lock();
        Ok(inner.names(folder).map(|names| names.keys().cloned().collect()).unwrap_or_default())
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.verb(Verb::MakeFolder, folder)?;
        let mut above = folder.to_owned();
        let mut missing = Vec::new();
        while !inner.folders.contains_key(&above) {
            missing.push(above.clone());
            above = above.parent().ok_or(io::ErrorKind::NotFound)?.to_owned();
        }
        for path in missing.into_iter().rev() {
            let (parent, name) = split(&path);
            inner.change(&parent, |names| {
                names.insert(name, Entry::Folder);
            })?;
            inner.folders.insert(path, vec![Names::new()]);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.verb(Verb::Rename, to)?;
        let number = inner.find(from).ok_or(io::ErrorKind::NotFound)?;
        let ((folder, old), (there, new)) = (split(from), split(to));
        assert_eq!(folder, there, "renames stay within a folder");
        inner.files[number].path = to.into();
        inner.change(&folder, |names| {
            names.remove(&old);
            names.insert(new, Entry::File(number));
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.verb(Verb::Remove, path)?;
        inner.find(path).ok_or(io::ErrorKind::NotFound)?;
        let (folder, name) = split(path);
        inner.change(&folder, |names| {
            names.remove(&name);
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.verb(Verb::SyncFolder, folder)?;
        let live = inner.names(folder)?.clone();
        inner.folders.insert(folder.to_owned(), vec![live]);
        Ok(())
    }

    fn free(&self, _folder: &Path) -> io::Result<u64> {
        let inner = self.0.lock();
        Ok(if inner.capacity == u64::MAX { u64::MAX } else { inner.capacity.saturating_sub(inner.used()) })
    }

    fn lock(&self, folder: &Path) -> io::Result<Lock> {
        let mut inner = self.0.lock();
        if inner.locks.contains_key(folder) {
            return Ok(Lock::Theirs("another".to_owned()));
        }
        inner.takings += 1;
        let taking = inner.takings;
        inner.locks.insert(folder.to_owned(), taking);
        Ok(Lock::Ours(Box::new(Taken { disk: self.clone(), folder: folder.to_owned(), taking })))
    }
}

/// A folder that is taken; one taken before a crash gives nothing back.
struct Taken {
    disk: SimDisk,
    folder: PathBuf,
    taking: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut inner = self.disk.0.lock();
        if inner.locks.get(&self.folder) == Some(&self.taking) {
            inner.locks.remove(&self.folder);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    number: usize,
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.0.lock();
        let live = &inner.files[self.number].live;
        let from = (offset as usize).min(live.len());
        let length = buffer.len().min(live.len() - from);
        buffer[..length].copy_from_slice(&live[from..from + length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.0.lock();
        let (offset, end) = (offset as usize, offset as usize + bytes.len());
        let off = inner.power == Some(0);
        if let Err(error) = inner.verb_on(Verb::Write, self.number) {
            // What a failed write has done is a part of it.
            if !off {
                let part = inner.chance(bytes.len() as u64) as usize;
                let part = inner.room(self.number, offset + part).saturating_sub(offset).min(part);
                inner.write(self.number, &bytes[..part], offset);
            }
            return Err(error);
        }
        let room = inner.room(self.number, end);
        inner.write(self.number, &bytes[..room.saturating_sub(offset)], offset);
        if room < end { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.0.lock();
        let off = inner.power == Some(0);
        let answer = inner.verb_on(Verb::Sync, self.number);
        if off {
            return answer;
        }
        let file = &mut inner.files[self.number];
        let written = std::mem::take(&mut file.unsynced);
        // A sync that fails has marked its pages clean: they are never written, and the next sync says ok.
        if answer.is_ok() {
            file.durable.resize(file.live.len(), 0);
            for range in written {
                let range = range.start.min(file.live.len())..range.end.min(file.live.len());
                file.durable[range.clone()].copy_from_slice(&file.live[range]);
            }
        }
        answer
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().files[self.number].live.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.0.lock();
        inner.verb_on(Verb::Write, self.number)?;
        if inner.room(self.number, length as usize) < length as usize {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut inner.files[self.number];
        let before = file.live.len();
        file.live.resize(length as usize, 0);
        // As much as a write: shown now, durable with the next sync.
        let changed = before.min(length as usize)..before.max(length as usize);
        file.unsynced.push(changed);
        Ok(())
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.set_length(length)
    }

    fn handle(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
