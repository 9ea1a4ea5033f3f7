//! The server: log, engine, functions and gateway wired together. `evento dev`, `serve` and `verify` begin here.
//!
//! Reading order: this file (start and stop), `path` (the driver of the command path), `rollout` (what is
//! served and how it changes), `supervisor`, `keeper` and `functions` (who is called), `replay`, `scrub`, `api` (what the
//! gateway asks), `kafka` (the listener for Kafka clients), `registry` (their schema registry), `listen` (the addresses).

mod api;
mod containers;
mod development;
mod functions;
mod host;
mod kafka;
mod keeper;
mod listen;
mod path;
mod purity;
mod registry;
mod replay;
mod rollout;
mod running;
mod scrub;
mod supervisor;
mod verify;
mod wasm;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evento_engine::Notice;
use evento_gateway::Limits;
use evento_log::embedded::{EmbeddedConfig, EmbeddedLog, Fault, Recovered};
use evento_log::failpoint;
use evento_model::{Code, ResourceName};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::EnvFilter;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::node::{DevArgs, ServeArgs, VerifyArgs};
use crate::config::Config;
use api::NodeApi;
use functions::Functions;
use kafka::Kafka;
use listen::bind;
use path::{BROKEN, Start, Told};
use registry::SchemaRegistry;
use rollout::Rollout;
use supervisor::Surroundings;

#[cfg(feature = "containers")]
pub(crate) use containers::container_source;
#[cfg(feature = "containers")]
pub(crate) use supervisor::fresh_instance;

/// Set for a server whose files are to be small: only builds with named points heed it.
pub(crate) const SMALL: &str = "EVENTO_SMALL_FILES";
/// How long answers are given time when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How often a function that did not start is tried again.
const START_AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether a function at an address is due to be asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// `evento serve`
pub fn serve(context: &Context, args: ServeArgs) -> Result<Exit, Failure> {
    let config = args.config(context)?;
    start_logging(&config);
    arm_failpoint()?;
    block_on(async {
        let node = Node::start(&config, config.path("data.dir"), false).await?;
        eprintln!("evento {} listens on http://{}/v1", env!("CARGO_PKG_VERSION"), node.address);
        if let Some(kafka) = &node.kafka {
            eprintln!("  Kafka clients connect to {}", kafka.address);
        }
        if let Some(registry) = &node.registry {
            eprintln!("  the schema registry listens on http://{}", registry.address);
        }
        node.run(async {}).await
    })
}

/// `evento dev`
pub fn dev(context: &Context, args: DevArgs) -> Result<Exit, Failure> {
    let config = args.config(context)?;
    start_logging(&config);
    let ephemeral = match args.ephemeral {
        true => Some(tempfile::tempdir().map_err(|error| Failure::new(4001, format!("a temporary folder: {error}")))?),
        false => None,
    };
    let data = ephemeral.as_ref().map_or_else(|| config.path("data.dir"), |folder| folder.path().to_owned());
    block_on(development::run(context, &config, data, args.once))
}

/// `evento verify`
pub fn verify(context: &Context, args: VerifyArgs) -> Result<Exit, Failure> {
    let config = args.config(context)?;
    start_logging(&config);
    block_on(verify::run(context, &config, args))
}

/// A build for tests may be told to kill itself at a named point.
fn arm_failpoint() -> Result<(), Failure> {
    match std::env::var("EVENTO_FAILPOINT") {
        Ok(point) if failpoint::ARMABLE => {
            failpoint::arm(&point).map_err(|why| Failure::usage(format!("EVENTO_FAILPOINT: {why}")))
        }
        _ => Ok(()),
    }
}

fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(9001, format!("the runtime does not start: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

fn start_logging(config: &Config) {
    use std::io::IsTerminal;
    let filter =
        EnvFilter::try_from_env("EVENTO_LOG").unwrap_or_else(|_| EnvFilter::new("info,fjall=warn,lsm_tree=error"));
    let json = match config.text("log.format") {
        "json" => true,
        "text" => false,
        _ => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first one's logging.
    let _ = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
}

/// A log that cannot be opened, as a person is told.
pub(crate) fn unopened(fault: Fault) -> Failure {
    let next = match &fault {
        Fault::InUse { pid, .. } => format!("stop process {pid}, or choose another folder with --data"),
        Fault::Corrupt { .. } => "restore a backup of the data directory; nothing was changed".to_owned(),
        Fault::Format { .. } => "use the program version that wrote it".to_owned(),
        Fault::Full(_) => "make room on the disk of the data directory; nothing was changed".to_owned(),
        _ => "look at the folder's permissions and free space".to_owned(),
    };
    let mut failure = Failure::new(fault.code().0, fault.to_string()).next(next);
    if matches!(fault, Fault::InUse { .. }) {
        failure = failure.exit(Exit::InUse);
    }
    failure
}

fn open(data: PathBuf) -> Result<(EmbeddedLog, Recovered), Failure> {
    open_sized(data, std::env::var_os(SMALL).is_some())
}

/// `small` counts in builds with named points only.
fn open_sized(data: PathBuf, small: bool) -> Result<(EmbeddedLog, Recovered), Failure> {
    let mut config = EmbeddedConfig::new(data);
    if failpoint::ARMABLE && small {
        failpoint::shrink(&mut config);
    }
    EmbeddedLog::open(config, Box::new(path::wall)).map_err(unopened)
}

/// The log in a folder and what is registered in it, for reading alone: nothing else runs.
pub(crate) fn open_to_read(
    data: &std::path::Path,
    small: bool,
) -> Result<(EmbeddedLog, evento_schema::catalog::Catalog), Failure> {
    let (log, _) = open_sized(data.to_owned(), small)?;
    let catalog = rollout::registered(&log)
        .map_err(|why| Failure::new(4002, "the registry in the log cannot be read").why(why))?;
    Ok((log, catalog))
}

/// Ends what an Evento that was killed left running: nobody would ever ask it anything again.
fn end_leftovers(sockets: &std::path::Path) {
    let ended = evento_function::process::end_leftovers(sockets);
    if ended > 0 {
        tracing::info!(ended, "functions of a server that was killed were still running");
    }
}

/// A server that runs.
struct Node {
    log: EmbeddedLog,
    rollout: Arc<Rollout>,
    functions: Functions,
    told: mpsc::UnboundedReceiver<Told>,
    listener: TcpListener,
    address: String,
    kafka: Option<Kafka>,
    registry: Option<SchemaRegistry>,
    api: Arc<NodeApi>,
    limits: Limits,
    scrub: Option<Pace>,
}

/// How fast the scrub goes, and how often.
struct Pace {
    bytes_per_second: u64,
    every: Duration,
}

impl Pace {
    /// As it is set; `None` if it is turned off.
    fn of(config: &Config) -> Option<Pace> {
        let bytes_per_second = config.bytes("data.scrub.bytesPerSecond");
        let every = Duration::from_millis(config.duration_ms("data.scrub.every"));
        (bytes_per_second > 0).then_some(Pace { bytes_per_second, every })
    }
}

impl Node {
    /// Opens the log, starts the command path and listens. No function runs yet.
    async fn start(config: &Config, data: PathBuf, development: bool) -> Result<Node, Failure> {
        let listen = config.text("http.listen").to_owned();
        let listener = bind("http.listen", &listen).await?;
        let kafka = Kafka::bind(config).await?;
        let registry = SchemaRegistry::bind(config).await?;
        let address = listener.local_addr().map_or(listen, |address| address.to_string());
        let folder = std::path::absolute(&data).unwrap_or_else(|_| data.clone());
        let (log, recovered) = tokio::task::spawn_blocking(move || open(data))
            .await
            .map_err(|_| Failure::new(9001, "opening the log ended unexpectedly"))??;
        if recovered.torn_bytes > 0 {
            tracing::info!(bytes = recovered.torn_bytes, "an unfinished write at the end of the log was dropped");
        }
        end_leftovers(&folder.join("sockets"));
        let functions = Functions::default();
        let (teller, told) = mpsc::unbounded_channel();
        let counts = path::Counts::default();
        let seed = {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(recovered.epoch)
        };
        let path = path::start(Start {
            log: log.clone(),
            functions: functions.clone(),
            config: evento_engine::Config::default(),
            seed,
            epoch: recovered.epoch,
            unfinished: recovered.unfinished,
            told: teller,
            counts: counts.clone(),
        });
        let surroundings = Surroundings::new(&folder, development);
        surroundings.containers.end_leftovers();
        let rollout = Rollout::new(log.clone(), functions.clone(), path.clone(), surroundings)
            .map_err(|why| Failure::new(4002, "the registry in the log cannot be read").why(why))?;
        let rollout = Arc::new(rollout);
        let api = Arc::new(NodeApi::new(log.clone(), rollout.clone(), path.clone(), functions.clone(), counts, seed));
        if let Some(registry) = &registry {
            api.set_registry(&registry.address);
        }
        let kafka = match kafka {
            Some(bound) => Some(Kafka::start(bound, api.clone()).await?),
            None => None,
        };
        let limits = Limits {
            body_bytes_max: config.bytes("http.maxBody") as usize,
            wait: Duration::from_millis(config.duration_ms("http.command.wait")),
            require_key: config.text("http.requireIdempotencyKey") == "true",
            stacks: development,
            hosts: config.words("http.hosts"),
        };
        let scrub = Pace::of(config);
        Ok(Node { log, rollout, functions, told, listener, address, kafka, registry, api, limits, scrub })
    }

    /// Starts what is registered, serves until a signal or until `until` asks for it, and ends in order.
    async fn run(self, begun: impl Future<Output = ()>) -> Result<Exit, Failure> {
        let Node { log, rollout, functions, told, listener, kafka, registry, api, limits, scrub, .. } = self;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let scrubbing = scrub
            .map(|pace| tokio::spawn(scrub::run(log.clone(), pace.bytes_per_second, pace.every, api.scrub.clone())));
        let schemas = evento_listener::registry::router(api.clone(), limits.hosts.clone());
        let router = evento_gateway::router(api, limits, stopped.clone()).nest("/registry", schemas.clone());
        let mut waiting = stopped.clone();
        let serving = tokio::spawn(evento_gateway::serve(listener, router, async move {
            let _ = waiting.wait_for(|stopped| *stopped).await;
        }));
        if let Some(kafka) = kafka {
            let mut waiting = stopped.clone();
            tokio::spawn(kafka.serve(async move {
                let _ = waiting.wait_for(|stopped| *stopped).await;
            }));
        }
        if let Some(registry) = registry {
            let mut waiting = stopped.clone();
            tokio::spawn(evento_gateway::serve(registry.listener, schemas, async move {
                let _ = waiting.wait_for(|stopped| *stopped).await;
            }));
        }
        let (faulted, fault) = oneshot::channel();
        let watching = tokio::spawn(watch(told, rollout.clone(), functions, faulted));
        let asking = tokio::spawn(keep_asking(rollout.clone()));
        let starting = tokio::spawn(keep_starting(rollout.clone()));
        begun.await;
        let end = tokio::select! {
            signal = ended() => End::Asked(signal),
            Ok(code) = fault => End::Fault(code),
        };
        let _ = stop.send(true);
        let _ = tokio::time::timeout(GRACE, serving).await;
        scrubbing.inspect(tokio::task::JoinHandle::abort);
        starting.abort();
        asking.abort();
        watching.abort();
        rollout.stop().await;
        let _ = tokio::task::spawn_blocking(move || log.close()).await;
        match end {
            End::Asked(signal) => {
                tracing::info!("ended by {signal}");
                Ok(Exit::Done)
            }
            End::Fault(BROKEN) => Err(Failure::new(BROKEN.0, "the command path broke off and the server ended")
                .why("it met a state that its authors held impossible; the lines before say where")
                .next("report them, and start again: everything that was answered is there")),
            End::Fault(code) => Err(Failure::new(code.0, "the log was closed and the server ended")
                .why("a write or a sync failed; what was not synced may be gone from memory and disk alike")
                .next("find out what the disk reports, then start again: everything that was answered is there")),
        }
    }
}

/// Why a server ends.
enum End {
    /// The name of the signal.
    Asked(&'static str),
    /// The log or the command path cannot be trusted any more; only reading the log anew from disk helps.
    Fault(Code),
}

/// The name of the signal that ends the server.
async fn ended() -> &'static str {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT" }
}

/// Starts what is registered; what does not come up is tried again. States that were lost are rebuilt as soon as
/// there is a function for them.
async fn keep_starting(rollout: Arc<Rollout>) {
    loop {
        let (_, failed) = rollout.start_functions().await;
        match rollout.rebuild_lost().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "the states were rebuilt from the events"),
            Err(problem) => tracing::error!(code = %problem.code, "{}", problem.detail),
        }
        for (name, failure) in &failed {
            tracing::warn!(function = name.as_str(), code = format!("EV{}", failure.code), "{}", failure.message);
        }
        tokio::time::sleep(START_AGAIN).await;
    }
}

/// Asks every function at an address again what it is, as often as its resource says: another one than before is
/// another revision.
async fn keep_asking(rollout: Arc<Rollout>) {
    let mut asked: HashMap<ResourceName, Instant> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let addresses = rollout.addresses();
        asked.retain(|name, _| addresses.iter().any(|(known, _)| known == name));
        for (name, every) in addresses {
            if asked.entry(name.clone()).or_insert_with(Instant::now).elapsed() < every {
                continue;
            }
            match rollout.revise(&name).await {
                Ok(switched) => switched.iter().for_each(|one| {
                    tracing::info!(function = name.as_str(), revision = one.revision, "another revision serves");
                }),
                // That it is down is told by its commands; here it only matters that it could not be asked.
                Err(failure) => tracing::debug!(function = name.as_str(), "{}", failure.message),
            }
            asked.insert(name, Instant::now());
        }
    }
}

