//! A container that runs: started in its cage, its output kept, its end told, removed with everything it left.
//!
//! One start, one container, one private folder. Restarting is the supervisor's (in the binary).

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evento_function::http::Address;
use evento_function::process::{LogRing, Stream, private_folder_of};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::cage::{Cage, SOCKET, User};
use crate::engine::{ContainerState, Engine};
use crate::error::{EngineError, ErrorKind};
use crate::output::Demultiplexer;

/// Wait between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long the last words may take after the end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Pause before an engine that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Exit code of what was ended by SIGKILL.
const KILLED: i64 = 137;
/// Begins the names of private folders, beside the sockets of processes.
pub(crate) const FOLDER_PREFIX: &str = "c-";
/// Longest wait for an engine when there is nobody left who could wait longer.
const LAST_CALL: Duration = Duration::from_secs(2);

/// How a container ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What the engine says; `None` when it was removed behind our back.
    pub state: Option<ContainerState>,
    /// What it might use, in bytes.
    pub memory_bytes: u64,
}

impl Ended {
    /// Whether it was killed because it wanted more memory than it may have.
    pub fn out_of_memory(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.out_of_memory)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            None => f.write_str("it was removed by somebody else"),
            Some(state) if state.out_of_memory => {
                write!(f, "out of memory: it wanted more than {} MiB", self.memory_bytes >> 20)
            }
            Some(state) if !state.error.is_empty() => write!(f, "{}", state.error),
            // Not every engine says why, Podman with control groups of the first version for one.
            Some(state) if state.exit_code == KILLED => {
                let memory = self.memory_bytes >> 20;
                write!(f, "exit code {KILLED}: killed, as what wants more than its {memory} MiB of memory is")
            }
            // 128 + n: ended by signal n.
            Some(state) if (129..=192).contains(&state.exit_code) => {
                write!(f, "exit code {}, signal {}", state.exit_code, state.exit_code - 128)
            }
            Some(state) => write!(f, "exit code {}", state.exit_code),
        }
    }
}

/// A function's container.
pub struct RunningContainer {
    engine: Engine,
    id: String,
    image: String,
    instance: String,
    folder: PathBuf,
    ended: watch::Receiver<Option<Ended>>,
    follower: JoinHandle<()>,
    removed: bool,
}

impl RunningContainer {
    /// Creates and starts a container. `instance` tells this start from every other.
    pub async fn start(
        engine: &Engine,
        cage: &Cage,
        instance: String,
        logs: &Arc<LogRing>,
    ) -> Result<RunningContainer, EngineError> {
        let folder = private_folder(&cage.socket_folder, &instance)
            .map_err(|why| EngineError::new(ErrorKind::Refused, format!("no folder for its socket: {why}")))?;
        let user = User::of(engine.is_podman(), engine.is_rootless());
        let document = cage.document(&folder.display().to_string(), &instance, &user);
        let created = engine.create(&document).await;
        let id = created.map_err(|error| {
            let _ = std::fs::remove_dir_all(&folder);
            of_image(error, &cage.image)
        })?;
        let (ends, ended) = watch::channel(None);
        let follower = Follower { engine: engine.clone(), id: id.clone(), memory_bytes: cage.memory_bytes };
        // From here on whatever goes wrong removes the container: it is dropped.
        let mut container = RunningContainer {
            engine: engine.clone(),
            id: id.clone(),
            image: cage.image.clone(),
            instance,
            folder,
            ended,
            follower: tokio::spawn(async {}),
            removed: false,
        };
        if let Err(error) = engine.start(&id).await {
            container.remove().await;
            return Err(of_image(error, &cage.image));
        }
        container.follower = tokio::spawn(follower.follow(logs.clone(), ends));
        Ok(container)
    }

    /// Where it listens, once it does.
    pub fn address(&self) -> Address {
        Address::unix(self.folder.join(SOCKET))
    }

    /// What it must show as `Evento-Instance`.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The image's id.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The engine's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns when it has ended.
    pub async fn exited(&mut self) -> Ended {
        match self.ended.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
            Ok(Some(ended)) => ended,
            // The follower tells before it goes; without it nothing is known.
            _ => Ended { state: None, memory_bytes: 0 },
        }
    }

    /// SIGTERM, SIGKILL after five seconds; the container and its folder go.
    pub async fn stop(mut self) {
        if let Err(error) = self.engine.stop(&self.id, GRACE).await {
            tracing::debug!(container = self.id, "it was not stopped in order: {error}");
        }
        let _ = timeout(LAST_WORDS, self.ended.wait_for(Option::is_some)).await;
        self.remove().await;
    }

    async fn remove(&mut self) {
        match self.engine.remove(&self.id).await {
            Ok(()) => {
                self.removed = true;
                let _ = std::fs::remove_dir_all(&self.folder);
            }
            // Its folder stays as the sign that something is left; the next start removes both.
            Err(error) => tracing::warn!(container = self.id, "a container stays behind: {error}"),
        }
    }
}

