//! The step: inputs in, effects out. Everything else in this crate is called from here.
//!
//! A turn takes all inputs that are there, then what has become due by time, and only then fills requests to
//! functions: whatever came in together goes out together, without a timer.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use evento_function::Failure;
use evento_log::intake::{Answer, Ask, Refusal};
use evento_log::view::Unfinished;
use evento_model::{Code, CommandId, EntityKey, EntityTypeId, OwnerEpoch, ResourceName, Revision, Timestamp, planted};
use evento_schema::catalog::Catalog;
use rustc_hash::FxHashMap;

use crate::command::{Call, Loading};
use crate::instance::{InstanceNo, Pending, Phase, Stored};
use crate::line::{Line, LineNo};
use crate::table::Table;
use crate::{CallNo, Chance, Config, Effect, Input, LoadNo, Now, UnitNo, WaiterId, mark};

/// The command path of a set of partitions.
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) chance: Chance,
    pub(crate) epoch: OwnerEpoch,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) table: Table,
    pub(crate) lines: Vec<Line>,
    /// Bound: concurrency of all functions.
    pub(crate) calls: FxHashMap<CallNo, Call>,
    /// Bound: unfinished commands.
    pub(crate) loads: FxHashMap<LoadNo, Loading>,
    /// Units that are not durable yet. Bound: the log's queue.
    pub(crate) units: FxHashMap<UnitNo, InstanceNo>,
    /// Instances whose head is due later, by time. Bound: busy instances.
    pub(crate) delayed: BTreeSet<(Timestamp, InstanceNo)>,
    /// Parked commands to be put back, a few at a time. Bound: parked commands.
    pub(crate) releasing: VecDeque<(EntityKey, CommandId)>,
    pub(crate) release_at: Timestamp,
    /// Which state schema and version the cached states of an entity type are of.
    pub(crate) state_kinds: FxHashMap<EntityTypeId, (evento_model::SchemaId, u32)>,
    /// Unfinished commands and their bytes.
    pub(crate) held: Held,
    pub(crate) failed: Option<Code>,
    pub(crate) numbers: u64,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
}

