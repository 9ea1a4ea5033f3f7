//! The core form: a module with five exports and no import (function-protocol 12.1).

use bytes::Bytes;
use wasmtime::{
    Engine, ExternType, FuncType, InstancePre, Linker, Memory, Module, ModuleExport, Result, Store, TypedFunc,
};

use crate::cage::Cage;
use crate::failure::{BODY_BYTES_MAX, contract, crash, too_large};
use crate::function::CallError;
use crate::load::Refusal;

/// The ABI version spoken here.
const ABI_VERSION: i32 = 1;
/// Longest text that is read from a function that trapped, in bytes.
const WORDS_BYTES_MAX: usize = 8_192;
/// The exports that must be there, with their types.
const EXPORTS: [(&str, &str); 3] =
    [("evento_abi_version", "() -> i32"), ("evento_alloc", "(i32) -> i32"), ("evento_run", "(i32, i32) -> i64")];

/// A compiled module, ready to be instantiated.
pub(crate) struct CoreForm {
    pre: InstancePre<Cage>,
    memory: ModuleExport,
    version: ModuleExport,
    alloc: ModuleExport,
    run: ModuleExport,
    initialize: Option<ModuleExport>,
    /// `evento_manifest() -> i64`, for a function that has no section for it.
    manifest: Option<ModuleExport>,
    /// What the function says after it trapped: `evento_last_words() -> i64`, pointer and length as of a response.
    words: Option<ModuleExport>,
}

/// An instance of it.
pub(crate) struct CoreInstance {
    store: Store<Cage>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    run: TypedFunc<(i32, i32), i64>,
    version: TypedFunc<(), i32>,
    manifest: Option<TypedFunc<(), i64>>,
    words: Option<TypedFunc<(), i64>>,
}

impl CoreForm {
    /// Checks what a module imports and exports, and links it.
    pub(crate) fn new(engine: &Engine, module: &Module, development: bool) -> Result<CoreForm, Refusal> {
        let mut linker: Linker<Cage> = Linker::new(engine);
        check_imports(module, development)?;
        let broken =
            |error: wasmtime::Error| Refusal::new(2306, format!("the module cannot be linked: {error:#}"), None);
        if development {
            linker.func_wrap("evento", "log", log).map_err(broken)?;
        }
        for (name, wanted) in EXPORTS {
            check_function(module, name, wanted)?;
        }
        if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
            return Err(missing("a memory with the name memory"));
        }
        let optional = |name: &str, wanted: &str| match module.get_export(name) {
            None => Ok(None),
            Some(_) => check_function(module, name, wanted).map(|()| module.get_export_index(name)),
        };
        let index = |name: &str| module.get_export_index(name).ok_or_else(|| missing(name));
        Ok(CoreForm {
            memory: index("memory")?,
            version: index("evento_abi_version")?,
            alloc: index("evento_alloc")?,
            run: index("evento_run")?,
            initialize: optional("_initialize", "() -> ()")?,
            manifest: optional("evento_manifest", "() -> i64")?,
            words: optional("evento_last_words", "() -> i64")?,
            pre: linker.instantiate_pre(module).map_err(broken)?,
        })
    }

    /// An instance that has run nothing but its own start.
    pub(crate) fn instantiate(&self, mut store: Store<Cage>) -> Result<CoreInstance> {
        let instance = self.pre.instantiate(&mut store)?;
        let function = |store: &mut Store<Cage>, export: &ModuleExport| {
            let found = instance.get_module_export(store, export).and_then(|export| export.into_func());
            found.ok_or_else(|| wasmtime::Error::msg("an export is no function"))
        };
        if let Some(initialize) = &self.initialize {
            function(&mut store, initialize)?.typed::<(), ()>(&store)?.call(&mut store, ())?;
        }
        let alloc = function(&mut store, &self.alloc)?.typed(&store)?;
        let run = function(&mut store, &self.run)?.typed(&store)?;
        let version = function(&mut store, &self.version)?.typed(&store)?;
        let manifest = self.manifest.as_ref().map(|export| function(&mut store, export)?.typed(&store)).transpose()?;
        let words = self.words.as_ref().map(|export| function(&mut store, export)?.typed(&store)).transpose()?;
        let memory = instance.get_module_export(&mut store, &self.memory).and_then(|export| export.into_memory());
        let memory = memory.ok_or_else(|| wasmtime::Error::msg("memory is no memory"))?;
        Ok(CoreInstance { store, memory, alloc, run, version, manifest, words })
    }
}

impl CoreInstance {
    /// Instructs the clock: the call ends after so many ticks.
    pub(crate) fn deadline(&mut self, ticks: u64) {
        self.store.set_epoch_deadline(ticks);
    }

    /// Any version of the ABI other than the one known here is refused.
    pub(crate) fn check_version(&mut self) -> Result<(), CallError> {
        let version = self.version.call(&mut self.store, ())?;
        if version == ABI_VERSION {
            return Ok(());
        }
        let what = format!("the module speaks version {version} of the ABI; {ABI_VERSION} is spoken here");
        let next = Some("build it with an SDK of this Evento".to_owned());
        Err(CallError::Refused(Refusal::new(3011, what, next)))
    }

