//! The server under test: this same program, started on a scratch directory, and what can be done to it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::http::Http;

/// Longest wait for a server that starts.
const START_MAX: Duration = Duration::from_secs(60);
/// How often it is looked again while waiting.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its data directory.
    pub data: PathBuf,
    /// Where what it prints goes.
    pub output: PathBuf,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

/// A server that runs.
pub struct Server {
    child: Child,
    /// The function that a killed server left running.
    left: Option<Pid>,
    /// Where its HTTP API is.
    pub http: String,
    /// Where its Kafka listener is.
    pub kafka: String,
}

impl Server {
    /// Starts one and waits until it is ready.
    pub fn start(start: &Start) -> Result<Server, String> {
        let told = |error: std::io::Error| format!("start the server: {error}");
        let output = OpenOptions::new().create(true).append(true).open(&start.output).map_err(told)?;
        let begin = output.metadata().map_err(told)?.len();
        let child = Command::new(std::env::current_exe().map_err(told)?)
            .args(["serve", "--listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--registry-listen", ""])
            .arg("--data")
            .arg(&start.data)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env(crate::node::SMALL, "1")
            .env("EVENTO_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(told)?;
        let mut server = Server { child, left: None, http: String::new(), kafka: String::new() };
        let until = Instant::now() + START_MAX;
        let mut http = Http::default();
        loop {
            if let Some(status) = server.child.try_wait().map_err(told)? {
                let said = std::fs::read_to_string(&start.output).unwrap_or_default();
                let said: Vec<&str> = said.lines().rev().take(8).collect();
                return Err(format!("the server ended with {status} before it was ready: {}", said.join(" | ")));
            }
            if server.find_addresses(&start.output, begin)
                && http.get(&server.http, "/readyz", &[]).is_ok_and(|reply| reply.status == 200)
            {
                return Ok(server);
            }
            if Instant::now() > until {
                server.kill();
                return Err(format!("the server was not ready after {} s", START_MAX.as_secs()));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// What it printed about itself since its start.
    fn find_addresses(&mut self, output: &Path, begin: u64) -> bool {
        if !self.kafka.is_empty() {
            return true;
        }
        let text = std::fs::read(output).unwrap_or_default();
        let text = String::from_utf8_lossy(text.get(begin as usize..).unwrap_or_default()).into_owned();
        let after = |marker: &str| {
            let found = text.lines().filter(|line| text.contains(&format!("{line}\n"))).find_map(|line| {
                line.split_once(marker).map(|(_, rest)| rest.trim_end_matches("/v1").trim().to_owned())
            });
            found.unwrap_or_default()
        };
        self.http = after("listens on http://");
        self.kafka = after("Kafka clients connect to ");
        !self.http.is_empty() && !self.kafka.is_empty()
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL, whatever it is doing. Its function lives on until the next start ends it.
    pub fn kill(&mut self) {
        self.left = self.function().or(self.left);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// A signal to the server.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The function's process, if it runs.
    pub fn function(&self) -> Option<Pid> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let children =
            tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
        children.flat_map(|text| text.split_whitespace().find_map(|pid| pid.parse().ok())).find_map(Pid::from_raw)
    }

    /// SIGKILL to server and function: nothing of them holds a file any more when this returns.
    pub fn kill_all(&mut self) {
        self.kill();
        let Some(pid) = self.left.take().filter(|pid| is_function(*pid)) else { return };
        let _ = kill_process(pid, Signal::KILL);
        let until = Instant::now() + START_MAX;
        // It is no child of ours: its entry goes away when whoever took it over has noticed.
        while alive(pid) && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Whether a process is a function of torture, and not another one that has its number by now.
fn is_function(pid: Pid) -> bool {
    let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == b"torture-function")
}

/// Whether a process runs; one that has ended and was not waited for does not.
fn alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill_all();
    }
}
