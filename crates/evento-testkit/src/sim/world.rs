//! The world of one run: what happens next, and when. One thread, one clock, one source of chance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evento_check::What;
use evento_engine::{CallNo, Input, Notice, Now, WaiterId};
use evento_function::{Failure, RunRequest, RunResponse};
use evento_log::embedded::{EmbeddedConfig, Fault};
use evento_log::intake::{Answer, Ask};
use evento_model::{CommandId, EntityId, EntityKey, OnPark, Revision, Timestamp, sometimes};
use evento_schema::catalog::Catalog;
use rustc_hash::FxHashMap;

use super::clients::{Client, Sent, k};
use super::nemesis::Outage;
use super::node::{Node, Out};
use super::plan::{Luck, Plan, Trouble};
use super::readers::Reader;
use super::record::Record;
use crate::counter::{Function, Setting, catalog};
use crate::disk::SimDisk;
use crate::shelf::SimShelves;

/// When the simulated clock begins, as wall clock.
const T0: i64 = 1_795_413_600_000;
/// Readers of the topics.
const READERS: usize = 2;
/// Steps of a run at most: more means that it never comes to rest.
const EVENTS_MAX: u64 = 400_000;
/// When the troubles end at the latest, in milliseconds.
const TROUBLES_MAX: i64 = 3_600_000;

/// Longest sleep of the driver, in milliseconds.
const SLEEP_MAX: i64 = 60_000;

/// No back-off, pause or probe is longer, in milliseconds.
const WAIT_MAX: i64 = 60_000;

/// Something that is going to happen.
pub(crate) enum Event {
    Step,
    Commit,
    Checkpoint,
    Prepare,
    Tell,
    Client(usize),
    Reader(usize),
    People,
    Nemesis,
    Heal(Trouble),
    Restart,
    Arrived { life: u32, call: CallNo, asked: Revision, request: RunRequest, until: i64 },
    Answered { life: u32, call: CallNo, answer: Result<RunResponse, Failure>, instances: Vec<EntityId> },
}

/// Who waits for an answer.
#[derive(Clone, Copy)]
pub(crate) enum Asker {
    /// A client, with the number of its send.
    Client(usize, u64),
    /// A person, about a command.
    Person(usize),
    /// The end of the run, about whatever is parked.
    Cleaner,
}

/// A moment in which a life may end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Something was decided, and is not written yet.
    Decided,
    /// Something was written, and nobody was told.
    Written,
}

/// A rule that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// `C1` to `C16` are the judge's; `S…` are the simulation's own.
    pub rule: String,
    /// What was found.
    pub message: String,
}

/// What is scheduled once at a time: when, if it is.
#[derive(Default)]
struct Soon {
    step: Option<i64>,
    commit: bool,
    checkpoint: bool,
    prepare: bool,
    tell: bool,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) luck: Luck,
    /// Milliseconds since the run began.
    pub(crate) now: i64,
    pub(crate) wall_offset: i64,
    /// What the log takes for the wall clock.
    pub(crate) wall_clock: Arc<AtomicI64>,
    events: BTreeMap<(i64, u64, u64), Event>,
    counted: u64,
    soon: Soon,
    pub(crate) disk: SimDisk,
    pub(crate) shelves: SimShelves,
    pub(crate) config: EmbeddedConfig,
    pub(crate) setting: Setting,
    pub(crate) node: Option<Node>,
    pub(crate) life: u32,
    /// How the present life is going to end, when the disk says so.
    pub(crate) end_by: Trouble,
    /// The present life ends as soon as this is so.
    pub(crate) end_when: Option<When>,
    pub(crate) function: Function,
    pub(crate) revision: u8,
    pub(crate) served: Arc<Catalog>,
    pub(crate) outage: Option<Outage>,
    /// The newest call of each instance that was answered, in this life.
    pub(crate) newest: FxHashMap<EntityId, CallNo>,
    /// When the next attempts of failed commands are due.
    pub(crate) backoffs: Vec<i64>,
    pub(crate) clients: Vec<Client>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) instances: u64,
    pub(crate) left: u64,
    pub(crate) ops: u64,
    waiters: u64,
    asked: FxHashMap<WaiterId, Asker>,
    /// Instances that wait behind a command that was parked when the present life began.
    pub(crate) blocked: BTreeMap<EntityKey, CommandId>,
    /// When an operator last wanted to park something.
    pub(crate) last_park: i64,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    /// A stored byte was changed.
    pub(crate) flipped: bool,
    /// Damage was found and named; the run is over.
    pub(crate) damaged: bool,
    pub(crate) broken: Option<Broken>,
    pub(crate) record: Record,
}