    /// What it says of itself, if it has an export for that.
    pub(crate) fn manifest(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, CallError> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let packed = manifest.call(&mut self.store, ())?;
        let said = self.slice("evento_manifest", packed)?;
        Ok(Some(said[..said.len().min(bytes_max + 1)].to_vec()))
    }

    /// One request, one answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Bytes, CallError> {
        self.exchange(request).map_err(|error| match error {
            CallError::Engine(error, _) => {
                let words = self.last_words();
                CallError::Engine(error, words)
            }
            judged => judged,
        })
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Bytes, CallError> {
        let length = request.len();
        let pointer = self.alloc.call(&mut self.store, length as i32)? as u32 as usize;
        if pointer == 0 {
            let title = format!("the function has no memory for a request of {length} bytes");
            return Err(CallError::Judged(crash(title, "evento_alloc answered 0")));
        }
        let place = self.memory.data_mut(&mut self.store).get_mut(pointer..pointer + length);
        let Some(place) = place else { return Err(outside("evento_alloc", pointer, length)) };
        place.copy_from_slice(request);
        let packed = self.run.call(&mut self.store, (pointer as u32 as i32, length as i32))?;
        self.slice("evento_run", packed).map(Bytes::copy_from_slice)
    }

    /// What an answer `(pointer << 32) | length` stands for.
    fn slice(&self, name: &str, packed: i64) -> Result<&[u8], CallError> {
        let (pointer, length) = ((packed as u64 >> 32) as usize, packed as u32 as usize);
        if length > BODY_BYTES_MAX {
            return Err(CallError::Judged(too_large(length)));
        }
        let found = self.memory.data(&self.store).get(pointer..pointer + length);
        found.ok_or_else(|| outside(name, pointer, length))
    }

    /// Why it trapped, in the function's own words, if it has some.
    fn last_words(&mut self) -> Option<String> {
        self.deadline(2);
        let packed = self.words.as_ref()?.call(&mut self.store, ()).ok()?;
        let words = self.slice("evento_last_words", packed).ok()?;
        let words = String::from_utf8_lossy(&words[..words.len().min(WORDS_BYTES_MAX)]).into_owned();
        Some(words).filter(|words| !words.is_empty())
    }
}

fn outside(name: &str, pointer: usize, length: usize) -> CallError {
    let detail = format!("{name} answered {length} bytes at {pointer}");
    CallError::Judged(contract("the function points outside its memory", detail))
}

/// `evento.log(pointer, length)`: a line of text, in development only.
fn log(mut caller: wasmtime::Caller<'_, Cage>, pointer: i32, length: i32) -> Result<()> {
    let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    let memory = memory.ok_or_else(|| wasmtime::Error::msg("there is no memory to log from"))?;
    let (pointer, length) = (pointer as u32 as usize, (length as u32 as usize).min(WORDS_BYTES_MAX));
    let bytes = memory.data(&caller).get(pointer..pointer + length);
    let bytes = bytes.ok_or_else(|| wasmtime::Error::msg("evento.log points outside the memory"))?;
    if let Some(log) = &caller.data().log {
        String::from_utf8_lossy(bytes).lines().for_each(|line| log(line));
    }
    Ok(())
}

fn check_imports(module: &Module, development: bool) -> Result<(), Refusal> {
    let names = |import: wasmtime::ImportType<'_>| format!("{}.{}", import.module(), import.name());
    let imports: Vec<String> = module.imports().map(names).collect();
    let bad: Vec<&String> = imports.iter().filter(|name| !(development && *name == "evento.log")).collect();
    if bad.is_empty() {
        return Ok(());
    }
    if bad.iter().all(|name| *name == "evento.log") {
        let what = "the module imports evento.log, which is there in evento dev only";
        return Err(Refusal::new(2306, what, Some("build it without logging".to_owned())));
    }
    Err(imports_refused("the module", &bad))
}

/// The refusal of what may not be imported, by name.
pub(crate) fn imports_refused(what: &str, names: &[impl std::fmt::Display]) -> Refusal {
    let shown: Vec<String> = names.iter().take(5).map(ToString::to_string).collect();
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let what = format!("{what} imports {}{more}; a function may import nothing", shown.join(", "));
    let next = "build it for a target without a system: wasm32-unknown-unknown, or --stub-wasi".to_owned();
    Refusal::new(2306, what, Some(next))
}

fn missing(what: &str) -> Refusal {
    let next = "the exports of a function are memory, evento_abi_version, evento_alloc and evento_run".to_owned();
    Refusal::new(2306, format!("the module does not export {what}"), Some(next))
}

fn check_function(module: &Module, name: &str, wanted: &str) -> Result<(), Refusal> {
    match module.get_export(name) {
        Some(ExternType::Func(found)) if signature(&found) == wanted => Ok(()),
        Some(ExternType::Func(found)) => {
            let what = format!("the export {name} is {}; it must be {wanted}", signature(&found));
            Err(Refusal::new(2306, what, None))
        }
        _ => Err(missing(name)),
    }
}

/// `(i32, i32) -> i64`
fn signature(function: &FuncType) -> String {
    let list = |types: Vec<String>| types.join(", ");
    let results: Vec<String> = function.results().map(|result| result.to_string()).collect();
    let results = if results.len() == 1 { results[0].clone() } else { format!("({})", list(results)) };
    format!("({}) -> {results}", list(function.params().map(|param| param.to_string()).collect()))
}
