//! The `spec` of a Function.

use std::collections::BTreeMap;

use evento_model::Digest;
use serde_json::Value;

use super::attach::join;
use super::container::read_container;
use super::fields::{Context, Fields};
use super::finding::Finding;
use super::node::{Content, Node, step};
use super::read::{read_truth, text_map};
use super::size;
use super::spec::{
    ContainerSource, ContainerSpec, FunctionSpec, Gate, ProcessSpec, Purity, ReplayCheck, Runtime, Spec, UrlSpec,
    WasmSpec,
};

/// The words of `runtime`, each also the name of its block.
const RUNTIMES: [(&str, &str); 4] =
    [("process", "process"), ("container", "container"), ("url", "url"), ("wasm", "wasm")];

const MINUTE_MS: u64 = 60_000;

/// Memory of a WASM instance in bytes: least, default, most.
const WASM_MEMORY: (u64, u64, u64) = (64 << 10, 16 << 20, 1 << 30);

pub(crate) fn read(context: &mut Context<'_>, spec: &mut Fields<'_>, folder: Option<&str>) -> Option<FunctionSpec> {
    let handles = spec.get("handles").and_then(|(node, at)| context.resource_names(node, &at));
    let applies = spec.get("applies").and_then(|(node, at)| context.resource_names(node, &at));
    let timeout_ms = spec.get("timeout").and_then(|(node, at)| context.duration_ms(node, &at, 10, 15 * MINUTE_MS));
    let start_timeout =
        spec.get("startTimeout").and_then(|(node, at)| context.duration_ms(node, &at, 10, 60 * MINUTE_MS));
    let concurrency = spec.get("concurrency").and_then(|(node, at)| context.whole(node, &at, 1, 10_000));
    let gate = spec.get("gate").and_then(|(node, at)| read_gate(context, node, &at));
    let purities = [("refuse", Purity::Refuse), ("warn", Purity::Warn)];
    let purity = spec.get("purity").and_then(|(node, at)| context.choice(node, &at, &purities));
    let modes = spec.get("protocol").and_then(|(node, at)| read_modes(context, node, &at));
    let scale = spec.get("scale").map(|(node, _)| node.value());
    let runtime = read_runtime(context, spec, folder);
    Some(FunctionSpec {
        handles,
        applies,
        runtime: runtime?,
        timeout_ms,
        start_timeout_ms: start_timeout.unwrap_or(30_000),
        concurrency: concurrency.and_then(|number| u32::try_from(number).ok()),
        gate: gate.unwrap_or_default(),
        purity: purity.unwrap_or_default(),
        modes: modes.unwrap_or_default(),
        scale,
    })
}

/// `runtime` and exactly the block it names.
fn read_runtime(context: &mut Context<'_>, spec: &mut Fields<'_>, folder: Option<&str>) -> Option<Runtime> {
    let named = spec.need(context, "runtime");
    let runtime = named.as_ref().and_then(|(node, at)| context.choice(node, at, &RUNTIMES));
    let mut block = None;
    for (_, word) in RUNTIMES {
        if runtime == Some(word) {
            block = spec.need(context, word);
        } else if let Some((node, at)) = spec.get(word)
            && let Some(runtime) = runtime
        {
            context.error(2001, &node.place, &at, format!("runtime is {runtime}, so there must be no block {word}"));
        }
    }
    let (runtime, (node, at)) = (runtime?, block?);
    match runtime {
        "process" => read_process(context, node, &at, folder).map(Runtime::Process),
        "url" => read_url(context, node, &at).map(Runtime::Url),
        "container" => read_container(context, node, &at, folder).map(Runtime::Container),
        _ => read_wasm(context, node, &at, folder).map(Runtime::Wasm),
    }
}

fn read_process(context: &mut Context<'_>, node: &Node, pointer: &str, folder: Option<&str>) -> Option<ProcessSpec> {
    let mut fields = Fields::open(context, node, pointer)?;
    let command = fields.need(context, "command").and_then(|(node, at)| {
        let words = context.texts(node, &at)?;
        if words.is_empty() && matches!(&node.content, Content::List(items) if items.is_empty()) {
            context.error(2001, &node.place, &at, "command names no program");
        }
        Some(words)
    });
    let written = fields.get("workingDir").and_then(|(node, at)| context.text(node, &at).map(str::to_owned));
    let env = fields.get("env").and_then(|(node, at)| text_map(context, node, &at));
    let watch = fields.get("watch").and_then(|(node, at)| context.texts(node, &at));
    fields.close(context);
    let working_dir = match (folder, written) {
        (Some(folder), written) => Some(join(folder, &written.unwrap_or_default())),
        (None, written) => written,
    };
    Some(ProcessSpec {
        command: command?,
        working_dir,
        env: env.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        watch: watch.unwrap_or_default(),
    })
}

