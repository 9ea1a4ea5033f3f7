//! The bank in Evento's own process: the same events as the Rust process, in Rust, Python and JavaScript; and what
//! people see of a module that misbehaves.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::server::{SOON, Server, bank_function, bank_resources, root, until};
use crate::twins::decide;

/// A folder of resources: the bank's domain, and a function that is this file.
fn wasm_resources(folder: &Path, file: &Path, block: &str) -> PathBuf {
    let resources = bank_resources(folder, Path::new("unused"), "");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n  runtime: wasm\n  wasm: {{file: {}{block}}}\n  timeout: 1s\n  startTimeout: 10m\n",
        serde_json::json!(file.display().to_string())
    );
    std::fs::write(resources.join("function.yaml"), function).expect("written");
    resources
}

/// Builds a module with a script of the repository; `None`, said loudly, where its tools cannot be had.
fn built(script: &str, arguments: &[&str], name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_BIN_EXE_evento")).parent().expect("a folder").join("wasm-guests");
    let file = folder.join(name);
    let output = Command::new(root().join(script))
        .args(arguments)
        .arg(&file)
        .current_dir(root())
        .env("CARGO_TARGET_DIR", folder.parent().and_then(Path::parent).expect("a folder"))
        .output()
        .expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(75) {
        eprintln!("SKIPPED: {name} cannot be built here: {said}");
        return None;
    }
    assert!(output.status.success(), "{script}: {said}");
    Some(file)
}

fn rust_module() -> Option<PathBuf> {
    built("scripts/build-wasm", &["bank-function"], "accounts.wasm")
}

#[test]
fn process_module_and_components_decide_and_evolve_alike() {
    let folder = || tempfile::tempdir().expect("a folder");
    let process = folder();
    let expected = decide(process.path(), &bank_resources(process.path(), bank_function(), ""));
    let component = "examples/bank-wasm/build-component";
    let modules = [
        (rust_module(), ""),
        (built(component, &["python"], "python.wasm"), ", memory: 128Mi"),
        (built(component, &["python"], "python.wasm"), ", memory: 128Mi, reuse: true"),
        (built(component, &["javascript"], "javascript.wasm"), ", memory: 128Mi"),
    ];
    for (file, block) in modules {
        let Some(file) = file else { continue };
        let folder = folder();
        let given = decide(folder.path(), &wasm_resources(folder.path(), &file, block));
        assert_eq!(given, expected, "{} {block}", file.display());
    }
}

/// A module that refuses every account, by text; `body` is its `evento_run`.
fn module(body: &str) -> Vec<u8> {
    let manifest = std::fs::read_to_string(root().join("crates/evento/tests/e2e/golden/bank.manifest.json"));
    let manifest: String =
        manifest.expect("the manifest").bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
          (memory (export "memory") 16)
          (func (export "evento_abi_version") (result i32) (i32.const 1))
          (func (export "evento_alloc") (param i32) (result i32) (i32.const 65536))
          (func (export "evento_run") (param $at i32) (param $length i32) (result i64) {body})
          (@custom "evento.manifest" "{manifest}"))"#
    );
    wat::parse_str(text).expect("a module")
}

#[test]
fn a_module_that_misbehaves_is_told_of_and_a_new_one_takes_the_command_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.wasm");
    std::fs::write(&file, module("(unreachable)")).expect("written");
    let resources = wasm_resources(folder.path(), &file, "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let path = "/v1/entities/account/ada/commands/open-account";
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=2")];
    let reply = server.post(path, &headers, br#"{"owner": "Ada"}"#).expect("an answer");
    assert_eq!(reply.status, 202, "{}", reply.text());
    let command = reply.json();
    let id = command["commandId"].as_str().or(command["id"].as_str()).expect("an id").to_owned();
    until("the trap is told", SOON, || {
        let (_, told, _) = server.evento(&["function", "describe", "accounts"]);
        told.contains("EV3004") && told.contains("runtime: wasm")
    });
    let Some(good) = rust_module() else { return };
    std::fs::copy(good, &file).expect("copied");
    // Behind Evento's back nothing changes; the resource has to be applied.
    std::fs::write(
        resources.join("function.yaml"),
        std::fs::read_to_string(resources.join("function.yaml")).expect("read").replace("timeout: 1s", "timeout: 2s"),
    )
    .expect("written");
    server.apply(&resources);
    until("the command is decided", SOON, || {
        server.json(&format!("/v1/commands/{id}"))["state"] == Value::from("completed")
            || server.json("/v1/entities/account/ada/events?limit=5")["items"].as_array().is_some_and(|e| e.len() == 1)
    });
}

#[test]
fn a_module_that_may_not_run_is_refused_where_it_is_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    let file = folder.path().join("accounts.wasm");
    let import = r#"(module (import "wasi_snapshot_preview1" "clock_time_get" (func)))"#;
    let large = String::from_utf8_lossy(&module("(unreachable)")).len();
    assert!(large > 0);
    let cases: [(&[u8], &str, &str); 3] = [
        (&wat::parse_str(import).expect("a module"), "EV2306", "wasi_snapshot_preview1.clock_time_get"),
        (b"#!/bin/sh", "EV2306", "no WASM"),
        (&wat::parse_str("(module)").expect("a module"), "EV2306", "does not export"),
    ];
    for (bytes, code, what) in cases {
        std::fs::write(&file, bytes).expect("written");
        let resources = wasm_resources(folder.path(), &file, "");
        let (exit, _, told) = server.evento(&["apply", "--file", &resources.display().to_string()]);
        assert_ne!(exit, 0);
        assert!(told.contains(code) && told.contains(what), "{told}");
    }
}
