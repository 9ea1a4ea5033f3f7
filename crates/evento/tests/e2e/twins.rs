//! The bank in Rust, the banks in Python, by hand and on the SDK, and the banks in Go, Java and TypeScript give the same
//! events and states for the same commands. What is stored is canonical, so equal values of one schema are equal bytes.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, bank_function, bank_resources, root};

const PYTHON: &str =
    "  handles: [open-account, receive-deposit, withdraw-cash, transfer-out, close-account]\n  applies: [account]\n";

fn run(folder: &Path, command: &Path, extra: &str) -> (Vec<Value>, Value) {
    decide(folder, &bank_resources(folder, command, extra))
}

/// What the function of these resources makes of the bank's commands: events, and the state in the end.
pub fn decide(folder: &Path, resources: &Path) -> (Vec<Value>, Value) {
    let server = Server::start(&folder.join("data"));
    server.apply(resources);
    let commands = [
        ("receive-deposit", json!({"amount": 5})),
        ("open-account", json!({"owner": "Zoë"})),
        ("open-account", json!({"owner": "Eve", "currency": "USD"})),
        ("receive-deposit", json!({"amount": 120, "reference": "rent"})),
        ("receive-deposit", json!({"amount": 0})),
        ("withdraw-cash", json!({"amount": 500})),
        ("withdraw-cash", json!({"amount": 20, "reference": "ATM 7"})),
        ("transfer-out", json!({"amount": 1_000, "to": "bob"})),
        ("transfer-out", json!({"amount": 60, "to": "bob", "reference": "gift"})),
        ("close-account", json!({})),
        ("withdraw-cash", json!({"amount": 40})),
        ("close-account", json!({})),
        ("receive-deposit", json!({"amount": 1})),
    ];
    for (command, data) in commands {
        let path = format!("/v1/entities/account/ada/commands/{command}");
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
        let reply = server.post(&path, &headers, data.to_string().as_bytes()).expect("an answer");
        assert_eq!(reply.status, 200, "{command}: {}", reply.text());
    }
    let page = server.json("/v1/entities/account/ada/events?limit=500");
    let shown = |event: &Value| json!([event["seq"], event["type"], event["data"], event["outcome"]]);
    let events = page["items"].as_array().expect("items").iter().map(shown).collect();
    (events, server.json("/v1/entities/account/ada")["state"].clone())
}

#[test]
fn rust_and_python_decide_and_evolve_alike() {
    let (rust, python) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let in_rust = run(rust.path(), bank_function(), "");
    let in_python = run(python.path(), &root().join("examples/bank-python/run-function"), PYTHON);
    assert_eq!(in_rust, in_python);
    assert_eq!(in_rust.0.len(), 13);
    let typed = tempfile::tempdir().expect("a folder");
    let on_the_sdk = run(typed.path(), &root().join("examples/bank-python-typed/run-function"), "");
    assert_eq!(in_rust, on_the_sdk);
}

#[test]
fn rust_and_go_decide_and_evolve_alike() {
    if std::process::Command::new("go").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no go to build examples/bank-go with");
        return;
    }
    let (rust, go) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let in_rust = run(rust.path(), bank_function(), "");
    let in_go = run(go.path(), &root().join("examples/bank-go/run-function"), "");
    assert_eq!(in_rust, in_go);
    assert_eq!(in_rust.0.len(), 13);
}

#[test]
fn rust_and_java_decide_and_evolve_alike() {
    let (rust, java) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let in_rust = run(rust.path(), bank_function(), "");
    let in_java = run(java.path(), &root().join("examples/bank-java/run-function"), "");
    assert_eq!(in_rust, in_java);
    assert_eq!(in_rust.0.len(), 13);
}

#[test]
fn rust_and_typescript_decide_and_evolve_alike() {
    // A function's process has a bare environment: where the packages come from may be known in this one only.
    for folder in ["sdk/typescript", "examples/bank-typescript"] {
        let install = ["ci", "--no-audit", "--no-fund", "--prefix"];
        let done = std::process::Command::new("npm").args(install).arg(root().join(folder)).output().expect("npm runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let (rust, typescript) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let in_rust = run(rust.path(), bank_function(), "");
    let in_typescript = run(typescript.path(), &root().join("examples/bank-typescript/run-function"), "");
    assert_eq!(in_rust, in_typescript);
    assert_eq!(in_rust.0.len(), 13);
}