fn read_url(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<UrlSpec> {
    let mut fields = Fields::open(context, node, pointer)?;
    let address = fields.need(context, "address").and_then(|(node, at)| {
        let text = context.text(node, &at)?;
        let known = ["https://", "http://", "unix:/"]
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        if !known {
            let finding = Finding::error(2001, &node.place, at, format!("{text:?} is not an address"));
            context.report(finding.help("write https://…, http://… or unix:/…"));
            return None;
        }
        Some(text.to_owned())
    });
    let manifest = fields.get("manifest").map(|(node, _)| node.value());
    // What still says manifestFile or caFile here could not be inlined, and that is reported already.
    if let (Some((node, at)), true) = (fields.get("manifestFile"), manifest.is_some()) {
        context.error(2001, &node.place, &at, "both manifest and manifestFile are given, at most one is taken");
    }
    let rediscover =
        fields.get("rediscover").and_then(|(node, at)| context.duration_ms(node, &at, 1_000, 1_440 * MINUTE_MS));
    let ca_pem = fields.get("caPem").and_then(|(node, at)| context.text(node, &at).map(str::to_owned));
    if let (Some((node, at)), true) = (fields.get("caFile"), ca_pem.is_some()) {
        context.error(2001, &node.place, &at, "both caPem and caFile are given, at most one is taken");
    }
    let artifact_digest = fields.get("artifactDigest").and_then(|(node, at)| {
        let text = context.text(node, &at)?;
        let digest = Digest::parse(text.strip_prefix("sha256:").unwrap_or(text));
        if digest.is_none() {
            context.error(2001, &node.place, &at, format!("{text:?} is not sha256: and 64 hex digits"));
        }
        digest
    });
    fields.close(context);
    Some(UrlSpec { address: address?, manifest, rediscover_ms: rediscover.unwrap_or(30_000), ca_pem, artifact_digest })
}

fn read_wasm(context: &mut Context<'_>, node: &Node, pointer: &str, folder: Option<&str>) -> Option<WasmSpec> {
    let mut fields = Fields::open(context, node, pointer)?;
    let file = fields.get("file").and_then(|(node, at)| context.text(node, &at).map(str::to_owned));
    let oci = fields.get("oci");
    if let Some((node, at)) = &oci {
        let finding = Finding::error(2305, &node.place, at, "modules from a registry are not yet served by this build");
        context.report(finding.help("use wasm.file"));
    }
    if file.is_none() && oci.is_none() {
        context.error(2001, &node.place, pointer, "file is missing: the module or component to run");
    }
    let memory = fields.get("memory").and_then(|(node, at)| {
        let text = context.text(node, &at)?;
        let (least, _, most) = WASM_MEMORY;
        let bytes = size::parse_bytes(text).filter(|bytes| (least..=most).contains(bytes));
        if bytes.is_none() {
            let message = format!("{text:?} is not an amount of memory between 64Ki and 1Gi; write it as 16Mi");
            context.error(2001, &node.place, &at, message);
        }
        bytes
    });
    let reuse = read_truth(context, &mut fields, "reuse");
    fields.close(context);
    let file = file?;
    let file = folder.map_or_else(|| file.clone(), |folder| join(folder, &file));
    Some(WasmSpec { file, memory_bytes: memory.unwrap_or(WASM_MEMORY.1), reuse })
}

fn read_gate(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<Gate> {
    let mut fields = Fields::open(context, node, pointer)?;
    let checks = [("none", ReplayCheck::None), ("sample", ReplayCheck::Sample), ("all", ReplayCheck::All)];
    let replay = fields.get("replay").and_then(|(node, at)| context.choice(node, &at, &checks));
    let most = u64::from(u32::MAX);
    let instances = fields.get("instances").and_then(|(node, at)| context.whole(node, &at, 1, most));
    let backtest = fields.get("backtest").and_then(|(node, at)| context.whole(node, &at, 0, most));
    let backtest_must_match = read_truth(context, &mut fields, "backtestMustMatch");
    fields.close(context);
    let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    Some(Gate { replay, instances: small(instances), backtest: small(backtest).unwrap_or(0), backtest_must_match })
}

/// `protocol: {modes: [plain, run]}`
fn read_modes(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<Vec<String>> {
    let mut fields = Fields::open(context, node, pointer)?;
    let modes = fields.need(context, "modes").and_then(|(node, at)| {
        let items = context.items(node, &at)?;
        let known = [("plain", "plain"), ("run", "run")];
        Some(items.iter().filter_map(|(node, at)| context.choice(node, at, &known)).map(str::to_owned).collect())
    });
    fields.close(context);
    modes
}

/// The document with the paths as they will be used: the file they were relative to is not known later.
pub(crate) fn resolved(mut document: Value, spec: &Spec) -> Value {
    let Spec::Function(function) = spec else { return document };
    let (block, field, path) = match &function.runtime {
        Runtime::Process(ProcessSpec { working_dir: Some(folder), .. }) => ("process", "workingDir", folder),
        Runtime::Container(ContainerSpec { source: ContainerSource::Build(folder), .. }) => {
            ("container", "build", folder)
        }
        Runtime::Wasm(wasm) => ("wasm", "file", &wasm.file),
        _ => return document,
    };
    if let Some(Value::Object(block)) = document.pointer_mut(&step("/spec", block)) {
        block.insert(field.to_owned(), Value::String(path.clone()));
    }
    document
}