impl World {
    pub(crate) fn new(plan: Plan, traced: bool) -> World {
        let mut luck = Luck::new(plan.seed);
        let setting = Setting {
            on_park: if luck.one_in(3) { OnPark::Block } else { OnPark::Continue },
            attempts_max: luck.between(2, 3) as u32,
            concurrency: luck.between(1, 3) as u32,
            apart: luck.one_in(4),
            config: evento_engine::Config {
                cache_bytes_max: if luck.one_in(2) { 0 } else { 1 << 20 },
                chain_max: luck.between(1, 6) as usize,
                instance_commands_max: luck.pick(&[3, 12]) as usize,
                ..evento_engine::Config::default()
            },
        };
        let mut config = EmbeddedConfig::new("/data");
        config.segment_bytes = 48 << 10;
        config.group_bytes_max = 6 << 10;
        config.checkpoint_bytes = luck.pick(&[8 << 10, 24 << 10, 64 << 10]);
        config.reserve_bytes = luck.pick(&[0, 16 << 10]);
        config.topics.gather = luck.pick(&[1, 900, 4_000]);
        config.topics.index_every = 700;
        config.topics.file_max = luck.pick(&[4_000, 12_000]);
        let disk = SimDisk::new(&config.folder, plan.seed);
        let (clients, instances) = (plan.clients, luck.between(1, 4));
        World {
            now: 0,
            wall_offset: 0,
            wall_clock: Arc::new(AtomicI64::new(T0)),
            events: BTreeMap::new(),
            counted: 0,
            soon: Soon::default(),
            shelves: SimShelves::new(disk.clone()),
            disk,
            config,
            node: None,
            life: 0,
            end_by: Trouble::Kill,
            end_when: None,
            function: Function::new(),
            revision: 1,
            served: catalog(1, &setting, Some(1)),
            setting,
            outage: None,
            newest: FxHashMap::default(),
            backoffs: Vec::new(),
            clients: (0..clients).map(|_| Client::default()).collect(),
            readers: (0..READERS).map(Reader::new).collect(),
            sent: Vec::new(),
            instances,
            left: plan.sends,
            ops: 0,
            waiters: 0,
            asked: FxHashMap::default(),
            blocked: BTreeMap::new(),
            last_park: -10_000,
            calm: false,
            flipped: false,
            damaged: false,
            broken: None,
            record: Record::new(traced),
            luck,
            plan,
        }
    }

    /// The whole life of the world, up to the judge.
    pub(crate) fn live(&mut self) {
        self.at(0, Event::Restart);
        for who in 0..self.clients.len() {
            self.client_in(who, 0);
        }
        for who in 0..self.readers.len() {
            self.reader_in(who, 0);
        }
        self.at(500, Event::Nemesis);
        self.at(900, Event::People);
        let resting = |world: &World| world.left == 0 && world.clients.iter().all(|c| c.op.is_none());
        // Somebody may never be answered: the troubles end when all is sent, or after a long time.
        self.run(|world| resting(world) || world.now > TROUBLES_MAX);
        self.quiet_down();
    }

