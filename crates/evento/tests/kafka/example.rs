//! `examples/bank-consumer-python`: its table is exactly the bank's state, whatever is killed when.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bank::Bank;
use crate::clients::set_up;
use crate::server::root;

/// How often both are killed.
const KILLS: usize = 3;
/// Longest wait for the table to grow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The consumer as it runs; killed when it is dropped.
struct Consumer(Child);

impl Consumer {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn consumer(bank: &Bank, database: &Path, more: &[&str]) -> Consumer {
    let mut command = Command::new(set_up().join("venv/bin/python"));
    command
        .arg(root().join("examples/bank-consumer-python/balances.py"))
        .arg(database)
        .args(["--kafka", &bank.kafka, "--registry", &bank.registry])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Consumer(command.spawn().expect("the consumer starts"))
}

/// The table: balance and number of events by account. Nothing while there is no table yet.
fn table(database: &Path) -> BTreeMap<String, (i64, u64)> {
    let program = "import json, sqlite3, sys\n\
                   rows = sqlite3.connect(sys.argv[1], timeout=30).execute('SELECT account, balance, events FROM balances')\n\
                   print(json.dumps({account: [balance, events] for account, balance, events in rows}))";
    let mut command = Command::new(set_up().join("venv/bin/python"));
    let output = command.args(["-c", program]).arg(database).stderr(Stdio::null()).output().expect("python runs");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Events that have been counted so far.
fn counted(database: &Path) -> u64 {
    table(database).values().map(|(_, events)| events).sum()
}

fn wait_for(database: &Path, events: u64) {
    let until = Instant::now() + PATIENCE;
    while counted(database) < events {
        assert!(Instant::now() < until, "the table does not grow beyond {} of {events}", counted(database));
    }
}

fn deposits(round: usize) -> Vec<serde_json::Value> {
    let deposit = |n: usize| {
        let account = format!("acc-{}", n % 7);
        json!({"entity": "account", "id": account, "command": "receive-deposit", "data": {"amount": n + round + 1}})
    };
    (0..200).map(deposit).collect()
}

#[test]
fn the_example_counts_every_event_once_though_it_and_the_server_are_killed() {
    let mut bank = Bank::empty();
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("balances.db");
    let accounts: Vec<String> = (0..7).map(|n| format!("acc-{n}")).collect();
    accounts.iter().for_each(|account| bank.open(account));
    let mut total = 7;
    for round in 0..KILLS {
        let mut running = consumer(&bank, &database, &[]);
        bank.fill(&deposits(round));
        // Killed as soon as it has begun with the round, mostly in the middle of it.
        wait_for(&database, total + 1);
        total += 200;
        running.kill();
        bank.restart();
    }
    let mut running = consumer(&bank, &database, &[]);
    bank.fill(&deposits(KILLS));
    bank.restart();
    total += 200;
    wait_for(&database, total);
    running.kill();
    let status = consumer(&bank, &database, &["--until-end"]).0.wait().expect("its status");
    assert!(status.success(), "{status}");
    let states = accounts.iter().map(|account| {
        let state = bank.server.json(&format!("/v1/entities/account/{account}"));
        let balance = state["state"]["balance"].as_i64().expect("a balance");
        (account.clone(), (balance, state["seq"].as_u64().expect("a sequence")))
    });
    assert_eq!(table(&database), states.collect());
}