/// What the command path tells, for the log and for those who ask how a function is. Equal errors are logged once a
/// minute.
async fn watch(
    mut told: mpsc::UnboundedReceiver<Told>,
    rollout: Arc<Rollout>,
    functions: Functions,
    faulted: oneshot::Sender<Code>,
) {
    let mut faulted = Some(faulted);
    let mut seen: HashMap<String, Instant> = HashMap::new();
    while let Some(told) = told.recv().await {
        match told {
            Told::Notice(Notice::Failed(status)) => {
                let Some(error) = status.last_error else { continue };
                if let Some(function) = functions.get(&error.function) {
                    function.failed(error.clone());
                }
                let again = seen.get(&error.fingerprint).is_some_and(|at| at.elapsed() < Duration::from_secs(60));
                if again {
                    continue;
                }
                if seen.len() > 10_000 {
                    seen.clear();
                }
                seen.insert(error.fingerprint.clone(), Instant::now());
                tracing::warn!(
                    code = %error.code, function = error.function, command = %status.command_type,
                    command_id = %status.command_id, attempts = status.attempts,
                    "{} {}", error.title, error.detail
                );
            }
            Told::Notice(Notice::Parked(status)) => {
                tracing::warn!(command = %status.command_type, command_id = %status.command_id, "a command was parked");
            }
            Told::Notice(Notice::FunctionDown { function, code, title }) => {
                tracing::warn!(%code, function = function.as_str(), "the function is down: {title}");
                functions.of(&function).set_state("down", Some(format!("{code} {title}")));
            }
            Told::Notice(Notice::FunctionBack { function, down_ms }) => {
                tracing::info!(function = function.as_str(), down_ms, "the function answers again");
                functions.of(&function).set_state("ready", None);
            }
            Told::Rediscover(function) => {
                let rollout = rollout.clone();
                let last = seen.get(function.as_str()).is_none_or(|at| at.elapsed() > Duration::from_secs(30));
                if last {
                    seen.insert(function.as_str().to_owned(), Instant::now());
                    tokio::spawn(async move {
                        if let Err(failure) = rollout.revise(&function).await {
                            tracing::warn!(function = function.as_str(), "{}", failure.message);
                        }
                    });
                }
            }
            Told::Fault(code) => {
                tracing::error!(%code, "nothing more can be recorded; the server ends");
                if let Some(faulted) = faulted.take() {
                    let _ = faulted.send(code);
                }
            }
        }
    }
}
