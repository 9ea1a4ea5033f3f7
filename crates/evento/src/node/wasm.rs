//! Functions in this process: the engine they share, and how one is made of a file.
//!
//! The engine and its compiler are large, so they are there with the cargo feature `wasm` only. Without it a resource
//! with `runtime: wasm` is refused with EV2305 and told how to get it.

use std::path::PathBuf;
use std::sync::Arc;

use evento_model::ResourceName;
use evento_schema::registry::Registry;
use evento_schema::resource::{FunctionSpec, WasmSpec};

use super::functions::Function;
use super::supervisor::{Candidate, StartFailure, Surroundings};

/// The engine of a node, made when the first function needs it. Clones share it.
#[derive(Clone)]
pub struct Engine {
    /// Where compiled code is kept.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "a build without the feature compiles nothing"))]
    folder: PathBuf,
    #[cfg(feature = "wasm")]
    host: Arc<tokio::sync::OnceCell<evento_wasm::Host>>,
}

impl Engine {
    /// An engine that keeps compiled code in this folder.
    pub fn new(folder: PathBuf) -> Engine {
        Engine {
            folder,
            #[cfg(feature = "wasm")]
            host: Arc::default(),
        }
    }
}

/// Makes a function of its file: compiled or found compiled, tried, and asked what it says of itself.
#[cfg(feature = "wasm")]
pub async fn start(
    registry: &Registry,
    name: &ResourceName,
    spec: &FunctionSpec,
    wasm: &WasmSpec,
    function: &Arc<Function>,
    surroundings: &Surroundings,
) -> Result<Candidate, StartFailure> {
    use evento_wasm::{Host, Log, Settings};

    use super::supervisor::{Place, candidate};

    let folder = surroundings.wasm.folder.clone();
    let host = surroundings.wasm.host.get_or_try_init(|| async { Host::new(Some(folder)) }).await;
    let host = host.map_err(|refusal| refused(name, refusal))?;
    let lines: Log = {
        let function = function.clone();
        Arc::new(move |line| function.logs.push(evento_function::process::Stream::Stdout, line))
    };
    let log = surroundings.development.then_some(lines);
    let settings = Settings { memory_bytes: wasm.memory_bytes, reuse: wasm.reuse, log };
    let loading = host.load(PathBuf::from(&wasm.file), settings);
    let limit = std::time::Duration::from_millis(spec.start_timeout_ms);
    let Ok(loaded) = tokio::time::timeout(limit, loading).await else {
        let seconds = spec.start_timeout_ms / 1_000;
        let mut failure = StartFailure::new(2301, format!("{name} was not compiled within {seconds} s"));
        failure.why = Some("raise startTimeout; what is compiled is kept, so the next start is fast".to_owned());
        return Err(failure);
    };
    let loaded = loaded.map_err(|refusal| refused(name, refusal))?;
    if loaded.manifest.is_none() && spec.handles.is_none() && spec.applies.is_none() {
        let mut failure = StartFailure::new(2302, format!("{name}: {} has no manifest", wasm.file));
        let how = "give it the custom section evento.manifest or the export evento_manifest";
        failure.why = Some(format!("{how}, or name handles and applies in the resource"));
        return Err(failure);
    }
    let how = if loaded.from_cache { "loaded from the cache" } else { "compiled" };
    function.note(&format!("{how} in {} ms: {}", loaded.took.as_millis(), wasm.file));
    let place = Place::Wasm(loaded.function);
    candidate(registry, name, spec, loaded.manifest, loaded.artifact, place, surroundings.development)
}

#[cfg(feature = "wasm")]
fn refused(name: &ResourceName, refusal: evento_wasm::Refusal) -> StartFailure {
    let mut failure = StartFailure::new(refusal.code.0, format!("{name}: {}", refusal.message));
    failure.why = refusal.next;
    failure
}

/// Says how to get a build that runs such functions.
#[cfg(not(feature = "wasm"))]
pub async fn start(
    _: &Registry,
    name: &ResourceName,
    _: &FunctionSpec,
    _: &WasmSpec,
    _: &Arc<Function>,
    _: &Surroundings,
) -> Result<Candidate, StartFailure> {
    let mut failure = StartFailure::new(2305, format!("{name}: this build of Evento does not run WASM functions"));
    failure.why = Some("build it with the feature: cargo build --release -p evento --features wasm".to_owned());
    Err(failure)
}
