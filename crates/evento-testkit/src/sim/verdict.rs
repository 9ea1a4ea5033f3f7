//! The end of a run: a last start, everything read back by the production reader, and the judge.

use std::collections::BTreeMap;
use std::path::Path;

use evento_check::check::Content;
use evento_check::{EntityView, Finding, Hooks, InstanceView, LogView, Named, judge, view_of};
use evento_log::embedded::EmbeddedLog;
use evento_log::unit::state_digest;
use evento_model::sometimes;

use super::clients::k;
use super::plan::{Plan, Trouble};
use super::world::{Broken, World};
use crate::counter::{COUNTER, PARTITIONS, VAULT, long, read_long};

/// Bytes that the scrub looks at in one step.
const SCRUBBED: usize = 4 << 10;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The run.
    pub plan: Plan,
    /// The rule that does not hold, if one does not.
    pub broken: Option<Broken>,
    /// Equal for equal runs.
    pub digest: u64,
    /// Situations it met, and how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// Events of the simulation, for who reads it; empty unless asked for.
    pub trace: Vec<String>,
    /// Commands that were sent, and starts of the process.
    pub sends: u64,
    /// Starts of the process.
    pub lives: u64,
}

/// Lives a plan through and judges it.
pub fn run(plan: &Plan, traced: bool) -> Outcome {
    let mut world = World::new(plan.clone(), traced);
    world.live();
    if world.broken.is_none() && !world.damaged {
        world.last_start();
    }
    Outcome {
        plan: plan.clone(),
        digest: world.record.digest(),
        broken: world.broken.take(),
        counts: counts(),
        trace: world.record.trace.take().unwrap_or_default(),
        sends: world.ops,
        lives: u64::from(world.life),
    }
}

#[cfg(feature = "proving")]
fn counts() -> BTreeMap<&'static str, u64> {
    evento_model::proving::take_counts()
}

#[cfg(not(feature = "proving"))]
fn counts() -> BTreeMap<&'static str, u64> {
    BTreeMap::new()
}

impl World {
    /// The process ends once more, starts, and everything is read and judged.
    fn last_start(&mut self) {
        let lines = self.record.lines.len();
        self.die(if self.plan.has(Trouble::Power) { Trouble::Power } else { Trouble::Kill });
        self.record.lines.truncate(lines);
        let (log, _turns, _) = match self.open() {
            Ok(opened) => opened,
            Err(fault) => return self.unreadable(&fault),
        };
        let named = |id, name: &str| Named { id, name: name.to_owned(), partitions: PARTITIONS };
        match view_of(&log, &[named(COUNTER, "counter"), named(VAULT, "vault")], &|_| true) {
            Ok(view) => self.judge(&view),
            Err(fault) => return self.unreadable(&fault),
        }
        if self.broken.is_none() && !self.flipped {
            self.scrub(&log);
        }
    }

    /// S9: the scrub comes to every file that is there, and finds nothing where nothing was damaged.
    fn scrub(&mut self, log: &EmbeddedLog) {
        let mut scrub = match log.scrub() {
            Ok(scrub) => scrub,
            // A disk that is full has no room for what is gathered.
            Err(_) => return,
        };
        loop {
            match scrub.step(SCRUBBED) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => return self.broken("S9", format!("the scrub finds damage where there is none: {fault}")),
            }
        }
        let is_topic = |path: &Path| path.extension().is_some_and(|e| e == "log") && path.starts_with("/data/topics");
        let there = self.disk.content().keys().filter(|path| is_topic(path)).count() as u64;
        if scrub.seen().files != there {
            let seen = scrub.seen().files;
            self.broken("S9", format!("the scrub saw {seen} files, {there} are there"));
        }
    }

    /// How the commands ended that were parked once.
    fn count_parked(&self, view: &LogView) {
        for sent in self.sent.iter().filter(|sent| sent.parked) {
            let instance = view.instance(&k(&sent.key)).map(|(_, instance)| instance);
            let event = instance.and_then(|i| i.events.iter().find(|event| event.command == sent.id.as_str()));
            let Some(event) = event else { continue };
            let abandoned = event.outcome == evento_model::Outcome::Abandoned;
            sometimes!("parked, then abandoned", abandoned);
            sometimes!("parked, then retried", !abandoned && sent.retried);
            sometimes!("parked, then released by a new revision", !abandoned && !sent.retried);
        }
    }

    fn judge(&mut self, view: &LogView) {
        self.count_parked(view);
        let hooks = Hooks { replay: Some(&replay), readable: Some(&readable), invariant: Some(&books) };
        let verdict = judge(&self.record.lines, view, &hooks);
        // Crashes are many and clients few here: how much is unknown says nothing.
        let failed =
            verdict.rulings.into_iter().filter(|ruling| ruling.rule.0 != 16).find_map(|ruling| match ruling.finding {
                Finding::Failed(violation) => Some(*violation),
                _ => None,
            });
        if let Some(violation) = failed {
            self.broken(&violation.rule.to_string(), violation.to_string());
        }
    }
}

/// C11: the fold of the events gives the digest stored with each.
fn replay(_: &EntityView, _: &str, instance: &InstanceView) -> Result<(), String> {
    let mut total: Option<i64> = None;
    for event in &instance.events {
        if event.type_name == "test.Added" {
            total = Some(total.unwrap_or(0) + read_long(&event.payload));
        }
        if state_digest(total.map(long).as_deref()) != event.state_digest {
            return Err(format!("the fold up to event {} gives {total:?}, and another digest is stored", event.seq));
        }
    }
    Ok(())
}

/// C12: payloads are numbers, all bytes used up, of the types that the schemas name.
fn readable(_: &EntityView, content: Content<'_>) -> Result<(), String> {
    let (type_name, schema, payload) = match content {
        Content::Command(command) => (&command.type_name, command.schema.0, &command.payload),
        Content::Event(event) => (&event.type_name, event.schema.0, &event.payload),
    };
    let known = matches!((type_name.as_str(), schema), ("test.Add", 2) | ("test.Added", 3) | ("test.AddRefused", 4));
    let platform = type_name.starts_with("evento.");
    match platform || (known && long(read_long(payload)) == *payload) {
        true => Ok(()),
        false => Err(format!("{type_name} of schema {schema} does not read: {payload:?}")),
    }
}

/// C13: no instance ever holds less than nothing.
fn books(view: &LogView) -> Result<u64, String> {
    let mut looked_at = 0;
    for (entity, id, instance) in view.instances() {
        let mut total = 0;
        for event in instance.events.iter().filter(|event| event.type_name == "test.Added") {
            total += read_long(&event.payload);
            looked_at += 1;
            if total < 0 {
                return Err(format!("{}/{id} holds {total} after event {}", entity.name, event.seq));
            }
        }
    }
    Ok(looked_at)
}
