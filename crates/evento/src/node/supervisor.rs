//! Starting functions: a process or a container (`containers.rs`) until it answers discovery, an address until it does,
//! a module until it is compiled (`wasm.rs`).
//!
//! A started function is a candidate until the roll-out lets it serve; afterwards its keeper (`keeper.rs`) restarts it
//! when it ends. What a function declares is made of its manifest, or of what its resource names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evento_function::http::{Address, HttpFunction};
use evento_function::manifest::{self, Manifest, ManifestEntity, ManifestLimits};
use evento_function::process::{ProcessSpec, RunningProcess, watched_files};
use evento_function::{Failure, FailureClass};
use evento_log::intake::LastError;
use evento_model::{Code, Digest, ResourceName, Revision};
use evento_schema::binding::{Declaration, DeclaredEntity, Limits, parse_schema_list, pinned};
use evento_schema::registry::Registry;
use evento_schema::resource::{Finding, FunctionSpec, Runtime};

use super::containers::{self, Containers};
use super::functions::{Function, Live};
use super::host::Host;
use super::path::wall;
use super::purity::Watch;
use super::running::Running;
use super::wasm;

/// How long after its start a function is asked first whether it answers; then every so often.
const ASK_FIRST: Duration = Duration::from_millis(3);
pub(super) const ASK_EVERY: Duration = Duration::from_millis(50);

/// A function that answers, and what it says of itself.
pub struct Candidate {
    /// Its name.
    pub name: ResourceName,
    /// What it declares.
    pub declaration: Declaration,
    /// How it is called.
    pub live: Arc<Live>,
    /// Its process or container, if Evento started it.
    pub process: Option<Running>,
}

/// Why a function does not serve.
#[derive(Debug)]
pub struct StartFailure {
    /// EV2301, EV2302 or a finding's own.
    pub code: u16,
    /// In words.
    pub message: String,
    /// What else is known: the function's last lines.
    pub why: Option<String>,
    /// Findings on its manifest.
    pub findings: Vec<Finding>,
}

impl StartFailure {
    /// As the last error of a function that does not run.
    pub(super) fn as_error(&self, name: &ResourceName) -> LastError {
        let why = self.why.clone().unwrap_or_default();
        let failure = Failure::new(FailureClass::Outage, Code(self.code), self.message.clone(), why);
        LastError {
            code: failure.code,
            title: failure.title,
            detail: failure.detail,
            function: name.as_str().to_owned(),
            revision: None,
            at: wall(),
            fingerprint: failure.fingerprint,
            stack: None,
        }
    }

    /// Without more to say.
    pub(super) fn new(code: u16, message: impl Into<String>) -> StartFailure {
        StartFailure { code, message: message.into(), why: None, findings: Vec::new() }
    }
}

/// What starting needs to know of this node.
#[derive(Clone)]
pub struct Surroundings {
    /// Where sockets go.
    pub sockets: PathBuf,
    /// What runs functions in this process.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "a build without the feature runs none"))]
    pub wasm: wasm::Engine,
    /// What runs functions as containers.
    pub containers: Containers,
    /// Whether this is `evento dev`.
    pub development: bool,
}

impl Surroundings {
    /// Those of a node with this data directory.
    pub fn new(data: &std::path::Path, development: bool) -> Surroundings {
        let wasm = wasm::Engine::new(data.join("wasm-cache"));
        Surroundings { sockets: data.join("sockets"), wasm, containers: Containers::new(data), development }
    }
}

/// Where a candidate was found.
pub(super) enum Place {
    /// At an address, with its process or container if Evento started it.
    Http(Box<Address>, Option<Running>),
    /// In this process.
    #[cfg(feature = "wasm")]
    Wasm(evento_wasm::WasmFunction),
}

impl Place {
    /// Whether calls carry many works when no manifest says so.
    fn is_batch(&self) -> bool {
        !matches!(self, Place::Http(..))
    }

    /// One call of the command path in so many is made twice, to find an apply that is not pure; 0 is none. What
    /// gets a fresh instance each time has nothing that could differ; what is kept may remember.
    fn purity_sample(&self, development: bool) -> u64 {
        match self {
            #[cfg(feature = "wasm")]
            Place::Wasm(function) if !function.is_reused() => 0,
            _ if development => 1,
            #[cfg(feature = "wasm")]
            Place::Wasm(_) => 20,
            Place::Http(..) => 100,
        }
    }
}

