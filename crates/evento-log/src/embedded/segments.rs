//! The commit log on disk: numbered segments of one size, zeroed beforehand and recycled.
//!
//! Overwriting zeroed blocks lets a sync write data only, which triples syncs per second against a growing
//! file. A segment begins with a head of 4,096 bytes: magic, its number, its incarnation, and a CRC.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use evento_model::{Timestamp, planted, sometimes};

use super::Fault;
use crate::disk::{Disk, DiskFile};
use crate::frame::{ALIGNMENT, FrameHead, HEAD, Section, seal, sections};

/// Bytes of a segment before its first frame.
pub(crate) const SEGMENT_HEAD: u64 = 4_096;
const MAGIC: [u8; 8] = *b"EVSEGM01";
/// What a segment is called while it is made.
const SPARE: &str = "spare";
/// Bytes zeroed at once.
const ZEROS: usize = 1 << 20;

/// A place in the commit log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct CommitPlace {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// The next `commit_seq`.
    pub(crate) commit_seq: u64,
}

/// The segments of a data directory.
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    bytes: u64,
    /// Bytes that a new segment leaves free.
    margin: u64,
}

/// A segment that is being written.
pub(crate) struct Segment {
    pub(crate) number: u64,
    incarnation: u64,
    file: Box<dyn DiskFile>,
    pub(crate) offset: u64,
    bytes: u64,
}

/// A frame that was read back.
pub(crate) struct Frame {
    pub(crate) head: FrameHead,
    pub(crate) sections: Vec<Section>,
}

