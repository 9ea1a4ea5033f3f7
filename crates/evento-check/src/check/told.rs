//! Rules on what clients were told: C0 to C4, C6, C8, and C14 to C16.

use evento_model::{Digest, Outcome};
use rustc_hash::FxHashMap;

use super::{About, Findings, Index};
use crate::history::{Line, Recorded, What};
use crate::verdict::Summary;
use crate::view::Standing;

/// How long everything may take after the last fault (G19), in nanoseconds.
const CALM_MAX: u64 = 30_000_000_000;
/// Sends from which on the share of unknown answers is judged.
const SENDS_MIN: u64 = 20;

/// One send.
struct Op<'a> {
    k: &'a str,
    cmd: &'a str,
    pd: Digest,
    client: Option<&'a str>,
    ended: bool,
    acknowledged: bool,
}

/// One command, over all its sends.
struct Sent<'a> {
    /// Types and contents it was sent with.
    contents: Vec<(&'a str, Digest)>,
    /// Highest sequence that had been told of the instance when it was sent first.
    floor: u64,
    bad: bool,
    /// What was told of it, and for which content.
    outcome: Option<(Outcome, u64, u64, Digest)>,
    /// When it was known to be in the log, first.
    acknowledged: Option<u64>,
    /// Whether each send so far was refused with "not recorded".
    refused: bool,
}

struct Pass<'a, 'f> {
    index: &'f Index<'a>,
    findings: &'f mut Findings,
    summary: Summary,
    ops: FxHashMap<u64, Op<'a>>,
    sent: FxHashMap<(&'a str, &'a str), Sent<'a>>,
    floors: FxHashMap<&'a str, u64>,
    outage: bool,
    outages: u64,
    calm: Option<u64>,
    /// When the harness stopped, and whether readiness was green.
    end: Option<(u64, bool)>,
    parked: FxHashMap<(&'a str, &'a str), bool>,
}

pub(super) fn judge<'a>(history: &'a [Line], index: &Index<'a>, findings: &mut Findings) -> Summary {
    let mut pass = Pass {
        index,
        findings,
        summary: Summary::default(),
        ops: FxHashMap::default(),
        sent: FxHashMap::default(),
        floors: FxHashMap::default(),
        outage: false,
        outages: 0,
        calm: None,
        end: None,
        parked: FxHashMap::default(),
    };
    let mut t = 0;
    for line in history {
        let (after_end, fell) = (pass.end.is_some(), line.t < t);
        pass.findings.look(0, !fell && !after_end, || {
            let what = if fell { "the clock of the history falls" } else { "a line follows the end" };
            About::run(format!("{what}: {}", line.text()))
        });
        t = line.t;
        pass.line(line);
        pass.summary.lines += 1;
    }
    pass.close();
    pass.summary
}