/// Starts a function and asks what it is.
pub async fn start(
    registry: &Registry,
    name: &ResourceName,
    function: &Arc<Function>,
    surroundings: &Surroundings,
) -> Result<Candidate, StartFailure> {
    let (_, spec) =
        registry.function(name).ok_or_else(|| StartFailure::new(2301, format!("there is no function {name}")))?;
    match &spec.runtime {
        Runtime::Process(_) => start_process(registry, name, spec, function, surroundings).await,
        Runtime::Container(container) => {
            containers::start(registry, name, spec, container, function, surroundings, None).await
        }
        Runtime::Wasm(wasm) => wasm::start(registry, name, spec, wasm, function, surroundings).await,
        Runtime::Url(url) => {
            let address = Address::parse(&url.address).map_err(|error| StartFailure::new(2301, error.to_string()))?;
            let probe = HttpFunction::unknown(address.clone(), None);
            let found = probe.discover().await.map_err(|failure| undiscovered(name, &failure))?;
            let given = match &url.manifest {
                Some(value) => {
                    let read = manifest::read(value.to_string().as_bytes());
                    Some(read.map_err(|why| StartFailure::new(2302, format!("the manifest of {name}: {why}")))?)
                }
                None => None,
            };
            let manifest = given.or(found);
            // Without it the author changes the manifest's version with each release.
            let artifact = url.artifact_digest.unwrap_or(Digest([0; 32]));
            candidate(
                registry,
                name,
                spec,
                manifest,
                artifact,
                Place::Http(Box::new(address), None),
                surroundings.development,
            )
        }
    }
}

async fn start_process(
    registry: &Registry,
    name: &ResourceName,
    spec: &FunctionSpec,
    function: &Arc<Function>,
    surroundings: &Surroundings,
) -> Result<Candidate, StartFailure> {
    let (process_spec, artifact) = process_of(name, spec, surroundings);
    let before = *function.logs.watch().borrow();
    let process = RunningProcess::start(&process_spec, fresh_instance(), &function.logs)
        .map_err(|error| StartFailure::new(2301, format!("{name} does not start: {error}")))?;
    let running = Running::Process(Box::new(process));
    until_ready(registry, name, spec, function, running, artifact, before, surroundings.development).await
}

/// What tells one start from every other.
pub(crate) fn fresh_instance() -> String {
    // The tail of the id is its random part: sockets are named by it.
    uuid::Uuid::now_v7().simple().to_string().chars().rev().collect()
}

/// Asks what was started until it answers, or has ended, or its time is over. `before` is the number of the newest line
/// that it did not write.
#[expect(clippy::too_many_arguments, reason = "what a candidate is made of, each part from another place")]
pub(super) async fn until_ready(
    registry: &Registry,
    name: &ResourceName,
    spec: &FunctionSpec,
    function: &Function,
    mut running: Running,
    artifact: Digest,
    before: u64,
    development: bool,
) -> Result<Candidate, StartFailure> {
    let probe = HttpFunction::unknown(running.address(), Some(running.instance().to_owned()));
    let until = Instant::now() + Duration::from_millis(spec.start_timeout_ms);
    let failed = |code: u16, message: String| {
        let lines: Vec<String> = function.logs.after(before, 20).into_iter().map(|line| line.text).collect();
        let why = Some(lines.join("\n")).filter(|text| !text.is_empty());
        StartFailure { code, message, why, findings: Vec::new() }
    };
    let mut pause = ASK_FIRST;
    loop {
        let answer = tokio::select! {
            ended = running.exited() => {
                running.last_words().await;
                let code = if ended.code == 3001 { 2301 } else { ended.code };
                return Err(failed(code, format!("{name} ended before it was ready ({})", ended.how)));
            }
            answer = probe.discover() => answer,
        };
        match answer {
            Ok(found) => {
                if found.is_none() && !probe.ready().await.unwrap_or(false) {
                    wait(&mut pause).await;
                    continue;
                }
                let place = Place::Http(Box::new(running.address()), Some(running));
                return candidate(registry, name, spec, found, artifact, place, development);
            }
            Err(failure) if failure.class == FailureClass::Contract => return Err(undiscovered(name, &failure)),
            Err(failure) if Instant::now() >= until => {
                let seconds = spec.start_timeout_ms / 1_000;
                return Err(failed(2301, format!("{name} was not ready after {seconds} s: {}", failure.title)));
            }
            Err(_) => wait(&mut pause).await,
        }
    }
}

/// Waits a little, and a little longer the next time.
async fn wait(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = ASK_EVERY.min(*pause * 2);
}

