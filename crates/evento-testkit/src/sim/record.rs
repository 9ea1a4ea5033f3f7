//! What a run leaves: the history for the judge, a trace for people, and a digest that two equal runs share.

use std::hash::Hasher as _;

use evento_check::{Line, What};
use rustc_hash::FxHasher;

/// Everything that is written down.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) lines: Vec<Line>,
    /// Kept only if somebody wants to read it.
    pub(crate) trace: Option<Vec<String>>,
    digest: FxHasher,
    t: u64,
}

impl Record {
    pub(crate) fn new(traced: bool) -> Record {
        Record { trace: traced.then(Vec::new), ..Record::default() }
    }

    /// The time, in nanoseconds; later with each line.
    pub(crate) fn t(&mut self, now: i64) -> u64 {
        self.t = (self.t + 1).max(now as u64 * 1_000_000);
        self.t
    }

    /// A line of the history.
    pub(crate) fn line(&mut self, now: i64, op: Option<u64>, who: Option<String>, what: What) {
        let line = Line { t: self.t(now), op, c: who, what };
        // The text costs more than all the rest: only who reads the trace pays for it.
        let text = self.trace.is_some().then(|| shorter(&line));
        self.digest.write_u64(line.t);
        self.digest.write(line.command().unwrap_or_default().as_bytes());
        if let (Some(text), Some(trace)) = (text, &mut self.trace) {
            trace.push(format!("{now:>8} ms  {text}"));
        }
        self.lines.push(line);
    }

    /// Something that happened inside.
    pub(crate) fn note(&mut self, now: i64, kind: u64, text: impl FnOnce() -> String) {
        self.digest.write_u64(kind);
        self.digest.write_i64(now);
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>8} ms  · {}", text()));
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

/// A line without what people cannot read.
fn shorter(line: &Line) -> String {
    let text = line.text();
    let without = |text: String, field: &str| match text.find(field) {
        Some(at) => format!("{}{}", &text[..at], text.get(at + field.len() + 65..).unwrap_or_default()),
        None => text,
    };
    [",\"pd\":\"", ",\"sd\":\"", ",\"ed\":\""].into_iter().fold(text, without)
}
