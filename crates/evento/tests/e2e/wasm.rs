//! The bank in Evento's own process: the same events as the Rust process, in Rust, Python and JavaScript; and what
//! people see of a module that misbehaves.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::server::{SOON, Server, bank_function, bank_resources, free_address, request, root, until};
use crate::twins::decide;

/// A folder of resources: the bank's domain, and a function that is this file.
fn wasm_resources(folder: &Path, file: &Path, block: &str, extra: &str) -> PathBuf {
    let resources = bank_resources(folder, Path::new("unused"), "");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n{extra}  runtime: wasm\n  wasm: {{file: {}{block}}}\n  timeout: 1s\n  startTimeout: 10m\n",
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

/// Asks every rule of the protocol that can be asked of a file; the report's last line.
fn conforms(file: &Path, options: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_evento"))
        .arg("conformance")
        .arg(file)
        .args(options)
        .current_dir(root())
        .output()
        .expect("evento runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}{}", file.display(), String::from_utf8_lossy(&output.stderr));
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn the_reference_function_and_components_keep_the_protocol_in_process() {
    let probe = built("scripts/build-wasm", &["evento-probe"], "probe.wasm");
    if let Some(probe) = probe {
        assert_eq!(conforms(&probe, &["--sdk"]), "17 passed, 0 failed, 8 skipped");
    }
    for language in ["python", "javascript"] {
        let file = built("examples/bank-wasm/build-component", &[language], &format!("{language}.wasm"));
        if let Some(file) = file {
            assert_eq!(conforms(&file, &[]), "7 passed, 0 failed, 3 skipped", "{language}");
        }
    }
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
        let given = decide(folder.path(), &wasm_resources(folder.path(), &file, block, ""));
        assert_eq!(given, expected, "{} {block}", file.display());
    }
}

/// A section of a module: its id, how many things are in it, and those.
fn section(id: u8, count: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len() + 1).expect("a small section");
    assert!(length < 0x80, "one byte of length");
    [&[id, length, count], content].concat()
}

fn named(name: &str, rest: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), rest].concat()
}

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
/// `() -> i32`, `(i32) -> i32`, `(i32, i32) -> i64`
const TYPES: &[u8] = &[0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e];

/// A module with all exports, whose `evento_run` traps.
fn trapping() -> Vec<u8> {
    let exports = [
        named("memory", &[2, 0]),
        named("evento_abi_version", &[0, 0]),
        named("evento_alloc", &[0, 1]),
        named("evento_run", &[0, 2]),
    ];
    // The version 1; 65,536 as the place for a request, in a memory of 16 pages; unreachable.
    let code = [4, 0, 0x41, 1, 0x0b, 6, 0, 0x41, 0x80, 0x80, 4, 0x0b, 3, 0, 0, 0x0b];
    let parts = [
        HEADER.to_vec(),
        section(1, 3, TYPES),
        section(3, 3, &[0, 1, 2]),
        section(5, 1, &[0, 16]),
        section(7, 4, &exports.concat()),
        section(10, 3, &code),
    ];
    parts.concat()
}

/// It has no manifest, so the resource says what it does.
const NAMED: &str =
    "  handles: [open-account, receive-deposit, withdraw-cash, transfer-out, close-account]\n  applies: [account]\n";

fn send(server: &str) -> Value {
    let path = "/v1/entities/account/ada/commands/open-account";
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=2")];
    let reply = request(server, "POST", path, &headers, br#"{"owner": "Ada"}"#).expect("an answer");
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

fn events(server: &str) -> usize {
    let page = request(server, "GET", "/v1/entities/account/ada/events?limit=5", &[], b"").map(|reply| reply.json());
    page.and_then(|page| page["items"].as_array().map(Vec::len)).unwrap_or_default()
}

/// The server of `evento dev`, ended with the test.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_module_that_traps_is_told_of_and_a_new_build_takes_its_command_up_in_development() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.wasm");
    std::fs::write(&file, trapping()).expect("written");
    wasm_resources(folder.path(), &file, "", NAMED);
    let address = free_address();
    let child = Command::new(env!("CARGO_BIN_EXE_evento"))
        .args(["dev", "--data"])
        .arg(folder.path().join("data"))
        .current_dir(folder.path())
        .env("EVENTO_HTTP_LISTEN", &address)
        .env("EVENTO_KAFKA_LISTEN", "127.0.0.1:0")
        .env("EVENTO_REGISTRY_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("evento dev starts");
    let _dev = Dev(child);
    let function = || request(&address, "GET", "/v1/functions/accounts", &[], b"").map(|reply| reply.json());
    until("the module serves", SOON, || function().is_some_and(|shown| shown["state"] == "ready"));
    send(&address);
    until("the trap is told", SOON, || {
        function().is_some_and(|shown| shown["lastError"]["code"] == "EV3004" && shown["runtime"] == "wasm")
    });
    let Some(good) = rust_module() else { return };
    std::fs::copy(good, &file).expect("copied");
    until("the command is decided", SOON, || events(&address) == 1);
}

#[test]
fn a_file_that_changes_behind_a_server_changes_nothing_until_it_is_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.wasm");
    let Some(good) = rust_module() else { return };
    std::fs::copy(good, &file).expect("copied");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&wasm_resources(folder.path(), &file, "", ""));
    std::fs::write(&file, b"#!/bin/sh").expect("written");
    let path = "/v1/entities/account/ada/commands/open-account";
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
    assert_eq!(server.post(path, &headers, br#"{"owner": "Ada"}"#).expect("an answer").status, 200);
    let (exit, shown, _) = server.evento(&["function", "describe", "accounts"]);
    assert_eq!(exit, 0);
    assert!(shown.contains("wasm") && shown.contains("ready"), "{shown}");
    let resources = wasm_resources(folder.path(), &file, ", memory: 32Mi", "");
    let (exit, _, told) = server.evento(&["apply", "--file", &resources.display().to_string()]);
    assert_ne!(exit, 0);
    assert!(told.contains("EV2306") && told.contains("no WASM"), "{told}");
    assert_eq!(server.json("/v1/functions/accounts")["state"], "ready");
}

#[test]
fn a_module_that_may_not_run_is_refused_where_it_is_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    let file = folder.path().join("accounts.wasm");
    let import = [named("wasi_snapshot_preview1", &[]), named("clock_time_get", &[0, 0])].concat();
    let import = [HEADER.to_vec(), section(1, 3, TYPES), section(2, 1, &import)].concat();
    let cases: [(&[u8], &str, &str); 4] = [
        (&import, "EV2306", "wasi_snapshot_preview1.clock_time_get"),
        (b"#!/bin/sh", "EV2306", "no WASM"),
        (HEADER, "EV2306", "does not export"),
        (&trapping(), "EV2302", "has no manifest"),
    ];
    for (bytes, code, what) in cases {
        std::fs::write(&file, bytes).expect("written");
        let resources = wasm_resources(folder.path(), &file, "", "");
        let (exit, _, told) = server.evento(&["apply", "--file", &resources.display().to_string()]);
        assert_ne!(exit, 0);
        assert!(told.contains(code) && told.contains(what), "{told}");
    }
}
