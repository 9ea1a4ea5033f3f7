//! The calls that are made of an engine, each with its deadline and the most that is read of its answer.
//!
//! Source: Docker Engine API 1.41; Podman serves the same under the same paths.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{EngineError, ErrorKind};
use crate::wire::{Answer, Call, Streamed, Wire, encoded};

/// The least and the newest version that is spoken.
const VERSIONS: [Version; 2] = [Version(1, 41), Version(1, 51)];
/// Deadline of what an engine answers from memory.
const QUICK: Duration = Duration::from_secs(10);
/// Deadline of creating, starting, stopping and removing, which touch disks.
const SLOW: Duration = Duration::from_secs(60);
/// One long poll for the end of a container.
const POLL: Duration = Duration::from_secs(30);
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// An engine that answered. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine {
    wire: Wire,
    version: Version,
    name: Arc<str>,
    podman: bool,
    rootless: bool,
}

/// A local image.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Image {
    /// `sha256:` and the digest of its configuration, which names the digests of its layers.
    #[serde(rename = "Id")]
    pub id: String,
}

/// How a container is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerState {
    /// Whether its program runs.
    pub running: bool,
    /// The program's exit code; 128 + n when signal n ended it.
    pub exit_code: i64,
    /// Whether it was killed because it wanted more memory than it may have.
    #[serde(rename = "OOMKilled", default)]
    pub out_of_memory: bool,
    /// The engine's words when it could not be run.
    #[serde(default)]
    pub error: String,
}

/// A version of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Version(u32, u32);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion", default)]
    least: String,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: String,
}

impl Engine {
    /// The first engine that answers at one of the places.
    pub async fn connect(places: &[PathBuf]) -> Result<Engine, EngineError> {
        let mut tried = Vec::new();
        for place in places {
            match Engine::at(Wire::new(place.clone())).await {
                Ok(engine) => return Ok(engine),
                // It is there and cannot be used: the others would hide why.
                Err(error) if error.next.is_some() => return Err(error),
                Err(error) => tried.push(error.message),
            }
        }
        let denied = tried.iter().any(|why| why.contains("ermission denied"));
        let next = match denied {
            true => "let this user use the engine (group docker), or run Docker or Podman rootless",
            false => "start Docker or Podman, or name its socket with DOCKER_HOST=unix:///path",
        };
        let message = format!("no container engine answers: {}", tried.join("; "));
        Err(EngineError::new(ErrorKind::Engine, message).next(next))
    }

    async fn at(wire: Wire) -> Result<Engine, EngineError> {
        let told: Told = read(wire.send(Call::get("/version"), QUICK, ANSWER_BYTES_MAX).await?)?;
        let Some(version) = Version::agreed(&told.api_version, &told.least) else {
            let [least, newest] = VERSIONS;
            let (place, api) = (wire.socket().display(), &told.api_version);
            let message = format!("the container engine at {place} speaks API {api}, and Evento {least} to {newest}");
            return Err(EngineError::new(ErrorKind::Engine, message).next("use Docker 20.10 or Podman 4, or newer"));
        };
        let podman = told.components.iter().any(|component| component.name.contains("Podman"));
        let kind = if podman { "Podman" } else { "Docker" };
        let name = format!("{kind} {}", told.version).into();
        let mut engine = Engine { wire, version, name, podman, rootless: false };
        let info: Value = read(engine.send(engine.get("/info"), QUICK).await?)?;
        let options = info["SecurityOptions"].as_array();
        engine.rootless = options.is_some_and(|all| {
            all.iter().filter_map(Value::as_str).any(|option| option.split(',').any(|part| part == "name=rootless"))
        });
        Ok(engine)
    }

