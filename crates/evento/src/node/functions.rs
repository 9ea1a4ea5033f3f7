//! The functions that run: which revisions there are, how they are reached, what they wrote.
//!
//! Calls find the revision they are meant for here; the supervisor puts revisions in and takes them out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use evento_function::process::{LogRing, Stream};
use evento_function::{Failure, FailureClass, RunRequest, RunResponse};
use evento_log::intake::{Answer, LastError, WaitingFor};
use evento_model::{Code, ResourceName, Revision, Timestamp};
use parking_lot::RwLock;

use super::host::{After, Host};
use super::path::wall;
use super::purity::Watch;

/// All functions, by name. Clones share them.
#[derive(Clone, Default)]
pub struct Functions(Arc<RwLock<HashMap<ResourceName, Arc<Function>>>>);

/// One function.
#[derive(Default)]
pub struct Function {
    /// What it wrote, over all its revisions and restarts.
    pub logs: Arc<LogRing>,
    /// The serving revision last. Bound: one that serves, and those that still answer what they were sent.
    revisions: RwLock<Vec<Arc<Live>>>,
    /// How it is, for people.
    state: RwLock<State>,
    /// The replay of history that is under way for it.
    replaying: RwLock<Option<Replaying>>,
    /// Its newest failure, with whichever command.
    last_error: RwLock<Option<LastError>>,
}

/// A replay of history while it goes on.
#[derive(Clone, Debug)]
pub struct Replaying {
    /// Events replayed so far.
    pub done: Arc<AtomicU64>,
    /// Events there are.
    pub total: u64,
}

/// How a function is, for people.
#[derive(Clone, Debug)]
pub struct State {
    /// `starting`, `ready`, `down`, `refused`.
    pub word: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// Why, if it is not ready.
    pub error: Option<String>,
    /// Starts after the first.
    pub restarts: u64,
}

impl Default for State {
    fn default() -> State {
        State { word: "starting", since: wall(), error: None, restarts: 0 }
    }
}

/// A revision that can be called.
pub struct Live {
    /// Which.
    pub revision: Revision,
    /// Where; another one after each restart, none while its process is gone.
    pub host: RwLock<Option<Arc<Host>>>,
    /// Why there is no host, for those whose command waits for one.
    pub gone: RwLock<Option<Failure>>,
    purity: Watch,
    in_flight: AtomicUsize,
}

impl Live {
    /// A revision that is reached through a host.
    pub fn new(revision: Revision, host: Host, purity: Watch) -> Arc<Live> {
        let host = RwLock::new(Some(Arc::new(host)));
        Arc::new(Live { revision, host, gone: RwLock::default(), purity, in_flight: AtomicUsize::new(0) })
    }

    /// One call of the command path, on a sample with a second look at what apply gives. `warn` is told of the first
    /// difference; unless the resource only wants a warning, nothing of this revision is taken from then on.
    async fn run_watched(
        &self,
        request: &RunRequest,
        timeout: Duration,
        warn: impl FnOnce(&Failure),
    ) -> Result<RunResponse, Failure> {
        if let Some(refusal) = self.purity.refusal() {
            return Err(refusal);
        }
        let answer = self.run(request, timeout).await?;
        let Some(again) = self.purity.again(request, &answer) else { return Ok(answer) };
        // A second call that fails is no evidence of anything.
        let Ok(second) = self.run(&again.request, timeout).await else { return Ok(answer) };
        if let Some(difference) = self.purity.compare(&again, &second) {
            warn(&difference);
        }
        self.purity.refusal().map_or(Ok(answer), Err)
    }

    /// One call, if it can be made at once.
    fn run_now(&self, request: &RunRequest, timeout: Duration) -> Option<(Result<RunResponse, Failure>, After)> {
        if self.purity.looks() {
            return None;
        }
        let host = self.host.read().clone()?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = host.run_now(request, timeout);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    /// One call.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let host = self.host.read().clone();
        let Some(host) = host else {
            let unknown = || {
                let title = "this revision of the function is not running";
                Failure::new(FailureClass::Outage, Code(3001), title, "")
            };
            return Err(self.gone.read().clone().unwrap_or_else(unknown));
        };
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = host.run(request, timeout).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    /// Whether it has nothing to answer.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }
}

impl Functions {
    /// The function of a name, made if it is not known.
    pub fn of(&self, name: &ResourceName) -> Arc<Function> {
        if let Some(function) = self.0.read().get(name) {
            return function.clone();
        }
        self.0.write().entry(name.clone()).or_default().clone()
    }

    /// The function of a name, if it is known.
    pub fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.0.read().get(&ResourceName::new(name).ok()?).cloned()
    }

