//! One data directory under load and faults: clients and a reader in threads, a server that is started again
//! after each fault, and the judge now and then and at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use evento_check::{Line, Verdict, What};
use parking_lot::{Mutex, RwLock};

use super::client::Client;
use super::gate::Gate;
use super::http::Http;
use super::judge::judge_folder;
use super::recorder::Recorder;
use super::server::{Server, Start};
use super::{Args, bank, reader};

/// How long everything may take after the last fault (G19).
const CALM_MAX: Duration = Duration::from_secs(30);
/// How long nothing may be acknowledged between two faults before the run is ended.
const STUCK_MAX: Duration = Duration::from_secs(60);
/// Odd answers that are kept.
const ODD_MAX: usize = 20;

/// What the threads of a run share.
pub(super) struct Shared {
    pub(super) recorder: Recorder,
    pub(super) gate: Gate,
    pub(super) acknowledged: AtomicU64,
    pub(super) refusals: AtomicU64,
    pub(super) seen: AtomicU64,
    /// Starts of the server so far.
    pub(super) starts: AtomicU64,
    http: RwLock<Option<String>>,
    pub(super) kafka: RwLock<Option<String>>,
    given_up: AtomicBool,
    // Bound: ODD_MAX.
    odd: Mutex<Vec<String>>,
}

impl Shared {
    /// Where the server is, if one runs.
    pub(super) fn address(&self) -> Option<String> {
        self.http.read().clone()
    }

    /// Whether clients are to leave even what has no outcome.
    pub(super) fn given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// An answer that no server should give.
    pub(super) fn odd(&self, what: String) {
        let mut odd = self.odd.lock();
        if odd.len() < ODD_MAX {
            odd.push(what);
        }
    }
}

/// What an arena has come to so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) restarts: u64,
    pub(super) slowest: Duration,
    pub(super) judged: u64,
}

/// A verdict, or why there is none.
pub(super) struct Outcome {
    pub(super) verdict: Option<Verdict>,
    pub(super) figures: Figures,
    pub(super) history: PathBuf,
    /// Odd answers, and what kept the run from going on.
    pub(super) complaints: Vec<String>,
}

impl Outcome {
    /// Whether anything was found.
    pub(super) fn failed(&self) -> bool {
        !self.complaints.is_empty() || self.verdict.as_ref().is_none_or(|verdict| verdict.first().is_some())
    }
}

/// A run on one data directory.
pub(super) struct Arena {
    pub(super) shared: Arc<Shared>,
    pub(super) start: Start,
    pub(super) figures: Figures,
    server: Option<Server>,
    threads: Vec<JoinHandle<()>>,
}

impl Arena {
    /// Starts a server on a new data directory, registers the account, and lets the clients go.
    pub(super) fn begin(
        scratch: &Path,
        name: &str,
        data: PathBuf,
        args: &Args,
        environment: Vec<(String, String)>,
    ) -> Result<Arena, String> {
        let recorder = Recorder::new(&scratch.join(format!("history-{name}.jsonl")))
            .map_err(|error| format!("the history: {error}"))?;
        let shared = Arc::new(Shared {
            recorder,
            gate: Gate::default(),
            acknowledged: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            http: RwLock::new(None),
            kafka: RwLock::new(None),
            given_up: AtomicBool::new(false),
            odd: Mutex::new(Vec::new()),
        });
        let start = Start { data, output: scratch.join(format!("server-{name}.log")), environment: Vec::new() };
        let mut arena =
            Arena { shared: shared.clone(), start, figures: Figures::default(), server: None, threads: Vec::new() };
        arena.start_server()?;
        arena.register(scratch)?;
        if !environment.is_empty() {
            arena.server()?.kill();
            arena.start.environment = environment;
            arena.start_server()?;
        }
        let seed = args.seed;
        for n in 0..args.clients {
            let (shared, seed) = (shared.clone(), seed.wrapping_mul(31).wrapping_add(n));
            arena.threads.push(std::thread::spawn(move || Client::new(&shared, n, seed).run()));
        }
        arena.threads.push(std::thread::spawn(move || reader::run(&shared, seed)));
        arena.shared.gate.open();
        Ok(arena)
    }

