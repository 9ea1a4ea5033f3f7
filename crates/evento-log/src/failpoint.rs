//! Named points at which a test build kills itself: before and after what must not be half done.
//!
//! A build for use has none of it: [`ARMABLE`] is false there and [`reach`] is nothing. The program arms at most
//! one point at its start; the n-th time it is reached, the process ends by SIGKILL, as if by chance.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, Lock};
use crate::embedded::EmbeddedConfig;

/// Whether this build can be told to kill itself.
pub const ARMABLE: bool = cfg!(debug_assertions);

/// The points. Those of files are told by what kind of file it is: commit log, topic, checkpoint.
pub const POINTS: &[&str] = &[
    "commit-write-before",
    "commit-write-after",
    "commit-sync-after",
    "publish-after",
    "acknowledge-after",
    "function-call-before",
    "function-call-after",
    "segment-rename-before",
    "segment-rename-after",
    "topic-write-before",
    "topic-write-after",
    "topic-sync-after",
    "store-write-before",
    "store-write-after",
    "checkpoint-write-after",
    "checkpoint-sync-after",
    "checkpoint-rename-before",
    "checkpoint-rename-after",
    "folder-sync-before",
    "folder-sync-after",
];

/// Makes segments, checkpoints and the reserve so small that a short run meets each of them all the time.
pub fn shrink(config: &mut EmbeddedConfig) {
    (config.segment_bytes, config.group_bytes_max) = (2 << 20, 256 << 10);
    (config.checkpoint_bytes, config.reserve_bytes) = (256 << 10, 8 << 20);
}

/// Armed instead of a point: the commit log says that it is synced when it is not. The judge must find it (P1).
pub const LYING_SYNC: &str = "commit-sync-lies";

/// Whether a point is reached only a few times in the life of a server.
pub fn rare(point: &str) -> bool {
    !["commit-", "publish-", "acknowledge-", "function-"].iter().any(|often| point.starts_with(often))
}

/// Whether a point is reached by ending in order, if not before.
pub fn at_end(point: &str) -> bool {
    ["topic-", "store-", "checkpoint-"].iter().any(|late| point.starts_with(late))
}

/// Arms a point: `name:n` kills the process the n-th time it is reached. Errors say what is wrong with the text.
pub fn arm(text: &str) -> Result<(), String> {
    if text == LYING_SYNC {
        armed::arm(LYING_SYNC, 0);
        return Ok(());
    }
    let (name, times) = text.split_once(':').unwrap_or((text, "1"));
    let times = times.parse().map_err(|_| format!("{times:?} is no number"))?;
    let name = POINTS.iter().find(|point| **point == name).ok_or_else(|| format!("{name:?} is no named point"))?;
    armed::arm(name, times);
    Ok(())
}

/// Says that a point is reached.
#[inline]
pub fn reach(name: &str) {
    armed::reach(name);
}

#[cfg(not(debug_assertions))]
mod armed {
    pub(super) fn arm(_: &'static str, _: u64) {}

    #[inline]
    pub(super) fn reach(_: &str) {}

    #[inline]
    pub(super) fn lies(_: &str) -> bool {
        false
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<(&str, AtomicU64)> = OnceLock::new();

    pub(super) fn arm(name: &'static str, times: u64) {
        ARMED.get_or_init(|| (name, AtomicU64::new(times)));
    }

    pub(super) fn lies(point: &str) -> bool {
        point == "commit-sync-after" && ARMED.get().is_some_and(|(armed, _)| *armed == super::LYING_SYNC)
    }

    pub(super) fn reach(name: &str) {
        let Some((armed, left)) = ARMED.get() else { return };
        if *armed == name && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

/// The disk with its points, where a build has them.
pub(crate) fn watched(disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
    if ARMABLE { Arc::new(Watched(disk)) } else { disk }
}

struct Watched(Arc<dyn Disk>);

struct WatchedFile {
    file: Box<dyn DiskFile>,
    kind: &'static Kind,
}

/// Names of the points of one kind of file.
struct Kind {
    write: (&'static str, &'static str),
    sync: &'static str,
    rename: (&'static str, &'static str),
}

const COMMIT: Kind = Kind {
    write: ("commit-write-before", "commit-write-after"),
    sync: "commit-sync-after",
    rename: ("segment-rename-before", "segment-rename-after"),
};
const TOPIC: Kind =
    Kind { write: ("topic-write-before", "topic-write-after"), sync: "topic-sync-after", rename: ("", "") };
const CHECKPOINT: Kind = Kind {
    write: ("", "checkpoint-write-after"),
    sync: "checkpoint-sync-after",
    rename: ("checkpoint-rename-before", "checkpoint-rename-after"),
};
const OTHER: Kind = Kind { write: ("", ""), sync: "", rename: ("", "") };

fn kind(path: &Path) -> &'static Kind {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let within = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    match () {
        () if name.starts_with("checkpoint") => &CHECKPOINT,
        () if within("commit") => &COMMIT,
        () if within("topics") => &TOPIC,
        () => &OTHER,
    }
}

impl Disk for Watched {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(WatchedFile { file: self.0.open(path)?, kind: kind(path) }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.make_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (before, after) = kind(to).rename;
        reach(before);
        self.0.rename(from, to)?;
        reach(after);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        reach("folder-sync-before");
        self.0.sync_folder(folder)?;
        reach("folder-sync-after");
        Ok(())
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        self.0.free(folder)
    }

    fn lock(&self, folder: &Path) -> io::Result<Lock> {
        self.0.lock(folder)
    }
}

impl DiskFile for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn read_onto(&self, buffer: &mut Vec<u8>, length: usize, offset: u64) -> io::Result<()> {
        self.file.read_onto(buffer, length, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        reach(self.kind.write.0);
        self.file.write_at(bytes, offset)?;
        reach(self.kind.write.1);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if !armed::lies(self.kind.sync) {
            self.file.sync()?;
        }
        reach(self.kind.sync);
        Ok(())
    }

    fn write_synced(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if armed::lies(self.kind.sync) {
            self.write_at(bytes, offset)?;
            return self.sync();
        }
        reach(self.kind.write.0);
        self.file.write_synced(bytes, offset)?;
        reach(self.kind.write.1);
        reach(self.kind.sync);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn handle(&self) -> Option<BorrowedFd<'_>> {
        self.file.handle()
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMIT, POINTS, arm, kind};
    use std::path::Path;

    #[test]
    fn a_point_that_does_not_exist_is_refused() {
        assert!(arm("nowhere:1").is_err() && arm("publish-after:x").is_err());
    }

    #[test]
    fn every_point_of_a_file_is_listed() {
        for path in ["d/commit/000000000001.cl", "d/topics/1.events/0/0.log", "d/checkpoint.new"] {
            let kind = kind(Path::new(path));
            for name in [kind.write.0, kind.write.1, kind.sync, kind.rename.0, kind.rename.1] {
                assert!(name.is_empty() || POINTS.contains(&name), "{name}");
            }
        }
        assert_eq!(kind(Path::new("d/commit/spare")).sync, COMMIT.sync);
    }
}