    /// Why a function that is registered does not run, when exactly one does not.
    pub fn unstarted(&self) -> Option<LastError> {
        let functions = self.0.read();
        let mut refused = functions.values().filter(|f| f.serving().is_none() && f.state().word == "refused");
        let (one, more) = (refused.next()?, refused.next());
        if more.is_none() { one.last_error() } else { None }
    }

    /// The engine knows nothing of a function that never served here: whoever waits for it is told what keeps it from
    /// starting.
    pub fn explained(&self, mut answer: Answer) -> Answer {
        if let Answer::Unfinished(status) = &mut answer
            && matches!(status.waiting_for, Some(WaitingFor::Function { since: None, .. }))
            && status.last_error.is_none()
        {
            status.last_error = self.unstarted();
        }
        answer
    }

    /// All replays that are under way, together: events done, and events there are.
    pub fn replaying(&self) -> Option<(u64, u64)> {
        let replays: Vec<Replaying> = self.0.read().values().filter_map(|function| function.replaying()).collect();
        let done = replays.iter().map(|replay| replay.done.load(Ordering::Relaxed)).sum();
        (!replays.is_empty()).then(|| (done, replays.iter().map(|replay| replay.total).sum()))
    }

    /// Forgets a function.
    pub fn remove(&self, name: &ResourceName) {
        self.0.write().remove(name);
    }

    /// One call to a revision, if it takes so little time that it need not be handed over.
    pub fn run_now(
        &self,
        name: &ResourceName,
        revision: Revision,
        request: &RunRequest,
        timeout_ms: u64,
    ) -> Option<(Result<RunResponse, Failure>, After)> {
        let live = self.0.read().get(name)?.revision(revision)?;
        live.run_now(request, Duration::from_millis(timeout_ms))
    }

    /// One call to a revision.
    pub async fn run(
        &self,
        name: &ResourceName,
        revision: Revision,
        request: RunRequest,
        timeout_ms: u64,
    ) -> Result<RunResponse, Failure> {
        let function = self.of(name);
        match function.revision(revision) {
            Some(live) => {
                let warn = |difference: &Failure| {
                    tracing::warn!(code = %difference.code, function = name.as_str(), "{}; {}", difference.title, difference.detail);
                    function.note(&format!("{} {}; {}", difference.code, difference.title, difference.detail));
                };
                live.run_watched(&request, Duration::from_millis(timeout_ms), warn).await
            }
            None => {
                let title = format!("revision {} of {name} does not run any more", revision.short());
                Err(Failure::new(FailureClass::Swapped, Code(3001), title, ""))
            }
        }
    }
}

impl Function {
    /// A revision, if it runs.
    pub fn revision(&self, revision: Revision) -> Option<Arc<Live>> {
        self.revisions.read().iter().find(|live| live.revision == revision).cloned()
    }

    /// The revision that serves.
    pub fn serving(&self) -> Option<Arc<Live>> {
        self.revisions.read().last().cloned()
    }

    /// A revision serves from now on.
    pub fn serve(&self, live: Arc<Live>) {
        let mut revisions = self.revisions.write();
        revisions.retain(|other| other.revision != live.revision);
        revisions.push(live);
        drop(revisions);
        self.set_state("ready", None);
    }

    /// A revision has answered everything and is gone. By identity: the same revision may serve again, started anew.
    pub fn retire(&self, gone: &Arc<Live>) {
        self.revisions.write().retain(|live| !Arc::ptr_eq(live, gone));
    }

    /// How it is.
    pub fn state(&self) -> State {
        self.state.read().clone()
    }

    /// It is another way from now on.
    pub fn set_state(&self, word: &'static str, error: Option<String>) {
        let mut state = self.state.write();
        if state.word != word {
            state.since = wall();
        }
        state.word = word;
        state.error = error;
    }

    /// The replay that is under way for it, if one is.
    pub fn replaying(&self) -> Option<Replaying> {
        self.replaying.read().clone()
    }

    /// A replay of so many events begins, or with `None` is over. What it has done is counted in what is returned.
    pub fn replays(&self, total: Option<u64>) -> Arc<AtomicU64> {
        let done: Arc<AtomicU64> = Arc::default();
        *self.replaying.write() = total.map(|total| Replaying { done: done.clone(), total });
        done
    }

    /// Its newest failure.
    pub fn last_error(&self) -> Option<LastError> {
        self.last_error.read().clone()
    }

    /// It failed with a command.
    pub fn failed(&self, error: LastError) {
        *self.last_error.write() = Some(error);
    }

    /// Requests that it has not answered yet, over all its revisions.
    pub fn in_flight(&self) -> usize {
        self.revisions.read().iter().map(|live| live.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// It was started again.
    pub fn restarted(&self) {
        self.state.write().restarts += 1;
    }

    /// Evento's own word among its lines.
    pub fn note(&self, text: &str) {
        self.logs.push(Stream::Evento, text);
    }
}