impl Drop for RunningContainer {
    fn drop(&mut self) {
        self.follower.abort();
        if self.removed {
            return;
        }
        let (socket, path, folder) =
            (self.engine.socket().to_owned(), self.engine.removal(&self.id), self.folder.clone());
        // Nothing waits for it: what a killed server leaves, the next one removes.
        std::thread::spawn(move || {
            if remove_now(&socket, &path).is_ok_and(|removed| removed) {
                let _ = std::fs::remove_dir_all(folder);
            }
        });
    }
}

/// Removes a container where nothing can be awaited. Whether the engine said that it is gone.
fn remove_now(socket: &Path, path: &str) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LAST_CALL))?;
    stream.set_write_timeout(Some(LAST_CALL))?;
    write!(stream, "DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(matches!(&status[9..], b"204" | b"404"))
}

/// A folder that only this user can enter, named by the start. The socket's path in it has room in an address.
fn private_folder(base: &Path, instance: &str) -> std::io::Result<PathBuf> {
    let base = private_folder_of(base);
    std::fs::create_dir_all(&base)?;
    std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o700))?;
    let folder = base.join(format!("{FOLDER_PREFIX}{instance:.8}"));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// What an engine says of an image it cannot run, as an error of the image.
fn of_image(error: EngineError, image: &str) -> EngineError {
    match error.kind {
        ErrorKind::Engine => error,
        ErrorKind::Missing | ErrorKind::Image | ErrorKind::Refused => {
            let message = format!("the image {image:.19} cannot be run: {}", error.message);
            // Podman has no init of its own.
            let next = match error.message.contains("container-init") {
                true => "install catatonit, which Podman takes as the first process of a container",
                false => "its program must be there, executable, and made for this machine: try docker run",
            };
            EngineError::new(ErrorKind::Image, message).next(next)
        }
    }
}

/// Keeps the output of a container and tells its end.
struct Follower {
    engine: Engine,
    id: String,
    memory_bytes: u64,
}

impl Follower {
    async fn follow(self, logs: Arc<LogRing>, ends: watch::Sender<Option<Ended>>) {
        let output = self.keep_output(&logs);
        tokio::pin!(output);
        let state = tokio::select! {
            state = self.wait() => {
                let _ = timeout(LAST_WORDS, &mut output).await;
                state
            }
            () = &mut output => self.wait().await,
        };
        ends.send_replace(Some(Ended { state, memory_bytes: self.memory_bytes }));
        // Held until whoever asks has seen it.
        ends.closed().await;
    }

    /// The state after the end; `None` when the container is gone.
    async fn wait(&self) -> Option<ContainerState> {
        loop {
            let _ = self.engine.wait(&self.id).await;
            match self.engine.state(&self.id).await {
                Ok(state) if !state.running => return Some(state),
                Ok(_) => {}
                Err(error) if error.kind == ErrorKind::Missing => return None,
                // The engine is away. The container may well answer its calls meanwhile.
                Err(_) => sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Returns when the container has ended and everything it wrote is kept.
    async fn keep_output(&self, logs: &Arc<LogRing>) {
        let mut since = 0;
        loop {
            let over = self.keep_stream(logs, since).await;
            since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let running = self.engine.state(&self.id).await.is_ok_and(|state| state.running);
            if over && !running {
                return;
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// One connection's worth of output. Whether it ended in order.
    async fn keep_stream(&self, logs: &Arc<LogRing>, since: u64) -> bool {
        let mut frames = Demultiplexer::default();
        let mut line = |stream: Stream, text: &str| logs.push(stream, text);
        let Ok(mut output) = self.engine.output(&self.id, since).await else { return false };
        if !output.status.is_success() {
            return output.status == http::StatusCode::NOT_FOUND;
        }
        let over = loop {
            match output.next().await {
                Ok(None) => break true,
                Ok(Some(piece)) if frames.feed(&piece, &mut line).is_ok() => {}
                Ok(Some(_)) => {
                    line(Stream::Evento, "the container engine's output is no frames; what follows is not kept");
                    break false;
                }
                Err(_) => break false,
            }
        };
        frames.end(&mut line);
        over
    }
}

#[cfg(test)]
mod tests {
    use super::{ContainerState, Ended};

    #[test]
    fn an_end_is_told_in_words() {
        let state = |exit_code, out_of_memory, error: &str| {
            Some(ContainerState { running: false, exit_code, out_of_memory, error: error.to_owned() })
        };
        let table = [
            (None, "it was removed by somebody else"),
            (state(0, false, ""), "exit code 0"),
            (state(3, false, ""), "exit code 3"),
            (state(137, false, ""), "exit code 137: killed, as what wants more than its 64 MiB of memory is"),
            (state(139, false, ""), "exit code 139, signal 11"),
            (state(137, true, ""), "out of memory: it wanted more than 64 MiB"),
            (state(127, false, "no such file"), "no such file"),
        ];
        for (state, wanted) in table {
            assert_eq!(Ended { state, memory_bytes: 64 << 20 }.to_string(), wanted);
        }
    }
}