fn undiscovered(name: &ResourceName, failure: &Failure) -> StartFailure {
    let code = if failure.class == FailureClass::Outage { 2301 } else { 2302 };
    let mut found = StartFailure::new(code, format!("{name}: {}", failure.title));
    found.why = Some(failure.detail.clone()).filter(|text| !text.is_empty());
    found
}

fn process_of(name: &ResourceName, spec: &FunctionSpec, surroundings: &Surroundings) -> (ProcessSpec, Digest) {
    let Runtime::Process(process) = &spec.runtime else { unreachable!("only processes are started") };
    let folder = PathBuf::from(process.working_dir.as_deref().unwrap_or("."));
    let artifact = manifest::process_artifact(&process.command, &watched_files(&folder, &process.watch));
    let spec = ProcessSpec {
        function: name.as_str().to_owned(),
        command: process.command.clone(),
        working_folder: folder,
        environment: process.env.clone(),
        socket_folder: surroundings.sockets.clone(),
        development: surroundings.development,
    };
    (spec, artifact)
}

/// What was found, with what it declares.
pub(super) fn candidate(
    registry: &Registry,
    name: &ResourceName,
    spec: &FunctionSpec,
    manifest: Option<Manifest>,
    artifact: Digest,
    place: Place,
    development: bool,
) -> Result<Candidate, StartFailure> {
    let refused = |findings: Vec<Finding>| {
        let message = findings.first().map_or_else(String::new, |finding| finding.message.clone());
        StartFailure { code: 2302, message, why: None, findings }
    };
    let (declaration, manifest) = match manifest {
        Some(manifest) => {
            let revision = manifest::revision(&manifest.digest, &artifact);
            let schemas = parse_schema_list(&manifest.schemas).map_err(refused)?;
            let entities = manifest.entities.iter().map(declared).collect();
            let limits = limits(&manifest.limits, manifest.batch);
            let function = name.clone();
            (Declaration { function, revision, schemas, entities, limits }, manifest)
        }
        None => {
            let batch = place.is_batch() || spec.modes.iter().any(|mode| mode == "run");
            // Its schemas are pinned: what it was given is part of what it is.
            let unknown = Revision(Digest([0; 32]));
            let bare = pinned(registry, name, unknown, Limits::default()).map_err(refused)?;
            let mut names: Vec<String> = bare.schemas.iter().map(|(n, s)| format!("{n}={}", s.digest())).collect();
            names.sort();
            let digest = manifest::sorted_digest(&serde_json::json!(names));
            let revision = manifest::revision(&digest, &artifact);
            let limits = limits(&ManifestLimits::default(), batch);
            let declaration = pinned(registry, name, revision, limits).map_err(refused)?;
            let entities = declaration.entities.iter().map(undeclared).collect();
            let manifest = Manifest {
                label: String::new(),
                batch,
                plain: !batch || spec.modes.iter().any(|mode| mode == "plain"),
                http2: false,
                schemas: Vec::new(),
                entities,
                limits: ManifestLimits::default(),
                digest,
                served: None,
            };
            (declaration, manifest)
        }
    };
    let purity = Watch::new(&declaration, spec.purity, development).sampled(place.purity_sample(development));
    let (host, process) = match place {
        Place::Http(address, process) => {
            let instance = process.as_ref().map(|process| process.instance().to_owned());
            (Host::Http(Box::new(HttpFunction::new(*address, &manifest, declaration.revision, instance))), process)
        }
        #[cfg(feature = "wasm")]
        Place::Wasm(function) => (Host::Wasm(function), None),
    };
    let live = Live::new(declaration.revision, host, purity);
    Ok(Candidate { name: name.clone(), declaration, live, process })
}

fn declared(entity: &ManifestEntity) -> DeclaredEntity {
    DeclaredEntity {
        name: entity.name.clone(),
        handles: entity.handles.clone(),
        applies: entity.applies.clone(),
        rejections: entity.rejections.clone(),
        state_version: entity.state_version,
    }
}

fn undeclared(entity: &DeclaredEntity) -> ManifestEntity {
    ManifestEntity {
        name: entity.name.clone(),
        handles: entity.handles.clone(),
        applies: entity.applies.clone(),
        rejections: entity.rejections.clone(),
        state_version: entity.state_version,
    }
}

fn limits(limits: &ManifestLimits, batch: bool) -> Limits {
    Limits {
        concurrency: limits.concurrency,
        works_max: if batch { limits.max_work } else { Some(1) },
        steps_max: if batch { limits.max_steps } else { Some(1) },
        timeout_ms: limits.timeout_ms,
    }
}
