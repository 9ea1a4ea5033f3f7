//! `evento verify` on the data a server left behind, and who may open a data directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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

/// The longest topic file of a data directory.
fn longest_topic_file(data: &Path) -> PathBuf {
    let partitions = data.join("topics/1.events").read_dir().expect("partitions");
    let files = partitions.flat_map(|partition| partition.expect("one").path().read_dir().expect("files"));
    let logs =
        files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
    logs.max_by_key(|path| path.metadata().map_or(0, |meta| meta.len())).expect("a file")
}

#[test]
fn a_flipped_byte_in_a_topic_is_named_by_verify_and_by_the_scrub_of_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let mut server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    for n in 0..20 {
        let path = format!("/v1/entities/account/a{n}/commands/open-account");
        let reply = server.post(&path, &[("Content-Type", "application/json")], b"{\"owner\":\"Ada\"}");
        assert_eq!(reply.expect("an answer").status, 200);
    }
    server.kill();
    let data = server.data.clone();
    // Verify closes the directory in order: everything is in the topics then.
    let (code, stdout, stderr) = verify(&data);
    assert!(code == 0 && stdout.contains("40 records   0 damaged"), "{code}: {stdout}{stderr}");
    let path = longest_topic_file(&data);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[90] ^= 4;
    std::fs::write(&path, bytes).expect("written");
    let file = path.strip_prefix(&data).expect("inside").display().to_string();

    let (code, stdout, stderr) = verify(&data);
    assert_eq!(code, 9, "{stdout}{stderr}");
    assert!(stdout.contains("1 damaged") && stdout.contains("EV4002") && stdout.contains(&file), "{stdout}");
    assert!(stdout.contains("offset 0") && stdout.contains("instance"), "{stdout}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
    command.env("EVENTO_DATA_SCRUB_BYTES_PER_SECOND", "1GiB");
    let server = Server::start_by(command, &data);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let metrics = server.get("/metrics").expect("an answer").text();
        if metrics.contains("evento_scrub_passes_total 1") {
            assert!(metrics.contains("evento_scrub_damaged_total 1"), "{metrics}");
            break;
        }
        assert!(Instant::now() < until, "the scrub does not come to its end: {metrics}");
    }
    let log = std::fs::read_to_string(data.with_extension("log")).expect("a log");
    assert!(log.contains("the scrub found damage") && log.contains(&file), "{log}");
}

#[test]
fn without_its_state_store_nothing_is_decided_before_the_states_are_rebuilt_and_no_kill_makes_it_forget() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let mut server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=30")];
    let send = |server: &Server, command: &str, body: &str| {
        let path = format!("/v1/entities/account/ada/commands/{command}");
        server.post(&path, &headers, body.as_bytes()).expect("an answer")
    };
    assert_eq!(send(&server, "open-account", "{\"owner\":\"Ada\"}").status, 200);
    for _ in 0..5 {
        assert_eq!(send(&server, "receive-deposit", "{\"amount\":10}").status, 200);
    }
    for round in 1..=5 {
        server.kill();
        // The store is lost once; the starts that were killed before they had rebuilt it find it without states.
        if round == 1 {
            std::fs::remove_dir_all(server.data.join("state")).expect("removed");
        }
        server = Server::start_unready(&server.data.clone());
    }
    // Decided on no state this would be refused: there is no account.
    let reply = send(&server, "receive-deposit", "{\"amount\":10}");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(server.json("/v1/entities/account/ada")["state"]["balance"], 60);
    let (ready, text) = server.get("/readyz?verbose").map(|reply| (reply.status, reply.text())).expect("an answer");
    assert!(ready == 200 && text.contains("[+]states: ok"), "{text}");
    server.kill();
    assert_eq!(verify(&server.data).0, 0);
}
