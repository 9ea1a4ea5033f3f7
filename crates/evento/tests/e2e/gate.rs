//! A new revision serves only when it gives the states that are recorded; until then the one before it serves.

use std::path::Path;

use serde_json::json;

use crate::server::{Server, bank_resources, root};

const PYTHON: &str =
    "  handles: [open-account, receive-deposit, withdraw-cash, transfer-out, close-account]\n  applies: [account]\n";

/// The Python bank in a folder of its own, with one text in its program replaced.
fn bank(folder: &Path, name: &str, change: (&str, &str)) -> std::path::PathBuf {
    let made = folder.join(name);
    std::fs::create_dir_all(&made).expect("made");
    let from = root().join("examples/bank-python");
    for file in ["run-function", "requirements.txt"] {
        std::fs::copy(from.join(file), made.join(file)).expect("copied");
    }
    let program = std::fs::read_to_string(from.join("accounts.py")).expect("a program");
    assert!(program.contains(change.0), "nothing to change");
    std::fs::write(made.join("accounts.py"), program.replace(change.0, change.1)).expect("written");
    let resources = bank_resources(folder, &made.join("run-function"), PYTHON);
    // The program belongs to the revision.
    let function = resources.join("function.yaml");
    let text = std::fs::read_to_string(&function).expect("a resource");
    let program = format!("process: {{workingDir: {:?}, watch: [accounts.py], ", made.display().to_string());
    std::fs::write(&function, text.replace("process: {", &program)).expect("written");
    resources
}

#[test]
fn a_revision_that_gives_other_states_is_refused_with_their_fields_and_the_one_before_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("examples/bank"), folder.path().join("bank")).expect("linked");
    let adds = "\"balance\": account[\"balance\"] + event[\"amount\"]";
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank(folder.path(), "first", (adds, adds)));
    let send = |command: &str, body: serde_json::Value| {
        let path = format!("/v1/entities/account/ada/commands/{command}");
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60, return=representation")];
        server.post(&path, &headers, body.to_string().as_bytes()).expect("an answer").json()
    };
    send("open-account", json!({"owner": "Ada"}));
    assert_eq!(send("receive-deposit", json!({"amount": 120}))["state"]["balance"], 120);

    let wrong = bank(folder.path(), "wrong", (adds, "\"balance\": account[\"balance\"] + event[\"amount\"] + 1"));
    let (code, stdout, stderr) = server.evento(&["apply", "--file", &wrong.display().to_string()]);
    let told = format!("{stdout}{stderr}");
    assert_ne!(code, 0, "{told}");
    assert!(told.contains("EV2303") && told.contains("account/ada from event 2 on"), "{told}");
    assert!(told.contains("balance 120 stored, 121 by this revision"), "{told}");
    assert_eq!(send("receive-deposit", json!({"amount": 5}))["state"]["balance"], 125, "by the revision before");

    // Another decision is no other state: what is recorded stays as it is.
    let other = bank(folder.path(), "other", ("no such account", "there is no such account"));
    server.apply(&other);
    assert_eq!(send("receive-deposit", json!({"amount": 1}))["state"]["balance"], 126);
}

#[test]
fn one_command_goes_back_to_the_revision_before_and_forward_again_if_its_program_is_still_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("examples/bank"), folder.path().join("bank")).expect("linked");
    let mut server = Server::start(&folder.path().join("data"));
    let reason = |server: &Server| {
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
        let sent = server.post("/v1/entities/account/nobody/commands/close-account", &headers, b"{}");
        sent.expect("an answer").json()["events"][0]["data"]["reason"].as_str().expect("a reason").to_owned()
    };
    let rollback = |server: &Server| {
        let (code, stdout, stderr) = server.evento(&["function", "rollback", "accounts"]);
        (code, format!("{stdout}{stderr}"))
    };
    let text = "no such account";
    server.apply(&bank(folder.path(), "first", (text, text)));
    let (code, told) = rollback(&server);
    assert!(code != 0 && told.contains("EV2307") && told.contains("no revision served before"), "{told}");

    server.apply(&bank(folder.path(), "second", (text, "no account of this name")));
    assert_eq!(reason(&server), "no account of this name");
    assert_eq!(rollback(&server).0, 0);
    assert_eq!(reason(&server), text);
    // Also after a kill: both are in the log.
    server.kill();
    server = Server::start(&server.data.clone());
    assert_eq!(rollback(&server).0, 0);
    assert_eq!(reason(&server), "no account of this name");

    let program = folder.path().join("first/accounts.py");
    let changed = std::fs::read_to_string(&program).expect("a program").replace(text, "changed meanwhile");
    std::fs::write(&program, changed).expect("written");
    let (code, told) = rollback(&server);
    assert!(code != 0 && told.contains("its files have changed since"), "{told}");
    assert_eq!(reason(&server), "no account of this name", "nothing was changed");
}
