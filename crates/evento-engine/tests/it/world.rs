//! A world for the engine: a log in memory, the counting function, and a clock that only moves when told.
//!
//! Only this file touches the engine's interface; the scenarios speak of commands and answers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use evento_engine::{CallNo, Chance, Draft, Effect, Engine, Input, Looked, Notice, Now, UnitNo, WaiterId};
use evento_log::intake::{Answer, Ask, CommandRef, CommandStatus, Done, Want};
use evento_log::record::{CommandRecord, EventRecord};
use evento_log::unit::{CommandPlace, CommitUnit, Committed, Mark, state_digest};
use evento_log::view::{StoredCommand, StoredState, Unfinished};
use evento_model::{CommandId, Digest, EntityId, EntityKey, Outcome, Position, SchemaId, Seed, Timestamp, TopicKind};
use evento_testkit::counter::{COUNTER, Function, catalog, long, name, read_long};

pub use evento_testkit::counter::Setting;

const T0: i64 = 1_795_413_600_000;

type Submitted = (UnitNo, CommitUnit, Vec<(WaiterId, Draft)>);

pub struct World {
    engine: Engine,
    setting: Setting,
    now: i64,
    inbox: Vec<Input>,
    waiters: u64,
    answers: HashMap<WaiterId, Answer>,
    /// Units that were submitted but are not durable yet.
    submitted: Vec<Submitted>,
    pub hold_commits: bool,
    pub hold_calls: bool,
    held_calls: Vec<Effect>,
    /// Numbers of calls that were held, of this process.
    call_numbers: HashSet<CallNo>,
    pub function: Function,
    pub commands: Vec<CommandRecord>,
    pub events: BTreeMap<EntityId, Vec<EventRecord>>,
    states: HashMap<EntityId, StoredState>,
    done: HashMap<(EntityId, CommandId), (Arc<Done>, Digest)>,
    marks: HashMap<CommandId, Mark>,
    ended: HashSet<CommandId>,
    pub calls: Vec<usize>,
    pub notices: Vec<String>,
}

impl World {
    pub fn new(setting: Setting) -> World {
        let mut world = World::without_function(setting);
        world.serve(1);
        world
    }

    /// Resources are there, but no function is.
    pub fn without_function(setting: Setting) -> World {
        let engine = Engine::new(setting.config.clone(), Chance::new(1), 1, Vec::new());
        let catalog = catalog(1, &setting, None);
        let mut world = World {
            engine,
            setting,
            now: 0,
            inbox: vec![Input::Catalog(catalog)],
            waiters: 0,
            answers: HashMap::new(),
            submitted: Vec::new(),
            hold_commits: false,
            hold_calls: false,
            held_calls: Vec::new(),
            call_numbers: HashSet::new(),
            function: Function::new(),
            commands: Vec::new(),
            events: BTreeMap::new(),
            states: HashMap::new(),
            done: HashMap::new(),
            marks: HashMap::new(),
            ended: HashSet::new(),
            calls: Vec::new(),
            notices: Vec::new(),
        };
        world.run();
        world
    }

    /// A revision of the function takes over.
    pub fn serve(&mut self, n: u8) {
        let catalog = catalog(u64::from(n) + 1, &self.setting, Some(n));
        self.inbox.push(Input::Catalog(catalog));
        self.run();
    }

    /// Sends a command under an id that the client chose; goes on until nothing more happens now.
    pub fn send(&mut self, instance: &str, id: &str, amount: i64) -> WaiterId {
        let waiter = self.post(instance, id, amount, Want::Outcome, None);
        self.run();
        waiter
    }

    /// As `send`, without going on.
    pub fn post(&mut self, instance: &str, id: &str, amount: i64, want: Want, if_seq: Option<u64>) -> WaiterId {
        let payload = long(amount);
        let record = CommandRecord {
            id: EntityId::new(instance).expect("a valid id"),
            command_id: CommandId::new(id).expect("a valid id"),
            client_supplied: !id.starts_with("generated"),
            type_name: name("test.Add"),
            schema: SchemaId(2),
            digest: state_digest(Some(&payload)),
            payload,
            accepted_at: Timestamp(T0 + self.now),
            seed: Seed([7; 16]),
            if_seq,
            correlation: None,
            causation: None,
            traceparent: None,
            principal: None,
        };
        self.ask(Ask::Send { entity: COUNTER, command: Box::new(record), want })
    }

    pub fn ask(&mut self, ask: Ask) -> WaiterId {
        self.waiters += 1;
        let waiter = WaiterId(self.waiters);
        self.inbox.push(Input::Asked(waiter, ask));
        waiter
    }

    pub fn ask_now(&mut self, ask: Ask) -> Answer {
        let waiter = self.ask(ask);
        self.run();
        self.answers.get(&waiter).cloned().expect("an answer at once")
    }

