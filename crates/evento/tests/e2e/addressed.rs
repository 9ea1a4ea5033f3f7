//! A function at an address: asked again what it is, known by its digest, and watched for states that differ.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::peer::{self, reply};
use crate::server::{SOON, Server, bank_resources, root, until};

const DATUM: &str = "Content-Type: avro/binary\r\n";
const EVENT: &str = "Content-Type: avro/binary\r\nEvento-Event: bank.DepositReceived\r\n";
const DEPOSIT: &str = "/v1/entities/account/ada/commands/receive-deposit";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn resources(folder: &Path, port: u16, url: &str, more: &str) -> PathBuf {
    let resources = bank_resources(folder, Path::new("unused"), "");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n{more}  \
         handles: [receive-deposit]\n  applies: [account]\n  runtime: url\n  \
         url: {{address: \"http://127.0.0.1:{port}\"{url}}}\n"
    );
    std::fs::write(resources.join("function.yaml"), function).expect("written");
    resources
}

/// The event that follows from a deposit without a state: the command's fields.
fn event(body: &[u8]) -> &[u8] {
    &body[..body.len() - 1]
}

/// A function without discovery whose states have another balance each time they are asked for.
fn impure() -> u16 {
    let calls = AtomicU8::new(0);
    peer::listen(Arc::new(move |stream, path, body| match path {
        "/.well-known/evento" => reply(stream, "404 Not Found", "", b""),
        "/ready" => reply(stream, "200 OK", "", b""),
        _ if path.starts_with("/apply/") => {
            let balance = 2 * (calls.fetch_add(1, Ordering::Relaxed) % 30);
            reply(stream, "200 OK", DATUM, &[2, b'h', 2, b'E', balance, 0, 0])
        }
        _ => reply(stream, "200 OK", EVENT, event(body)),
    }))
}

#[test]
fn an_apply_that_gives_two_states_for_one_event_commits_nothing_unless_only_a_warning_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    let port = impure();
    server.apply(&resources(folder.path(), port, "", ""));
    let headers = [JSON, ("Prefer", "wait=2"), ("Idempotency-Key", "one")];
    let sent = server.post(DEPOSIT, &headers, b"{\"amount\":5}").expect("an answer");
    assert_eq!(sent.status, 202, "{}", sent.text());
    let status = sent.json();
    assert_eq!(status["lastError"]["code"], "EV3010", "{status}");
    let detail = status["lastError"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("ada: balance 0 → 1"), "{status}");
    assert_eq!(server.get("/v1/entities/account/ada").map(|reply| reply.status), Some(404));

    // Another digest is another revision, which is tried at once.
    let digest = ", artifactDigest: \"sha256:0000000000000000000000000000000000000000000000000000000000000001\"";
    server.apply(&resources(folder.path(), port, digest, "  purity: warn\n"));
    let done = server.post(DEPOSIT, &headers, b"{\"amount\":5}").expect("an answer");
    assert_eq!(done.status, 200, "{}", done.text());
    let (_, logs, _) = server.evento(&["function", "logs", "accounts"]);
    assert_eq!(logs.matches("EV3010").count(), 2, "one warning for each revision: {logs}");
}

fn manifest(version: u64) -> Value {
    let schema = |name: &str| -> Value {
        let path = root().join("examples/bank/schemas").join(format!("{name}.avsc"));
        serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON")
    };
    let applied = ["AccountOpened", "DepositReceived", "CashWithdrawn", "TransferSent", "AccountClosed"];
    let rejected = [
        "AccountOpeningRejected",
        "DepositRejected",
        "WithdrawalRejected",
        "TransferRejected",
        "AccountClosingRejected",
    ];
    let full = |names: &[&str]| names.iter().map(|name| json!(format!("bank.{name}"))).collect::<Vec<Value>>();
    let all = ["Account", "ReceiveDeposit"].into_iter().chain(applied).chain(rejected);
    json!({
        "manifestVersion": 1,
        "protocol": {"min": 1, "max": 1, "modes": ["plain"]},
        "function": {"name": "accounts", "version": version.to_string()},
        "schemas": all.map(schema).collect::<Vec<Value>>(),
        "entities": [{"name": "bank.Account", "stateVersion": 1, "applies": full(&applied), "rejections": full(&rejected),
            "handles": [{"command": "bank.ReceiveDeposit", "emits": ["bank.DepositReceived", "bank.DepositRejected"]}]}],
    })
}

#[test]
fn a_new_revision_at_an_address_is_found_without_a_word_and_one_that_replays_otherwise_is_not_called() {
    let (version, balance) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU8::new(10)));
    let (told, given) = (version.clone(), balance.clone());
    let port = peer::listen(Arc::new(move |stream, path, body| match path {
        "/.well-known/evento" => {
            let text = manifest(told.load(Ordering::Relaxed)).to_string();
            reply(stream, "200 OK", "Content-Type: application/vnd.evento.manifest.v1+json\r\n", text.as_bytes())
        }
        _ if path.starts_with("/apply/") => {
            reply(stream, "200 OK", DATUM, &[2, b'h', 2, b'E', given.load(Ordering::Relaxed), 0, 0])
        }
        _ => reply(stream, "200 OK", EVENT, &body[..2]),
    }));
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources(folder.path(), port, ", rediscover: 1s", ""));
    let function = || server.json("/v1/functions/accounts");
    let send = |key: &str| {
        let headers = [JSON, ("Prefer", "wait=5"), ("Idempotency-Key", key)];
        server.post(DEPOSIT, &headers, b"{\"amount\":5}").expect("an answer")
    };
    assert_eq!(send("one").status, 200);

    let first = function()["revision"].clone();
    version.store(2, Ordering::Relaxed);
    until("the second revision serves", SOON, || function()["revision"] != first);
    assert_eq!(send("two").status, 200);

    balance.store(20, Ordering::Relaxed);
    version.store(3, Ordering::Relaxed);
    until("the third is refused", SOON, || function()["state"] == "refused");
    let waiting = send("three");
    assert_eq!(waiting.status, 202, "called as a revision that it is not: {}", waiting.text());
    balance.store(10, Ordering::Relaxed);
    version.store(2, Ordering::Relaxed);
    until("the command that waited is done", SOON, || send("three").status == 200);
    assert_eq!(server.json("/v1/entities/account/ada")["seq"], 3);
}
