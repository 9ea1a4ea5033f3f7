//! The driver of the command path: the one place that awaits. It carries out the engine's effects and brings
//! back what came of them.
//!
//! Whoever asks puts the question into the inbox and wakes the driver; everything that came in meanwhile is
//! one step. There is no timer on the path. It decides nothing: that is the engine's.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use evento_engine::{Chance, Config, Draft, Effect, Engine, Input, LoadNo, Looked, Notice, Now, UnitNo, WaiterId};
use evento_log::embedded::{Done as Report, EmbeddedLog, Fault, Found};
use evento_log::failpoint;
use evento_log::intake::{Answer, Ask, Refusal};
use evento_log::unit::{CommitUnit, Committed};
use evento_log::view::Unfinished;
use evento_model::{Code, CommandId, EntityKey, EntityTypeId, FullName, Outcome, OwnerEpoch, ResourceName, Timestamp};
use evento_schema::catalog::Catalog;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::functions::Functions;
use super::host::After;

/// The code of a command path that broke off.
pub const BROKEN: Code = Code(9001);
/// The code of a full disk.
const FULL: Code = Code(4005);
/// How often a full disk is looked at.
const FULL_LOOK: Duration = Duration::from_millis(500);
/// More who ask at once are a crowd: then steps wait for those who are about to ask, and others do what can be done
/// beside them.
const CROWD: usize = 1;
/// Steps without a crowd after which there is none any more.
const CALM: u32 = 64;
/// Longest sleep between two steps when nothing is due.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// The way in: whoever has one can ask the command path.
#[derive(Clone)]
pub struct Path(Arc<Inbox>);

struct Inbox {
    /// Bound: the gateway's connections, concurrency of functions, and the log's queue.
    messages: Mutex<Vec<Message>>,
    wake: Notify,
}

enum Message {
    Ask(Ask, oneshot::Sender<Answer>),
    Input(Input),
    /// Answer when nothing of this entity type is with a function or on its way into the log.
    Quiet(EntityTypeId, oneshot::Sender<()>),
}

/// What the driver tells its surroundings.
pub enum Told {
    /// For the terminal, the log and the metrics.
    Notice(Notice),
    /// A function behaves unlike its manifest.
    Rediscover(ResourceName),
    /// Nothing is recorded any more: the log is closed for good, or the command path broke off.
    Fault(Code),
}

impl Path {
    fn put(&self, message: Message) {
        self.0.messages.lock().push(message);
        self.0.wake.notify_one();
    }

    /// Asks; the answer comes when it is true.
    pub fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.put(Message::Ask(ask, sender));
        receiver
    }

    /// Other resources or serving revisions.
    pub fn serve(&self, catalog: Arc<Catalog>) {
        self.put(Message::Input(Input::Catalog(catalog)));
    }

    /// The supervisor's word on a function.
    pub fn tell(&self, input: Input) {
        self.put(Message::Input(input));
    }

    /// Returns when nothing of an entity type is moving any more.
    pub async fn quiet(&self, entity: EntityTypeId) {
        let (sender, receiver) = oneshot::channel();
        self.put(Message::Quiet(entity, sender));
        let _ = receiver.await;
    }
}

/// Ended commands by entity type, command and outcome. Bound: the registered commands.
pub type Counts = Arc<Mutex<FxHashMap<(EntityTypeId, FullName, Outcome), u64>>>;

/// What the driver is started with.
pub struct Start {
    /// The log.
    pub log: EmbeddedLog,
    /// The functions.
    pub functions: Functions,
    /// The engine's limits.
    pub config: Config,
    /// Seed of jitter and references.
    pub seed: u64,
    /// Epoch written with every event.
    pub epoch: OwnerEpoch,
    /// Commands without outcome, found at start.
    pub unfinished: Vec<Unfinished>,
    /// Who is told.
    pub told: mpsc::UnboundedSender<Told>,
    /// What is counted.
    pub counts: Counts,
}

