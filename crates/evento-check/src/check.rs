//! The pass: rules on the log alone, rules on the history against it, rules that need somebody's help.
//!
//! Linear in both: the log is indexed by instance and command once, every line is looked at once. Each rule keeps
//! its first violation.

mod log;
mod readers;
mod told;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::history::{Line, What};
use crate::rule::{RULES, Rule};
use crate::verdict::{Finding, Ruling, Summary, Verdict, Violation};
use crate::view::{CommandView, EntityView, EventView, InstanceView, LogView, Standing};

/// A command or an event, for the rule on schemas.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A command.
    Command(&'a CommandView),
    /// An event.
    Event(&'a EventView),
}

/// Folds the events of an instance and compares with the stored digests.
pub type Replay<'a> = &'a dyn Fn(&EntityView, &str, &InstanceView) -> Result<(), String>;
/// Reads a payload under its schema, all bytes used up.
pub type Readable<'a> = &'a dyn Fn(&EntityView, Content<'_>) -> Result<(), String>;
/// The invariant of the workload; says how many things it looked at.
pub type Invariant<'a> = &'a dyn Fn(&LogView) -> Result<u64, String>;

/// What the judge cannot do by itself. A rule without its help is skipped.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    /// For C11.
    pub replay: Option<Replay<'a>>,
    /// For C12.
    pub readable: Option<Readable<'a>>,
    /// For C13.
    pub invariant: Option<Invariant<'a>>,
}

/// The figures, or the first violation, without anybody's help: C11 to C13 are not judged.
pub fn check(history: &[Line], log: &LogView) -> Result<Summary, Violation> {
    judge(history, log, &Hooks::default()).result()
}

/// Judges every rule.
pub fn judge(history: &[Line], log: &LogView, hooks: &Hooks<'_>) -> Verdict {
    let index = Index::of(log);
    let parked = parked(history);
    let mut findings = Findings::default();
    log::judge(&index, &parked, &mut findings);
    let mut summary = told::judge(history, &index, &mut findings);
    readers::judge(history, &index, &mut findings);
    count(log, &mut summary);
    let mut skipped = FxHashMap::default();
    help(log, hooks, &mut findings, &mut skipped);
    if summary.lines == 0 {
        for rule in [0, 1, 2, 4, 6, 8, 9, 14, 15, 16] {
            skipped.insert(Rule(rule), "there is no history".to_owned());
        }
    }
    let rulings = RULES.iter().map(|(rule, ..)| findings.ruling(*rule, &mut skipped, history, log)).collect();
    Verdict { summary, rulings }
}

/// Commands that a list showed as parked.
fn parked(history: &[Line]) -> FxHashSet<(&str, &str)> {
    let shown = history.iter().filter_map(|line| match &line.what {
        What::Parked { k, cmd } => Some((k.as_str(), cmd.as_str())),
        _ => None,
    });
    shown.collect()
}

fn count(log: &LogView, summary: &mut Summary) {
    for (_, _, instance) in log.instances() {
        summary.instances += 1;
        summary.events += instance.events.len() as u64;
        summary.commands += instance.commands.len() as u64;
        for command in &instance.commands {
            let parked = command.standing == Standing::Parked;
            summary.parked += u64::from(parked);
            summary.waiting += u64::from(parked || command.standing == Standing::Waiting);
        }
    }
}

fn help(log: &LogView, hooks: &Hooks<'_>, findings: &mut Findings, skipped: &mut FxHashMap<Rule, String>) {
    match hooks.replay {
        None => drop(skipped.insert(Rule(11), "no function is at hand to fold with".to_owned())),
        Some(replay) => {
            for (entity, id, instance) in log.instances() {
                findings.hear(11, replay(entity, id, instance), |why| About::instance(entity, id, why));
            }
        }
    }
    match hooks.readable {
        None => drop(skipped.insert(Rule(12), "the schemas are not at hand".to_owned())),
        Some(readable) => {
            for (entity, id, instance) in log.instances() {
                let commands = instance.commands.iter().map(|c| (c.id.as_str(), Content::Command(c)));
                let events = instance.events.iter().map(|e| (e.command.as_str(), Content::Event(e)));
                for (command, content) in commands.chain(events) {
                    let about = |why| About::instance(entity, id, why).command(command);
                    findings.hear(12, readable(entity, content), about);
                }
            }
        }
    }
    match hooks.invariant.map(|invariant| invariant(log)) {
        None => drop(skipped.insert(Rule(13), "the workload has no invariant".to_owned())),
        Some(Ok(looked_at)) => findings.looked(13, looked_at),
        Some(Err(message)) => findings.look(13, false, || About::run(message)),
    }
}

/// The log, found by instance and command.
pub(crate) struct Index<'a> {
    pub(crate) log: &'a LogView,
    pub(crate) instances: FxHashMap<String, Known<'a>>,
}