    pub fn command(instance: &str, id: &str) -> CommandRef {
        let key = EntityKey { entity: COUNTER, id: EntityId::new(instance).expect("a valid id") };
        CommandRef { key, command_id: CommandId::new(id).expect("a valid id") }
    }

    pub fn status(&mut self, instance: &str, id: &str) -> CommandStatus {
        match self.ask_now(Ask::Status(World::command(instance, id))) {
            Answer::Unfinished(status) => *status,
            other => panic!("{id} is not unfinished: {other:?}"),
        }
    }

    /// `accepted 3`, `rejected 4`, `refused EV1010`, `parked`, …, or `nothing yet`.
    pub fn told(&self, waiter: WaiterId) -> String {
        match self.answers.get(&waiter) {
            None => "nothing yet".to_owned(),
            Some(Answer::Done(done)) => {
                format!("{} {}", done.outcome.as_str(), done.events.last().map_or(0, |e| e.seq))
            }
            Some(Answer::Unfinished(status)) => status.status.as_str().to_owned(),
            Some(Answer::Refused(refusal)) => format!("refused {}", refusal.code),
            Some(Answer::Listed(list)) => format!("{} listed", list.len()),
            Some(Answer::NotUnfinished) => "not unfinished".to_owned(),
        }
    }

    pub fn total(&self, instance: &str) -> i64 {
        let id = EntityId::new(instance).expect("a valid id");
        self.states.get(&id).and_then(|s| s.state.as_deref()).map_or(0, read_long)
    }

    /// Lets time pass, stepping whenever the engine wants to.
    pub fn pass(&mut self, ms: i64) {
        let until = self.now + ms;
        loop {
            let due = self.engine.due().map(|at| at.0.max(self.now + 1));
            match due {
                Some(at) if at <= until => self.now = at,
                _ => break,
            }
            self.run();
        }
        self.now = until;
        self.run();
    }

    /// Makes what was submitted durable, and goes on.
    pub fn make_durable(&mut self) {
        self.hold_commits = false;
        self.run();
    }

    pub fn let_calls_go(&mut self) {
        self.hold_calls = false;
        let held = std::mem::take(&mut self.held_calls);
        held.into_iter().for_each(|call| self.carry_out(call));
        self.run();
    }

    /// Everything that was not durable is gone; a new engine starts from the log.
    pub fn kill(&mut self) {
        self.submitted.clear();
        self.inbox.clear();
        self.held_calls.clear();
        let unfinished = self.unfinished();
        self.engine = Engine::new(self.setting.config.clone(), Chance::new(2), 2, unfinished);
        self.call_numbers.clear();
    }

    /// Commands without outcome, as the log has them.
    fn unfinished(&self) -> Vec<Unfinished> {
        let mut unfinished = Vec::new();
        for (offset, record) in self.commands.iter().enumerate().filter(|(_, c)| !self.ended.contains(&c.command_id)) {
            let position =
                Position { entity: COUNTER, topic: TopicKind::Commands, partition: 0, offset: offset as u64 };
            let mark = self.marks.get(&record.command_id).cloned();
            unfinished.push(Unfinished { command: StoredCommand { position, record: record.clone() }, mark });
        }
        unfinished
    }

    /// The disk was full: an engine begins anew with what the log has, and calls of before are still on their way.
    pub fn begin_anew(&mut self) {
        let (submitted, held) = (std::mem::take(&mut self.submitted), std::mem::take(&mut self.held_calls));
        drop(submitted);
        self.inbox.clear();
        let unfinished = self.unfinished();
        self.engine = self.engine.anew(Chance::new(2), unfinished);
        self.held_calls = held;
    }

    /// When the engine wants to be stepped again, if not at once.
    pub fn sleeps(&self) -> bool {
        self.engine.due().is_none_or(|at| at.0 > self.now)
    }

