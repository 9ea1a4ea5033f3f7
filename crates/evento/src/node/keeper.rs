//! Keeping a function that serves: its process or container is started again when it ends or hangs, and stopped in
//! order when another takes over.
//!
//! Whether commands are sent to it meanwhile is the engine's (its circuit breaker); what a start is, the supervisor's.
//! Source: function-protocol 10.2 and 13.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evento_engine::Input;
use evento_function::http::HttpFunction;
use evento_function::process::RestartDelay;
use evento_function::{Failure, FailureClass};
use evento_model::{Code, ResourceName};
use evento_schema::registry::Registry;
use evento_schema::resource::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::containers;
use super::functions::{Function, Live};
use super::path::Path;
use super::running::Running;
use super::supervisor::{ASK_EVERY, Candidate, StartFailure, Surroundings, start};

/// How often it is looked whether a function that is down hangs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many questions without an answer, each with its deadline of 5 s, mean that it hangs.
const UNANSWERED_MAX: u32 = 3;

/// Keeps a serving function running until it is told to stop.
pub struct Keeper {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Watches over a candidate that serves from now on.
    pub fn new(
        candidate: Candidate,
        registry: Registry,
        function: Arc<Function>,
        surroundings: Surroundings,
        path: Path,
    ) -> Keeper {
        let (stop, stopped) = oneshot::channel();
        let Candidate { name, live, process, .. } = candidate;
        let watched = Watched { name, live, registry, function, surroundings, path };
        let task = match process {
            Some(running) => tokio::spawn(watched.keep(running, stopped)),
            None => tokio::spawn(async move {
                let _ = stopped.await;
                watched.retire().await;
            }),
        };
        Keeper { stop, task }
    }

    /// Stops it when it has answered what it was sent. Who must know that it is gone waits for what is returned.
    pub fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.task
    }
}

struct Watched {
    name: ResourceName,
    live: Arc<Live>,
    registry: Registry,
    function: Arc<Function>,
    surroundings: Surroundings,
    path: Path,
}

impl Watched {
    async fn keep(self, mut running: Running, mut stopped: oneshot::Receiver<()>) {
        let mut delay = RestartDelay::default();
        loop {
            let hanging = self.hangs(HttpFunction::unknown(running.address(), Some(running.instance().to_owned())));
            let ended = tokio::select! {
                _ = &mut stopped => return self.end(running).await,
                ended = running.exited() => Some(ended),
                () = hanging => None,
            };
            *self.live.host.write() = None;
            // What is started again is what ran, whatever its name means by now.
            let image = running.image().map(str::to_owned);
            let (noun, name) = (running.noun(), &self.name);
            match ended {
                Some(ended) => {
                    running.last_words().await;
                    self.down(ended.code, format!("the {noun} of {name} ended ({})", ended.how));
                    drop(running);
                }
                None => {
                    self.down(3001, format!("the {noun} of {name} hangs: it runs and answers nothing; it is ended"));
                    running.stop().await;
                }
            }
            running = loop {
                let started = Instant::now();
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(delay.ended()) => {}
                }
                match self.again(image.as_deref()).await {
                    Ok(running) => break running,
                    Err(failure) => self.down(if failure.code == 2301 { 3001 } else { failure.code }, failure.message),
                }
                if started.elapsed() > Duration::from_secs(60) {
                    delay.answered();
                }
            };
            self.function.restarted();
            self.function.set_state("ready", None);
            self.path.tell(Input::FunctionUp(self.name.clone()));
        }
    }

    /// Returns once it hangs: it runs, brings no valid answer, and does not even say what it is, three times in a row.
    async fn hangs(&self, probe: HttpFunction) {
        let mut unanswered = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            unanswered = match self.function.state().word == "down" && probe.discover().await.is_err() {
                true => unanswered + 1,
                false => 0,
            };
            if unanswered == UNANSWERED_MAX {
                return;
            }
        }
    }

    /// Tells everybody who looks or waits that it does not run, and why.
    fn down(&self, code: u16, title: String) {
        self.function.note(&title);
        self.function.set_state("down", Some(title.clone()));
        let failure = Failure::new(FailureClass::Outage, Code(code), title, "");
        *self.live.gone.write() = Some(failure.clone());
        self.path.tell(Input::FunctionDown(self.name.clone(), self.live.revision, Box::new(failure)));
    }

    /// Starts the same revision again; another revision is a matter for the roll-out.
    async fn again(&self, image: Option<&str>) -> Result<Running, StartFailure> {
        let (name, function, surroundings) = (&self.name, &self.function, &self.surroundings);
        let spec = self.registry.function(name).map(|(_, spec)| spec);
        let mut candidate = match spec.map(|spec| (spec, &spec.runtime)) {
            Some((spec, Runtime::Container(container))) => {
                containers::start(&self.registry, name, spec, container, function, surroundings, image).await?
            }
            _ => start(&self.registry, name, function, surroundings).await?,
        };
        if candidate.declaration.revision != self.live.revision {
            let message = format!("{} came back as another revision; apply it or restore its files", self.name);
            return Err(StartFailure::new(2301, message));
        }
        let running = candidate.process.take().ok_or_else(|| StartFailure::new(2301, "nothing was started"))?;
        *self.live.host.write() = candidate.live.host.read().clone();
        Ok(running)
    }

    async fn end(self, running: Running) {
        self.retire().await;
        running.stop().await;
    }

    /// Forgets the revision when it has answered what it was sent.
    async fn retire(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.live.is_quiet() && Instant::now() < until {
            tokio::time::sleep(ASK_EVERY).await;
        }
        self.function.retire(&self.live);
    }
}
