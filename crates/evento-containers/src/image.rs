//! From what a resource names to the id of a local image: found, fetched or built.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use evento_model::Digest;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::time::timeout;

use crate::cage::{LABEL_FUNCTION, LABEL_PROJECT};
use crate::context::pack;
use crate::engine::{Engine, Image, refused};
use crate::error::{EngineError, ErrorKind};
use crate::wire::Streamed;

/// Longest fetch or build.
const MAKE: Duration = Duration::from_secs(15 * 60);
/// Longest line of what an engine tells about one, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Largest answer that says why not.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// Where the image comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// It has this name or id.
    Image {
        /// Name or id.
        name: String,
        /// When it is fetched.
        pull: Pull,
    },
    /// It is built of this folder's Dockerfile.
    Build {
        /// The folder.
        folder: PathBuf,
    },
}

/// When an image is fetched from its registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pull {
    /// When it is not here.
    #[default]
    IfNotPresent,
    /// Not at all.
    Never,
    /// At every start.
    Always,
}

impl Engine {
    /// The image of a function. What is told while it is fetched or built goes to `line`.
    pub async fn resolve(
        &self,
        source: &Source,
        project: &str,
        function: &str,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Image, EngineError> {
        match source {
            Source::Image { name, pull } => self.named(name, *pull, line).await,
            Source::Build { folder } => {
                let made = timeout(MAKE, self.built(folder.clone(), project, function, line)).await;
                made.unwrap_or_else(|_| Err(late("the image was not built")))
            }
        }
    }

    async fn named(&self, name: &str, pull: Pull, line: &mut (dyn FnMut(&str) + Send)) -> Result<Image, EngineError> {
        let found = self.image(name).await?;
        match (found, pull) {
            (Some(image), Pull::IfNotPresent | Pull::Never) => Ok(image),
            (None, Pull::Never) => {
                let error = EngineError::new(ErrorKind::Image, format!("there is no image {name} on this machine"));
                Err(error.next("build or load it, or let it be fetched with container.pull: IfNotPresent"))
            }
            _ => self.fetched(name, line).await,
        }
    }

    async fn fetched(&self, name: &str, line: &mut (dyn FnMut(&str) + Send)) -> Result<Image, EngineError> {
        line(&format!("fetching the image {name}"));
        // Without a tag an engine would fetch every one there is.
        let tagged = name.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let full = if tagged { name.to_owned() } else { format!("{name}:latest") };
        let fetching = async {
            let answer = self.pull(&full).await?;
            follow(answer, &mut |_| {}).await
        };
        let fetched = timeout(MAKE, fetching).await.unwrap_or_else(|_| Err(late("the image was not fetched")));
        fetched.map_err(|error| {
            let message = format!("the image {name} is not on this machine and cannot be fetched: {}", error.message);
            EngineError::new(ErrorKind::Image, message).next("check its name, or build it on this machine")
        })?;
        let missing = || EngineError::new(ErrorKind::Image, format!("the image {name} was fetched and is not there"));
        self.image(name).await?.ok_or_else(missing)
    }

    async fn built(
        &self,
        folder: PathBuf,
        project: &str,
        function: &str,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Image, EngineError> {
        let place = folder.display().to_string();
        let packed = tokio::task::spawn_blocking(move || pack(&folder)).await;
        let context: Bytes =
            packed.map_err(|_| EngineError::new(ErrorKind::Image, format!("{place} could not be read")))??;
        let tag = build_tag(project, function);
        let answer = self.build(&tag, &json!({LABEL_PROJECT: project, LABEL_FUNCTION: function}), context).await?;
        follow(answer, line).await.map_err(|error| {
            let message = format!("the image of {place} cannot be built: {}", error.message);
            EngineError::new(ErrorKind::Image, message).next("the build's lines are in evento function logs")
        })?;
        // The images of earlier builds lost their name to this one.
        let labels = [format!("{LABEL_PROJECT}={project}"), format!("{LABEL_FUNCTION}={function}")];
        if let Err(error) = self.prune_images(&labels).await {
            tracing::debug!("images of earlier builds stay: {error}");
        }
        let missing = || EngineError::new(ErrorKind::Image, format!("the image of {place} was built and is not there"));
        self.image(&tag).await?.ok_or_else(missing)
    }
}

/// The name of the image that is built for a function of a project.
fn build_tag(project: &str, function: &str) -> String {
    let digest = sha2::Sha256::digest(project.as_bytes());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("evento-build-{short}/{}:latest", function.to_ascii_lowercase())
}

fn late(what: &str) -> EngineError {
    EngineError::new(ErrorKind::Image, format!("{what} within {} minutes", MAKE.as_secs() / 60))
}

/// Reads what an engine tells, a JSON value a line, until the end or the first error.
async fn follow(mut answer: Streamed, line: &mut (dyn FnMut(&str) + Send)) -> Result<(), EngineError> {
    if !answer.status.is_success() {
        return Err(refused(&answer.whole(REFUSAL_BYTES_MAX).await?));
    }
    let mut held: Vec<u8> = Vec::new();
    while let Some(piece) = answer.next().await? {
        held.extend_from_slice(&piece);
        let end = held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for told in held.drain(..end).collect::<Vec<u8>>().split(|byte| *byte == b'\n') {
            tell(told, line)?;
        }
        if held.len() > LINE_BYTES_MAX {
            return Err(EngineError::new(ErrorKind::Engine, "the container engine tells lines without end"));
        }
    }
    tell(&held, line)
}

fn tell(told: &[u8], line: &mut (dyn FnMut(&str) + Send)) -> Result<(), EngineError> {
    let Ok(told) = serde_json::from_slice::<Value>(told) else { return Ok(()) };
    if let Some(error) = told["error"].as_str() {
        line(error.trim());
        return Err(EngineError::new(ErrorKind::Image, error.trim()));
    }
    told["stream"].as_str().into_iter().flat_map(str::lines).filter(|text| !text.trim().is_empty()).for_each(line);
    Ok(())
}

/// The artifact of a container: the image's id and what its program is given.
pub fn artifact(image: &str, args: &[String]) -> Digest {
    let mut hash = sha2::Sha256::new();
    for part in std::iter::once(image).chain(args.iter().map(String::as_str)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::{artifact, build_tag, tell};

    #[test]
    fn another_image_or_argument_is_another_artifact() {
        let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let all = [
            artifact("a", &[]),
            artifact("b", &[]),
            artifact("a", &args(&["b"])),
            artifact("a", &args(&["b", "c"])),
            artifact("a", &args(&["bc"])),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| one != other), "{n}");
        }
    }

    #[test]
    fn images_of_two_projects_do_not_share_a_name() {
        assert_ne!(build_tag("/a", "accounts"), build_tag("/b", "accounts"));
        assert!(build_tag("/a", "accounts").ends_with("/accounts:latest"));
    }

    #[test]
    fn a_build_tells_its_lines_and_its_error() {
        let mut lines = Vec::new();
        let mut line = |text: &str| lines.push(text.to_owned());
        tell(br#"{"stream":"Step 1/2 : FROM scratch\n"}"#, &mut line).expect("told");
        tell(br#"{"status":"Pulling"}"#, &mut line).expect("told");
        tell(b"", &mut line).expect("nothing");
        let error = tell(br#"{"errorDetail":{},"error":"COPY failed: no such file\n"}"#, &mut line).expect_err("told");
        assert_eq!(error.message, "COPY failed: no such file");
        assert_eq!(lines, ["Step 1/2 : FROM scratch", "COPY failed: no such file"]);
    }
}
