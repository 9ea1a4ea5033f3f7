//! What clients were told of a sample of instances, as a history for the judge that torture and the simulation have.
//!
//! One instance in twenty, and at least one: their commands carry ids, their answers are kept. The judge then reads
//! these instances from the log of the stopped server. `truth.rs` looks at all instances, with fewer questions.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use evento_check::history::content_digest;
use evento_check::{Line, Recorded, Verdict, What};
use evento_model::{Digest, Outcome};
use evento_sdk::avro::Writer;
use serde_json::Value;

use super::Plan;
use crate::cli::failure::Failure;
use crate::torture::judge::judge_instances;

/// Of so many instances one is judged.
const ONE_OF: usize = 20;
/// Lines of the history; a run with more is not judged. Some 300 MB.
const LINES_MAX: usize = 1_000_000;

/// A command as the judge is to find it: full name and canonical payload.
pub struct Content(&'static str, Vec<u8>);

/// Opens an account.
pub fn open_account(owner: &str, currency: &str) -> Content {
    content("bank.OpenAccount", |out| {
        out.string(owner);
        out.string(currency);
    })
}

/// Takes money in.
pub fn receive_deposit(amount: i64, reference: &str) -> Content {
    content("bank.ReceiveDeposit", |out| {
        out.long(amount);
        out.string(reference);
    })
}

fn content(name: &'static str, write: impl FnOnce(&mut Writer)) -> Content {
    let mut out = Writer::new();
    write(&mut out);
    Content(name, out.finish().expect("numbers and texts are always valid"))
}

/// A history that is being made.
pub struct Told {
    began: Instant,
    lines: Vec<Line>,
    ops: u64,
    /// Where the present run begins in `lines`.
    run: usize,
    /// The present run became too long.
    full: bool,
    /// Prefixes of the runs that are judged.
    prefixes: BTreeSet<String>,
}

impl Told {
    /// An empty one.
    pub fn new() -> Told {
        let (lines, prefixes) = (Vec::new(), BTreeSet::new());
        Told { began: Instant::now(), lines, ops: 0, run: 0, full: false, prefixes }
    }

    /// A run begins.
    pub fn begin(&mut self) {
        (self.run, self.full) = (self.lines.len(), false);
    }

    /// A run has ended; whether it is judged.
    pub fn end(&mut self, plan: &Plan) -> bool {
        if self.full {
            self.lines.truncate(self.run);
        } else {
            self.prefixes.insert(plan.prefix.clone());
        }
        !self.full
    }

    /// Notes that a command is about to be sent to an instance, if that is judged; the id that it must carry.
    pub fn send(&mut self, plan: &Plan, instance: usize, content: &Content) -> Option<u64> {
        self.full |= self.lines.len() >= LINES_MAX;
        if self.full || !instance.is_multiple_of(ONE_OF) {
            return None;
        }
        self.ops += 1;
        let pd: Digest = content_digest(content.0, &content.1);
        let (k, cmd) = (format!("account/{}-{instance}", plan.prefix), id(self.ops));
        self.note(self.ops, What::Send { k, cmd, name: content.0.to_owned(), pd, way: "http".to_owned(), bad: false });
        Some(self.ops)
    }

    /// Notes what came back for a command.
    pub fn answered(&mut self, op: u64, status: u16, document: &[u8]) {
        if self.full {
            return;
        }
        let document: Value = serde_json::from_slice(document).unwrap_or_default();
        let outcome = document["outcome"].as_str().and_then(Outcome::parse);
        let (last, count) = (document["seq"].as_u64(), document["events"].as_array().map(Vec::len));
        let cmd = id(op);
        let what = match (outcome, last, count) {
            (Some(outcome), Some(last), Some(count)) => {
                What::Done { cmd, outcome, first: (last + 1).saturating_sub(count as u64), last, sd: None }
            }
            _ => {
                let recorded = match document["recorded"].as_bool() {
                    Some(true) => Recorded::Yes,
                    Some(false) => Recorded::No,
                    None => Recorded::Unknown,
                };
                What::Fail { cmd, status, recorded }
            }
        };
        self.note(op, what);
    }

    fn note(&mut self, op: u64, what: What) {
        let t = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.lines.push(Line { t, op: Some(op), c: None, what });
    }

    /// Judges the data directory of the server, which has stopped.
    ///
    /// Errors: the log cannot be opened.
    pub fn judge(mut self, data: &Path) -> Result<Verdict, Failure> {
        let lines = self.lines.len() as u64;
        self.note(0, What::End { lines, ready: true });
        let judged = |instance: &str| {
            let parts = instance.rsplit_once('-');
            parts.is_some_and(|(prefix, number)| {
                self.prefixes.contains(prefix) && number.parse().is_ok_and(|n: usize| n.is_multiple_of(ONE_OF))
            })
        };
        judge_instances(data, &self.lines, false, &judged)
    }
}

/// The command's id, which the server takes for its idempotency key.
pub fn id(op: u64) -> String {
    format!("bench-{op}")
}