/// Starts the driver; it runs as long as the runtime does.
pub fn start(start: Start) -> Path {
    let Start { log, functions, config, seed, epoch, unfinished, told, counts } = start;
    let inbox = Arc::new(Inbox { messages: Mutex::new(Vec::new()), wake: Notify::new() });
    let driver = Driver {
        engine: Engine::new(config, Chance::new(seed), epoch, unfinished),
        catalog: None,
        full_since: None,
        path: Path(inbox.clone()),
        log,
        functions,
        waiters: FxHashMap::default(),
        waiters_next: 0,
        quiet: Vec::new(),
        held: Vec::new(),
        after: Vec::new(),
        crowded: 0,
        has_others: tokio::runtime::Handle::current().metrics().num_workers() > 1,
        started: Instant::now(),
        told,
        counts,
    };
    let runtime = tokio::runtime::Handle::current();
    // While this thread waits for the disk, sockets may be nobody's business: any task makes another thread see to them.
    driver.log.on_stall(Box::new(move || drop(runtime.spawn(async {}))));
    let mut lost = driver.log.watch_lost();
    let told = driver.told.clone();
    tokio::spawn(tell_if_broken(tokio::spawn(driver.run()), told));
    let woken = inbox.clone();
    tokio::spawn(async move {
        while !lost.borrow_and_update().is_empty() && lost.changed().await.is_ok() {
            woken.wake.notify_one();
        }
    });
    Path(inbox)
}

/// Nobody would be answered any more: the server must end, and a new start knows everything that was acknowledged.
async fn tell_if_broken(driving: JoinHandle<()>, told: mpsc::UnboundedSender<Told>) {
    if driving.await.is_err_and(|ended| ended.is_panic()) {
        let _ = told.send(Told::Fault(BROKEN));
    }
}

struct Driver {
    engine: Engine,
    /// The newest catalogue, for an engine that is built anew.
    catalog: Option<Arc<Catalog>>,
    /// Since when the disk is full: the engine is then ahead of the log, and is built anew when there is room.
    full_since: Option<Instant>,
    path: Path,
    log: EmbeddedLog,
    functions: Functions,
    /// Bound: the gateway's connections.
    waiters: FxHashMap<WaiterId, oneshot::Sender<Answer>>,
    waiters_next: u64,
    quiet: Vec<(EntityTypeId, oneshot::Sender<()>)>,
    /// Look-ups of instances whose states are lost: nothing is decided on them before they are rebuilt. Bound: the
    /// engine's instances.
    held: Vec<(LoadNo, EntityKey, Option<CommandId>)>,
    /// What calls left to be done when their answers are on their way. Bound: the places for running calls.
    after: Vec<After>,
    /// Steps until a crowd is over.
    crowded: u32,
    /// The runtime has other threads that go on while this one waits for the disk.
    has_others: bool,
    started: Instant,
    told: mpsc::UnboundedSender<Told>,
    counts: Counts,
}

impl Driver {
    async fn run(mut self) {
        let (mut inputs, mut messages) = (Vec::new(), Vec::new());
        loop {
            self.sleep(inputs.is_empty()).await;
            std::mem::swap(&mut messages, &mut *self.path.0.messages.lock());
            for message in messages.drain(..) {
                self.take(message, &mut inputs);
            }
            if self.full_since.is_some() {
                self.begin_anew(&mut inputs);
            }
            self.release(&mut inputs);
            self.crowded = if self.waiters.len() > CROWD { CALM } else { self.crowded.saturating_sub(1) };
            let effects = self.engine.step(self.now(), inputs.drain(..));
            self.carry_out(effects, &mut inputs);
            if !self.quiet.is_empty() {
                let (done, waiting) = std::mem::take(&mut self.quiet)
                    .into_iter()
                    .partition(|(entity, _)| self.engine.moving(*entity) == 0);
                self.quiet = waiting;
                let done: Vec<(EntityTypeId, oneshot::Sender<()>)> = done;
                for (_, sender) in done {
                    let _ = sender.send(());
                }
            }
        }
    }

