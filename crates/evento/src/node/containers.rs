//! Functions as containers: the engine of a node, and how one is started of its image.
//!
//! The engine is looked for when the first function needs it, and again for as long as none answers. Without the cargo
//! feature `containers` a resource with `runtime: container` is refused with EV2305 and told how to get it.

use std::path::Path;
#[cfg(feature = "containers")]
use std::path::PathBuf;
use std::sync::Arc;

use evento_model::ResourceName;
use evento_schema::registry::Registry;
use evento_schema::resource::{ContainerSpec, FunctionSpec};

use super::functions::Function;
use super::supervisor::{Candidate, StartFailure, Surroundings};

/// The containers of a node. Clones share them.
#[derive(Clone, Debug)]
pub struct Containers {
    /// The data directory, which labels everything that is started.
    #[cfg(feature = "containers")]
    project: String,
    /// Where private folders are made.
    #[cfg(feature = "containers")]
    sockets: PathBuf,
    /// The engine, once it answered. What an earlier server left is gone by then.
    #[cfg(feature = "containers")]
    engine: Arc<tokio::sync::OnceCell<evento_containers::Engine>>,
}

impl Containers {
    /// Those of a node with this data directory.
    #[cfg_attr(
        not(feature = "containers"),
        expect(unused_variables, reason = "without the feature nothing is started")
    )]
    pub fn new(data: &Path) -> Containers {
        Containers {
            #[cfg(feature = "containers")]
            project: data.display().to_string(),
            #[cfg(feature = "containers")]
            sockets: data.join("sockets"),
            #[cfg(feature = "containers")]
            engine: Arc::default(),
        }
    }
}

#[cfg(feature = "containers")]
impl Containers {
    /// The engine. The first that answers removes what a killed server left running.
    async fn engine(&self) -> Result<&evento_containers::Engine, evento_containers::EngineError> {
        let connect = || async {
            let engine = evento_containers::Engine::connect(&evento_containers::places()?).await?;
            let left = evento_containers::remove_leftovers(&engine, &self.project, &self.sockets).await?;
            if left > 0 {
                tracing::info!(left, "containers of a server that was killed were still there");
            }
            tracing::debug!(engine = engine.name(), "functions run as containers");
            Ok(engine)
        };
        self.engine.get_or_try_init(connect).await
    }

    /// Removes what a killed server left, if it left anything, without making anybody wait.
    pub fn end_leftovers(&self) {
        if evento_containers::any_left(&self.sockets) {
            let containers = self.clone();
            tokio::spawn(async move {
                if let Err(error) = containers.engine().await {
                    tracing::warn!(code = %error.code(), "containers of a server that was killed may still run: {error}");
                }
            });
        }
    }

    /// The id of the image that a name means now; `None` when there is none or no engine answers.
    pub async fn image_id(&self, name: &str) -> Option<String> {
        self.engine().await.ok()?.image(name).await.ok()?.map(|image| image.id)
    }
}

#[cfg(not(feature = "containers"))]
impl Containers {
    /// Nothing can be left.
    pub fn end_leftovers(&self) {}

    /// There is none.
    pub async fn image_id(&self, _: &str) -> Option<String> {
        None
    }
}

/// Starts a container and asks what it is. `pinned` is the id of an image that was resolved before.
#[cfg(feature = "containers")]
pub async fn start(
    registry: &Registry,
    name: &ResourceName,
    spec: &FunctionSpec,
    container: &ContainerSpec,
    function: &Arc<Function>,
    surroundings: &Surroundings,
    pinned: Option<&str>,
) -> Result<Candidate, StartFailure> {
    use evento_containers::{Cage, RunningContainer, Source, artifact};
    use evento_schema::resource::ContainerSource;

    use super::running::Running;
    use super::supervisor::{fresh_instance, until_ready};

    let refused = |error: evento_containers::EngineError| {
        let mut failure = StartFailure::new(error.code().0, format!("{name}: {}", error.message));
        failure.why = error.next;
        failure
    };
    let containers = &surroundings.containers;
    let before = *function.logs.watch().borrow();
    let engine = containers.engine().await.map_err(refused)?;
    let source = match (&container.source, pinned) {
        (_, Some(id)) => Source::Image { name: id.to_owned(), pull: evento_containers::Pull::Never },
        (ContainerSource::Build(_), None) if !surroundings.development => {
            let message = format!("{name}: container.build is for evento dev only");
            let mut failure = StartFailure::new(2305, message);
            failure.why = Some("build the image, and name it with container.image".to_owned());
            return Err(failure);
        }
        (source, None) => container_source(source),
    };
    let mut line = |text: &str| function.note(text);
    let image = engine.resolve(&source, &containers.project, name.as_str(), &mut line).await.map_err(refused)?;
    let cage = Cage {
        function: name.as_str().to_owned(),
        project: containers.project.clone(),
        image: image.id.clone(),
        args: container.args.clone(),
        memory_bytes: container.memory_bytes,
        cpus_milli: container.cpus_milli,
        socket_folder: containers.sockets.clone(),
        development: surroundings.development,
    };
    let started = RunningContainer::start(engine, &cage, fresh_instance(), &function.logs).await.map_err(refused)?;
    function.note(&format!("container {:.12} of image {:.19} runs in {}", started.id(), image.id, engine.name()));
    let artifact = artifact(&image.id, &container.args);
    let running = Running::Container(Box::new(started));
    until_ready(registry, name, spec, function, running, artifact, before, surroundings.development).await
}

/// Where an image comes from, as the engine's client takes it.
#[cfg(feature = "containers")]
pub(crate) fn container_source(source: &evento_schema::resource::ContainerSource) -> evento_containers::Source {
    use evento_containers::Source;
    use evento_schema::resource::ContainerSource;
    match source {
        ContainerSource::Image { name, pull } => Source::Image { name: name.clone(), pull: pull_of(*pull) },
        ContainerSource::Build(folder) => Source::Build { folder: PathBuf::from(folder) },
    }
}

#[cfg(feature = "containers")]
fn pull_of(pull: evento_schema::resource::ImagePull) -> evento_containers::Pull {
    use evento_schema::resource::ImagePull;
    match pull {
        ImagePull::IfNotPresent => evento_containers::Pull::IfNotPresent,
        ImagePull::Never => evento_containers::Pull::Never,
        ImagePull::Always => evento_containers::Pull::Always,
    }
}

/// Says how to get a build that runs containers.
#[cfg(not(feature = "containers"))]
pub async fn start(
    _: &Registry,
    name: &ResourceName,
    _: &FunctionSpec,
    _: &ContainerSpec,
    _: &Arc<Function>,
    _: &Surroundings,
    _: Option<&str>,
) -> Result<Candidate, StartFailure> {
    let mut failure = StartFailure::new(2305, format!("{name}: this build of Evento runs no containers"));
    failure.why = Some("build it with the feature: cargo build --release -p evento --features containers".to_owned());
    Err(failure)
}
