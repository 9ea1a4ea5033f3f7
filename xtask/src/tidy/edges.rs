//! The dependency rule: who may depend on whom, and which libraries must not be reachable from a crate.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Who may use what by a normal dependency. The left name may depend on the right names and on nothing else
/// of ours.
const EDGES: &[(&str, &[&str])] = &[
    ("evento-model", &[]),
    ("evento-schema", &["evento-model"]),
    ("evento-log", &["evento-model"]),
    ("evento-function", &["evento-model", "evento-schema"]),
    ("evento-containers", &["evento-function", "evento-model"]),
    ("evento-wasm", &["evento-model", "evento-function"]),
    ("evento-engine", &["evento-model", "evento-schema", "evento-log", "evento-function"]),
    ("evento-gen", &["evento-model", "evento-schema"]),
    ("evento-gateway", &["evento-model", "evento-schema", "evento-log"]),
    ("evento-listener", &["evento-model", "evento-schema", "evento-log"]),
    ("evento-conformance", &["evento-model", "evento-schema", "evento-function"]),
    ("evento-check", &["evento-model", "evento-log"]),
    (
        "evento",
        &[
            "evento-model",
            "evento-schema",
            "evento-log",
            "evento-function",
            "evento-engine",
            "evento-gen",
            "evento-gateway",
            "evento-listener",
            "evento-conformance",
            "evento-check",
            "evento-sdk",
            "evento-containers",
            "evento-wasm",
        ],
    ),
    (
        "evento-testkit",
        &["evento-model", "evento-schema", "evento-log", "evento-function", "evento-engine", "evento-check"],
    ),
    ("evento-sdk", &[]),
    ("bank-function", &["evento-sdk"]),
    ("evento-probe", &["evento-sdk"]),
    ("evento-sdk-crosscheck", &["evento-sdk"]),
    ("xtask", &[]),
];

/// Libraries that no path of normal dependencies may lead to.
///
/// `rand` is not in the engine's row: the Avro parser library brings it along, and the engine cannot name a
/// crate that is not among its direct dependencies.
const ABSENT: &[(&str, &[&str])] = &[
    ("evento-model", &["tokio", "serde", "hyper"]),
    ("evento-schema", &["tokio", "hyper"]),
    ("evento-engine", &["tokio", "hyper", "axum", "fjall"]),
    ("evento-log", &["hyper", "axum"]),
    ("evento-gen", &["tokio", "hyper"]),
    ("evento-wasm", &["hyper", "wasmtime-wasi"]),
    // The quick build has no compiler in it.
    ("evento", &["wasmtime"]),
];

/// Libraries that a crate must not name among its direct normal dependencies.
const UNNAMED: &[(&str, &[&str])] = &[("evento-engine", &["rand", "getrandom", "jiff", "uuid", "tracing"])];

/// Every edge outside the table and every quarantined library that is reachable.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();

    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("package name")?;
        let Some((_, allowed)) = EDGES.iter().find(|(crate_name, _)| *crate_name == name) else {
            findings.push(format!("{name} is not in the table of edges (xtask/src/tidy/edges.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            let target = dependency["name"].as_str().context("dependency name")?;
            let normal = dependency["kind"].is_null();
            if normal && ours.contains(target) && !allowed.contains(&target) {
                findings.push(format!("{name} must not depend on {target}: dependencies point one way"));
            }
            let unnamed =
                UNNAMED.iter().any(|(crate_name, libraries)| *crate_name == name && libraries.contains(&target));
            if normal && unnamed {
                findings.push(format!("{name} must not use {target}: time, chance and logging are handed in"));
            }
        }
    }
    for (name, libraries) in ABSENT.iter().filter(|(name, _)| ours.contains(name)) {
        let tree = reachable(root, name)?;
        for library in libraries.iter().filter(|library| tree.contains(**library)) {
            findings.push(format!("{library} is reachable from {name}, which must stay free of it"));
        }
    }
    Ok(findings)
}

/// Names of all crates that the normal dependencies of `name` lead to, with its default features.
fn reachable(root: &Path, name: &str) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