    /// Waits until something came in or is due. `idle` is false when there is something to be handed in at once.
    async fn sleep(&mut self, idle: bool) {
        if !idle {
            return;
        }
        if !self.after.is_empty() {
            // First those who were just answered.
            tokio::task::yield_now().await;
            self.after.clear();
        }
        let woken = self.path.0.wake.notified();
        let now = self.now().monotonic;
        let mut wait = self.engine.due().map_or(SLEEP_MAX, |at| Duration::from_millis(at.ms_since(now)));
        if self.full_since.is_some() {
            wait = wait.min(FULL_LOOK);
        }
        let _ = tokio::time::timeout(wait, woken).await;
        // Whoever is ready to run puts what it has into the same step. Where hardly anybody asks, that would only wake
        // other threads in vain.
        if !self.is_calm() {
            tokio::task::yield_now().await;
        }
    }

    /// Whether no two have asked for something at once lately.
    fn is_calm(&self) -> bool {
        self.crowded == 0
    }

    /// The disk was full and has room again: a new engine begins with what the log has.
    fn begin_anew(&mut self, inputs: &mut Vec<Input>) {
        if self.log.resume().is_err() {
            return;
        }
        match self.log.unfinished() {
            Ok(unfinished) => {
                tracing::info!("the disk has room again");
                self.full_since = None;
                self.held.clear();
                let chance = Chance::new(self.started.elapsed().as_nanos() as u64);
                self.engine = self.engine.anew(chance, unfinished);
                let asked: Vec<Input> = inputs.drain(..).filter(|input| matches!(input, Input::Asked(..))).collect();
                inputs.extend(self.catalog.clone().map(Input::Catalog));
                inputs.extend(asked);
            }
            Err(fault) => tracing::error!(code = %fault.code(), "{fault}"),
        }
    }

    /// Looks up what was held until its states were rebuilt.
    fn release(&mut self, inputs: &mut Vec<Input>) {
        for (load, key, command) in std::mem::take(&mut self.held) {
            match self.log.states_lost(key.entity) {
                true => self.held.push((load, key, command)),
                false => inputs.push(Input::Loaded(load, self.look_up(&key, command.as_ref()))),
            }
        }
    }

    /// What the log knows of an instance and, if asked, of a command.
    fn look_up(&self, key: &EntityKey, command: Option<&CommandId>) -> Result<Looked, Code> {
        self.log.look_up(key, command).map(|Found { state, done }| Looked { state, done }).map_err(|fault| {
            tracing::error!(code = %fault.code(), "a look-up failed: {fault}");
            // The engine takes nothing any more: whoever asks for readiness must know.
            self.tell(Told::Fault(fault.code()));
            fault.code()
        })
    }

    fn now(&self) -> Now {
        Now { monotonic: Timestamp(self.started.elapsed().as_millis() as i64), wall: wall() }
    }

