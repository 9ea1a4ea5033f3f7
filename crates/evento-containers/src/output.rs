//! What a container writes, out of the engine's frames: header of 8 bytes (stream, three zeros, length big-endian),
//! then as many bytes. Source: Docker Engine API, "Attach to a container", stream format.

use evento_function::process::Stream;

/// Longest line that is kept whole, in bytes; the rest of a longer one is dropped.
const LINE_BYTES_MAX: usize = 16 << 10;
const HEADER_BYTES: usize = 8;

/// Takes frames apart as they come, in pieces of any size, and gives lines. Bound: one line per stream.
#[derive(Default)]
pub(crate) struct Demultiplexer {
    header: [u8; HEADER_BYTES],
    have: usize,
    /// Bytes of the present frame that are still to come.
    left: usize,
    lines: [Vec<u8>; 2],
}

/// The bytes are no frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoFrame;

impl Demultiplexer {
    /// The next piece; whole lines are given on.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], line: &mut impl FnMut(Stream, &str)) -> Result<(), NoFrame> {
        while !bytes.is_empty() {
            if self.left == 0 {
                bytes = self.read_header(bytes)?;
                continue;
            }
            let (piece, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= piece.len();
            self.take(piece, line);
            bytes = rest;
        }
        Ok(())
    }

    /// The stream is over: what has no line end is a line too.
    pub(crate) fn end(&mut self, line: &mut impl FnMut(Stream, &str)) {
        for (held, stream) in self.lines.iter_mut().zip([Stream::Stdout, Stream::Stderr]) {
            if !held.is_empty() {
                give(held, stream, line);
            }
        }
    }

    fn read_header<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], NoFrame> {
        let (piece, rest) = bytes.split_at((HEADER_BYTES - self.have).min(bytes.len()));
        self.header[self.have..self.have + piece.len()].copy_from_slice(piece);
        self.have += piece.len();
        if self.have == HEADER_BYTES {
            self.have = 0;
            let [stream, 0, 0, 0, a, b, c, d] = self.header else { return Err(NoFrame) };
            if stream > 2 {
                return Err(NoFrame);
            }
            self.left = u32::from_be_bytes([a, b, c, d]) as usize;
        }
        Ok(rest)
    }

    fn take(&mut self, piece: &[u8], line: &mut impl FnMut(Stream, &str)) {
        let (index, stream) = if self.header[0] == 2 { (1, Stream::Stderr) } else { (0, Stream::Stdout) };
        let held = &mut self.lines[index];
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let room = LINE_BYTES_MAX.saturating_sub(held.len()).min(text.len());
            held.extend_from_slice(&text[..room]);
            if ended {
                give(held, stream, line);
            }
        }
    }
}

fn give(held: &mut Vec<u8>, stream: Stream, line: &mut impl FnMut(Stream, &str)) {
    line(stream, String::from_utf8_lossy(held).trim_end_matches('\r'));
    held.clear();
}

#[cfg(test)]
mod tests {
    use evento_function::process::Stream;

    use super::{Demultiplexer, LINE_BYTES_MAX, NoFrame};

    fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text);
        bytes
    }

    fn lines(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<(Stream, String)> {
        let (mut found, mut frames) = (Vec::new(), Demultiplexer::default());
        let mut line = |stream, text: &str| found.push((stream, text.to_owned()));
        for piece in pieces {
            frames.feed(&piece, &mut line).expect("frames");
        }
        frames.end(&mut line);
        found
    }

    #[test]
    fn lines_of_both_streams_come_out_however_the_bytes_are_cut() {
        let bytes = [frame(1, b"one\ntw"), frame(2, b"oops\r\n"), frame(1, b"o\n\nlast"), frame(2, b"")].concat();
        let wanted = [
            (Stream::Stdout, "one"),
            (Stream::Stderr, "oops"),
            (Stream::Stdout, "two"),
            (Stream::Stdout, ""),
            (Stream::Stdout, "last"),
        ]
        .map(|(stream, text)| (stream, text.to_owned()));
        for size in 1..bytes.len() + 1 {
            assert_eq!(lines(bytes.chunks(size).map(<[u8]>::to_vec)), wanted, "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_stays_bounded_and_the_next_one_is_whole() {
        let long = [frame(1, &vec![b'x'; 40_000]), frame(1, b"yy\nz\n")];
        let found = lines(long.into_iter());
        assert_eq!((found[0].1.len(), found[1].1.as_str(), found.len()), (LINE_BYTES_MAX, "z", 2));
    }

    #[test]
    fn what_is_no_frame_is_told() {
        for bytes in [b"HTTP/1.1 200".as_slice(), &[1, 0, 1, 0, 0, 0, 0, 1], &[3, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(Demultiplexer::default().feed(bytes, &mut |_, _| {}), Err(NoFrame));
        }
    }
}
