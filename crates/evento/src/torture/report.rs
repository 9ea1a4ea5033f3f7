//! The verdict as people and programs see it: a line for each run and each rule, and the last line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evento_check::rule::{RULES, Rule};
use evento_check::{Finding, Summary, Verdict};
use serde_json::{Value, json};

use super::Args;
use super::arena::Outcome;
use super::nemesis::Fault;
use crate::cli::failure::Failure;
use crate::output::Output;

/// One run on one data directory.
pub(super) struct Row {
    name: String,
    faults: BTreeMap<String, u64>,
    summary: Summary,
    restarts: u64,
    slowest: Duration,
    judged: u64,
}

impl Row {
    pub(super) fn new(name: &str, faults: &[Fault]) -> Row {
        let mut counted = BTreeMap::new();
        for fault in faults {
            let kind = fault.to_string();
            let kind = kind.split(" at ").next().unwrap_or(&kind).to_owned();
            *counted.entry(kind).or_default() += 1;
        }
        let (summary, slowest) = (Summary::default(), Duration::ZERO);
        Row { name: name.to_owned(), faults: counted, summary, restarts: 0, slowest, judged: 0 }
    }
}

/// What one rule came to over all runs.
#[derive(Clone, Default)]
pub(crate) struct RuleRow {
    looked_at: u64,
    failed: bool,
    skipped: Option<String>,
    passed: bool,
}

/// The rules of several verdicts together.
#[derive(Default)]
pub(crate) struct Rules(BTreeMap<Rule, RuleRow>);

impl Rules {
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        for ruling in &verdict.rulings {
            let row = self.0.entry(ruling.rule).or_default();
            row.looked_at += ruling.looked_at;
            match &ruling.finding {
                Finding::Passed => row.passed = true,
                Finding::Failed(_) => row.failed = true,
                Finding::Skipped(why) => row.skipped = Some(why.clone()),
            }
        }
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (rule, sentence, guarantees) in RULES {
            let Some(row) = self.0.get(rule) else { continue };
            let stands = if guarantees.is_empty() { String::new() } else { format!(" ({})", guarantees.join(" ")) };
            let word = match row {
                RuleRow { failed: true, .. } => "FAILED".to_owned(),
                RuleRow { passed: true, looked_at, .. } => format!("passed {looked_at}"),
                RuleRow { skipped, .. } => format!("skipped: {}", skipped.clone().unwrap_or_default()),
            };
            text.push_str(&format!("  {:<4} {sentence}{stands}: {word}\n", rule.to_string()));
        }
        text
    }

    /// Rules that passed, failed, and the reasons of those that were skipped.
    pub(crate) fn counts(&self) -> (usize, usize, Vec<String>) {
        let failed = self.0.values().filter(|row| row.failed).count();
        let passed = self.0.values().filter(|row| row.passed && !row.failed).count();
        let skipped = self.0.iter().filter(|(_, row)| !row.passed && !row.failed);
        let skipped = skipped.map(|(rule, row)| format!("{rule} {}", row.skipped.clone().unwrap_or_default()));
        (passed, failed, skipped.collect())
    }

    /// For programs.
    pub(crate) fn value(&self) -> Value {
        let rows = RULES.iter().filter_map(|(rule, sentence, guarantees)| {
            let row = self.0.get(rule)?;
            let word = match (row.failed, row.passed) {
                (true, _) => "failed",
                (false, true) => "passed",
                (false, false) => "skipped",
            };
            Some(json!({"rule": rule.to_string(), "sentence": sentence, "guarantees": guarantees,
                "verdict": word, "lookedAt": row.looked_at, "reason": row.skipped}))
        });
        rows.collect()
    }
}

/// `N passed, N failed`, and what was skipped and why.
pub(crate) fn last_line(passed: usize, failed: usize, skipped: &[String]) -> String {
    let mut line = format!("{passed} passed, {failed} failed");
    if !skipped.is_empty() {
        line.push_str(&format!(", {} skipped: {}", skipped.len(), skipped.join("; ")));
    }
    line
}

/// Everything a run of `evento torture` came to.
pub(super) struct Report {
    folder: PathBuf,
    rows: Vec<Row>,
    rules: Rules,
    skipped: Vec<String>,
    no_skip: bool,
    complaints: Vec<String>,
    first: Option<(String, Value, PathBuf)>,
    pub(super) kept: Option<PathBuf>,
    command: String,
}

impl Report {
    pub(super) fn new(args: &Args, folder: &Path) -> Report {
        Report {
            folder: folder.to_owned(),
            rows: Vec::new(),
            rules: Rules::default(),
            skipped: Vec::new(),
            no_skip: args.no_skip,
            complaints: Vec::new(),
            first: None,
            kept: None,
            command: args.command(),
        }
    }

