//! From a file to a function: what it is, whether it may run, its compiled code, and a first instance to try it.
//!
//! All of this takes time (a Python component compiles for many seconds), so it runs on a thread where that hurts
//! nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evento_function::manifest::{self, MANIFEST_BYTES_MAX, Manifest};
use evento_model::{Code, Digest};
use sha2::Digest as _;
use wasmtime::component::Component;
use wasmtime::{Module, Store};

use crate::cage::Cage;
use crate::component::ComponentForm;
use crate::engine::{Host, MEMORY_BYTES_MAX, ticks_until};
use crate::failure::{judge, size};
use crate::file::{self, FILE_BYTES_MAX, Form};
use crate::function::{CallError, Code as Compiled, WasmFunction};
use crate::module::CoreForm;

/// Where a function's lines go in development.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Longest time for the first instance to come up and tell its version.
const TRIAL: Duration = Duration::from_secs(5);

/// What a function may have.
#[derive(Clone)]
pub struct Settings {
    /// Bytes of memory of an instance, at most 1 GiB.
    pub memory_bytes: u64,
    /// Whether an instance serves up to 1,000 requests rather than one.
    pub reuse: bool,
    /// In development: where `evento.log` goes. Elsewhere that import is refused.
    pub log: Option<Log>,
}

/// A function that may run.
pub struct Loaded {
    /// How it is called.
    pub function: WasmFunction,
    /// What it says of itself, if it does.
    pub manifest: Option<Manifest>,
    /// The same as it was said, if it was.
    pub said: Option<Bytes>,
    /// SHA-256 of the file.
    pub artifact: Digest,
    /// Whether its code came from the cache.
    pub from_cache: bool,
    /// How long it took until it could be called.
    pub took: Duration,
}

/// Why a file is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code} {message}")]
pub struct Refusal {
    /// EV2301 (not there), EV2302 (manifest), EV2306 (may not run) or EV3011 (another ABI).
    pub code: Code,
    /// In words.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: u16, message: impl Into<String>, next: Option<String>) -> Refusal {
        Refusal { code: Code(code), message: message.into(), next }
    }
}

impl Host {
    /// Reads a file, compiles it or finds it compiled, and tries it.
    pub async fn load(&self, file: PathBuf, settings: Settings) -> Result<Loaded, Refusal> {
        let host = self.clone();
        let loading = tokio::task::spawn_blocking(move || {
            let bytes = read(&file)?;
            host.load_bytes(&bytes, settings)
        });
        loading.await.unwrap_or_else(|error| Err(Refusal::new(2306, format!("compiling it broke off: {error}"), None)))
    }

    /// The same for bytes, on this thread.
    pub fn load_bytes(&self, bytes: &[u8], settings: Settings) -> Result<Loaded, Refusal> {
        let begun = Instant::now();
        let refused = |what: String| Refusal::new(2306, what, None);
        if settings.memory_bytes > MEMORY_BYTES_MAX {
            return Err(refused(format!("{} of memory are too much; at most 1 GiB can be had", settings.memory_bytes)));
        }
        let form = file::form(bytes).map_err(|what| refused(format!("the file is no WASM: {what}")))?;
        let section = file::manifest(bytes).map_err(|what| refused(format!("the file is damaged: {what}")))?;
        let artifact = Digest(sha2::Sha256::digest(bytes).into());
        let (code, from_cache) = self.code(form, bytes, &artifact, settings.log.is_some())?;
        let asked = self.try_out(&code, &settings)?;
        let said = section.map(Bytes::copy_from_slice).or(asked.map(Bytes::from));
        let manifest = said.as_deref().map(read_manifest).transpose()?;
        let function = WasmFunction::new(self.clone(), code, settings);
        Ok(Loaded { function, manifest, said, artifact, from_cache, took: begun.elapsed() })
    }

