//! One life of the process: the engine, the log, and the driver's part between them.
//!
//! The driver of the server (`evento/src/node/path.rs`) does the same with tasks and channels; what both say in
//! answers and what they look up is the same code.

use std::sync::Arc;

use evento_engine::CallNo;
use evento_engine::{Chance, Config, Draft, Effect, Engine, Input, Looked, Notice, Now, UnitNo, WaiterId};
use evento_function::RunRequest;
use evento_log::embedded::{Done, EmbeddedLog, Fault, Recovered, Turns};
use evento_log::intake::{Answer, Refusal};
use evento_log::unit::Committed;
use evento_model::{Code, EntityTypeId, Revision, sometimes};
use evento_schema::catalog::Catalog;
use parking_lot::Mutex;

use crate::disk::SimDisk;

/// The code of a full disk.
const FULL: Code = Code(4005);

/// What became of a unit.
struct Reported {
    unit: UnitNo,
    entity: EntityTypeId,
    partition: u32,
    answers: Vec<(WaiterId, Draft)>,
    result: Result<Committed, Fault>,
}

/// What a life wants of its surroundings.
pub(crate) enum Out {
    Answer(WaiterId, Answer),
    Call { call: CallNo, revision: Revision, request: RunRequest, timeout_ms: u64 },
    Notice(Notice),
}

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) log: EmbeddedLog,
    pub(crate) turns: Turns,
    pub(crate) inbox: Vec<Input>,
    disk: SimDisk,
    catalog: Option<Arc<Catalog>>,
    reported: Arc<Mutex<Vec<Reported>>>,
    /// The disk was full: the engine is ahead of the log, and is built anew when there is room.
    pub(crate) full: bool,
    /// A look-up met something that cannot be read: the process is to end.
    pub(crate) unreadable: Option<Fault>,
    /// The log is closed for good: the process is to end.
    pub(crate) fault: Option<Code>,
}

impl Node {
    pub(crate) fn new(
        (log, turns, recovered): (EmbeddedLog, Turns, Recovered),
        config: Config,
        seed: u64,
        disk: SimDisk,
    ) -> Node {
        Node {
            engine: Engine::new(config, Chance::new(seed), recovered.epoch, recovered.unfinished),
            log,
            turns,
            inbox: Vec::new(),
            disk,
            catalog: None,
            reported: Arc::default(),
            full: false,
            unreadable: None,
            fault: None,
        }
    }

    pub(crate) fn serve(&mut self, catalog: Arc<Catalog>) {
        self.catalog = Some(catalog.clone());
        self.inbox.push(Input::Catalog(catalog));
    }

    /// Units that are written, or refused, and whose senders do not know it yet: how many, and how many are durable.
    pub(crate) fn untold(&self) -> (usize, usize) {
        let reported = self.reported.lock();
        (reported.len(), reported.iter().filter(|report| report.result.is_ok()).count())
    }

    /// One turn of the driver.
    pub(crate) fn step(&mut self, now: Now, seed: u64) -> Vec<Out> {
        if self.full {
            self.begin_anew(seed);
        }
        let inputs = std::mem::take(&mut self.inbox);
        let effects = self.engine.step(now, inputs);
        let mut out = Vec::new();
        let mut units = Vec::new();
        for effect in effects {
            match effect {
                Effect::Load { load, key, command } => {
                    let found = self.log.look_up(&key, command.as_ref());
                    if let Err(fault) = &found {
                        self.unreadable = Some(fault.clone());
                    }
                    let looked = found.map(|found| Looked { state: found.state, done: found.done });
                    self.inbox.push(Input::Loaded(load, looked.map_err(|fault| fault.code())));
                }
                Effect::Call { call, revision, request, timeout_ms, .. } => {
                    out.push(Out::Call { call, revision, request, timeout_ms });
                }
                Effect::Commit { unit, content, answers } => {
                    let report = self.report(unit, content.entity, content.partition, answers);
                    units.push((*content, report));
                }
                Effect::Answer(waiter, answer) => out.push(Out::Answer(waiter, answer)),
                Effect::Notice(notice) => out.push(Out::Notice(notice)),
                Effect::Rediscover(_) => {}
            }
        }
        if !units.is_empty() {
            self.log.submit_many(units);
        }
        out
    }

    /// What is done when a unit is durable or never will be. A machine without power does nothing.
    fn report(&self, unit: UnitNo, entity: EntityTypeId, partition: u32, answers: Vec<(WaiterId, Draft)>) -> Done {
        let (reported, disk) = (self.reported.clone(), self.disk.clone());
        Box::new(move |result| {
            if !disk.is_off() {
                reported.lock().push(Reported { unit, entity, partition, answers, result });
            }
        })
    }

    /// Tells what became of units: first those who wait, then the engine.
    pub(crate) fn tell(&mut self) -> Vec<Out> {
        let mut out = Vec::new();
        let reported = std::mem::take(&mut *self.reported.lock());
        for Reported { unit, entity, partition, answers, result } in reported {
            match result {
                Ok(committed) => {
                    let told = answers.into_iter();
                    out.extend(told.map(|(w, draft)| Out::Answer(w, draft.answer(entity, partition, &committed))));
                    self.inbox.push(Input::Committed(unit, committed));
                }
                Err(fault) => {
                    let refusal =
                        Refusal { code: fault.code(), detail: fault.to_string(), retry_after_ms: None, seq: None };
                    out.extend(answers.into_iter().map(|(w, _)| Out::Answer(w, Answer::Refused(refusal.clone()))));
                    self.inbox.push(Input::LogFailed(fault.code()));
                    self.failed(fault.code());
                }
            }
        }
        out
    }

    fn failed(&mut self, code: Code) {
        if code == FULL {
            sometimes!("disk full in a commit", !self.full);
            self.full = true;
        } else {
            self.fault = Some(code);
        }
    }

    /// The disk was full and has room again: a new engine begins with what the log has.
    fn begin_anew(&mut self, seed: u64) {
        if self.log.resume().is_err() {
            return;
        }
        let Ok(unfinished) = self.log.unfinished() else { return };
        sometimes!("went on after a full disk");
        self.full = false;
        self.engine = self.engine.anew(Chance::new(seed), unfinished);
        let asked: Vec<Input> = self.inbox.drain(..).filter(|input| matches!(input, Input::Asked(..))).collect();
        self.inbox.extend(self.catalog.clone().map(Input::Catalog));
        self.inbox.extend(asked);
    }
}
