//! What functions write to stdout and stderr: the newest lines, numbered, to be read and followed.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::SystemTime;

use evento_model::Timestamp;
use tokio::sync::watch;

/// Lines kept per function.
const LINES_MAX: usize = 10_000;

/// Where a line came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Evento's own word on the function: started, ended, ready.
    Evento,
}

impl Stream {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
            Stream::Evento => "evento",
        }
    }
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// Its number, from 1, never reused.
    pub number: u64,
    /// When it came.
    pub at: Timestamp,
    /// Where from.
    pub stream: Stream,
    /// The text.
    pub text: String,
}

/// The newest lines of a function. Bound: 10,000 lines of 16 KiB.
#[derive(Debug)]
pub struct LogRing {
    lines: Mutex<VecDeque<LogLine>>,
    newest: watch::Sender<u64>,
}

impl Default for LogRing {
    fn default() -> LogRing {
        LogRing { lines: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl LogRing {
    /// Adds a line.
    pub fn push(&self, stream: Stream, text: &str) {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut lines = self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let number = *self.newest.borrow() + 1;
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(LogLine { number, at: Timestamp(at.as_millis() as i64), stream, text: text.to_owned() });
        self.newest.send_replace(number);
    }

    /// Lines after a number, oldest first, at most so many; the newest of them if there are more.
    pub fn after(&self, number: u64, limit: usize) -> Vec<LogLine> {
        let lines = self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let found = lines.iter().filter(|line| line.number > number);
        let skip = found.clone().count().saturating_sub(limit);
        found.skip(skip).cloned().collect()
    }

    /// The number of the newest line, whenever it grows.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::{LogRing, Stream};

    #[test]
    fn the_newest_lines_are_kept_with_their_numbers() {
        let ring = LogRing::default();
        (0..10_005).for_each(|n| ring.push(Stream::Stdout, &n.to_string()));
        let all = ring.after(0, usize::MAX);
        assert_eq!((all.len(), all[0].number, all[9_999].text.as_str()), (10_000, 6, "10004"));
        let last: Vec<u64> = ring.after(10_000, 3).iter().map(|line| line.number).collect();
        assert_eq!(last, [10_003, 10_004, 10_005]);
    }
}
