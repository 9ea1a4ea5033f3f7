//! What the log needs of a disk: few verbs, so that tests can hand in one that fails at a chosen moment.

mod direct;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use direct::{BLOCK, Direct};
use rustix::fs::{FlockOperation, flock};

/// Bytes of zeros written at once.
const ZEROS: usize = 1 << 20;

/// A disk.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing, made if it is not there.
    ///
    /// Every verb gives the system's error as it is; nothing is tried again.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// File names in a folder; none if the folder is not there.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder with all above it.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Gives a file another name in its folder; one that has the name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that an ordinary user may still write.
    fn free(&self, folder: &Path) -> io::Result<u64>;
    /// Takes a folder for this process alone, or says which process has it.
    fn lock(&self, folder: &Path) -> io::Result<Lock>;
}

/// What came of asking for a folder.
pub enum Lock {
    /// It is ours until this is dropped.
    Ours(Box<dyn Send>),
    /// A process has it, with this number or another word for itself.
    Theirs(String),
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Fills the buffer from an offset; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Adds so many bytes from an offset to a buffer; fewer only at the end of the file. The room for them need not be
    /// zeroed first.
    fn read_onto(&self, buffer: &mut Vec<u8>, length: usize, offset: u64) -> io::Result<()> {
        let begin = buffer.len();
        buffer.resize(begin + length, 0);
        let read = self.read_at(&mut buffer[begin..], offset)?;
        buffer.truncate(begin + read);
        Ok(())
    }
    /// Writes all of it at an offset; the file grows as needed.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
    /// Both at once. What follows the bytes in the file may be zeros afterwards, up to the next multiple of 4,096.
    fn write_synced(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_at(bytes, offset)?;
        self.sync()
    }
    /// Bytes of the file.
    fn length(&self) -> io::Result<u64>;
    /// Cuts the file, or lets it grow by zeros that take no space yet.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Lets the file grow to a length whose space is taken at once.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// The system's handle, if there is one: with it the system copies bytes of the file to a socket itself.
    fn handle(&self) -> Option<BorrowedFd<'_>>;
}

/// The machine's own disk.
pub(crate) struct RealDisk;

/// The disk of this machine.
pub(crate) fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(RealFile { file, direct: OnceLock::new() }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names: Vec<String> =
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<io::Result<_>>()?;
        names.sort();
        Ok(names)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, folder: &Path) -> io::Result<Lock> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut pid = String::new();
        let taken = until_left(|| {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Some(true);
            }
            pid.clear();
            let _ = (&file).seek(SeekFrom::Start(0)).and_then(|_| (&file).read_to_string(&mut pid));
            runs(pid.trim()).then_some(false)
        });
        if taken != Some(true) {
            return Ok(Lock::Theirs(if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() }));
        }
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        // Who has it is told for people's sake: on a full disk it is left out.
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Lock::Ours(Box::new(file)))
    }
}

/// Tries until something comes of it, or nothing did for as long as a lock may outlive its owner: what a killed process
/// was just starting holds its open files for a moment, until it becomes another program.
pub(crate) fn until_left<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let result = attempt();
        if result.is_some() || Instant::now() > until {
            return result;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process of this number runs; so it seems as well where nobody can say.
fn runs(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

struct RealFile {
    file: File,
    /// Made when it is wanted for the first time; none where the system cannot do it.
    direct: OnceLock<Option<(Direct, u64)>>,
}

impl RealFile {
    /// Writes past the system's cache. False, and nothing was done, where that is not possible.
    fn write_past_cache(&self, bytes: &[u8], offset: u64) -> io::Result<bool> {
        let direct = self.direct.get_or_init(|| Some((Direct::of(&self.file)?, self.length().ok()?)));
        let Some((direct, length)) = direct else { return Ok(false) };
        if (offset + bytes.len() as u64).next_multiple_of(BLOCK as u64) > *length {
            return Ok(false);
        }
        match direct.write(&self.file, bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
            written => written.map(|()| true),
        }
    }

    fn write_zeros(&self, to: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let mut at = self.length()?;
        while at < to {
            let length = (to - at).min(ZEROS as u64);
            self.write_at(&zeros[..length as usize], at)?;
            at += length;
        }
        Ok(())
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_onto(&self, buffer: &mut Vec<u8>, length: usize, offset: u64) -> io::Result<()> {
        let begin = buffer.len();
        let end = begin + length;
        buffer.reserve_exact(length);
        while buffer.len() < end {
            let at = offset + (buffer.len() - begin) as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(buffer), at) {
                Ok(0) => break,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // There may be more room than was asked for.
        buffer.truncate(end);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write_synced(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.write_past_cache(bytes, offset)? {
            return Ok(());
        }
        self.write_at(bytes, offset)?;
        self.sync()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, length) {
            // Some file systems cannot; they take the space when it is written.
            Err(rustix::io::Errno::OPNOTSUPP) => self.write_zeros(length),
            done => Ok(done?),
        }
    }

    fn handle(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the file of these tests.
    const LENGTH: usize = 256 << 10;

    fn file(folder: &tempfile::TempDir) -> Box<dyn DiskFile> {
        let file = RealDisk.open(&folder.path().join("file")).expect("it opens");
        file.write_at(&vec![7; LENGTH], 0).expect("there is room");
        file.sync().expect("the disk is well");
        file
    }

    fn content(file: &dyn DiskFile) -> Vec<u8> {
        let mut content = vec![0; LENGTH + 1];
        let length = file.read_at(&mut content, 0).expect("readable");
        content.truncate(length);
        content
    }

    #[test]
    fn what_is_written_and_synced_in_one_is_there_and_what_was_before_it_stays() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let file = file(&folder);
        let (mut at, mut byte) = (4_096, 0);
        let mut expected = vec![7; at];
        for length in (1..20_000).step_by(1_237) {
            byte += 1;
            file.write_synced(&vec![byte; length], at as u64).expect("the disk is well");
            expected.resize(at + length, byte);
            assert!(content(&*file).starts_with(&expected), "{length} bytes at {at}");
            at += length;
        }
        assert_eq!(content(&*file).len(), LENGTH);
    }

    #[test]
    fn a_write_that_does_not_follow_the_one_before_keeps_what_the_file_has_before_it() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let file = file(&folder);
        for (at, byte) in [(50_000, 1), (10_001, 2), (10_002, 3), (9_000, 4)] {
            let before = content(&*file);
            file.write_synced(&[byte; 300], at).expect("the disk is well");
            let after = content(&*file);
            let (at, end) = (at as usize, at as usize + 300);
            assert_eq!(after[..at], before[..at], "at {at}");
            assert_eq!(after[at..end], [byte; 300], "at {at}");
            let block = end.next_multiple_of(BLOCK);
            assert_eq!(after[block..], before[block..], "at {at}");
        }
    }

    #[test]
    fn at_the_end_of_a_file_that_is_no_whole_block_it_grows_by_what_was_written_and_no_more() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let file = file(&folder);
        file.set_length(10_000).expect("the disk is well");
        file.write_synced(&[1; 500], 9_800).expect("the disk is well");
        assert_eq!(file.length().expect("readable"), 10_300);
        assert!(content(&*file).ends_with(&[1; 500]));
    }
}