    /// Compiled code, from the cache if it is there.
    fn code(&self, form: Form, file: &[u8], artifact: &Digest, development: bool) -> Result<(Compiled, bool), Refusal> {
        if let Some(code) = self.cache().and_then(|cache| cache.get(artifact))
            && let Some(revived) = self.revive(form, &code)
        {
            return revived.link(self, development).map(|code| (code, true));
        }
        let compiled = match form {
            Form::Core => Module::new(self.engine(), file).map(Artifact::Core),
            Form::Component => Component::new(self.engine(), file).map(Artifact::Component),
        };
        let compiled =
            compiled.map_err(|error| Refusal::new(2306, format!("the file does not compile: {error:#}"), None))?;
        // What may not run is not kept.
        let code = compiled.link(self, development)?;
        if let Some(cache) = self.cache()
            && let Ok(bytes) = compiled.serialize()
        {
            cache.put(artifact, &bytes);
        }
        Ok((code, false))
    }

    /// Code of the cache as the engine takes it; `None` when the engine does not.
    #[expect(unsafe_code, reason = "the engine cannot check what it is given; see the comment")]
    fn revive(&self, form: Form, code: &[u8]) -> Option<Artifact> {
        // SAFETY: the engine must be given what it made itself. The bytes come from the cache, which is in the data
        // directory and written by this program only, in one piece; their checksum was compared, and the file's name
        // holds the version, the settings and the processor they were made for, which the engine compares again.
        // Who can write into the data directory can replace the log as well.
        let revived = unsafe {
            match form {
                Form::Core => Module::deserialize(self.engine(), code).map(Artifact::Core),
                Form::Component => Component::deserialize(self.engine(), code).map(Artifact::Component),
            }
        };
        revived.inspect_err(|error| tracing::warn!(%error, "compiled code is not taken; it is compiled again")).ok()
    }

    /// A first instance: it comes up within its memory, speaks the version known here, and says its manifest if it
    /// has an export for that.
    fn try_out(&self, code: &Compiled, settings: &Settings) -> Result<Option<Vec<u8>>, Refusal> {
        let _running = self.runs();
        let trial = || {
            let mut instance = code.instantiate(self.store(settings, TRIAL))?;
            instance.check_version()?;
            instance.manifest(MANIFEST_BYTES_MAX)
        };
        trial().map_err(|error| {
            let error = match error {
                CallError::Engine(error, _) => error,
                CallError::Refused(refusal) => return refusal,
                CallError::Judged(failure) => return Refusal::new(2306, failure.title, Some(failure.detail)),
            };
            let failure = judge(&error, TRIAL, None);
            let more = if failure.code == Code(3012) {
                let memory = size(settings.memory_bytes as usize);
                Some(format!("wasm.memory is {memory}; give it more (Python and JavaScript: 128Mi)"))
            } else {
                Some(failure.detail).filter(|text| !text.is_empty())
            };
            Refusal::new(2306, format!("a first instance does not come up: {}", failure.title), more)
        })
    }

    /// A store with its cage, whose code is interrupted after so long.
    pub(crate) fn store(&self, settings: &Settings, time: Duration) -> Store<Cage> {
        let cage = Cage::new(settings.memory_bytes as usize, settings.log.clone());
        let mut store = Store::new(self.engine(), cage);
        store.limiter(|cage| cage);
        store.set_epoch_deadline(ticks_until(Instant::now() + time));
        store
    }
}

/// What the compiler made.
enum Artifact {
    Core(Module),
    Component(Component),
}

impl Artifact {
    fn link(&self, host: &Host, development: bool) -> Result<Compiled, Refusal> {
        match self {
            Artifact::Core(module) => CoreForm::new(host.engine(), module, development).map(Compiled::Core),
            Artifact::Component(component) => ComponentForm::new(host.engine(), component).map(Compiled::Component),
        }
    }

    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        match self {
            Artifact::Core(module) => module.serialize(),
            Artifact::Component(component) => component.serialize(),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Refusal> {
    let refused = |what: String| Refusal::new(2301, format!("{}: {what}", file.display()), None);
    let length = std::fs::metadata(file).map_err(|error| refused(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(refused(format!("it has {length} bytes; at most {FILE_BYTES_MAX} are taken")));
    }
    std::fs::read(file).map_err(|error| refused(error.to_string()))
}

/// A function in process is always called with the batch envelopes, whatever its manifest says of HTTP.
fn read_manifest(section: &[u8]) -> Result<Manifest, Refusal> {
    let read = manifest::read(section)
        .map_err(|what| Refusal::new(2302, format!("the manifest in the file is not valid: {what}"), None))?;
    Ok(Manifest { batch: true, ..read })
}
