//! Writes that are durable when they return and go past the system's cache: one call instead of two, and without the
//! way that a page takes through the cache to the disk.
//!
//! What is written in this way is whole blocks, so the bytes before and after are written with it. A system or file
//! system that cannot do it is found out once; then the caller writes and syncs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use parking_lot::Mutex;

/// What the system wants places, lengths and memory to be multiples of; more than most need, and enough for all.
pub(super) const BLOCK: usize = 4_096;
/// Largest buffer that is kept.
const ROOM_MAX: usize = 4 << 20;

/// A second handle of a file, with a buffer.
pub(super) struct Direct {
    file: File,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    room: Vec<u8>,
    /// Where the last write ended.
    end: u64,
    /// What is in the file between the beginning of that block and `end`.
    tail: Vec<u8>,
}

impl Direct {
    /// A handle of an open file, if the system has such.
    #[cfg(target_os = "linux")]
    pub(super) fn of(file: &File) -> Option<Direct> {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;

        // The file may have another name by now.
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = (OFlags::DIRECT | OFlags::DSYNC).bits() as i32;
        let file = File::options().write(true).custom_flags(flags).open(itself).ok()?;
        Some(Direct { file, buffer: Mutex::default() })
    }

    /// A handle of an open file, if the system has such.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &File) -> Option<Direct> {
        None
    }

    /// Writes bytes at an offset, durable when this returns. What follows them in their last block becomes zeros. The
    /// last block must end within the file.
    ///
    /// Errors: the system's own; `InvalidInput` if it cannot write in this way, and then nothing is written.
    pub(super) fn write(&self, through: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Buffer { room, end, tail } = &mut *self.buffer.lock();
        let begin = offset - offset % BLOCK as u64;
        if *end != offset {
            tail.resize((offset - begin) as usize, 0);
            through.read_exact_at(tail, begin)?;
        }
        let length = (tail.len() + bytes.len()).next_multiple_of(BLOCK);
        room.clear();
        room.reserve(length + BLOCK);
        let skip = room.as_ptr().align_offset(BLOCK);
        room.resize(skip, 0);
        room.extend_from_slice(tail);
        room.extend_from_slice(bytes);
        room.resize(skip + length, 0);
        // Whatever comes of it, the next write does not rely on what this one meant to do.
        *end = u64::MAX;
        self.file.write_all_at(&room[skip..], begin)?;
        *end = offset + bytes.len() as u64;
        let partial = (*end % BLOCK as u64) as usize;
        let whole = skip + ((*end - begin) as usize) - partial;
        tail.clear();
        tail.extend_from_slice(&room[whole..whole + partial]);
        if room.capacity() > ROOM_MAX {
            *room = Vec::new();
        }
        Ok(())
    }
}