/// What unfinished commands cost.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Held {
    /// How many there are.
    pub commands: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Engine {
    /// An engine that knows no resources yet: the first input is a catalogue.
    ///
    /// `epoch` is written with every event. `unfinished` are the commands the log found at start, in log order.
    pub fn new(config: Config, chance: Chance, epoch: OwnerEpoch, unfinished: Vec<Unfinished>) -> Engine {
        let zero = Timestamp(0);
        let mut engine = Engine {
            config,
            chance,
            epoch,
            catalog: Arc::new(Catalog::default()),
            table: Table::default(),
            lines: Vec::new(),
            calls: FxHashMap::default(),
            loads: FxHashMap::default(),
            units: FxHashMap::default(),
            delayed: BTreeSet::new(),
            releasing: VecDeque::new(),
            release_at: zero,
            state_kinds: FxHashMap::default(),
            held: Held::default(),
            failed: None,
            numbers: 0,
            now: Now { monotonic: zero, wall: zero },
            effects: Vec::new(),
        };
        unfinished.into_iter().for_each(|command| engine.recover(command));
        engine
    }

    /// An engine that begins anew with what the log has, because units of this one were not written.
    ///
    /// Its numbers go on: an answer to a call of before must not be taken for one to a call of its own.
    pub fn anew(&self, chance: Chance, unfinished: Vec<Unfinished>) -> Engine {
        let mut engine = Engine::new(self.config.clone(), chance, self.epoch, unfinished);
        engine.numbers = self.numbers;
        if planted!(12) {
            engine.remember(&self.table);
        }
        engine
    }

    /// The planted bug 12: what instances were to become, although it was not written.
    fn remember(&mut self, before: &Table) {
        for (_, instance) in before.iter().filter(|(_, instance)| instance.loaded) {
            let no = self.table.find_or_insert(&instance.key, || instance.partition);
            let again = self.table.get_mut(no);
            (again.current, again.loaded) = (instance.current.clone(), true);
        }
    }

    /// Takes what happened, and says what is to be done.
    pub fn step(&mut self, now: Now, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        self.now = now;
        for input in inputs {
            self.take(input);
        }
        self.take_due();
        for line in 0..self.lines.len() {
            self.dispatch(LineNo(line as u32));
        }
        std::mem::take(&mut self.effects)
    }

    /// When to step again even if nothing happens. Monotonic.
    pub fn due(&self) -> Option<Timestamp> {
        let delayed = self.delayed.first().map(|(at, _)| *at);
        let release = (!self.releasing.is_empty()).then_some(self.release_at);
        // What was due before and is not done waits for an answer, which wakes whoever sleeps.
        let lines = self.lines.iter().filter_map(Line::due).filter(|at| *at > self.now.monotonic);
        lines.chain(delayed).chain(release).min()
    }

    /// What the unfinished commands cost now.
    pub fn held(&self) -> Held {
        self.held
    }

    /// Commands without an outcome, and units that are not durable yet.
    pub fn unsettled(&self) -> usize {
        self.held.commands + self.units.len()
    }

    /// Works of an entity type that are with a function, or committed but not durable: none means it is quiet.
    pub fn moving(&self, entity: EntityTypeId) -> usize {
        let called =
            self.calls.values().filter(|call| call.entity.id == entity).map(|call| call.works.len()).sum::<usize>();
        called + self.units.values().filter(|no| self.table.get(**no).key.entity == entity).count()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Asked(waiter, ask) => self.asked(waiter, ask),
            Input::Loaded(load, looked) => self.loaded(load, looked),
            Input::Answered(call, answer) => self.answered(call, answer),
            Input::Committed(unit, committed) => self.committed(unit, committed),
            Input::LogFailed(code) => self.log_failed(code),
            Input::Catalog(catalog) => self.serve(catalog),
            Input::FunctionUp(function) => self.function_up(&function),
            Input::FunctionDown(function, revision, failure) => self.function_down(&function, revision, &failure),
        }
    }

    fn asked(&mut self, waiter: WaiterId, ask: Ask) {
        if let Some(code) = self.failed {
            let detail = "the log cannot be written; nothing is accepted any more".to_owned();
            return self.refuse(waiter, Refusal { code, detail, retry_after_ms: Some(1_000), seq: None });
        }
        match ask {
            Ask::Send { entity, command, want } => self.receive(waiter, entity, command, want),
            Ask::Wait(command) => self.wait(waiter, &command),
            Ask::Persist(command) => self.persist(waiter, &command),
            Ask::Status(command) => self.tell_status(waiter, &command),
            Ask::List(filter) => self.list(waiter, &filter),
            Ask::Retry(command) => self.retry(waiter, &command),
            Ask::Park(command) => self.park_by_hand(waiter, &command),
            Ask::Abandon { command, by, reason } => self.abandon(waiter, &command, by, reason),
        }
    }

    /// What has become due by the mere passing of time.
    fn take_due(&mut self) {
        let now = if planted!(26) { self.now.wall } else { self.now.monotonic };
        while let Some((at, no)) = self.delayed.first().copied()
            && at <= now
        {
            self.delayed.remove(&(at, no));
            self.retry_due(no);
        }
        self.release_some();
    }

    /// Puts a command found at start where it was.
    fn recover(&mut self, found: Unfinished) {
        let Unfinished { command, mark } = found;
        let key = EntityKey { entity: command.position.entity, id: command.record.id.clone() };
        let no = self.table.find_or_insert(&key, || command.position.partition);
        let mut pending = Pending::new(Box::new(command.record), false, Stored::Yes);
        self.held.commands += 1;
        self.held.bytes += pending.bytes();
        let parked = mark.as_ref().is_some_and(|mark| mark.parked);
        if let Some(mark) = mark {
            pending.trial.attempts = mark.attempts;
            pending.trial.last_error = mark.note.as_deref().and_then(mark::read).map(Box::new);
        }
        let instance = self.table.wake(no);
        let busy = instance.busy();
        busy.phase = Phase::Unserved;
        if parked { busy.parked.push(pending) } else { busy.mailbox.push_back(pending) }
    }

    /// The log is closed for good: whoever waits is told, and nothing goes on.
    pub(crate) fn log_failed(&mut self, code: Code) {
        self.failed = Some(code);
        let refusal = Refusal {
            code,
            detail: "the log failed before this command was recorded; its fate is known after a restart".to_owned(),
            retry_after_ms: None,
            seq: None,
        };
        let busy: Vec<InstanceNo> = self.table.iter().filter(|(_, i)| i.busy.is_some()).map(|(no, _)| no).collect();
        for no in busy {
            let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else { continue };
            let mut waiters: Vec<WaiterId> = busy.deferred.drain(..).map(|(_, waiter, _)| waiter).collect();
            waiters.extend(busy.persisting.drain(..).map(|(waiter, _)| waiter));
            waiters.extend(busy.abandoning.drain(..).map(|wish| wish.waiter));
            waiters.extend(busy.mailbox.iter_mut().chain(&mut busy.parked).flat_map(|p| p.waiters.drain(..)));
            waiters.into_iter().for_each(|waiter| self.refuse(waiter, refusal.clone()));
        }
        self.lines.iter_mut().for_each(Line::clear);
        self.delayed.clear();
        self.releasing.clear();
    }

    fn function_up(&mut self, name: &ResourceName) {
        let now = self.now.monotonic;
        if let Some(line) = self.lines.iter_mut().find(|line| line.serving.name == *name) {
            line.breaker.probe_now(now);
        }
    }

    fn function_down(&mut self, name: &ResourceName, revision: Revision, failure: &Failure) {
        let found = self.lines.iter().position(|l| l.serving.name == *name && l.serving.revision == revision);
        if let Some(line) = found {
            self.declare_outage(LineNo(line as u32), failure);
        }
    }

    pub(crate) fn answer(&mut self, waiter: WaiterId, answer: Answer) {
        self.effects.push(Effect::Answer(waiter, answer));
    }

    pub(crate) fn refuse(&mut self, waiter: WaiterId, refusal: Refusal) {
        self.answer(waiter, Answer::Refused(refusal));
    }

    pub(crate) fn line(&mut self, no: LineNo) -> &mut Line {
        &mut self.lines[no.0 as usize]
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Counts the command that the mailbox of an instance has just taken.
    pub(crate) fn hold(&mut self, no: InstanceNo) {
        let newest = self.table.busy(no).and_then(|busy| busy.mailbox.back());
        let bytes = newest.map_or(0, Pending::bytes);
        self.held.commands += 1;
        self.held.bytes += bytes;
    }

    /// Counts a command that is no longer held.
    pub(crate) fn let_go(&mut self, pending: &Pending) {
        self.held.commands -= 1;
        self.held.bytes -= pending.bytes();
    }
}