    /// Takes events until `over`, or something is broken, or damage was found.
    pub(crate) fn run(&mut self, over: impl Fn(&World) -> bool) {
        while self.broken.is_none() && !self.damaged && !over(self) {
            let Some(((at, ..), event)) = self.events.pop_first() else { return };
            self.now = self.now.max(at);
            self.wall_clock.store(self.wall().0, Ordering::Relaxed);
            self.happen(event);
            if self.disk.is_off() {
                self.die(self.end_by);
            }
            self.plan_work();
            if self.counted > EVENTS_MAX {
                self.broken("S3", "the run never comes to rest".to_owned());
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step => self.step(),
            Event::Tell => self.tell_units(),
            Event::Commit => self.turn(1, |soon| soon.commit = false, |node| node.turns.commit()),
            Event::Checkpoint => self.turn(2, |soon| soon.checkpoint = false, |node| node.turns.checkpoint()),
            Event::Prepare => self.turn(3, |soon| soon.prepare = false, |node| node.turns.prepare()),
            Event::Client(who) => self.client(who),
            Event::Reader(who) => self.reader(who),
            Event::People => self.people(),
            Event::Nemesis => self.nemesis(),
            Event::Heal(trouble) => self.heal(trouble),
            Event::Restart => self.restart(),
            Event::Arrived { life, call, asked, request, until } => self.arrived(life, call, asked, request, until),
            Event::Answered { life, call, answer, instances } => self.answered(life, call, answer, instances),
        }
    }

    fn turn(&mut self, kind: u64, done: fn(&mut Soon), work: fn(&mut Node)) {
        done(&mut self.soon);
        if let Some(node) = &mut self.node {
            let before = self.disk.verbs();
            work(node);
            let verbs = self.disk.verbs() - before;
            self.record.note(self.now, kind + verbs, || format!("log turn {kind}: {verbs} verbs of the disk"));
        }
    }

    fn step(&mut self) {
        if self.soon.step.is_none_or(|at| at > self.now) {
            return;
        }
        self.soon.step = None;
        let (now, seed) = (self.clock(), self.luck.bits());
        let Some(node) = &mut self.node else { return };
        let full = node.full;
        let out = node.step(now, seed);
        if let Some(fault) = node.unreadable.take() {
            return self.unreadable(&fault);
        }
        if full && !node.full {
            self.undeclare();
        }
        self.carry_out(out);
    }

    fn tell_units(&mut self) {
        self.soon.tell = false;
        let Some(node) = &mut self.node else { return };
        let out = node.tell();
        self.carry_out(out);
    }

    pub(crate) fn carry_out(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Answer(waiter, answer) => self.answer(waiter, answer),
                Out::Call { call, revision, request, timeout_ms } => {
                    self.record.note(self.now, 4, || format!("call {} with {} works", call.0, request.work.len()));
                    self.call(call, revision, request, timeout_ms);
                }
                Out::Notice(notice) => self.notice(notice),
            }
        }
    }

    fn answer(&mut self, waiter: WaiterId, answer: Answer) {
        match self.asked.remove(&waiter) {
            Some(Asker::Client(who, op)) => self.client_told(who, op, answer),
            Some(Asker::Person(command)) => self.person_told(command, answer),
            Some(Asker::Cleaner) => self.cleaner_told(answer),
            None => self.broken("S4", "somebody who asked once was told twice".to_owned()),
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Parked(status) => {
                let (key, cmd) = (k(&status.key), status.command_id.as_str().to_owned());
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == status.command_id) {
                    sent.parked = true;
                    sent.parked_under.push(status.last_error.as_ref().and_then(|error| error.revision));
                }
                self.tell(None, None, What::Parked { k: key, cmd });
            }
            Notice::Failed(status) => {
                let due = status.next_attempt_at.map(|at| at.0 - self.wall().0 + self.now);
                self.backoffs.extend(due);
            }
            Notice::FunctionDown { .. } => self.declared(),
            Notice::FunctionBack { .. } => {}
        }
    }

    /// Gives what the life of the process wants to do next its time.
    fn plan_work(&mut self) {
        let Some(node) = &self.node else { return };
        if node.fault.is_some() || (node.log.fault().is_some_and(|f| !matches!(f, Fault::Full(_)))) {
            // Readiness is red and the process ends by itself.
            return self.die(Trouble::Kill);
        }
        let (held, most) = (node.engine.held().commands, self.setting.config.instance_commands_max);
        if held > most * 2 * self.instances as usize {
            return self.broken("S7", format!("{held} commands are held, and an instance may have {most}"));
        }
        if let Some(due) = node.engine.due().filter(|due| due.0 > self.now + WAIT_MAX) {
            return self.broken("S8", format!("the engine waits for {} ms, and it is {}", due.0, self.now));
        }
        let untold = node.untold().0 > 0;
        let now = match self.end_when {
            Some(When::Decided) => node.turns.has_units(),
            Some(When::Written) => untold,
            None => false,
        };
        if now {
            return self.die(self.end_by);
        }
        let (units, checkpoint, prepare) =
            (node.turns.has_units(), node.turns.has_checkpoint(), node.turns.has_no_segment());
        let due = match node.inbox.is_empty() {
            false => Some(self.now),
            true if node.full => Some(self.now + 500),
            true => node.engine.due().map(|at| at.0.clamp(self.now + 1, self.now + SLEEP_MAX)),
        };
        if untold && !self.soon.tell {
            self.soon.tell = true;
            self.at(0, Event::Tell);
        }
        if units && !self.soon.commit {
            self.soon.commit = true;
            let wait = self.luck.wait(20);
            self.at(wait, Event::Commit);
        }
        if checkpoint && !self.soon.checkpoint {
            self.soon.checkpoint = true;
            let wait = self.luck.wait(4_000);
            self.at(wait, Event::Checkpoint);
        }
        if prepare && !self.soon.prepare {
            self.soon.prepare = true;
            let wait = self.luck.wait(4_000);
            self.at(wait, Event::Prepare);
        }
        if let Some(due) = due
            && self.soon.step.is_none_or(|at| due < at)
        {
            self.soon.step = Some(due);
            self.at(due - self.now, Event::Step);
        }
    }

    /// The process is gone: nothing of it is scheduled any more.
    pub(crate) fn forget_work(&mut self) {
        self.soon = Soon::default();
        self.end_when = None;
        let ours = |event: &Event| {
            matches!(event, Event::Step | Event::Commit | Event::Checkpoint | Event::Prepare | Event::Tell)
        };
        self.events.retain(|_, event| !ours(event));
        self.asked.clear();
        self.newest.clear();
        self.backoffs.clear();
    }

    pub(crate) fn at(&mut self, wait: i64, event: Event) {
        self.counted += 1;
        self.events.insert((self.now + wait.max(0), self.luck.bits() >> 32, self.counted), event);
    }

    /// A wait that a long outage makes longer: nobody looks every second for half an hour.
    pub(crate) fn patient(&mut self, wait: i64) -> i64 {
        // Nobody sleeps over the end of the troubles.
        let left = self.outage.map_or(0, |outage| outage.until.min(TROUBLES_MAX) - self.now);
        if left > 150_000 && !self.luck.one_in(20) { left } else { wait }
    }

    pub(crate) fn client_in(&mut self, who: usize, wait: i64) {
        let wait = self.patient(wait);
        self.at(wait, Event::Client(who));
    }

    pub(crate) fn reader_in(&mut self, who: usize, wait: i64) {
        let wait = self.patient(wait);
        self.at(wait, Event::Reader(who));
    }

    pub(crate) fn ask(&mut self, asker: Asker, ask: Ask) {
        self.waiters += 1;
        let waiter = WaiterId(self.waiters);
        if self.node.is_some() {
            self.asked.insert(waiter, asker);
            self.input(Input::Asked(waiter, ask));
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        if let Some(node) = &mut self.node {
            node.inbox.push(input);
        }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp(T0 + self.now + self.wall_offset)
    }

    fn clock(&self) -> Now {
        Now { monotonic: Timestamp(self.now), wall: self.wall() }
    }

    /// A line of the history.
    pub(crate) fn tell(&mut self, op: Option<u64>, who: Option<String>, what: What) {
        self.record.line(self.now, op, who, what);
    }

    pub(crate) fn broken(&mut self, rule: &str, message: String) {
        self.broken.get_or_insert(Broken { rule: rule.to_owned(), message });
    }

    /// Something stored cannot be read.
    pub(crate) fn unreadable(&mut self, fault: &Fault) {
        if self.flipped {
            sometimes!("flipped byte in data later read");
            self.damaged = true;
        } else {
            self.broken("S2", format!("nothing was damaged, and reading says: {fault}"));
        }
    }
}
