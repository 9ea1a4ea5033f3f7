//! Functions in processes that misbehave as processes: what whoever applies them is told, and that all goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{SOON, Server, bank_function, bank_resources, until};

/// The bank's domain, whose function is a shell script. `$BANK` is the program that serves.
fn scripted(folder: &Path, script: &str, spec: &str) -> PathBuf {
    let resources = bank_resources(folder, Path::new("unused"), "");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n  runtime: process\n  process:\n    command: [sh, -c, {}]\n    env: {{BANK: {}}}\n{spec}",
        serde_json::json!(script),
        serde_json::json!(bank_function().display().to_string()),
    );
    std::fs::write(resources.join("function.yaml"), function).expect("written");
    resources
}

fn open(server: &Server, id: &str) {
    let path = format!("/v1/entities/account/{id}/commands/open-account");
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
    let reply = server.post(&path, &headers, br#"{"owner":"Ada"}"#).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_process_that_does_not_come_up_is_told_with_its_last_words_and_a_slow_one_has_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    for (script, spec, wanted) in [
        (
            "echo cannot find my settings >&2; exit 3",
            "",
            &["EV2301", "accounts ended before it was ready (exit status: 3)", "cannot find my settings"][..],
        ),
        ("sleep 5; exec \"$BANK\"", "  startTimeout: 500ms\n", &["EV2301", "accounts was not ready after"]),
        ("kill -9 $$", "", &["EV2301", "accounts ended before it was ready (signal: 9"]),
    ] {
        let resources = scripted(folder.path(), script, spec);
        let (code, _, told) = server.evento(&["apply", "--file", &resources.display().to_string()]);
        assert_ne!(code, 0, "{script}");
        wanted.iter().for_each(|words| assert!(told.contains(words), "{script}: {words:?} is not in {told}"));
    }
    server.apply(&scripted(folder.path(), "sleep 0.5; exec \"$BANK\"", ""));
    open(&server, "ada");
}

#[test]
fn a_process_that_ignores_sigterm_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&folder.path().join("data"));
    let script = "trap '' TERM; \"$BANK\" & while :; do sleep 1; done";
    server.apply(&scripted(folder.path(), script, ""));
    open(&server, "ada");
    let deaf = server.function_pid().expect("it runs");
    let told = Command::new("kill").args(["-TERM", &server.pid().to_string()]).status().expect("kill runs");
    assert!(told.success());
    assert_eq!(server.ended(), Some(0));
    until("its group is gone", SOON, || {
        let asked = Command::new("kill").args(["-0", "--", &format!("-{deaf}")]).output().expect("kill runs");
        !asked.status.success()
    });
}

#[test]
fn a_process_that_hangs_is_ended_and_started_again_and_the_command_that_waits_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&scripted(folder.path(), "exec \"$BANK\"", "  timeout: 300ms\n"));
    open(&server, "ada");
    let hanging = server.function_pid().expect("it runs");
    let stopped = Command::new("kill").args(["-STOP", &hanging.to_string()]).status().expect("kill runs");
    assert!(stopped.success());
    // It waits for longer than the function hangs.
    open(&server, "bea");
    assert_ne!(server.function_pid(), Some(hanging));
    let (_, lines, _) = server.evento(&["function", "logs", "accounts"]);
    assert!(lines.contains("hangs: it runs and answers nothing"), "{lines}");
}
