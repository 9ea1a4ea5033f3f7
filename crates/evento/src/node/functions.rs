//! The functions that run: which revisions there are, how they are reached, what they wrote.
//!
//! Calls find the revision they are meant for here; the supervisor puts revisions in and takes them out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evento_function::http::HttpFunction;
use evento_function::process::{LogRing, Stream};
use evento_function::{Failure, FailureClass, RunRequest, RunResponse};
use evento_model::{Code, ResourceName, Revision, Timestamp};
use parking_lot::RwLock;

use super::path::wall;

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
    pub host: RwLock<Option<Arc<HttpFunction>>>,
    in_flight: AtomicUsize,
}

impl Live {
    /// A revision that is reached through a host.
    pub fn new(revision: Revision, host: HttpFunction) -> Arc<Live> {
        Arc::new(Live { revision, host: RwLock::new(Some(Arc::new(host))), in_flight: AtomicUsize::new(0) })
    }

    /// One call.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let host = self.host.read().clone();
        let Some(host) = host else {
            return Err(Failure::new(FailureClass::Outage, Code(3001), "the function's process is not running", ""));
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

    /// Forgets a function.
    pub fn remove(&self, name: &ResourceName) {
        self.0.write().remove(name);
    }

    /// One call to a revision.
    pub async fn run(
        &self,
        name: &ResourceName,
        revision: Revision,
        request: RunRequest,
        timeout_ms: u64,
    ) -> Result<RunResponse, Failure> {
        let live = self.of(name).revision(revision);
        match live {
            Some(live) => live.run(&request, Duration::from_millis(timeout_ms)).await,
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

    /// A revision has answered everything and is gone.
    pub fn retire(&self, revision: Revision) {
        self.revisions.write().retain(|live| live.revision != revision);
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

    /// It was started again.
    pub fn restarted(&self) {
        self.state.write().restarts += 1;
    }

    /// Evento's own word among its lines.
    pub fn note(&self, text: &str) {
        self.logs.push(Stream::Evento, text);
    }
}
