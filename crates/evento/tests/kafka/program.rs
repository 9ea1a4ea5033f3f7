//! A client's program as it runs: its lines, waits with a deadline, its end. The contract is in `clients/README.md`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clients::Client;

/// Longest wait for a line, or the end. Two cores start many interpreters at once.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a program has printed so far.
#[derive(Default)]
struct Printed {
    /// A few hundred lines; those that run while servers are killed print some ten thousand.
    lines: Mutex<(Vec<Value>, bool)>,
    changed: Condvar,
}

/// A program that runs.
pub struct Program {
    what: String,
    child: Child,
    stdin: Option<ChildStdin>,
    printed: Arc<Printed>,
    complaints: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a client's program with a verb of the contract.
    pub fn start(client: Client, verb: &str, options: &Value) -> Program {
        let mut command = client.command();
        // A group of its own, so that a kill takes what the program has started, too.
        command.process_group(0).arg(verb).arg(options.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let printed = Arc::new(Printed::default());
        let (stdout, told) = (child.stdout.take().expect("piped"), printed.clone());
        std::thread::spawn(move || collect(BufReader::new(stdout), &told));
        let complaints = Arc::new(Mutex::new(String::new()));
        let (stderr, said) = (child.stderr.take().expect("piped"), complaints.clone());
        std::thread::spawn(move || overhear(BufReader::new(stderr), &said));
        let stdin = child.stdin.take();
        Program { what: format!("{} {verb} {options}", client.name()), child, stdin, printed, complaints }
    }

    /// Runs a verb to its end; the lines.
    pub fn run(client: Client, verb: &str, options: &Value) -> Vec<Value> {
        Program::start(client, verb, options).finish()
    }

    /// Waits until the lines are as wanted.
    pub fn wait<T>(&self, what: &str, mut wanted: impl FnMut(&[Value]) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            // Looked at without the lock: `wanted` may ask this program and others for their lines.
            let (lines, ended) = self.printed.lines.lock().expect("lines").clone();
            if let Some(found) = wanted(&lines) {
                return found;
            }
            if ended || Instant::now() > until {
                let last = lines.iter().rev().take(5).map(Value::to_string).collect::<Vec<_>>();
                panic!("{what} did not happen; last lines {last:?}; {}", self.complaint());
            }
            let lines = self.printed.lines.lock().expect("lines");
            drop(self.printed.changed.wait_timeout(lines, Duration::from_millis(50)).expect("lines"));
        }
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<Value> {
        self.printed.lines.lock().expect("lines").0.clone()
    }

    /// How many lines there are so far.
    pub fn count(&self) -> usize {
        self.printed.lines.lock().expect("lines").0.len()
    }

    /// Whether it has ended by itself.
    pub fn ended(&self) -> bool {
        self.printed.lines.lock().expect("lines").1
    }

    /// The partitions it owns, by its last word.
    pub fn assigned(&self) -> Vec<u64> {
        last_assigned(&self.lines())
    }

    /// Ends its stdin, which tells a member to leave.
    pub fn ask_to_end(&mut self) {
        self.stdin = None;
    }

    /// Asks it to end, and waits until it has.
    pub fn finish(mut self) -> Vec<Value> {
        self.ask_to_end();
        let until = Instant::now() + PATIENCE;
        let mut lines = self.printed.lines.lock().expect("lines");
        while !lines.1 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end: {}", self.complaint());
            lines = self.printed.changed.wait_timeout(lines, left).expect("lines").0;
        }
        let all = lines.0.clone();
        drop(lines);
        let status = self.child.wait().expect("its status");
        let done = all.iter().any(|line| line["done"] == true);
        assert!(status.success() && done, "{status}, the last line is {:?}: {}", all.last(), self.complaint());
        all
    }

    /// SIGKILL, to it and all that it started.
    pub fn kill(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// What it is, and the end of what it said on stderr.
    pub fn complaint(&self) -> String {
        let said = self.complaints.lock().expect("complaints");
        let start = said.len().saturating_sub(3000);
        let tail = said.get(said.ceil_char_boundary(start)..).unwrap_or_default();
        format!("{}\n{tail}", self.what)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last assignment among lines; nothing if there was none.
fn last_assigned(lines: &[Value]) -> Vec<u64> {
    let last = lines.iter().rev().find_map(|line| line["assigned"].as_array());
    last.into_iter().flatten().filter_map(Value::as_u64).collect()
}

fn collect(stdout: impl BufRead, printed: &Printed) {
    for line in stdout.lines().map_while(Result::ok) {
        // Anything else is talk of the client library.
        if let Ok(value) = serde_json::from_str(&line) {
            printed.lines.lock().expect("lines").0.push(value);
            printed.changed.notify_all();
        }
    }
    printed.lines.lock().expect("lines").1 = true;
    printed.changed.notify_all();
}

fn overhear(mut stderr: impl Read, said: &Mutex<String>) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut chunk) {
        said.lock().expect("complaints").push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
}
