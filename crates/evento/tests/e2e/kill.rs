//! Killed at any moment, fifty times and more: nothing acknowledged is lost, nothing happens twice.
//!
//! Clients send deposits with their own keys and repeat a key until they get its outcome. The server and the
//! function are killed (SIGKILL) again and again meanwhile. In the end every key has one outcome, the same that
//! was told; sequences are dense; balances are the sums of the deposits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use crate::server::{SOON, Server, bank_function, bank_resources, request, until};

const SERVER_KILLS: u64 = 40;
const FUNCTION_KILLS: u64 = 15;
const CLIENTS: u64 = 8;
const ACCOUNTS: u64 = 20;
/// A restart must answer within this time; it takes a tenth of a second when the machine is not loaded.
const RESTART_MAX: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Ledger {
    /// Key to account, amount and the sequence that was told.
    told: Mutex<BTreeMap<String, (u64, u64, u64)>>,
    acknowledged: AtomicU64,
    stop: AtomicBool,
}

fn client(n: u64, address: &RwLock<String>, ledger: &Ledger) {
    let mut round = 0;
    while !ledger.stop.load(Ordering::Relaxed) {
        round += 1;
        let (account, amount) = ((n * 7 + round) % ACCOUNTS, 1 + (round * 31 + n) % 97);
        let key = format!("k{n}-{round}");
        let path = format!("/v1/entities/account/a{account}/commands/receive-deposit");
        let body = format!("{{\"amount\":{amount},\"reference\":\"{key}\"}}");
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str()), ("Prefer", "wait=5")];
        // The same key until there is an outcome, over any number of restarts.
        loop {
            let at = address.read().expect("not poisoned").clone();
            let reply = request(&at, "POST", &path, &headers, body.as_bytes());
            match reply {
                Some(reply) if reply.status == 200 => {
                    let outcome = reply.json();
                    assert_eq!(outcome["outcome"], "accepted", "{outcome}");
                    let seq = outcome["seq"].as_u64().expect("a sequence");
                    ledger.told.lock().expect("not poisoned").insert(key.clone(), (account, amount, seq));
                    ledger.acknowledged.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Some(reply) => assert!(matches!(reply.status, 202 | 429 | 503), "{}: {}", reply.status, reply.text()),
                None => std::thread::park_timeout(Duration::from_millis(2)),
            }
        }
    }
}

#[test]
fn no_acknowledged_command_is_lost_or_doubled_over_fifty_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    server.apply(&resources);
    for account in 0..ACCOUNTS {
        let path = format!("/v1/entities/account/a{account}/commands/open-account");
        let reply =
            server.post(&path, &[("Content-Type", "application/json")], b"{\"owner\":\"Ada\"}").expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let address = Arc::new(RwLock::new(server.address.clone()));
    let ledger = Arc::new(Ledger::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (address, ledger) = (address.clone(), ledger.clone());
            std::thread::spawn(move || client(n, &address, &ledger))
        })
        .collect();
    let mut slowest = Duration::ZERO;
    let (mut server_kills, mut function_kills, mut round) = (0, 0, 0u64);
    while server_kills < SERVER_KILLS || function_kills < FUNCTION_KILLS {
        round += 1;
        // Another moment each time: after another number of further acknowledgements.
        let wanted = ledger.acknowledged.load(Ordering::Relaxed) + (round * 37) % 150;
        until("more is acknowledged", SOON, || {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client gave up");
            ledger.acknowledged.load(Ordering::Relaxed) >= wanted
        });
        if round % 4 == 0 && function_kills < FUNCTION_KILLS {
            if let Some(pid) = server.function_pid().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                function_kills += 1;
            }
        } else {
            server.kill();
            let killed = Instant::now();
            server = Server::start(&data);
            slowest = slowest.max(killed.elapsed());
            *address.write().expect("not poisoned") = server.address.clone();
            server_kills += 1;
        }
    }
    ledger.stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    assert!(slowest < RESTART_MAX, "a restart took {slowest:?}");
    let told = ledger.told.lock().expect("not poisoned");
    for account in 0..ACCOUNTS {
        check_account(&server, account, &told);
    }
    eprintln!(
        "{server_kills} server kills, {function_kills} function kills, {} commands, slowest restart {slowest:?}",
        told.len()
    );
}

fn check_account(server: &Server, account: u64, told: &BTreeMap<String, (u64, u64, u64)>) {
    let state = server.json(&format!("/v1/entities/account/a{account}"));
    let (mut seq, mut balance, mut found) = (0, 0, BTreeMap::new());
    loop {
        let page = server.json(&format!("/v1/entities/account/a{account}/events?fromSeq={}&limit=500", seq + 1));
        let items = page["items"].as_array().expect("items");
        for event in items {
            seq += 1;
            assert_eq!(event["seq"].as_u64(), Some(seq), "the sequence of a{account} has a gap");
            if event["type"] == "bank.DepositReceived" {
                let amount = event["data"]["amount"].as_u64().expect("an amount");
                balance += amount;
                let key = event["data"]["reference"].as_str().expect("a reference").to_owned();
                assert!(found.insert(key.clone(), (amount, seq)).is_none(), "{key} happened twice");
            }
        }
        if items.len() < 500 {
            break;
        }
    }
    assert_eq!(state["seq"].as_u64(), Some(seq));
    assert_eq!(
        state["state"]["balance"].as_u64(),
        Some(balance),
        "the balance of a{account} is not the sum of its events"
    );
    for (key, (_, amount, seq)) in told.iter().filter(|(_, (at, _, _))| *at == account) {
        assert_eq!(found.get(key), Some(&(*amount, *seq)), "what was told of {key} is not in the log");
    }
}
