//! What comes out: a ruling for each rule, the figures of the run, and the whole life of what went wrong.

use serde_json::{Value, json};

use crate::history::Line;
use crate::rule::Rule;
use crate::view::{LogView, Standing};

/// Lines of a life that are kept; the newest.
const LIFE_LINES_MAX: usize = 2_000;

/// The verdict on a run.
#[derive(Debug)]
pub struct Verdict {
    /// The figures.
    pub summary: Summary,
    /// One for each rule, in order.
    pub rulings: Vec<Ruling>,
}

/// What one rule came to.
#[derive(Debug)]
pub struct Ruling {
    /// The rule.
    pub rule: Rule,
    /// Things it looked at.
    pub looked_at: u64,
    /// What it found.
    pub finding: Finding,
}

/// What a rule found.
#[derive(Debug)]
pub enum Finding {
    /// Nothing.
    Passed,
    /// It does not hold.
    Failed(Box<Violation>),
    /// It was not judged, and why.
    Skipped(String),
}

/// A rule that does not hold, with everything that is known of the instance.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What was found.
    pub message: String,
    /// The instance, `entity/id`.
    pub instance: Option<String>,
    /// The command.
    pub command: Option<String>,
    /// The lines of the history that speak of the instance or the command.
    pub history: Vec<Line>,
    /// What the log holds of the instance.
    pub log: Value,
}

/// The figures of a run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Lines of the history.
    pub lines: u64,
    /// Sends.
    pub sends: u64,
    /// Sends that were told that the command is in the log.
    pub acknowledged: u64,
    /// Sends that were told the outcome.
    pub done: u64,
    /// Sends that were refused.
    pub failed: u64,
    /// Sends without an answer.
    pub unknown: u64,
    /// States read.
    pub reads: u64,
    /// Events that readers of streams saw.
    pub seen: u64,
    /// Faults.
    pub faults: u64,
    /// Instances in the log.
    pub instances: u64,
    /// Events in the log.
    pub events: u64,
    /// Commands in the log.
    pub commands: u64,
    /// Commands without outcome.
    pub waiting: u64,
    /// Of these parked.
    pub parked: u64,
}

impl Verdict {
    /// The figures, or the first violation.
    pub fn result(self) -> Result<Summary, Violation> {
        let failed = self.rulings.into_iter().find_map(|ruling| match ruling.finding {
            Finding::Failed(violation) => Some(*violation),
            _ => None,
        });
        failed.map_or(Ok(self.summary), Err)
    }

    /// The first violation.
    pub fn first(&self) -> Option<&Violation> {
        self.rulings.iter().find_map(|ruling| match &ruling.finding {
            Finding::Failed(violation) => Some(&**violation),
            _ => None,
        })
    }

    /// Rules that passed, failed, and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Finding) -> bool| self.rulings.iter().filter(|r| wanted(&r.finding)).count();
        (
            count(|f| matches!(f, Finding::Passed)),
            count(|f| matches!(f, Finding::Failed(_))),
            count(|f| matches!(f, Finding::Skipped(_))),
        )
    }
}

impl Violation {
    /// Gathers the life of the instance and the command.
    pub(crate) fn of(
        rule: Rule,
        (instance, command): (Option<String>, Option<String>),
        message: String,
        history: &[Line],
        log: &LogView,
    ) -> Violation {
        let life = life(history, instance.as_deref(), command.as_deref());
        let log = instance.as_deref().map_or(Value::Null, |k| held(log, k));
        Violation { rule, message, instance, command, history: life, log }
    }

    /// As a document, for `violation.json`.
    pub fn document(&self) -> Value {
        json!({
            "rule": self.rule.to_string(),
            "sentence": self.rule.sentence(),
            "guarantees": self.rule.guarantees(),
            "message": self.message,
            "instance": self.instance,
            "command": self.command,
            "history": self.history,
            "log": self.log,
        })
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.rule.sentence())?;
        writeln!(f, "  {}", self.message)?;
        if !self.rule.guarantees().is_empty() {
            writeln!(f, "  breaks {}", self.rule.guarantees().join(", "))?;
        }
        if let Some(instance) = &self.instance {
            writeln!(f, "  instance {instance}")?;
        }
        if let Some(command) = &self.command {
            writeln!(f, "  command {command}")?;
            let told = self.history.iter().filter(|line| line.command() == Some(command));
            told.take(20).try_for_each(|line| writeln!(f, "    {}", line.text()))?;
        }
        Ok(())
    }
}

fn life(history: &[Line], instance: Option<&str>, command: Option<&str>) -> Vec<Line> {
    let mut operations = rustc_hash::FxHashSet::default();
    let mut lines: Vec<Line> = history
        .iter()
        .filter(|line| {
            let named =
                (instance.is_some() && line.instance() == instance) || (command.is_some() && line.command() == command);
            if named && let Some(op) = line.op {
                operations.insert(op);
            }
            named || line.op.is_some_and(|op| operations.contains(&op))
        })
        .cloned()
        .collect();
    let over = lines.len().saturating_sub(LIFE_LINES_MAX);
    lines.drain(..over);
    lines
}

fn held(log: &LogView, k: &str) -> Value {
    let Some((entity, instance)) = log.instance(k) else { return Value::Null };
    let name = &entity.name;
    let commands: Vec<Value> = instance
        .commands
        .iter()
        .rev()
        .take(LIFE_LINES_MAX)
        .map(|command| {
            json!({
                "pos": format!("{name}.commands/{}/{}", instance.partition, command.offset),
                "cmd": command.id, "name": command.type_name, "pd": command.digest.to_string(),
                "standing": standing(command.standing),
            })
        })
        .collect();
    let events: Vec<Value> = instance
        .events
        .iter()
        .rev()
        .take(LIFE_LINES_MAX)
        .map(|event| {
            json!({
                "pos": format!("{name}.events/{}/{}", instance.partition, event.offset),
                "seq": event.seq, "cmd": event.command, "type": event.type_name,
                "outcome": event.outcome.as_str(), "batch": format!("{}/{}", event.batch.0, event.batch.1),
                "decidedOn": event.decided_on, "attempts": event.attempts, "sd": event.state_digest.to_string(),
            })
        })
        .collect();
    let state = instance.state.map(|(seq, digest)| json!({"seq": seq, "sd": digest.to_string()}));
    json!({"newestFirst": true, "state": state, "commands": commands, "events": events})
}

fn standing(standing: Standing) -> Value {
    match standing {
        Standing::Waiting => json!("waiting"),
        Standing::Parked => json!("parked"),
        Standing::Absent => json!("absent from the index"),
        Standing::Ended { outcome, first, last, offset } => {
            json!({"outcome": outcome.as_str(), "first": first, "last": last, "offset": offset})
        }
    }
}
