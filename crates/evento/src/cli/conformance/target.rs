//! Who is asked: an address, a command, an image, a module, or a Function that says which of these it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use evento_conformance::{Launch, Place, Target};
use evento_schema::resource::{
    ContainerSource, ContainerSpec, FunctionSpec, ImagePull, Resource, ResourceSet, Runtime, Spec, WasmSpec,
};

use super::held::{self, Held};
use super::{Args, given, module};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::get;

/// Memory of a module that no Function speaks of, in bytes: what Python and JavaScript need.
const MODULE_MEMORY_BYTES: u64 = 128 << 20;
/// Memory and processor time of an image that no Function speaks of: the defaults of Functions.
const IMAGE_MEMORY_BYTES: u64 = 256 << 20;
const IMAGE_CPUS_MILLI: u32 = 1_000;
/// Longest time until something answers that no Function speaks of.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Who is asked.
pub(super) struct Found {
    pub(super) target: Target,
    /// Its resource, if it has one.
    pub(super) spec: Option<FunctionSpec>,
    /// What runs only as long as it is asked.
    pub(super) held: Held,
}

impl Found {
    fn new(target: Target) -> Found {
        Found { target, spec: None, held: Held::default() }
    }
}

/// Finds or starts it.
pub(super) async fn find(context: &Context, args: &Args, set: Option<&ResourceSet>) -> Result<Found, Failure> {
    let only = || set.and_then(given::only_function);
    let Some(named) = &args.target else {
        let folder = std::env::current_dir().map_err(|error| Failure::plain(Exit::Failed, error.to_string()))?;
        let launch = Launch {
            command: args.command.clone(),
            folder,
            environment: BTreeMap::new(),
            start_timeout: START_TIMEOUT,
            function: "conformance".to_owned(),
        };
        return Ok(Found { spec: only(), ..Found::new(Target::Command(launch)) });
    };
    if named.ends_with(".wasm") {
        let wasm = WasmSpec { file: named.clone(), memory_bytes: MODULE_MEMORY_BYTES, reuse: false };
        return Ok(Found { spec: only(), ..Found::new(of_module(&wasm).await?) });
    }
    if let Some(image) = named.strip_prefix("image:") {
        let source = ContainerSource::Image { name: image.to_owned(), pull: ImagePull::Never };
        let container =
            ContainerSpec { source, args: Vec::new(), memory_bytes: IMAGE_MEMORY_BYTES, cpus_milli: IMAGE_CPUS_MILLI };
        return Ok(Found { spec: only(), ..held::container(&container, "conformance", START_TIMEOUT).await? });
    }
    if named.contains(':') {
        return Ok(Found { spec: only(), ..Found::new(at(named)?) });
    }
    let spec = match set {
        Some(set) => given::function(set, named)
            .ok_or_else(|| Failure::new(1001, format!("the files have no Function {named}")))?,
        None => from_server(context, named)?,
    };
    Ok(Found { spec: set.map(|_| spec.clone()), ..of_function(&spec, named).await? })
}

fn at(address: &str) -> Result<Target, Failure> {
    Place::parse(address).map(|place| Target::Running(place, None)).map_err(Failure::usage)
}

async fn of_module(wasm: &WasmSpec) -> Result<Target, Failure> {
    Ok(Target::Running(Place::Module(module::load(wasm).await?), None))
}

async fn of_function(spec: &FunctionSpec, named: &str) -> Result<Found, Failure> {
    let start_timeout = Duration::from_millis(spec.start_timeout_ms);
    match &spec.runtime {
        Runtime::Url(url) => at(&url.address).map(Found::new),
        Runtime::Wasm(wasm) => of_module(wasm).await.map(Found::new),
        Runtime::Container(container) => held::container(container, named, start_timeout).await,
        Runtime::Process(process) => Ok(Found::new(Target::Command(Launch {
            command: process.command.clone(),
            folder: process.working_dir.as_deref().map_or_else(|| PathBuf::from("."), PathBuf::from),
            environment: process.env.clone(),
            start_timeout,
            function: named.to_owned(),
        }))),
    }
}

/// A Function that the server knows: it is started once more, or its address asked.
fn from_server(context: &Context, named: &str) -> Result<FunctionSpec, Failure> {
    let mut document = get::one(context.client()?, "function", named)?;
    if let Some(fields) = document.as_object_mut() {
        fields.remove("status");
    }
    let unread = || Failure::new(9001, format!("the resource of {named} cannot be read; it is of another version"));
    match Resource::from_document(&document).map_err(|_| unread())?.spec {
        Spec::Function(spec) => Ok(*spec),
        _ => Err(unread()),
    }
}
