//! What came out, rule by rule, for people, programs and build servers.
//!
//! The header says what was asked and by whom, so that the report stands for itself when it is published.

mod junit;

use serde_json::{Value, json};

use crate::rules::Rule;

/// Faults of one rule that are kept; the others are counted.
const FAULTS_KEPT: usize = 5;

/// A whole run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked.
    pub header: Header,
    /// One per rule, in order.
    pub results: Vec<RuleResult>,
}

/// What a report is about.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Header {
    /// RFC 3339, UTC.
    pub date: String,
    /// Version of Evento.
    pub evento: String,
    /// As it was named on the command line.
    pub target: String,
    /// Name, version and SDK, as the function says.
    pub function: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// Framings that were checked.
    pub modes: String,
    /// Where the values came from: the same seed asks the same.
    pub seed: u64,
}

/// How a rule ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be asked, or was not wanted.
    Skipped(String),
}

/// What came of one rule.
#[derive(Clone, Debug)]
pub struct RuleResult {
    /// Which.
    pub rule: &'static Rule,
    /// How it ended.
    pub verdict: Verdict,
    /// Single checks made.
    pub checks: u32,
    /// What came instead of what was demanded. Bound: `FAULTS_KEPT`.
    pub faults: Vec<Fault>,
    /// How many there were.
    pub faults_total: u32,
    /// What is not wrong, but worth a look.
    pub notes: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// One thing that is not as demanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What was done.
    pub case: String,
    /// What came.
    pub came: String,
}

/// Gathers what one rule finds.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) checks: u32,
    pub(crate) faults: Vec<Fault>,
    pub(crate) faults_total: u32,
    pub(crate) notes: Vec<String>,
    pub(crate) skipped: Option<String>,
}

impl Findings {
    /// Something is not as demanded.
    pub(crate) fn fault(&mut self, case: impl Into<String>, came: impl Into<String>) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(Fault { case: case.into(), came: came.into() });
        }
    }

    /// One check: what came if it is not as demanded.
    pub(crate) fn check(&mut self, case: impl Into<String>, came: Result<(), String>) {
        self.checks += 1;
        if let Err(came) = came {
            self.fault(case, came);
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < FAULTS_KEPT {
            self.notes.push(note.into());
        }
    }

    /// The rule cannot be asked.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    pub(crate) fn result(self, rule: &'static Rule, took_ms: u64) -> RuleResult {
        let verdict = match (self.faults_total, self.skipped) {
            (0, Some(why)) => Verdict::Skipped(why),
            (0, None) => Verdict::Passed,
            _ => Verdict::Failed,
        };
        let Findings { checks, faults, faults_total, notes, .. } = self;
        RuleResult { rule, verdict, checks, faults, faults_total, notes, took_ms }
    }
}

impl RuleResult {
    /// The word of the verdict.
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// The rule as it stands in the report for people, ending in a line feed.
    pub fn text(&self) -> String {
        let mut text = format!("{}  {:7}  {}", self.rule.id, self.word(), self.rule.title);
        match &self.verdict {
            Verdict::Skipped(why) => text.push_str(&format!(": {why}\n")),
            _ => text.push_str(&format!("  {} checks  {} ms\n", self.checks, self.took_ms)),
        }
        if self.verdict == Verdict::Failed {
            text.push_str(&format!("     demanded  {}\n", self.rule.demand));
            for fault in &self.faults {
                text.push_str(&format!("     asked     {}\n     came      {}\n", fault.case, fault.came));
            }
            if self.faults_total as usize > self.faults.len() {
                text.push_str(&format!("     and {} more\n", self.faults_total as usize - self.faults.len()));
            }
            text.push_str(&format!("     to do     {}\n", self.rule.fix));
        }
        for note in &self.notes {
            text.push_str(&format!("     note      {note}\n"));
        }
        text
    }

    fn json(&self) -> Value {
        let faults: Vec<Value> =
            self.faults.iter().map(|fault| json!({"asked": fault.case, "came": fault.came})).collect();
        let mut value = json!({"id": self.rule.id, "title": self.rule.title, "verdict": self.word().to_lowercase(),
            "checks": self.checks, "tookMs": self.took_ms});
        match &self.verdict {
            Verdict::Skipped(why) => value["reason"] = json!(why),
            Verdict::Failed => {
                value["demanded"] = json!(self.rule.demand);
                value["faults"] = json!(faults);
                value["faultsTotal"] = json!(self.faults_total);
                value["toDo"] = json!(self.rule.fix);
            }
            Verdict::Passed => {}
        }
        if !self.notes.is_empty() {
            value["notes"] = json!(self.notes);
        }
        value
    }
}

impl Header {
    /// The lines at the top of the report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.rows() {
            text.push_str(&format!("{name:10}{value}\n"));
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("date", self.date.clone()),
            ("evento", self.evento.clone()),
            ("protocol", "1".to_owned()),
            ("target", self.target.clone()),
            ("function", self.function.clone()),
            ("manifest", self.manifest.clone()),
            ("modes", self.modes.clone()),
            ("seed", self.seed.to_string()),
        ]
    }
}

impl Report {
    /// Rules that ended so: passed, failed, skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |word: &str| self.results.iter().filter(|result| result.word() == word).count();
        (count("passed"), count("FAILED"), count("skipped"))
    }

    /// Whether every rule that was asked holds.
    pub fn passed(&self) -> bool {
        self.counts().1 == 0
    }

    /// The last line of the report for people.
    pub fn summary(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        format!("{passed} passed, {failed} failed{skipped}\n")
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let header: serde_json::Map<String, Value> =
            self.header.rows().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let (passed, failed, skipped) = self.counts();
        json!({"header": header, "rules": self.results.iter().map(RuleResult::json).collect::<Vec<_>>(),
            "passed": passed, "failed": failed, "skipped": skipped})
    }

    /// For build servers: JUnit's XML.
    pub fn junit(&self) -> String {
        junit::write(self)
    }
}
