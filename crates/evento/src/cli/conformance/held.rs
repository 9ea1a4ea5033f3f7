//! A container that runs as long as the kit asks it.

use std::time::Duration;

use evento_schema::resource::ContainerSpec;

use super::target::Found;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// What is ended once nobody is asked any more.
#[derive(Default)]
pub(super) struct Held {
    #[cfg(feature = "containers")]
    container: Option<(evento_containers::RunningContainer, tempfile::TempDir)>,
}

impl Held {
    /// Ends it.
    pub(super) async fn end(self) {
        #[cfg(feature = "containers")]
        if let Some((container, _folder)) = self.container {
            container.stop().await;
        }
    }
}

/// Starts a container and waits until it listens.
#[cfg(feature = "containers")]
pub(super) async fn container(spec: &ContainerSpec, named: &str, limit: Duration) -> Result<Found, Failure> {
    use evento_conformance::{Place, Target};
    use evento_containers::{Cage, Engine, EngineError, RunningContainer};
    use evento_function::process::LogRing;

    use crate::node::{container_source, fresh_instance};

    let refused = |error: EngineError| {
        let failure = Failure::new(error.code().0, format!("{named}: {}", error.message)).exit(Exit::Unavailable);
        match error.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    };
    let engine = Engine::connect(&evento_containers::places().map_err(refused)?).await.map_err(refused)?;
    let folder = tempfile::Builder::new().prefix("evento-").tempdir();
    let folder = folder.map_err(|error| Failure::new(4001, format!("a temporary folder: {error}")))?;
    let project = folder.path().display().to_string();
    let source = container_source(&spec.source);
    let image = engine.resolve(&source, &project, named, &mut |_: &str| {}).await.map_err(refused)?;
    let cage = Cage {
        function: named.to_owned(),
        project,
        image: image.id,
        args: spec.args.clone(),
        memory_bytes: spec.memory_bytes,
        cpus_milli: spec.cpus_milli,
        socket_folder: folder.path().to_owned(),
        development: false,
    };
    let logs = std::sync::Arc::<LogRing>::default();
    let mut started = RunningContainer::start(&engine, &cage, fresh_instance(), &logs).await.map_err(refused)?;
    let place = Place::parse(&started.address().to_string()).map_err(Failure::usage)?;
    let why = tokio::select! {
        () = place.listens() => None,
        ended = started.exited() => Some(format!("its container ended ({ended})")),
        () = tokio::time::sleep(limit) => Some(format!("it does not listen after {} s", limit.as_secs())),
    };
    if let Some(why) = why {
        started.stop().await;
        let lines = logs.after(0, 20).into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n  ");
        let failure = Failure::new(2301, format!("{named}: {why}")).exit(Exit::Unavailable);
        return Err(failure.why(format!("what it wrote: {lines}")));
    }
    let target = Target::Running(place, Some(started.instance().to_owned()));
    Ok(Found { target, spec: None, held: Held { container: Some((started, folder)) } })
}

/// Says how to get a build that runs containers.
#[cfg(not(feature = "containers"))]
pub(super) async fn container(_: &ContainerSpec, named: &str, _: Duration) -> Result<Found, Failure> {
    Err(Failure::new(2305, format!("{named}: this build of Evento runs no containers"))
        .next("build it with the feature: cargo build --release -p evento --features containers")
        .exit(Exit::Usage))
}
