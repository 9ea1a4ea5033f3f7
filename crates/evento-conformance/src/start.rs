//! Starting the function under test, as `evento dev` does: a process group, `EVENTO_LISTEN`, `EVENTO_INSTANCE`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use evento_function::process::{LogRing, ProcessSpec, RunningProcess, Stream};

use crate::wire::{Ask, Place, Version, Wire};

/// Pause between two looks whether it answers.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the last lines of a target that has ended are waited for.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(500);
/// Lines of its output that are shown when it does not start.
const LINES_SHOWN: usize = 20;

/// How a function is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Its environment, beside what Evento sets.
    pub environment: BTreeMap<String, String>,
    /// Longest time until it answers.
    pub start_timeout: Duration,
    /// What it finds as `EVENTO_FUNCTION`.
    pub function: String,
}

/// A function that was started.
pub(crate) struct Started {
    pub(crate) process: RunningProcess,
    pub(crate) place: Place,
    pub(crate) instance: String,
    /// What it writes.
    logs: Arc<LogRing>,
    /// Holds its socket; goes with it.
    _folder: tempfile::TempDir,
}

impl Launch {
    /// Starts it on a socket, or on a port of 127.0.0.1, and waits until it answers.
    pub(crate) async fn start(&self, port: Option<u16>) -> Result<Started, String> {
        self.start_with(port, &[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn start_with(&self, port: Option<u16>, more: &[(&str, &str)]) -> Result<Started, String> {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new().prefix("evento-").tempdir().map_err(|error| error.to_string())?;
        let mut environment = self.environment.clone();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if let Some(port) = port {
            environment.insert("PORT".to_owned(), port.to_string());
        }
        environment.insert("EVENTO_PROTOCOL".to_owned(), "1".to_owned());
        let spec = ProcessSpec {
            function: self.function.clone(),
            command: self.command.clone(),
            working_folder: self.folder.clone(),
            environment,
            socket_folder: folder.path().to_owned(),
            development: false,
        };
        let n = STARTS.fetch_add(1, Ordering::Relaxed);
        let instance = format!("{:08x}{n:04x}", std::process::id());
        let logs = Arc::<LogRing>::default();
        let process = RunningProcess::start_on(&spec, port, instance.clone(), &logs).map_err(|e| e.to_string())?;
        let place = match port {
            Some(port) => Place::Tcp(format!("127.0.0.1:{port}"), String::new()),
            None => Place::parse(&process.address().to_string())?,
        };
        let mut started = Started { process, place, instance, logs, _folder: folder };
        started.answers(self.start_timeout).await?;
        Ok(started)
    }
}

impl Started {
    /// Waits until it answers anything at all.
    async fn answers(&mut self, longest: Duration) -> Result<(), String> {
        let wire = Wire::new(self.place.clone(), Version::H1);
        let ask = Ask::get("/.well-known/evento").with("evento-instance", &self.instance);
        let until = Instant::now() + longest;
        loop {
            if wire.ask(&ask, Duration::from_secs(1)).await.is_ok() {
                return Ok(());
            }
            let ended = tokio::time::timeout(PAUSE, self.process.exited()).await;
            let why = match ended {
                Ok(Ok(status)) => format!("it ended before it answered: {status}"),
                Ok(Err(error)) => error.to_string(),
                Err(_) if Instant::now() > until => {
                    format!("it does not answer at {} within {} s", self.place, longest.as_secs())
                }
                Err(_) => continue,
            };
            // What it wrote last is read a moment after its end.
            let read = Instant::now() + LAST_WORDS_WAIT;
            while self.last_words().is_empty() && Instant::now() < read {
                tokio::time::sleep(PAUSE).await;
            }
            return Err(format!("{why}{}", self.last_words()));
        }
    }

    /// The newest lines that it wrote, each on a line of its own.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.logs.after(0, LINES_SHOWN);
        lines.iter().filter(|line| line.stream != Stream::Evento).map(|line| format!("\n  {}", line.text)).collect()
    }

    /// Whether it has ended; its exit in words.
    pub(crate) async fn ended(&mut self, within: Duration) -> Option<String> {
        match tokio::time::timeout(within, self.process.exited()).await {
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => None,
        }
    }

    /// Memory of its process group in bytes; `None` where there is no `/proc`.
    pub(crate) fn memory(&self) -> Option<u64> {
        let group = self.process.pid()?;
        let mut total = None;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            // The name in brackets may hold blanks: fields are counted from its end (proc(5)).
            let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
            let fields: Vec<&str> = rest.split(' ').collect();
            if fields.get(2).and_then(|field| field.parse::<u32>().ok()) != Some(group) {
                continue;
            }
            let pages: u64 = fields.get(21).and_then(|field| field.parse().ok()).unwrap_or(0);
            total = Some(total.unwrap_or(0) + pages * 4_096);
        }
        total
    }
}

/// Memory of this process in bytes; `None` where there is no `/proc`.
pub(crate) fn own_memory() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    pages.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4_096)
}

/// A port of 127.0.0.1 that is free now.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