/// What reading the commit log came to.
pub(crate) struct Replayed {
    pub(crate) frames: u64,
    /// Bytes of a frame that was never finished; nothing in it was acknowledged.
    pub(crate) torn_bytes: u64,
    pub(crate) end: CommitPlace,
    /// The segment that is written next, if it exists already.
    pub(crate) current: Option<Segment>,
    /// The last frame: its segment, its place, its bytes.
    pub(crate) last: Option<(u64, u64, Bytes)>,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, bytes: u64, margin: u64) -> Segments {
        Segments { disk, folder, bytes, margin }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.cl"))
    }

    /// Numbers of the segments that are there.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, Fault> {
        let names = self.disk.list(&self.folder).map_err(Fault::write(&self.folder))?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(".cl")?.parse().ok()).collect())
    }

    /// Gives a segment that no recovery needs another number.
    pub(crate) fn rename(&self, from: u64, to: u64) -> Result<(), Fault> {
        self.disk.rename(&self.path(from), &self.path(to)).map_err(Fault::write(&self.folder))
    }

    /// Makes the segment with a number, out of an old one or of zeros; durable when this returns.
    ///
    /// A new one takes space: [`Fault::Full`] says that there is none, and what was taken is given back.
    pub(crate) fn prepare(&self, number: u64, incarnation: u64, old: Option<u64>) -> Result<Segment, Fault> {
        let made = self.make(number, incarnation, old);
        if matches!(made, Err(Fault::Full(_))) {
            sometimes!("disk full while preparing a segment");
            let _ = self.disk.remove(&self.folder.join(SPARE));
        }
        made
    }

    fn make(&self, number: u64, incarnation: u64, old: Option<u64>) -> Result<Segment, Fault> {
        let spare = self.folder.join(SPARE);
        let zeroed = match old {
            Some(old) => {
                sometimes!("segment recycled");
                self.disk.rename(&self.path(old), &spare).map_err(Fault::write(&spare))?;
                true
            }
            None => {
                let (free, wanted) = (self.disk.free(&self.folder).unwrap_or(u64::MAX), self.bytes + self.margin);
                if free < wanted {
                    return Err(Fault::Full(format!("{free} bytes are free, {wanted} are needed for a new segment")));
                }
                false
            }
        };
        let file = self.disk.open(&spare).map_err(Fault::write(&spare))?;
        if !zeroed || file.length().map_err(Fault::write(&spare))? != self.bytes {
            file.set_length(0).map_err(Fault::write(&spare))?;
            let zeros = vec![0; ZEROS.min(self.bytes as usize)];
            let mut at = 0;
            while at < self.bytes {
                let length = zeros.len().min((self.bytes - at) as usize);
                file.write_at(&zeros[..length], at).map_err(Fault::write(&spare))?;
                at += length as u64;
            }
        }
        let mut head = [0; 28];
        head[..8].copy_from_slice(&MAGIC);
        head[8..16].copy_from_slice(&number.to_be_bytes());
        head[16..24].copy_from_slice(&incarnation.to_be_bytes());
        let crc = crc32c::crc32c(&head[..24]);
        head[24..].copy_from_slice(&crc.to_be_bytes());
        file.write_at(&head, 0).map_err(Fault::write(&spare))?;
        file.sync().map_err(Fault::write(&spare))?;
        self.disk.rename(&spare, &self.path(number)).map_err(Fault::write(&spare))?;
        if !planted!(7) {
            self.disk.sync_folder(&self.folder).map_err(Fault::write(&self.folder))?;
        }
        Ok(Segment { number, incarnation, file, offset: SEGMENT_HEAD, bytes: self.bytes })
    }

    /// Opens a segment and reads its incarnation, with its content; no segment if its head is not right.
    fn open(&self, number: u64) -> Result<(Option<Segment>, Bytes), Fault> {
        let path = self.path(number);
        let read = Fault::read(&path);
        let file = self.disk.open(&path).map_err(&read)?;
        let bytes = file.length().map_err(&read)?;
        let mut content = vec![0; bytes as usize];
        let length = file.read_at(&mut content, 0).map_err(&read)?;
        content.truncate(length);
        let content = Bytes::from(content);
        let Some(head) = content.get(..28).filter(|head| head[..8] == MAGIC) else { return Ok((None, content)) };
        let number_at = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().unwrap_or_default());
        if crc32c::crc32c(&head[..24]).to_be_bytes() != head[24..] || number_at(8) != number {
            return Ok((None, content));
        }
        let segment = Segment { number, incarnation: number_at(16), file, offset: SEGMENT_HEAD, bytes };
        Ok((Some(segment), content))
    }

    /// Hands every frame from a place on to `each`, and finds where the next one goes.
    ///
    /// A bad frame followed by a later good one is damage in the middle and refused, unless `accept_loss`;
    /// one followed by nothing is a torn tail: it was never acknowledged.
    pub(crate) fn replay(
        &self,
        from: CommitPlace,
        accept_loss: bool,
        mut each: impl FnMut(Frame) -> Result<(), Fault>,
    ) -> Result<Replayed, Fault> {
        let mut end = from;
        let mut replayed = Replayed { frames: 0, torn_bytes: 0, end, current: None, last: None };
        let numbers: Vec<u64> = self.numbers()?.into_iter().filter(|number| *number >= from.segment).collect();
        if let Some(first) = numbers.first().filter(|first| **first > from.segment) {
            let file = self.path(from.segment).display().to_string();
            let what = format!("it is missing, and segment {first} follows");
            return Err(Fault::Corrupt { file, offset: 0, what });
        }
        for (n, number) in numbers.iter().enumerate() {
            let (segment, content) = self.open(*number)?;
            let Some(mut segment) = segment else {
                // Its head was being written when the power went: nothing can be in it, and nothing after it.
                if !accept_loss && later(&content, 0, None, end.commit_seq).is_some() {
                    let what = "its head is damaged, and a frame in it is whole".to_owned();
                    return Err(Fault::Corrupt { file: self.path(*number).display().to_string(), offset: 0, what });
                }
                break;
            };
            let mut at = if *number == from.segment { from.offset.max(SEGMENT_HEAD) } else { SEGMENT_HEAD } as usize;
            while let Some(head) = next(&content, at, segment.incarnation, end.commit_seq) {
                let after = at + head.span();
                if planted!(5)
                    && next(&content, after, segment.incarnation, head.commit_seq + 1).is_none()
                    && torn(&content, after, segment.incarnation) > 0
                {
                    break;
                }
                replayed.last = Some((*number, at as u64, content.slice(at..at + HEAD + head.content)));
                let content = content.slice(at + HEAD..at + HEAD + head.content);
                let sections = sections(&content).map_err(|_| Fault::Corrupt {
                    file: self.path(*number).display().to_string(),
                    offset: at as u64,
                    what: "the frame's checksum holds, but its content is of no known form".to_owned(),
                })?;
                at += head.span();
                end.commit_seq = head.commit_seq + 1;
                replayed.frames += 1;
                each(Frame { head, sections })?;
            }
            segment.offset = at as u64;
            end.segment = *number;
            end.offset = at as u64;
            let later = later(&content, at, Some(segment.incarnation), end.commit_seq);
            let elsewhere = self.later_segment(&numbers[n + 1..], end.commit_seq)?;
            replayed.torn_bytes = torn(&content, at, segment.incarnation);
            replayed.current = Some(segment);
            match (later, elsewhere) {
                (None, None) => break,
                (None, Some(true)) => continue,
                (Some(_), _) | (None, Some(false)) if !accept_loss && !planted!(6) => {
                    let place = later.map_or("in a later segment".to_owned(), |later| format!("at offset {later}"));
                    return Err(Fault::Corrupt {
                        file: self.path(*number).display().to_string(),
                        offset: at as u64,
                        what: format!("this frame is damaged, but a later one {place} is whole"),
                    });
                }
                _ => break,
            }
        }
        replayed.end = end;
        Ok(replayed)
    }

    /// Makes sure that the last frame and the names of the segments are on the disk, not only shown by the system:
    /// after a sync that failed, the system shows what it never wrote, and calls it written.
    pub(crate) fn confirm(&self, replayed: &Replayed) -> Result<(), Fault> {
        if let Some((number, at, frame)) = &replayed.last {
            let path = self.path(*number);
            let file = self.disk.open(&path).map_err(Fault::write(&path))?;
            file.write_at(frame, *at).map_err(Fault::write(&path))?;
            file.sync().map_err(Fault::write(&path))?;
        }
        self.disk.sync_folder(&self.folder).map_err(Fault::write(&self.folder))
    }

    /// Whether a later segment has a frame: `Some(true)` if it begins with the next one.
    fn later_segment(&self, numbers: &[u64], commit_seq: u64) -> Result<Option<bool>, Fault> {
        for number in numbers {
            let (segment, content) = self.open(*number)?;
            let (begin, incarnation) = (SEGMENT_HEAD as usize, segment.map(|segment| segment.incarnation));
            if let Some(incarnation) = incarnation
                && next(&content, begin, incarnation, commit_seq).is_some()
            {
                return Ok(Some(true));
            }
            if later(&content, begin - ALIGNMENT, incarnation, commit_seq).is_some() {
                return Ok(Some(false));
            }
        }
        Ok(None)
    }
}