/// An instance of the log.
pub(crate) struct Known<'a> {
    pub(crate) entity: &'a EntityView,
    pub(crate) id: &'a str,
    pub(crate) instance: &'a InstanceView,
    /// Records of commands by id; the first one, if there are more.
    pub(crate) records: FxHashMap<&'a str, &'a CommandView>,
    /// Events of commands by id: indexes of the first and last event of the first run.
    pub(crate) runs: FxHashMap<&'a str, (usize, usize)>,
}

impl<'a> Index<'a> {
    fn of(log: &'a LogView) -> Index<'a> {
        let known = log.instances().map(|(entity, id, instance)| {
            let mut known = Known { entity, id, instance, records: FxHashMap::default(), runs: FxHashMap::default() };
            for command in &instance.commands {
                known.records.entry(&command.id).or_insert(command);
            }
            for (n, event) in instance.events.iter().enumerate() {
                let run = known.runs.entry(&event.command).or_insert((n, n));
                if run.1 + 1 == n {
                    run.1 = n;
                }
            }
            (format!("{}/{id}", entity.name), known)
        });
        Index { log, instances: known.collect() }
    }

    pub(crate) fn get(&self, k: &str) -> Option<&Known<'a>> {
        self.instances.get(k)
    }
}

impl<'a> Known<'a> {
    /// First and last event of a command.
    pub(crate) fn run(&self, command: &str) -> Option<(&'a EventView, &'a EventView)> {
        let (first, last) = *self.runs.get(command)?;
        Some((&self.instance.events[first], &self.instance.events[last]))
    }

    /// The event with a sequence.
    pub(crate) fn event(&self, seq: u64) -> Option<&'a EventView> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.instance.events.get(at).filter(|event| event.seq == seq)
    }
}

/// What a violation is about.
pub(crate) struct About {
    message: String,
    instance: Option<String>,
    command: Option<String>,
}

impl About {
    pub(crate) fn run(message: impl Into<String>) -> About {
        About { message: message.into(), instance: None, command: None }
    }

    pub(crate) fn instance(entity: &EntityView, id: &str, message: impl Into<String>) -> About {
        About::k(&format!("{}/{id}", entity.name), message)
    }

    pub(crate) fn k(k: &str, message: impl Into<String>) -> About {
        About { instance: Some(k.to_owned()), ..About::run(message) }
    }

    pub(crate) fn command(self, command: &str) -> About {
        About { command: Some(command.to_owned()), ..self }
    }
}

/// First violations by rule, and how much each rule looked at.
#[derive(Default)]
pub(crate) struct Findings {
    first: FxHashMap<u8, About>,
    looked_at: FxHashMap<u8, u64>,
}

impl Findings {
    /// Counts a look; keeps what was found if it is the rule's first violation.
    pub(crate) fn look(&mut self, rule: u8, holds: bool, about: impl FnOnce() -> About) {
        self.looked(rule, 1);
        if !holds {
            self.first.entry(rule).or_insert_with(about);
        }
    }

    /// As `look`, for what a helper says.
    fn hear(&mut self, rule: u8, said: Result<(), String>, about: impl FnOnce(String) -> About) {
        self.looked(rule, 1);
        if let Err(why) = said {
            self.first.entry(rule).or_insert_with(|| about(why));
        }
    }

    pub(crate) fn looked(&mut self, rule: u8, times: u64) {
        *self.looked_at.entry(rule).or_default() += times;
    }

    fn ruling(&mut self, rule: Rule, skipped: &mut FxHashMap<Rule, String>, history: &[Line], log: &LogView) -> Ruling {
        let looked_at = self.looked_at.get(&rule.0).copied().unwrap_or(0);
        let finding = match (self.first.remove(&rule.0), skipped.remove(&rule)) {
            (Some(About { message, instance, command }), _) => {
                Finding::Failed(Box::new(Violation::of(rule, (instance, command), message, history, log)))
            }
            (None, Some(reason)) => Finding::Skipped(reason),
            (None, None) if looked_at == 0 => Finding::Skipped("there was nothing to look at".to_owned()),
            (None, None) => Finding::Passed,
        };
        Ruling { rule, looked_at, finding }
    }
}
