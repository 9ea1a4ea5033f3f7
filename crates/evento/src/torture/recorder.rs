//! The history as it is written: one clock, one order, in memory for the judge and in a file for people.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use evento_check::{Line, What};
use parking_lot::Mutex;

/// Writes a history. Lines get their time under one lock, so that it never falls.
pub struct Recorder {
    began: Instant,
    /// Where the file is.
    pub path: PathBuf,
    ops: AtomicU64,
    written: Mutex<Written>,
}

struct Written {
    file: BufWriter<File>,
    // Bound: the length of a run; its cycles are bounded by the arguments, its load by `PER_CYCLE`.
    lines: Vec<Line>,
}

impl Recorder {
    /// A new file.
    pub fn new(path: &Path) -> std::io::Result<Recorder> {
        let file = BufWriter::new(File::create(path)?);
        let written = Mutex::new(Written { file, lines: Vec::new() });
        Ok(Recorder { began: Instant::now(), path: path.to_owned(), ops: AtomicU64::new(1), written })
    }

    /// The number of a new operation.
    pub fn op(&self) -> u64 {
        self.ops.fetch_add(1, Ordering::Relaxed)
    }

    /// The time of the history.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Adds a line.
    pub fn note(&self, op: Option<u64>, c: Option<&str>, what: What) {
        let mut written = self.written.lock();
        let line = Line { t: self.now(), op, c: c.map(str::to_owned), what };
        // A harness that cannot write has a disk that is not under test; the judge has the lines in memory.
        let _ = writeln!(written.file, "{}", line.text());
        written.lines.push(line);
    }

    /// Adds the line that says how many there are.
    pub fn end(&self, ready: bool) {
        let lines = self.written.lock().lines.len() as u64;
        self.note(None, None, What::End { lines, ready });
    }

    /// The lines so far, with the file brought up to them.
    pub fn lines(&self) -> Vec<Line> {
        let mut written = self.written.lock();
        let _ = written.file.flush().and_then(|()| written.file.get_ref().sync_all());
        written.lines.clone()
    }
}
