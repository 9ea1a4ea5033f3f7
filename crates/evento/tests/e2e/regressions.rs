//! Where others broke, and that this does not: one test for each that needs a real server (docs/torture.md).

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Server, bank_function, bank_resources};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn started(folder: &Path) -> Server {
    let resources = bank_resources(folder, bank_function(), "");
    let server = Server::start(&folder.join("data"));
    server.apply(&resources);
    let open = server.post("/v1/entities/account/ada/commands/open-account", &[JSON], b"{\"owner\":\"Ada\"}");
    assert_eq!(open.expect("an answer").status, 200);
    server
}

fn deposit(server: &Server, key: &str, amount: u64) -> serde_json::Value {
    let path = "/v1/entities/account/ada/commands/receive-deposit";
    let body = format!("{{\"amount\":{amount}}}");
    let reply = server.post(path, &[JSON, ("Idempotency-Key", key)], body.as_bytes()).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// MongoDB 4.2.6 and jetcd 0.8.2: a client's retry was applied twice.
#[test]
fn b08_a_command_whose_connection_was_cut_and_that_is_sent_again_happens_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = started(folder.path());
    let mut told = Vec::new();
    for n in 0..60usize {
        let (key, body) = (format!("cut-{n}"), "{\"amount\":1}");
        let request = format!(
            "POST /v1/entities/account/ada/commands/receive-deposit HTTP/1.1\r\nHost: {}\r\nContent-Type: \
             application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        );
        // Cut within the request, right after it, or when the answer has begun.
        let written = if n % 3 == 0 { request.len() - 1 - n % 7 } else { request.len() };
        let mut stream = TcpStream::connect(&server.address).expect("connected");
        stream.write_all(&request.as_bytes()[..written]).expect("written");
        if n % 3 == 2 {
            stream.peek(&mut [0]).expect("an answer begins");
        }
        drop(stream);
        told.push(deposit(&server, &key, 1)["seq"].as_u64().expect("a sequence"));
        assert_eq!(deposit(&server, &key, 1)["seq"].as_u64(), told.last().copied());
    }
    let wanted: Vec<u64> = (2..62).collect();
    assert_eq!(told, wanted, "a command happened twice or not at all");
    let state = server.json("/v1/entities/account/ada");
    assert_eq!((&state["seq"], &state["state"]["balance"]), (&61.into(), &60.into()), "{state}");
}

/// etcd 3.4.3: the holder of a lease was paused, and wrote after another had taken over.
#[test]
fn b09_while_a_server_is_paused_no_other_takes_its_directory_and_it_goes_on_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = started(folder.path());
    let pid = Pid::from_raw(server.pid() as i32).expect("a pid");
    kill_process(pid, Signal::STOP).expect("stopped");
    let second = Command::new(env!("CARGO_BIN_EXE_evento"))
        .args(["serve", "--listen", "127.0.0.1:0", "--kafka-listen", "", "--registry-listen", "", "--data"])
        .arg(&server.data)
        .output()
        .expect("it runs");
    kill_process(pid, Signal::CONT).expect("continued");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(75), "{said}");
    assert!(said.contains("EV7004") && said.contains(&server.pid().to_string()), "{said}");
    assert_eq!(deposit(&server, "after", 5)["seq"], 2);
}

/// Restate 4839 and others: a bad snapshot, and a node that panics again and again, or accepts and never applies.
#[test]
fn b12_a_state_store_of_rubbish_is_made_again_from_the_events_and_commands_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = started(folder.path());
    for n in 0..40 {
        deposit(&server, &format!("k{n}"), 2);
    }
    // Ended in order, so that everything is in the store and nothing in memory.
    kill_process(Pid::from_raw(server.pid() as i32).expect("a pid"), Signal::TERM).expect("asked to end");
    assert_eq!(server.ended(), Some(0));
    let mut files = vec![server.data.join("state")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("listed").flatten().map(|entry| entry.path()));
        } else {
            std::fs::write(&path, b"rubbish").expect("written");
        }
    }
    for round in 0..2u64 {
        let mut server = Server::start(&folder.path().join("data"));
        let until = Instant::now() + Duration::from_secs(30);
        let wanted = (41 + round, 80 + 2 * round);
        loop {
            let state = server.json_of("/v1/entities/account/ada");
            if (state["seq"].as_u64(), state["state"]["balance"].as_u64()) == (Some(wanted.0), Some(wanted.1)) {
                break;
            }
            assert!(Instant::now() < until, "it is not made again: {state}");
            std::thread::yield_now();
        }
        assert_eq!(deposit(&server, "k7", 2)["seq"], 9, "an old id is not known any more");
        assert_eq!(deposit(&server, &format!("new-{round}"), 2)["seq"], 42 + round);
        server.kill();
    }
}
