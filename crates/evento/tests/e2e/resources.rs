//! Resources through the command line and the real server: what people see of a set, and of a refusal.

use crate::server::{SOON, Server, bank_function, bank_resources, until};

/// The words of each line of a table, as many as asked for.
fn rows(text: &str, words: usize) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().take(words).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_set_is_applied_shown_changed_and_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    let path = resources.display().to_string();

    let (code, out, error) = server.evento(&["diff", "-f", &path]);
    assert_eq!(code, 9, "{error}");
    assert!(out.contains("created    entity/account"), "{out}");
    assert_eq!(server.json("/v1/resources/entity")["items"], serde_json::json!([]), "diff changed something");

    let (code, out, error) = server.evento(&["apply", "-f", &path]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("created    function/accounts"), "{out}");
    assert!(out.contains("accounts  ready   rev "), "{out}");
    let (code, out, error) = server.evento(&["apply", "-f", &path]);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("unchanged  all "), "{out}");
    assert_eq!(server.evento(&["diff", "-f", &path]).0, 0);

    server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]);
    let (_, out, _) = server.evento(&["get", "entity"]);
    assert_eq!(rows(&out, 5), ["NAME READY TYPE PARTITIONS INSTANCES", "account ready bank.Account 12 1"], "{out}");
    let (_, out, _) = server.evento(&["get", "commands"]);
    assert!(rows(&out, 2).iter().skip(1).all(|row| row.ends_with(" ready")), "{out}");
    let (_, out, _) = server.evento(&["get", "fn/accounts"]);
    assert_eq!(rows(&out, 3)[1], "accounts ready process", "{out}");
    assert!(out.contains("close-account, open-account, receive-deposit"), "{out}");

    let (code, _, error) = server.evento(&["describe", "entity/acount"]);
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("did you mean account?"), "{error}");

    let (code, _, error) = server.evento(&["delete", "entity/account"]);
    assert_eq!(code, 5, "{error}");
    assert!(error.contains("EV24"), "{error}");
    let (code, _, error) = server.evento(&["delete", "function/accounts"]);
    assert_eq!(code, 5, "the only function of some commands went without --force: {error}");
    let (code, out, error) = server.evento(&["delete", "function/accounts", "--force"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("deleted    function/accounts"), "{out}");
    let (_, out, _) = server.evento(&["get", "command", "open-account"]);
    assert!(out.contains("waiting") && out.contains("NoHandler"), "{out}");
}

#[test]
fn a_refused_set_names_its_places_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let file = resources.join("account.yaml");
    let text = std::fs::read_to_string(&file).expect("read");
    let before = server.json("/v1/resources/entity");

    // What is wrong, and what the error must say: the code and the place.
    let cases = [
        (text.replacen("entity: account", "entity: acount", 1), "did you mean account", "account.yaml:"),
        (text.replacen("kind: Entity", "kind: Entitiy", 1), "did you mean Entity", "account.yaml:3"),
        (text.replacen("spec:", "spec: [", 1), "EV2001", "account.yaml:"),
        (text.replacen("name: withdraw-cash", "name: open-account", 1), "EV2003", "account.yaml:"),
    ];
    for (changed, code, place) in cases {
        std::fs::write(&file, changed).expect("written");
        let (exit, _, error) = server.evento(&["apply", "-f", &resources.display().to_string()]);
        assert_eq!(exit, 9, "{error}");
        assert!(error.contains(code) && error.contains(place), "{code} {place}: {error}");
        assert_eq!(server.json("/v1/resources/entity"), before);
    }
}

#[test]
fn a_function_whose_resource_changed_and_whose_revision_did_not_goes_on_serving() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank_resources(folder.path(), bank_function(), ""));
    let revision = || server.json("/v1/functions/accounts")["revision"].clone();
    let first = revision();
    let before = server.function_pid();
    server.apply(&bank_resources(folder.path(), bank_function(), "  timeout: 6s\n"));
    // The process before ends when it has answered everything; only then it could take the new one's place along.
    until("the process before is gone", SOON, || server.function_pid() != before);
    let (code, out, error) = server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]);
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(revision(), first);
}

#[test]
fn a_dry_run_starts_the_functions_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    let resources = bank_resources(folder.path(), bank_function(), "");
    let dry = |path: &std::path::Path| server.evento(&["apply", "--dry-run", "-f", &path.display().to_string()]);
    let (code, out, error) = dry(&resources);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("accounts  checked   rev "), "{out}");
    assert_eq!(server.json("/v1/resources/entity")["items"], serde_json::json!([]));
    until("the process that was tried is gone", SOON, || server.function_pid().is_none());
    server.apply(&resources);
    let (code, _, error) = dry(&bank_resources(folder.path(), std::path::Path::new("/bin/false"), ""));
    assert!(code == 9 && error.contains("EV2301"), "{code}: {error}");
    assert_eq!(server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]).0, 0);
}

#[test]
fn a_roll_out_that_nobody_waits_for_goes_on_and_tells_how_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    let later = |command: &std::path::Path| {
        let resources = bank_resources(folder.path(), command, "").display().to_string();
        server.evento(&["apply", "--wait=false", "-f", &resources])
    };
    let (code, _, error) = later(bank_function());
    assert!(code == 0 && error.contains("the roll-out goes on as"), "{code}: {error}");
    until("the function serves", SOON, || {
        server.get("/v1/functions/accounts").is_some_and(|r| r.status == 200 && r.json()["state"] == "ready")
    });
    let (code, _, error) = later(std::path::Path::new("/bin/false"));
    assert_eq!(code, 0, "{error}");
    until("the refusal is told", SOON, || {
        server.evento(&["function", "logs", "accounts"]).1.contains("was refused: EV2301")
    });
    assert_eq!(server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]).0, 0);
}

#[test]
fn a_function_that_outlived_a_killed_server_ends_with_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    server.apply(&bank_resources(folder.path(), bank_function(), ""));
    let function = server.function_pid().expect("it runs");
    let runs = || std::path::Path::new(&format!("/proc/{function}/exe")).exists();
    server.kill();
    assert!(runs(), "it ended with the server: then there is nothing to clean up");
    let server = Server::start(&data);
    until("what the killed server left is gone", SOON, || !runs());
    until("the function serves again", SOON, || {
        server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]).0 == 0
    });
}
