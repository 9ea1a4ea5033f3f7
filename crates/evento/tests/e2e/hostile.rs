//! A function that misbehaves in every way: each way has its own code, nothing enters the log, others go on.
//!
//! The function is a plain HTTP server in this test; the command's reference text says what it does wrong.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::peer;
use crate::server::{Server, bank_resources};

/// `Account {owner: "h", currency: "E", balance: 0, deposits: 0, closed: false}`.
const STATE: &[u8] = &[2, b'h', 2, b'E', 0, 0, 0];
const DEADLINE: Duration = Duration::from_secs(2);

fn hostile() -> u16 {
    peer::listen(Arc::new(answer))
}

/// Whether the connection goes on.
fn answer(stream: &mut TcpStream, path: &str, body: &[u8]) -> bool {
    let mut reply = |status: &str, headers: &str, body: &[u8]| peer::reply(stream, status, headers, body);
    const DATUM: &str = "Content-Type: avro/binary\r\n";
    const EVENT: &str = "Content-Type: avro/binary\r\nEvento-Event: bank.DepositReceived\r\n";
    // The event has the command's fields: everything before the byte that says whether there is a state.
    let stateless = body.last() == Some(&0) && !body.ends_with(STATE);
    let event = &body[..body.len().saturating_sub(if stateless { 1 } else { 1 + STATE.len() })];
    if path.starts_with("/apply/") {
        let bad = contains(body, "bad-state");
        return reply("200 OK", DATUM, if bad { b"\xff\xff" } else { STATE });
    }
    match path {
        "/.well-known/evento" => reply("404 Not Found", "", b""),
        "/ready" => reply("200 OK", "", b"ready"),
        _ if contains(body, "garbage") => reply("200 OK", EVENT, &[0xff; 40]),
        _ if contains(body, "trailing") => reply("200 OK", EVENT, &[event, b"x"].concat()),
        _ if contains(body, "surprise") => {
            reply("200 OK", "Content-Type: avro/binary\r\nEvento-Event: bank.Surprise\r\n", event)
        }
        _ if contains(body, "nothing") => {
            reply("200 OK", "Content-Type: application/vnd.evento.events.v1+avro\r\n", &[0])
        }
        _ if contains(body, "untyped") => reply("200 OK", DATUM, event),
        _ if contains(body, "huge") => reply("200 OK", EVENT, &vec![0; 17 << 20]),
        _ if contains(body, "html") => reply("200 OK", "Content-Type: text/html\r\n", b"<p>hello</p>"),
        _ if contains(body, "late") => {
            // The only sleep of the tests: being late is what is tested.
            std::thread::sleep(DEADLINE * 2);
            reply("200 OK", EVENT, event)
        }
        _ if contains(body, "dies") => false,
        _ if contains(body, "throws") => {
            let problem = br#"{"title":"KeyError: rate","detail":"accounts.py:14","status":500}"#;
            reply("500 Internal Server Error", "Content-Type: application/problem+json\r\n", problem)
        }
        _ if contains(body, "never") => reply("422 Unprocessable Entity", "", b""),
        _ => reply("200 OK", EVENT, event),
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn resources(folder: &Path, port: u16) -> std::path::PathBuf {
    let resources = bank_resources(folder, Path::new("unused"), "");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n  \
         handles: [receive-deposit]\n  applies: [account]\n  runtime: url\n  \
         url: {{address: \"http://127.0.0.1:{port}\"}}\n  timeout: {}ms\n",
        DEADLINE.as_millis()
    );
    std::fs::write(resources.join("function.yaml"), function).expect("written");
    resources
}

#[test]
fn every_misbehaviour_has_its_code_and_nothing_of_it_enters_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources(folder.path(), hostile()));
    let send = |id: &str, reference: &str, wait: &str| {
        let body = format!("{{\"amount\":5,\"reference\":\"{reference}\"}}");
        let path = format!("/v1/entities/account/{id}/commands/receive-deposit");
        let headers = [("Content-Type", "application/json"), ("Prefer", wait), ("Idempotency-Key", "one")];
        server.post(&path, &headers, body.as_bytes()).expect("an answer")
    };
    let cases = [
        ("garbage", "EV3005"),
        ("trailing", "EV3005"),
        ("surprise", "EV3006"),
        ("nothing", "EV3008"),
        ("untyped", "EV3005"),
        ("huge", "EV3005"),
        ("html", "EV3005"),
        ("late", "EV3002"),
        ("dies", "EV3004"),
        ("throws", "EV3003"),
        ("bad-state", "EV3005"),
        ("never", "EV3003"),
    ];
    for (n, (reference, code)) in cases.iter().enumerate() {
        let reply = send(reference, reference, "wait=2");
        assert_eq!(reply.status, 202, "{reference}: {}", reply.text());
        // A command that comes while the function counts as down waits for it first.
        let until = Instant::now() + Duration::from_secs(30);
        let mut status = reply.json();
        while status["lastError"].is_null() && Instant::now() < until {
            status = server.json_of(&format!("/v1/entities/account/{reference}/commands/one"));
        }
        assert_eq!(status["lastError"]["code"], *code, "{reference}: {status}");
        assert!(status["attempts"].as_u64().is_some_and(|attempts| attempts >= 1), "{reference}: {status}");
        let other = send(&format!("other{n}"), "rent", "wait=10");
        assert_eq!(other.status, 200, "{reference} held up another instance: {}", other.text());
    }
    let status = |id: &str| server.json_of(&format!("/v1/entities/account/{id}/commands/one"));
    assert_eq!(status("never")["status"], "parked");
    let error = status("throws")["lastError"].clone();
    assert_eq!((error["title"].as_str(), error["detail"].as_str()), (Some("KeyError: rate"), Some("accounts.py:14")));
    for (reference, _) in cases {
        assert_eq!(
            server.get(&format!("/v1/entities/account/{reference}")).map(|r| r.status),
            Some(404),
            "{reference}"
        );
        let command = format!("account/{reference}/one");
        let mut last = String::new();
        // While an attempt is under way there is nothing to abandon.
        let given_up = (0..200).any(|_| {
            let (code, stdout, stderr) = server.evento(&["command", "abandon", &command, "--reason", "test", "-y"]);
            last = format!("exit {code}: {stdout}{stderr}");
            code == 0 || code == 10
        });
        assert!(given_up, "{reference}: {last}");
        let events = server.json(&format!("/v1/entities/account/{reference}/events"));
        let types: Vec<&str> =
            events["items"].as_array().expect("items").iter().filter_map(|e| e["type"].as_str()).collect();
        assert_eq!(types, ["evento.CommandAbandoned"], "{reference}");
    }
}