    fn take(&mut self, message: Message, inputs: &mut Vec<Input>) {
        match message {
            Message::Ask(ask, sender) => {
                self.waiters_next += 1;
                let waiter = WaiterId(self.waiters_next);
                self.waiters.insert(waiter, sender);
                inputs.push(Input::Asked(waiter, ask));
            }
            Message::Input(Input::LogFailed(code)) => {
                if code == FULL {
                    self.full_since.get_or_insert_with(Instant::now);
                } else {
                    self.tell(Told::Fault(code));
                }
                inputs.push(Input::LogFailed(code));
            }
            Message::Input(input) => {
                if let Input::Catalog(catalog) = &input {
                    self.catalog = Some(catalog.clone());
                }
                inputs.push(input);
            }
            Message::Quiet(entity, sender) => self.quiet.push((entity, sender)),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>, inputs: &mut Vec<Input>) {
        let mut units: Vec<(CommitUnit, Report)> = Vec::new();
        for effect in effects {
            match effect {
                Effect::Load { load, key, command } if self.log.states_lost(key.entity) => {
                    self.held.push((load, key, command));
                }
                Effect::Load { load, key, command } => {
                    inputs.push(Input::Loaded(load, self.look_up(&key, command.as_ref())));
                }
                Effect::Call { call, function, revision, request, timeout_ms } => {
                    // Handing it over and being woken would take longer than the call.
                    failpoint::reach("function-call-before");
                    if let Some((answer, after)) = self.functions.run_now(&function, revision, &request, timeout_ms) {
                        failpoint::reach("function-call-after");
                        match self.is_calm() {
                            true => self.after.push(after),
                            false => after.later(),
                        }
                        inputs.push(Input::Answered(call, answer));
                        continue;
                    }
                    let (path, functions) = (self.path.clone(), self.functions.clone());
                    tokio::spawn(async move {
                        let answer = functions.run(&function, revision, request, timeout_ms).await;
                        failpoint::reach("function-call-after");
                        path.tell(Input::Answered(call, answer));
                    });
                }
                Effect::Commit { unit, content, answers } => {
                    let answers = answers
                        .into_iter()
                        .filter_map(|(waiter, draft)| Some((self.waiters.remove(&waiter)?, draft)))
                        .collect();
                    self.count(&content);
                    let (partition, entity) = (content.partition, content.entity);
                    let report = report(self.path.clone(), self.functions.clone(), unit, entity, partition, answers);
                    units.push((*content, report));
                }
                Effect::Answer(waiter, answer) => {
                    if let Some(sender) = self.waiters.remove(&waiter) {
                        let _ = sender.send(self.functions.explained(answer));
                    }
                }
                Effect::Rediscover(function) => self.tell(Told::Rediscover(function)),
                Effect::Notice(notice) => self.tell(Told::Notice(notice)),
            }
        }
        match units.len() {
            0 => {}
            // Nobody else's command would come into the same group.
            1 if self.is_calm() && self.has_others => {
                units.into_iter().for_each(|(unit, done)| self.log.submit_now(unit, done))
            }
            _ => self.log.submit_many(units),
        }
    }

    fn count(&self, unit: &CommitUnit) {
        if unit.outcomes.is_empty() {
            return;
        }
        let mut counts = self.counts.lock();
        for event in unit.events.iter().filter(|event| event.batch.0 == 1) {
            *counts.entry((unit.entity, event.command_type.clone(), event.outcome)).or_default() += 1;
        }
    }

    fn tell(&self, told: Told) {
        let _ = self.told.send(told);
    }
}

/// What is done when a unit is durable: those who wait are told, then the engine.
fn report(
    path: Path,
    functions: Functions,
    unit: UnitNo,
    entity: EntityTypeId,
    partition: u32,
    answers: Vec<(oneshot::Sender<Answer>, Draft)>,
) -> Report {
    Box::new(move |result: Result<Committed, Fault>| match result {
        Ok(committed) => {
            for (sender, draft) in answers {
                let _ = sender.send(functions.explained(draft.answer(entity, partition, &committed)));
            }
            path.tell(Input::Committed(unit, committed));
        }
        Err(fault) => {
            let code = fault.code();
            for (sender, _) in answers {
                let detail = fault.to_string();
                let refusal = Refusal { code, detail, retry_after_ms: None, seq: None };
                let _ = sender.send(Answer::Refused(refusal));
            }
            path.tell(Input::LogFailed(code));
        }
    })
}

/// Wall clock, milliseconds since 1970.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_path_that_panics_is_a_fault_and_one_that_is_ended_is_none() {
        for (panics, wanted) in [(true, Some(BROKEN)), (false, None)] {
            let (told, mut tells) = mpsc::unbounded_channel();
            let driving = tokio::spawn(async move {
                assert!(!panics, "as if the engine had a fault");
                std::future::pending().await
            });
            if !panics {
                driving.abort();
            }
            tell_if_broken(driving, told).await;
            let code = tells.recv().await.map(|told| match told {
                Told::Fault(code) => code,
                _ => Code(0),
            });
            assert_eq!(code, wanted);
        }
    }
}