    pub(super) fn skip(&mut self, count: u64, what: &str, why: &str) {
        let what = if count > 0 { format!("{count} {what}") } else { what.to_owned() };
        self.skipped.push(format!("{what}: {why}"));
    }

    pub(super) fn add(&mut self, mut row: Row, outcome: Result<Outcome, String>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(why) => {
                self.complaints.push(format!("{}: {why}", row.name));
                return self.rows.push(row);
            }
        };
        self.complaints.extend(outcome.complaints.iter().map(|why| format!("{}: {why}", row.name)));
        if let Some(verdict) = &outcome.verdict {
            row.summary = verdict.summary;
            self.rules.add(verdict);
            if let Some(violation) = verdict.first()
                && self.first.is_none()
            {
                self.first = Some((violation.to_string(), violation.document(), outcome.history.clone()));
            }
        }
        row.restarts = outcome.figures.restarts;
        row.slowest = outcome.figures.slowest;
        row.judged = outcome.figures.judged + 1;
        self.rows.push(row);
    }

    pub(super) fn failed(&self) -> bool {
        let (_, failed, _) = self.rules.counts();
        failed > 0 || !self.complaints.is_empty() || self.no_skip && !self.skipped.is_empty()
    }

    /// Passed, failed and skipped: rules, and each complaint as a failure of its own.
    fn counts(&self) -> (usize, usize, Vec<String>) {
        let (passed, failed, mut skipped) = self.rules.counts();
        skipped.extend(self.skipped.iter().cloned());
        (passed, failed + self.complaints.len(), skipped)
    }

    pub(super) fn print(&self, output: &Output, args: &Args) -> Result<(), Failure> {
        let violation = self.write_violation(args);
        let (passed, failed, skipped) = self.counts();
        if !output.for_people() {
            output.document(&self.value(&violation))?;
            output.note(last_line(passed, failed, &skipped));
            return Ok(());
        }
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&row.text());
        }
        text.push_str(&self.rules.text());
        for complaint in &self.complaints {
            text.push_str(&format!("{complaint}\n"));
        }
        if let Some((told, _, history)) = &self.first {
            text.push_str(&format!("\n{told}history {}\n", history.display()));
        }
        if let Some(violation) = &violation {
            text.push_str(&format!("violation {}\n", violation.display()));
        }
        if self.failed() {
            text.push_str(&format!("again with: {}\n", self.command));
        }
        if let Some(kept) = &self.kept {
            text.push_str(&format!("kept {}\n", kept.display()));
        }
        text.push_str(&last_line(passed, failed, &skipped));
        text.push('\n');
        output.text(&text)
    }

    fn write_violation(&self, args: &Args) -> Option<PathBuf> {
        let (_, document, _) = self.first.as_ref()?;
        let mut document = document.clone();
        document["seed"] = json!(args.seed);
        document["version"] = json!(env!("CARGO_PKG_VERSION"));
        document["command"] = json!(self.command);
        let path = self.folder.join("violation.json");
        std::fs::write(&path, format!("{document:#}\n")).ok().map(|()| path)
    }

    fn value(&self, violation: &Option<PathBuf>) -> Value {
        let (passed, failed, skipped) = self.counts();
        json!({
            "runs": self.rows.iter().map(Row::value).collect::<Vec<_>>(),
            "rules": self.rules.value(),
            "complaints": self.complaints,
            "passed": passed, "failed": failed, "skipped": skipped,
            "command": self.command,
            "violation": violation.as_ref().map(|path| path.display().to_string()),
        })
    }
}

impl Row {
    fn text(&self) -> String {
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let Summary { acknowledged, done, unknown, failed, seen, reads, .. } = self.summary;
        format!(
            "{}: {}\n  {acknowledged} acknowledged, {done} done, {unknown} unknown, {failed} refused, {reads} read, \
             {seen} seen, {} restarts, slowest recovery {} ms, judged {} times\n",
            self.name,
            faults.join(", "),
            self.restarts,
            self.slowest.as_millis(),
            self.judged
        )
    }

    fn value(&self) -> Value {
        let Summary { acknowledged, done, unknown, failed, seen, reads, .. } = self.summary;
        json!({"name": self.name, "faults": self.faults, "acknowledged": acknowledged, "done": done,
            "unknown": unknown, "refused": failed, "read": reads, "seen": seen, "restarts": self.restarts,
            "slowestRecoveryMs": self.slowest.as_millis() as u64, "judged": self.judged})
    }
}
