//! Functions as local processes: started, watched, their output kept, stopped with everything they started.
//!
//! One start, one process, one socket. Restarting is the supervisor's (in the binary); the delay between
//! restarts is a value here. Source: function-protocol 13.1.

mod leftovers;
mod logs;
mod watch;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use evento_model::Digest;
use rustix::process::{Pid, Signal, kill_process_group};
use sha2::Digest as _;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::http::Address;
pub use leftovers::end_leftovers;
pub use logs::{LogLine, LogRing, Stream};
pub use watch::{Watcher, watch};

/// Longest path of a socket, in bytes.
const SOCKET_BYTES_MAX: usize = 100;
/// Wait between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// Longest line of output that is kept whole, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Files of a watched folder that go into the artifact digest at most.
const FILES_MAX: usize = 10_000;

/// What to start.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Resource name, for the environment.
    pub function: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub working_folder: PathBuf,
    /// Its environment, beside what Evento sets.
    pub environment: BTreeMap<String, String>,
    /// Where sockets go.
    pub socket_folder: PathBuf,
    /// Whether this is `evento dev`.
    pub development: bool,
}

/// A process that runs.
pub struct RunningProcess {
    child: Child,
    group: Option<Pid>,
    socket: PathBuf,
    instance: String,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{command}: {why}")]
pub struct StartError {
    /// The program.
    pub command: String,
    /// The system's words.
    pub why: String,
}

/// Variables of Evento's own environment that a function gets.
const INHERITED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "CARGO_TARGET_DIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "XDG_CACHE_HOME",
    "EVENTO_CACHE",
];

impl RunningProcess {
    /// Starts a process in a group of its own, on a socket. `instance` tells this start from every other.
    pub fn start(spec: &ProcessSpec, instance: String, logs: &Arc<LogRing>) -> Result<RunningProcess, StartError> {
        RunningProcess::start_on(spec, None, instance, logs)
    }

    /// The same on a port of 127.0.0.1, if one is given; then [`address`](Self::address) is not where it listens.
    pub fn start_on(
        spec: &ProcessSpec,
        port: Option<u16>,
        instance: String,
        logs: &Arc<LogRing>,
    ) -> Result<RunningProcess, StartError> {
        let fail = |why: String| StartError { command: spec.command.first().cloned().unwrap_or_default(), why };
        let socket = socket_path(&spec.socket_folder, &instance).map_err(fail)?;
        let listen = match port {
            None => format!("unix:{}", socket.display()),
            Some(port) => format!("127.0.0.1:{port}"),
        };
        let (program, arguments) = spec.command.split_first().ok_or_else(|| fail("no command is given".to_owned()))?;
        let program = match program.contains('/') && !program.starts_with('/') {
            true => spec.working_folder.join(program).into_os_string(),
            false => program.into(),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&spec.working_folder)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))))
            .envs(&spec.environment)
            .env("EVENTO_LISTEN", listen)
            .env("EVENTO_FUNCTION", &spec.function)
            .env("EVENTO_INSTANCE", &instance)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if spec.development {
            command.env("EVENTO_DEV", "1");
        }
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(keep_lines(stdout, Stream::Stdout, logs.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_lines(stderr, Stream::Stderr, logs.clone()));
        }
        let group = child.id().and_then(|pid| Pid::from_raw(pid as i32));
        Ok(RunningProcess { child, group, socket, instance })
    }

    /// Where it listens, once it does.
    pub fn address(&self) -> Address {
        Address::unix(&self.socket)
    }

    /// What it must show as `Evento-Instance`.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns when it has ended.
    pub async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// SIGTERM to its group, and nothing more: [`exited`](Self::exited) tells when it is gone.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGTERM to its group, SIGKILL after five seconds; its socket goes.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        // Whatever it left running goes with it.
        self.signal(Signal::KILL);
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A socket's path in a folder that only this user can enter; a short folder is found when that one is too deep.
fn socket_path(folder: &Path, instance: &str) -> Result<PathBuf, String> {
    let folder = private_folder_of(folder);
    let made = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)));
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.join(format!("{:.12}.sock", instance)))
}

/// The folder itself, or a short one when paths in it would be too long for sockets.
pub fn private_folder_of(folder: &Path) -> PathBuf {
    if folder.as_os_str().len() + "/0123456789ab.sock".len() <= SOCKET_BYTES_MAX {
        return folder.to_owned();
    }
    let digest = sha2::Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let short = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("evento-{short}"))
}

async fn keep_lines(output: impl AsyncRead + Unpin, stream: Stream, logs: Arc<LogRing>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is cut, so that memory stays bounded.
        loop {
            let Ok(available) = reader.fill_buf().await else { return };
            if available.is_empty() {
                if !line.is_empty() {
                    logs.push(stream, &String::from_utf8_lossy(&line));
                }
                return;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let take = end.map_or(available.len(), |end| end + 1);
            let room = LINE_BYTES_MAX.saturating_sub(line.len()).min(end.unwrap_or(take));
            line.extend_from_slice(&available[..room]);
            reader.consume(take);
            if end.is_some() {
                break;
            }
        }
        logs.push(stream, String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }
}

/// The watched files with their digests, for the artifact digest; paths are relative to the folder.
pub fn watched_files(folder: &Path, watched: &[String]) -> Vec<(String, Digest)> {
    let mut files = Vec::new();
    for name in watched {
        gather(folder, &folder.join(name), &mut files);
    }
    files.sort();
    files.dedup();
    files
}

fn gather(root: &Path, path: &Path, files: &mut Vec<(String, Digest)>) {
    if files.len() >= FILES_MAX {
        return;
    }
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let made =
            |path: &Path| path.ends_with("__pycache__") || path.ends_with("target") || path.ends_with("node_modules");
        entries.iter().filter(|path| !hidden(path) && !made(path)).for_each(|path| gather(root, path, files));
    } else if let Ok(bytes) = std::fs::read(path) {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        files.push((name, Digest(sha2::Sha256::digest(&bytes).into())));
    }
}

/// How long to wait before a process that ended is started again: 250 ms, doubled up to 30 s.
#[derive(Clone, Debug, Default)]
pub struct RestartDelay {
    ends: u32,
}

impl RestartDelay {
    /// The process ended: the wait before the next start.
    pub fn ended(&mut self) -> Duration {
        let delay = Duration::from_millis(250).saturating_mul(1 << self.ends.min(7));
        self.ends += 1;
        delay.min(Duration::from_secs(30))
    }

    /// A valid answer came: the next end is a first one again.
    pub fn answered(&mut self) {
        self.ends = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::RestartDelay;

    #[test]
    fn restarts_wait_longer_each_time_and_a_valid_answer_forgets_it() {
        let mut delay = RestartDelay::default();
        let waits: Vec<u128> = (0..9).map(|_| delay.ended().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        delay.answered();
        assert_eq!(delay.ended().as_millis(), 250);
    }
}