    /// Goes on until nothing more happens at this time.
    pub fn run(&mut self) {
        for _ in 0..100_000 {
            let inputs = std::mem::take(&mut self.inbox);
            let now = Now { monotonic: Timestamp(self.now), wall: Timestamp(T0 + self.now) };
            let effects = self.engine.step(now, inputs);
            effects.into_iter().for_each(|effect| self.carry_out(effect));
            if !self.hold_commits {
                std::mem::take(&mut self.submitted)
                    .into_iter()
                    .for_each(|(n, unit, answers)| self.commit(n, unit, answers));
            }
            if self.inbox.is_empty() {
                self.check_truth();
                return;
            }
        }
        panic!("the engine never comes to rest");
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Load { load, key, command } => {
                let state = self.states.get(&key.id).cloned();
                let done = command.and_then(|id| self.done.get(&(key.id.clone(), id)).cloned());
                self.inbox.push(Input::Loaded(load, Ok(Looked { state, done })));
            }
            Effect::Call { call, .. } if self.hold_calls => {
                assert!(self.call_numbers.insert(call), "{call:?} is the number of two calls");
                self.held_calls.push(effect);
            }
            Effect::Call { call, request, .. } => {
                self.calls.push(request.work.iter().map(|work| work.steps.len()).sum());
                let answer = self.function.run(&request);
                self.inbox.push(Input::Answered(call, answer));
            }
            Effect::Commit { unit, content, answers } => self.submitted.push((unit, *content, answers)),
            Effect::Answer(waiter, answer) => {
                assert!(self.answers.insert(waiter, answer).is_none(), "{waiter:?} was told twice");
            }
            Effect::Rediscover(_) => {}
            Effect::Notice(notice) => self.notices.push(match notice {
                Notice::Failed(status) => format!("failed {}", status.command_id),
                Notice::Parked(status) => format!("parked {}", status.command_id),
                Notice::FunctionDown { .. } => "down".to_owned(),
                Notice::FunctionBack { .. } => "back".to_owned(),
            }),
        }
    }

    fn commit(&mut self, number: UnitNo, unit: CommitUnit, answers: Vec<(WaiterId, Draft)>) {
        let committed = Committed {
            commit_seq: number.0,
            committed_at: Timestamp(T0 + self.now),
            command_offset_first: self.commands.len() as u64,
            event_offset_first: 0,
        };
        for put in &unit.outcomes {
            if let CommandPlace::InThisUnit(n) = put.command {
                assert_eq!(unit.commands[n].command_id, put.command_id);
            } else {
                assert!(self.commands.iter().any(|c| c.command_id == put.command_id), "an outcome without command");
            }
            assert!(self.ended.insert(put.command_id.clone()), "{} ended twice", put.command_id);
            self.marks.remove(&put.command_id);
            let events: Vec<EventRecord> =
                unit.events.iter().filter(|e| e.command_id == put.command_id).cloned().collect();
            assert_eq!((events[0].seq, events.last().map(|e| e.seq)), (put.seq_first, Some(put.seq_last)));
            let done = Done {
                key: EntityKey { entity: COUNTER, id: unit.id.clone() },
                command_id: put.command_id.clone(),
                command_type: name("test.Add"),
                outcome: put.outcome,
                events,
                state: None,
                position: Position { entity: COUNTER, topic: TopicKind::Events, partition: 0, offset: 0 },
                command_position: None,
                attempts: put.attempts,
                revision: put.revision,
                accepted_at: put.accepted_at,
                committed_at: committed.committed_at,
                replayed: true,
            };
            self.done.insert((unit.id.clone(), put.command_id.clone()), (Arc::new(done), put.digest));
        }
        for mark in unit.marks {
            self.marks.insert(mark.command_id.clone(), mark);
        }
        self.commands.extend(unit.commands);
        if let Some(put) = unit.state {
            let stored = StoredState {
                seq: put.seq,
                state: put.state,
                schema: put.schema,
                digest: put.digest,
                updated_at: put.updated_at,
                revision: put.revision,
            };
            self.states.insert(unit.id.clone(), stored);
        }
        self.events.entry(unit.id.clone()).or_default().extend(unit.events);
        for (waiter, draft) in answers {
            let answer = match draft {
                Draft::Done(draft) => {
                    let done = &self.done[&(draft.key.id.clone(), draft.command_id.clone())];
                    Answer::Done(done.0.clone())
                }
                Draft::Stored { status, .. } => Answer::Unfinished(status),
            };
            assert!(self.answers.insert(waiter, answer).is_none(), "{waiter:?} was told twice");
        }
        self.inbox.push(Input::Committed(number, committed));
    }

    /// Sequences are dense, states are the fold of the events.
    fn check_truth(&self) {
        for (id, events) in &self.events {
            for (n, event) in events.iter().enumerate() {
                assert_eq!(event.seq, n as u64 + 1, "the sequence of {id} has a gap");
                assert!(event.decided_on < event.seq);
            }
            let total: i64 =
                events.iter().filter(|e| e.type_name.as_str() == "test.Added").map(|e| read_long(&e.payload)).sum();
            if let Some(last) = events.last() {
                let state = self.states[id].state.as_deref();
                assert_eq!(state.map_or(0, read_long), total, "the state of {id} is not the fold of its events");
                assert_eq!(last.state_digest, state_digest(state));
                assert_eq!(self.states[id].seq, last.seq);
            }
        }
    }
}

/// How the events of an instance read: `Added 5, AddRefused -1`.
pub fn story(world: &World, instance: &str) -> String {
    let id = EntityId::new(instance).expect("a valid id");
    let events = world.events.get(&id).map_or(&[][..], Vec::as_slice);
    let words = events.iter().map(|event| match event.outcome {
        Outcome::Abandoned => event.type_name.short().to_owned(),
        Outcome::Accepted | Outcome::Rejected if event.type_name.as_str().starts_with("evento.") => {
            event.type_name.short().to_owned()
        }
        Outcome::Accepted | Outcome::Rejected => format!("{} {}", event.type_name.short(), read_long(&event.payload)),
    });
    words.collect::<Vec<_>>().join(", ")
}
