//! Transactions: wholly or not at all, and never taken back from a reader.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Chance, KILLS, PATIENCE, accounts, all_events, bank, both, random_moment, reference, start, told};
use crate::clients::Client;
use crate::server::until;

/// Records of each transaction, as the programs make them.
const RECORDS: usize = 3;

#[test]
fn transactions_are_whole_and_nothing_seen_is_gone_though_the_server_is_killed() {
    both([Client::Confluent, Client::Java], transactions_through_kills);
}

fn transactions_through_kills(client: Client) {
    let mut chance = Chance::new("transactions");
    let mut bank = bank();
    let options = json!({"topic": "account.commands", "keys": accounts(), "transactional_id": "killed"});
    let running = start(&bank, client, "transactions", options);
    let watching = told::watch(&bank, client);
    running.wait("the first transaction ends", |lines| (!lines.is_empty()).then_some(()));
    for _ in 0..KILLS {
        random_moment(&mut chance, &running, 40);
        bank.restart();
    }
    let lines = running.finish();
    let ends = ends(&lines);
    let count = |end: &str| ends.values().filter(|each| *each == end).count();
    println!(
        "{}: {} committed, {} aborted, {} in doubt",
        client.name(),
        count("commit"),
        count("abort"),
        count("doubt")
    );
    assert!(count("commit") > KILLS, "the kills came before the transactions");
    until("every transaction is whole", PATIENCE, || wrong(&ends, &found(&all_events(&bank))).is_none());
    told::still_there(&bank, client, watching);
    assert_eq!(wrong(&ends, &found(&all_events(&bank))), None);
}

/// How each transaction ended, by its number, as far as the client knows.
fn ends(lines: &[Value]) -> BTreeMap<u64, String> {
    let told = lines.iter().map(|line| &line["transaction"]).filter(|told| told.is_object());
    told.map(|told| (told["n"].as_u64().expect("a number"), told["end"].as_str().expect("an end").to_owned())).collect()
}

/// The records of each transaction that have events.
fn found(events: &[Vec<Value>]) -> BTreeMap<u64, Vec<String>> {
    let mut all: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for text in events.iter().flatten().filter_map(reference) {
        let (n, record) = text.strip_prefix('t').and_then(|text| text.split_once('.')).expect("a transaction's");
        all.entry(n.parse().expect("a number")).or_default().push(record.to_owned());
    }
    all.values_mut().for_each(|records| records.sort());
    all
}

/// The first transaction that is not as the client knows it, or not whole.
fn wrong(ends: &BTreeMap<u64, String>, found: &BTreeMap<u64, Vec<String>>) -> Option<String> {
    let whole: Vec<String> = (0..RECORDS).map(|n| n.to_string()).collect();
    if let Some(n) = found.keys().find(|n| !ends.contains_key(n)) {
        return Some(format!("nobody knows of transaction {n}"));
    }
    let nothing = Vec::new();
    ends.iter().find_map(|(n, end)| {
        let records = found.get(n).unwrap_or(&nothing);
        let right = match end.as_str() {
            "commit" => *records == whole,
            "abort" => records.is_empty(),
            _ => records.is_empty() || *records == whole,
        };
        (!right).then(|| format!("transaction {n}, {end}: {records:?}"))
    })
}
