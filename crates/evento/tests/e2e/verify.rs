//! `evento verify` on the data a server left behind, and who may open a data directory.

use std::process::Command;

use crate::server::{Server, bank_function, bank_resources};

fn verify(data: &std::path::Path) -> (i32, String, String) {
    verify_only(data, &[])
}

fn verify_only(data: &std::path::Path, scope: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
    let output = command.args(["verify", "--data"]).arg(data).args(scope).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn replay_gives_the_stored_states_and_a_directory_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let mut server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let lines: Vec<String> = (0..300)
        .map(|n| {
            let (command, data) = match n / 100 {
                0 => ("open-account", r#"{"owner":"Ada"}"#.to_owned()),
                _ => ("receive-deposit", format!("{{\"amount\":{}}}", n + 1)),
            };
            format!(r#"{{"entity":"account","id":"a{}","command":"{command}","data":{data}}}"#, n % 100)
        })
        .collect();
    let kind = [("Content-Type", "application/x-ndjson")];
    let reply = server.post("/v1/commands", &kind, lines.join("\n").as_bytes()).expect("an answer");
    assert!(reply.text().lines().all(|line| line.contains("accepted")), "{}", reply.text());
    let (code, _, stderr) = verify(&server.data);
    assert!(code == 75 && stderr.contains("EV7004"), "{code}: {stderr}");
    server.kill();
    let (code, stdout, stderr) = verify(&server.data);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("100 instances   300 events   0 different"), "{stdout}");

    let (code, stdout, stderr) = verify_only(&server.data, &["account/a7"]);
    assert!(code == 0 && stdout.contains("1 instances   3 events   0 different"), "{code}: {stdout}{stderr}");
    for (scope, wanted) in [("acount", "did you mean account?"), ("account/nobody", "EV1020")] {
        let (code, stdout, stderr) = verify_only(&server.data, &[scope]);
        assert!(code == 3 && stderr.contains(wanted), "{scope} {code}: {stdout}{stderr}");
    }
}

#[test]
fn b02_a_flipped_byte_in_the_commit_log_is_named_and_nothing_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let mut server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    for n in 0..3 {
        let path = format!("/v1/entities/account/a{n}/commands/open-account");
        let reply = server.post(&path, &[("Content-Type", "application/json")], b"{\"owner\":\"Ada\"}");
        assert_eq!(reply.expect("an answer").status, 200);
    }
    server.kill();
    let segment = server.data.join("commit/000000000001.cl");
    let mut bytes = std::fs::read(&segment).expect("read");
    let frames: Vec<usize> = (4_096..bytes.len() - 4).step_by(8).filter(|at| &bytes[*at..at + 4] == b"EVCF").collect();
    bytes[frames[1] + 60] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let (code, _, stderr) = verify(&server.data);
    assert_ne!(code, 0);
    assert!(stderr.contains("EV4002") && stderr.contains("000000000001.cl"), "{stderr}");
    assert!(stderr.contains(&format!("offset {}", frames[1])), "{stderr}");
}