impl<'a> Pass<'a, '_> {
    fn line(&mut self, line: &'a Line) {
        match &line.what {
            What::Send { k, cmd, name, pd, bad, .. } => self.send(line, (k, cmd), name, *pd, *bad),
            What::Ack { cmd, pos } => self.ack(line, cmd, pos.as_deref()),
            What::Done { cmd, outcome, first, last, sd } => self.done(line, cmd, (*outcome, *first, *last), *sd),
            What::Fail { cmd, recorded, .. } => self.fail(line, cmd, *recorded),
            What::Unknown { cmd } => self.unknown(line, cmd),
            What::Read { k, from, after, seq, sd } => self.read(line, k, (*from, *after), *seq, *sd),
            What::Parked { k, cmd } => {
                let outside = self.parked.entry((k, cmd)).or_default();
                *outside |= !self.outage;
            }
            What::Outage { open } => {
                self.outage = *open;
                self.outages += u64::from(*open);
            }
            What::Nemesis { .. } => {
                self.summary.faults += 1;
                self.calm = None;
            }
            What::Calm => self.calm = Some(line.t),
            What::End { lines, ready } => {
                let before = self.summary.lines;
                self.findings.look(0, *lines == before, || {
                    About::run(format!("the end counts {lines} lines before it, there are {before}"))
                });
                self.end = Some((line.t, *ready));
            }
            What::Seen { .. } => self.summary.seen += 1,
            What::Restart => {}
        }
    }

    fn send(&mut self, line: &'a Line, (k, cmd): (&'a str, &'a str), name: &'a str, pd: Digest, bad: bool) {
        self.summary.sends += 1;
        let op = Op { k, cmd, pd, client: line.c.as_deref(), ended: false, acknowledged: false };
        let fresh = line.op.is_some_and(|n| self.ops.insert(n, op).is_none());
        self.findings.look(0, fresh, || About::k(k, "a send has no operation of its own").command(cmd));
        let floor = self.floors.get(k).copied().unwrap_or(0);
        let sent = self.sent.entry((k, cmd)).or_insert_with(|| Sent {
            contents: Vec::new(),
            floor,
            bad,
            outcome: None,
            acknowledged: None,
            refused: true,
        });
        if !sent.contents.contains(&(name, pd)) {
            sent.contents.push((name, pd));
        }
    }

    /// The operation that a line answers, if the line may answer it.
    fn answered(&mut self, line: &'a Line, cmd: &str, ends: bool) -> Option<(&'a str, &'a str, Digest)> {
        let op = line.op.and_then(|n| self.ops.get_mut(&n));
        let fits = op.as_ref().is_some_and(|op| {
            op.cmd == cmd && op.client == line.c.as_deref() && !op.ended && (ends || !op.acknowledged)
        });
        let k = op.as_ref().map(|op| op.k).unwrap_or_default();
        self.findings
            .look(0, fits, || About::k(k, format!("no operation waits for this answer: {}", line.text())).command(cmd));
        let op = op.filter(|_| fits)?;
        op.ended |= ends;
        op.acknowledged |= !ends;
        Some((op.k, op.cmd, op.pd))
    }

    fn acknowledge(&mut self, (k, cmd): (&'a str, &'a str), t: u64) {
        self.summary.acknowledged += 1;
        if let Some(sent) = self.sent.get_mut(&(k, cmd)) {
            sent.refused = false;
            sent.acknowledged.get_or_insert(t);
        }
        let held = self.index.get(k).is_some_and(|known| known.records.contains_key(cmd));
        self.findings.look(2, held, || About::k(k, "it was acknowledged, and is not in the log").command(cmd));
    }

    fn ack(&mut self, line: &'a Line, cmd: &'a str, pos: Option<&str>) {
        let Some((k, cmd, _)) = self.answered(line, cmd, false) else { return };
        self.acknowledge((k, cmd), line.t);
        let (Some(pos), Some(known)) = (pos, self.index.get(k)) else { return };
        if let Some(record) = known.records.get(cmd) {
            let found = format!("{}.commands/{}/{}", known.entity.name, known.instance.partition, record.offset);
            self.findings.look(2, found == pos, || {
                About::k(k, format!("its record was told to be at {pos}, it is at {found}")).command(cmd)
            });
        }
    }

    fn done(&mut self, line: &'a Line, cmd: &'a str, told: (Outcome, u64, u64), sd: Option<Digest>) {
        let Some((k, cmd, pd)) = self.answered(line, cmd, true) else { return };
        self.summary.done += 1;
        self.acknowledge((k, cmd), line.t);
        let (outcome, first, last) = told;
        let run = self.index.get(k).and_then(|known| known.run(cmd));
        let found = run.map(|(begin, end)| (begin.outcome, begin.seq, end.seq));
        self.findings.look(1, found == Some(told), || {
            let log = found.map_or("no event of it".to_owned(), |(o, f, l)| format!("{o} {f} to {l}"));
            About::k(k, format!("{outcome} {first} to {last} was told; the log has {log}")).command(cmd)
        });
        if let (Some(sd), Some((_, end))) = (sd, run) {
            self.findings.look(1, sd == end.state_digest, || {
                About::k(k, format!("the state that was told has digest {sd}, the log {}", end.state_digest))
                    .command(cmd)
            });
        }
        if let Some(sent) = self.sent.get_mut(&(k, cmd)) {
            let before = *sent.outcome.get_or_insert((outcome, first, last, pd));
            self.findings.look(3, before == (outcome, first, last, pd), || {
                About::k(k, format!("{before:?} was told first, then {outcome} {first} to {last} for {pd}"))
                    .command(cmd)
            });
        }
        let floor = self.floors.entry(k).or_default();
        *floor = (*floor).max(last);
    }

    fn fail(&mut self, line: &'a Line, cmd: &'a str, recorded: Recorded) {
        let Some((k, cmd, _)) = self.answered(line, cmd, true) else { return };
        match recorded {
            Recorded::No => self.summary.failed += 1,
            Recorded::Yes => {
                self.summary.failed += 1;
                self.acknowledge((k, cmd), line.t);
            }
            // An answer came, though it does not say everything.
            Recorded::Unknown => {
                self.summary.failed += 1;
                self.doubt(k, cmd);
            }
        }
    }

    fn unknown(&mut self, line: &'a Line, cmd: &'a str) {
        if let Some((k, cmd, _)) = self.answered(line, cmd, true) {
            self.summary.unknown += 1;
            self.doubt(k, cmd);
        }
    }

    fn doubt(&mut self, k: &'a str, cmd: &'a str) {
        if let Some(sent) = self.sent.get_mut(&(k, cmd)) {
            sent.refused = false;
        }
    }

    fn read(&mut self, line: &Line, k: &'a str, (from, after): (u64, Option<u64>), seq: u64, sd: Option<Digest>) {
        self.summary.reads += 1;
        self.findings.look(0, from <= line.t, || About::k(k, "a read ends before it begins"));
        self.findings.look(8, after.is_none_or(|after| seq >= after), || {
            About::k(k, format!("a read after sequence {} was answered with {seq}", after.unwrap_or(0)))
        });
        let event = self.index.get(k).and_then(|known| known.event(seq));
        self.findings.look(8, event.is_some(), || {
            About::k(k, format!("a read was answered with sequence {seq}, which is not in the log"))
        });
        if let (Some(sd), Some(event)) = (sd, event) {
            self.findings.look(8, sd == event.state_digest, || {
                let message = format!("the state read at {seq} has digest {sd}, the log {}", event.state_digest);
                About::k(k, message).command(&event.command)
            });
        }
    }

    fn close(&mut self) {
        let open: Vec<_> =
            self.ops.values().filter(|op| !op.ended && !op.acknowledged).map(|op| (op.k, op.cmd)).collect();
        for (k, cmd) in open {
            self.findings.look(0, self.end.is_none(), || About::k(k, "a send has no end").command(cmd));
            self.summary.unknown += 1;
            self.doubt(k, cmd);
        }
        let sent = std::mem::take(&mut self.sent);
        for ((k, cmd), sent) in &sent {
            self.command(k, cmd, sent);
        }
        self.unsent(&sent);
        let (sends, unknown) = (self.summary.sends, self.summary.unknown);
        self.findings.look(16, sends < SENDS_MIN || unknown * 5 <= sends, || {
            About::run(format!("{unknown} of {sends} sends had no answer: the run proves too little"))
        });
    }

    /// What the log has of a command, after everything that was told of it.
    fn command(&mut self, k: &str, cmd: &str, sent: &Sent<'_>) {
        let about = |message: String| About::k(k, message).command(cmd);
        let known = self.index.get(k);
        let record = known.and_then(|known| known.records.get(cmd));
        if sent.refused {
            self.findings.look(4, record.is_none(), || about("it was refused, and is in the log".to_owned()));
        }
        let Some((known, record)) = known.zip(record) else { return };
        let mut alike = sent.contents.iter().filter(|(_, pd)| *pd == record.digest).peekable();
        let as_sent = alike.peek().is_some() && alike.all(|(name, _)| *name == record.type_name);
        self.findings.look(2, as_sent, || {
            about(format!(
                "it is in the log as {} with content {}, and was never sent so",
                record.type_name, record.digest
            ))
        });
        if let Some((.., pd)) = sent.outcome {
            self.findings.look(3, pd == record.digest, || {
                about(format!("the outcome was told for content {pd}, the log has {}", record.digest))
            });
        }
        if let Some((first, _)) = known.run(cmd) {
            self.findings.look(6, first.seq > sent.floor, || {
                let floor = sent.floor;
                about(format!("it was sent when sequence {floor} had been told, and its events begin at {}", first.seq))
            });
        }
        self.parking(k, cmd, sent.bad, record.standing);
        self.completion(k, cmd, sent, record.standing);
    }

    fn parking(&mut self, k: &str, cmd: &str, bad: bool, standing: Standing) {
        let outside = self.parked.get(&(k, cmd)).copied();
        if self.outages > 0 && (outside.is_some() || standing == Standing::Parked) {
            self.findings.look(14, bad || outside == Some(true), || {
                About::k(k, "it was parked while its function answered nobody").command(cmd)
            });
        }
    }

    fn completion(&mut self, k: &str, cmd: &str, sent: &Sent<'_>, standing: Standing) {
        let (Some(calm), Some((end, ready))) = (self.calm, self.end) else { return };
        let rule = if sent.bad { 14 } else { 15 };
        let due = sent.acknowledged.is_some_and(|t| t.max(calm).saturating_add(CALM_MAX) <= end);
        self.findings.look(rule, standing != Standing::Waiting || !ready || !due, || {
            let waited = end.saturating_sub(calm) / 1_000_000_000;
            About::k(k, format!("it still waits {waited} s after the last fault, and readiness is green")).command(cmd)
        });
    }

    /// Commands under ids that clients chose, of instances the history knows, that nobody sent.
    fn unsent(&mut self, sent: &FxHashMap<(&'a str, &'a str), Sent<'a>>) {
        let instances: rustc_hash::FxHashSet<&str> = sent.keys().map(|(k, _)| *k).collect();
        for k in instances {
            let Some(known) = self.index.get(k) else { continue };
            for command in known.instance.commands.iter().filter(|command| command.client_supplied) {
                self.findings.look(2, sent.contains_key(&(k, command.id.as_str())), || {
                    About::k(k, "it is in the log, and nobody sent it").command(&command.id)
                });
            }
        }
    }
}
