//! An idempotent producer without command ids: what it was told is recorded is recorded once, in order.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Chance, KILLS, PATIENCE, accounts, all_events, bank, both, random_moment, reference, start};
use crate::clients::Client;
use crate::server::until;

#[test]
fn what_an_idempotent_producer_sends_is_recorded_once_though_the_server_is_killed() {
    both([Client::Confluent, Client::Java], stream_through_kills);
}

fn stream_through_kills(client: Client) {
    let mut chance = Chance::new("stream");
    let mut bank = bank();
    let stream = start(&bank, client, "stream", json!({"topic": "account.commands", "keys": accounts()}));
    stream.wait("the first record is acknowledged", |lines| (!lines.is_empty()).then_some(()));
    for _ in 0..KILLS {
        random_moment(&mut chance, &stream, 150);
        bank.restart();
    }
    let lines = stream.finish();
    let (acked, lost) = (numbers(&lines, |line| &line["acked"]), numbers(&lines, |line| &line["lost"]["n"]));
    println!("{}: {} acknowledged, {} given up", client.name(), acked.len(), lost.len());
    assert!(acked.len() > KILLS, "the kills came before the records");
    let sent = lines.iter().find_map(|line| line["sent"].as_u64()).expect("how many were sent");
    assert_eq!((acked.len() + lost.len()) as u64, sent, "every record has an answer");
    until("all that was acknowledged has its event", PATIENCE, || recorded(&all_events(&bank)).is_superset(&acked));
    in_order_and_once(&all_events(&bank));
}

fn numbers(lines: &[Value], number: impl Fn(&Value) -> &Value) -> BTreeSet<u64> {
    lines.iter().filter_map(|line| number(line).as_u64()).collect()
}

/// The number of the record that an event came of.
fn number(event: &Value) -> Option<u64> {
    reference(event)?.strip_prefix('s')?.parse().ok()
}

fn recorded(events: &[Vec<Value>]) -> BTreeSet<u64> {
    events.iter().flatten().filter_map(number).collect()
}

/// The numbers of an account rise: none is there twice, and none before one that was sent earlier.
fn in_order_and_once(events: &[Vec<Value>]) {
    for account in events {
        let numbers: Vec<u64> = account.iter().filter_map(number).collect();
        let wrong = numbers.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(wrong, None, "doubled, or out of order");
    }
}
