//! A backup of a server under load, restored elsewhere: exactly the acknowledged commands up to its commit, states
//! that replay gives, and a server that goes on from there.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::{SOON, Server, bank_function, bank_resources, until};

fn evento(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_evento")).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn deposit(server: &Server, account: &str, key: &str) -> u16 {
    let path = format!("/v1/entities/account/{account}/commands/receive-deposit");
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key), ("Prefer", "wait=30")];
    server.post(&path, &headers, b"{\"amount\":1}").map_or(0, |reply| reply.status)
}

#[test]
fn a_backup_under_load_restores_to_a_server_with_all_that_was_acknowledged_before_it_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    for account in ["ada", "bob"] {
        let path = format!("/v1/entities/account/{account}/commands/open-account");
        let reply =
            server.post(&path, &[("Content-Type", "application/json")], b"{\"owner\":\"A\"}").expect("an answer");
        assert_eq!(reply.status, 200);
    }
    let before = (0..100).filter(|n| deposit(&server, "ada", &format!("before-{n}")) == 200).count() as i64;
    assert_eq!(before, 100);
    let archive = folder.path().join("monday.tar");
    let stop = AtomicBool::new(false);
    let (taken, during) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(deposit(&server, "bob", &format!("during-{sent}")), 200);
                sent += 1;
            }
            sent
        });
        let taken = server.evento(&["backup", &text(&archive)]);
        stop.store(true, Ordering::Relaxed);
        (taken, load.join().expect("sent"))
    });
    assert!(taken.0 == 0 && taken.1.contains("backup of commit"), "{taken:?}");
    // Once more into the same file: never by accident.
    let again = server.evento(&["backup", &text(&archive)]);
    assert!(again.0 == 2 && again.2.contains("is there already"), "{again:?}");
    drop(server);

    let data = folder.path().join("restored");
    let restored = evento(&["restore", &text(&archive), "--data", &text(&data), "-o", "json"]);
    assert_eq!(restored.0, 0, "{restored:?}");
    let again = evento(&["restore", &text(&archive), "--data", &text(&data)]);
    assert!(again.0 == 5 && again.2.contains("EV7005"), "{again:?}");
    let (code, stdout, stderr) = evento(&["verify", "--data", &text(&data)]);
    assert!(code == 0 && stdout.contains("0 damaged") && stdout.contains("0 different"), "{stdout}{stderr}");
    // The judge of torture looks at the log by itself: sequences, outcomes, the index by id, schemas.
    let (code, stdout, stderr) = evento(&["check", "--log", &text(&data)]);
    assert!(code == 0 && stdout.contains(", 0 failed"), "{stdout}{stderr}");

    let server = Server::start(&data);
    let state = |account: &str| server.json(&format!("/v1/entities/account/{account}"));
    // Never another state than the true one, from the first answer on.
    let status = || server.get("/v1/entities/account/ada").expect("an answer").status;
    until("the states are made anew", SOON, || status() != 503);
    assert_eq!(state("ada")["state"]["balance"], before);
    let bob = state("bob");
    let events = bob["seq"].as_i64().expect("a sequence");
    assert_eq!(bob["state"]["balance"], events - 1);
    assert!((1..=i64::from(during) + 1).contains(&events), "{events} events of {during} deposits");
    // The memory of what was sent is there, too: the same key is the same command.
    assert_eq!(deposit(&server, "ada", "before-7"), 200);
    assert_eq!(state("ada")["state"]["balance"], before);
    assert_eq!(deposit(&server, "ada", "after"), 200);
    assert_eq!(state("ada")["state"]["balance"], before + 1);
}

#[test]
fn a_backup_that_breaks_off_leaves_no_file_and_a_broken_archive_no_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank_resources(folder.path(), bank_function(), ""));
    let archive = folder.path().join("a.tar");
    assert_eq!(server.evento(&["backup", &text(&archive)]).0, 0);
    let whole = std::fs::read(&archive).expect("read");
    let broken = folder.path().join("broken.tar");
    let data = folder.path().join("restored");
    for (content, wanted) in [(&whole[..whole.len() / 2], "EV400"), (&b"no archive"[..], "EV400")] {
        std::fs::write(&broken, content).expect("written");
        let (code, _, stderr) = evento(&["restore", &text(&broken), "--data", &text(&data)]);
        assert!(code == 1 && stderr.contains(wanted) && stderr.contains("take another backup"), "{code}: {stderr}");
        assert!(!data.exists());
    }
    drop(server);
    let gone = evento(&["backup", &text(&folder.path().join("b.tar")), "--address", "http://127.0.0.1:1"]);
    assert!(gone.0 == 7 && gone.2.contains("EV7001"), "{gone:?}");
    let left: Vec<_> = folder.path().read_dir().expect("listed").map(|e| e.expect("one").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("b.tar")), "{left:?}");
}