/// The frame at a place, if it is whole and the one that is expected.
fn next(content: &[u8], at: usize, incarnation: u64, commit_seq: u64) -> Option<FrameHead> {
    let head = FrameHead::read(content.get(at..)?)?;
    (head.incarnation == incarnation && head.commit_seq == commit_seq).then_some(head)
}

/// Where a whole frame with a later number is, after a place where none is; of this incarnation, if that is known.
fn later(content: &[u8], from: usize, incarnation: Option<u64>, commit_seq: u64) -> Option<usize> {
    (from + ALIGNMENT..content.len()).step_by(ALIGNMENT).find(|at| {
        let head = content[*at..].starts_with(b"EVCF").then(|| FrameHead::read(&content[*at..])).flatten();
        let ours = |head: &FrameHead| incarnation.is_none_or(|incarnation| head.incarnation == incarnation);
        head.is_some_and(|head| ours(&head) && head.commit_seq >= commit_seq)
    })
}

/// Bytes of an unfinished frame at a place: as many as its head says, if there is a head.
fn torn(content: &[u8], at: usize, incarnation: u64) -> u64 {
    let ours = |head: &&[u8]| head.starts_with(b"EVCF") && head[16..24] == incarnation.to_be_bytes();
    let Some(head) = content.get(at..at + HEAD).filter(ours) else { return 0 };
    let length = u32::from_be_bytes(head[8..12].try_into().unwrap_or_default()) as u64;
    length + HEAD as u64
}

impl Segment {
    /// Whether a frame of so many bytes fits.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.offset + bytes.next_multiple_of(ALIGNMENT) as u64 <= self.bytes
    }

    /// Seals a frame and makes it durable.
    pub(crate) fn write(&mut self, frame: &mut Vec<u8>, commit_seq: u64, wall: Timestamp) -> std::io::Result<()> {
        seal(frame, self.incarnation, commit_seq, wall);
        match self.file.write_synced(frame, self.offset) {
            Err(_) if planted!(3) => self.file.sync()?,
            written => written?,
        }
        self.offset += frame.len() as u64;
        Ok(())
    }
}
