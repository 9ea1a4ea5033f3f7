//! Quotas of a real client: what it sends and reads is all taken and given, and takes as long as it must.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bank::Bank;
use crate::clients::Client;
use crate::features::schemas;
use crate::program::Program;

/// Bytes of each deposit's text.
const TEXT: usize = 8 << 10;
/// Transactions of one deposit each.
const TRANSACTIONS: usize = 8;
/// What the settings below allow in a second.
const RATE: usize = 16 << 10;

fn run(bank: &Bank, verb: &str, more: Value) -> Vec<Value> {
    let mut all = json!({"bootstrap": bank.kafka, "registry": bank.registry, "schemas": schemas()});
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Program::run(Client::Confluent, verb, &all)
}

/// How often clients were told to wait because of their quota.
fn throttled(bank: &Bank, api: &str) -> u64 {
    let metrics = bank.server.get("/metrics").expect("an answer").text();
    let row = format!("evento_kafka_throttled_total{{api=\"{api}\",reason=\"quota\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&row)?.parse().ok()).expect("the metric")
}

#[test]
fn a_client_over_its_quota_is_slowed_down_and_loses_nothing() {
    let bank = Bank::with(&[
        ("EVENTO_KAFKA_QUOTA_PRODUCE_BYTES_PER_SECOND", "16KiB"),
        ("EVENTO_KAFKA_QUOTA_FETCH_BYTES_PER_SECOND", "16KiB"),
    ]);
    bank.open("quota");
    let deposit = |n: usize| {
        let data = json!({"amount": n + 1, "reference": "x".repeat(TEXT)});
        json!({"records": [{"key": "quota", "type": "bank.ReceiveDeposit", "data": data}], "end": "commit"})
    };
    let steps: Vec<Value> = (0..TRANSACTIONS).map(deposit).collect();
    let start = Instant::now();
    run(&bank, "transact", json!({"topic": "account.commands", "transactional_id": "quota", "steps": steps}));
    // The first second's worth comes at once, and nobody waits after the last one.
    let least = Duration::from_secs_f64(((TRANSACTIONS - 1) * TEXT - RATE) as f64 / RATE as f64);
    assert!(start.elapsed() >= least, "{:?}, and not {least:?}", start.elapsed());
    assert!(throttled(&bank, "Produce") > 0);
    let amounts: Vec<_> = bank.events("quota").iter().filter_map(|event| event["data"]["amount"].as_u64()).collect();
    assert_eq!(amounts, (1..=TRANSACTIONS as u64).collect::<Vec<_>>());
    let everything = json!({"topic": "account.events", "prefixes": ["quota"], "count": TRANSACTIONS + 1});
    assert_eq!(run(&bank, "consume", everything).len(), TRANSACTIONS + 2, "all records, and the end");
    assert!(throttled(&bank, "Fetch") > 0);
}