    /// Registers the account, with this program as its function.
    fn register(&self, scratch: &Path) -> Result<(), String> {
        let told = |error: std::io::Error| format!("register the account: {error}");
        let program = std::env::current_exe().map_err(told)?;
        let function = format!(
            "---\napiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n  \
             runtime: process\n  process: {{command: {}, workingDir: /}}\n",
            serde_json::json!([program.display().to_string(), "torture-function"])
        );
        let file = scratch.join("account.yaml");
        std::fs::write(&file, format!("{}{function}", bank::RESOURCES)).map_err(told)?;
        let address = self.shared.address().unwrap_or_default();
        let output = std::process::Command::new(program)
            .args(["apply", "--quiet", "--address", &format!("http://{address}"), "--file"])
            .arg(&file)
            .output()
            .map_err(told)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("register the account: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// The server that runs.
    pub(super) fn server(&mut self) -> Result<&mut Server, String> {
        self.server.as_mut().ok_or_else(|| "no server runs".to_owned())
    }

    /// Clients and reader learn that nobody is there any more.
    pub(super) fn hide(&self) {
        *self.shared.http.write() = None;
        *self.shared.kafka.write() = None;
    }

    /// Starts the server; how long it took.
    pub(super) fn start_server(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let server = Server::start(&self.start)?;
        if self.shared.starts.fetch_add(1, Ordering::Relaxed) > 0 {
            self.figures.restarts += 1;
            self.figures.slowest = self.figures.slowest.max(began.elapsed());
        }
        *self.shared.http.write() = Some(server.http.clone());
        *self.shared.kafka.write() = Some(server.kafka.clone());
        self.server = Some(server);
        Ok(())
    }

    /// Notes a fault.
    pub(super) fn fault(&self, what: &str) {
        self.shared.recorder.note(None, None, What::Nemesis { what: what.to_owned(), node: Some("n1".to_owned()) });
    }

    /// Returns when so many further commands were acknowledged.
    pub(super) fn progress(&mut self, further: u64) -> Result<(), String> {
        let wanted = self.shared.acknowledged.load(Ordering::Relaxed) + further;
        let until = Instant::now() + STUCK_MAX;
        while self.shared.acknowledged.load(Ordering::Relaxed) < wanted {
            if Instant::now() > until {
                return Err(format!("nothing was acknowledged for {} s", STUCK_MAX.as_secs()));
            }
            if self.server()?.ended() {
                return Err("the server ended by itself".to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Returns when so many further sends were refused.
    pub(super) fn refused(&mut self, further: u64) -> Result<(), String> {
        let wanted = self.shared.refusals.load(Ordering::Relaxed) + further;
        let until = Instant::now() + STUCK_MAX;
        while self.shared.refusals.load(Ordering::Relaxed) < wanted {
            if Instant::now() > until {
                return Err("a full disk refuses nothing".to_owned());
            }
            if self.server()?.ended() {
                return Err("the server ended by itself".to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Stops everything for a moment and judges what there is.
    pub(super) fn judge_now(&mut self) -> Result<(), String> {
        if !self.shared.gate.close(CALM_MAX) {
            return Err(format!("commands have no outcome {} s after the last fault", CALM_MAX.as_secs()));
        }
        self.hide();
        self.server()?.kill_all();
        let verdict = self.judge(&self.shared.recorder.lines())?;
        self.figures.judged += 1;
        if let Some(violation) = verdict.first() {
            return Err(format!("{violation}"));
        }
        self.start_server()?;
        self.shared.gate.open();
        Ok(())
    }

    fn judge(&self, lines: &[Line]) -> Result<Verdict, String> {
        judge_folder(&self.start.data, lines, true).map_err(|failure| failure.title.clone())
    }

    /// Lets everything complete, ends clients, reader and server, and judges all of it.
    pub(super) fn end(mut self, went_wrong: Option<String>) -> Outcome {
        self.shared.recorder.note(None, None, What::Calm);
        // Without a server nobody gets an outcome any more.
        let gone = self.server.as_mut().is_none_or(Server::ended);
        self.shared.given_up.store(gone, Ordering::Relaxed);
        let calm = self.shared.gate.close(CALM_MAX + Duration::from_secs(1));
        self.shared.given_up.store(!calm || gone, Ordering::Relaxed);
        let address = self.shared.address().unwrap_or_default();
        let ready = Http::default().get(&address, "/readyz", &[]).is_ok_and(|reply| reply.status == 200);
        self.shared.gate.close_for_good();
        self.hide();
        if let Some(server) = &mut self.server {
            server.kill_all();
        }
        let mut complaints: Vec<String> = went_wrong.into_iter().collect();
        for thread in std::mem::take(&mut self.threads) {
            if thread.join().is_err() {
                complaints.push("a thread of the harness panicked".to_owned());
            }
        }
        self.shared.recorder.end(ready);
        let verdict = match self.judge(&self.shared.recorder.lines()) {
            Ok(verdict) => Some(verdict),
            Err(why) => {
                complaints.push(why);
                None
            }
        };
        complaints.append(&mut self.shared.odd.lock());
        let history = self.shared.recorder.path.clone();
        Outcome { verdict, figures: self.figures.clone(), history, complaints }
    }
}