    /// Its kind and version, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        self.wire.socket()
    }

    /// Path and query of the call that removes a container, with DELETE.
    pub(crate) fn removal(&self, id: &str) -> String {
        self.path(&container(id, "?force=1&v=1"))
    }

    pub(crate) fn is_podman(&self) -> bool {
        self.podman
    }

    pub(crate) fn is_rootless(&self) -> bool {
        self.rootless
    }

    /// An image of this name or id, if it is here.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, EngineError> {
        let answer = self.send(self.get(&format!("/images/{}/json", encoded(name))), QUICK).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(None) } else { read(answer).map(Some) }
    }

    /// Begins to fetch an image; what comes is told line by line in JSON.
    pub(crate) async fn pull(&self, name: &str) -> Result<Streamed, EngineError> {
        self.wire.stream(self.post(&format!("/images/create?fromImage={}", encoded(name)))).await
    }

    /// Begins to build an image of a context; what comes is told line by line in JSON.
    pub(crate) async fn build(&self, tag: &str, labels: &Value, context: Bytes) -> Result<Streamed, EngineError> {
        let labels = encoded(&labels.to_string());
        let call = self.post(&format!("/build?t={}&rm=1&forcerm=1&labels={labels}", encoded(tag)));
        self.wire.stream(call.tar(context)).await
    }

    /// Removes images with these labels that have no name any more and that nothing uses.
    pub(crate) async fn prune_images(&self, labels: &[String]) -> Result<(), EngineError> {
        let filters = encoded(&json!({"dangling": ["true"], "label": labels}).to_string());
        done(self.send(self.post(&format!("/images/prune?filters={filters}")), SLOW).await?)
    }

    /// Creates a container and gives its id.
    pub(crate) async fn create(&self, document: &Value) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        let answer = self.send(self.post("/containers/create").json(document), SLOW).await?;
        read::<Created>(answer).map(|created| created.id)
    }

    /// Starts a container.
    pub(crate) async fn start(&self, id: &str) -> Result<(), EngineError> {
        done(self.send(self.post(&container(id, "/start")), SLOW).await?)
    }

    /// SIGTERM, and SIGKILL when it still runs after `grace`.
    pub(crate) async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let call = self.post(&container(id, &format!("/stop?t={}", grace.as_secs())));
        done(self.send(call, SLOW).await?)
    }

    /// How a container is.
    pub async fn state(&self, id: &str) -> Result<ContainerState, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Inspected {
            state: ContainerState,
        }
        read::<Inspected>(self.inspect_answer(id).await?).map(|inspected| inspected.state)
    }

    /// Everything the engine says of a container.
    pub async fn inspect(&self, id: &str) -> Result<Value, EngineError> {
        read(self.inspect_answer(id).await?)
    }

    async fn inspect_answer(&self, id: &str) -> Result<Answer, EngineError> {
        self.send(self.get(&container(id, "/json")), QUICK).await
    }

    /// Waits for the end of a container, for half a minute at most: it may still run afterwards.
    pub(crate) async fn wait(&self, id: &str) -> Result<(), EngineError> {
        let call = self.post(&container(id, "/wait?condition=not-running"));
        let ended = async { self.wire.stream(call).await?.whole(ANSWER_BYTES_MAX).await };
        tokio::time::timeout(POLL, ended).await.map_or(Ok(()), |answer| done(answer?))
    }

    /// What a container writes, from a second on (Unix time), as frames for as long as it runs.
    pub(crate) async fn output(&self, id: &str, since: u64) -> Result<Streamed, EngineError> {
        let call = self.get(&container(id, &format!("/logs?follow=1&stdout=1&stderr=1&since={since}")));
        self.wire.stream(call).await
    }

    /// Removes a container, running or not, with its unnamed volumes. One that is gone already is no error.
    pub async fn remove(&self, id: &str) -> Result<(), EngineError> {
        match done(self.send(Call::delete(self.removal(id)), SLOW).await?) {
            // Another removal of it is under way: 409 in its words.
            Err(error) if error.kind == ErrorKind::Missing || error.message.contains("already in progress") => Ok(()),
            other => other,
        }
    }

    /// Ids of containers with all of these labels (`name=value`), running or not.
    pub async fn list(&self, labels: &[String]) -> Result<Vec<String>, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            id: String,
        }
        let filters = encoded(&json!({ "label": labels }).to_string());
        let answer = self.send(self.get(&format!("/containers/json?all=1&filters={filters}")), QUICK).await?;
        Ok(read::<Vec<Listed>>(answer)?.into_iter().map(|listed| listed.id).collect())
    }

    fn path(&self, rest: &str) -> String {
        format!("/v{}{rest}", self.version)
    }

    fn get(&self, rest: &str) -> Call {
        Call::get(self.path(rest))
    }

    fn post(&self, rest: &str) -> Call {
        Call::post(self.path(rest))
    }

    async fn send(&self, call: Call, deadline: Duration) -> Result<Answer, EngineError> {
        self.wire.send(call, deadline, ANSWER_BYTES_MAX).await
    }
}

fn container(id: &str, rest: &str) -> String {
    format!("/containers/{}{rest}", encoded(id))
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let (major, minor) = text.split_once('.')?;
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    }

    /// The newest version that both speak; engines name the newest and the least of theirs.
    fn agreed(newest: &str, least: &str) -> Option<Version> {
        let [ours_least, ours_newest] = VERSIONS;
        let agreed = Version::parse(newest)?.min(ours_newest);
        let fits = agreed >= ours_least && Version::parse(least).is_none_or(|least| least <= agreed);
        fits.then_some(agreed)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The answer as a value, or the engine's words as an error.
fn read<T: for<'a> Deserialize<'a>>(answer: Answer) -> Result<T, EngineError> {
    if !answer.status.is_success() {
        return Err(refused(&answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        EngineError::new(ErrorKind::Engine, format!("the container engine's answer cannot be read: {error}"))
    })
}

/// 304 says that it is so already.
fn done(answer: Answer) -> Result<(), EngineError> {
    let fine = answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED;
    if fine { Ok(()) } else { Err(refused(&answer)) }
}

/// What the engine says why not.
pub(crate) fn refused(answer: &Answer) -> EngineError {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let said = serde_json::from_slice::<Said>(&answer.body);
    let message = said.map_or_else(|_| format!("the container engine answered {}", answer.status), |said| said.message);
    let kind = if answer.status == StatusCode::NOT_FOUND { ErrorKind::Missing } else { ErrorKind::Refused };
    EngineError::new(kind, message.trim())
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn the_newest_version_of_both_is_spoken() {
        let table = [
            ("1.41", "1.12", Some(Version(1, 41))),
            ("1.47", "1.24", Some(Version(1, 47))),
            ("1.100", "1.44", Some(Version(1, 51))),
            ("1.40", "1.12", None),
            ("1.9", "", None),
            ("2.0", "1.60", None),
            ("new", "", None),
        ];
        for (newest, least, wanted) in table {
            assert_eq!(Version::agreed(newest, least), wanted, "{newest} {least}");
        }
    }
}
