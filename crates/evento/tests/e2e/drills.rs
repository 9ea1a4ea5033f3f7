//! Recovery drills of the page on drills that no other test runs: what an operator sees, does, and sees then.

use crate::server::{SOON, Server, bank_function, bank_resources, until};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn an_outage_of_a_function_is_told_by_log_metric_and_verbs_and_ends_without_anybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (down, script) = (folder.path().join("down"), folder.path().join("function.sh"));
    let text = format!("#!/bin/sh\n[ -e '{}' ] && exit 1\nexec '{}'\n", down.display(), bank_function().display());
    std::fs::write(&script, text).expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("made executable");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank_resources(folder.path(), &script, ""));
    let send = |command: &str, body: &str, wait: &str| {
        let path = format!("/v1/entities/account/ada/commands/{command}");
        server.post(&path, &[JSON, ("Prefer", wait)], body.as_bytes()).expect("an answer")
    };
    assert_eq!(send("open-account", "{\"owner\":\"Ada\"}", "wait=30").status, 200);
    let up = |value: u8| {
        let metrics = server.get("/metrics").expect("an answer").text();
        metrics.contains(&format!("evento_function_up{{function=\"accounts\"}} {value}"))
    };
    assert!(up(1));

    std::fs::write(&down, "").expect("written");
    let pid = server.function_pid().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().is_ok_and(|status| status.success()));
    let reply = send("receive-deposit", "{\"amount\":5}", "wait=1");
    assert_eq!(reply.status, 202, "{}", reply.text());
    until("the metric tells of the outage", SOON, || up(0));
    let log = server.data.with_extension("log");
    until("the log tells of it", SOON, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("the function is down"))
    });
    let (code, listed, _) = server.evento(&["command", "list"]);
    assert!(code == 0 && listed.contains("ReceiveDeposit") && listed.contains("waiting"), "{listed}");
    // It was asked when nobody was there, or was with the function when that was killed.
    assert!(["EV3001", "EV3004"].iter().any(|error| listed.contains(error)), "{listed}");
    let (code, described, _) = server.evento(&["function", "describe", "accounts"]);
    assert!(code == 0 && described.contains("state: down"), "{described}");
    // It is an outage of the function, not of Evento.
    assert_eq!(server.get("/readyz").expect("an answer").status, 200);
    assert_eq!(server.json("/v1/entities/account/ada")["seq"], 1);

    std::fs::remove_file(&down).expect("removed");
    until("the waiting command ends", SOON, || server.json("/v1/entities/account/ada")["seq"] == 2);
    until("the metric tells that it is over", SOON, || up(1));
    assert_eq!(server.json("/v1/entities/account/ada")["state"]["balance"], 5);
}
