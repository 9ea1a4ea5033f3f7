//! What a reader was told while the server was killed under it, compared with what is there at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::start;
use crate::bank::Bank;
use crate::clients::Client;
use crate::program::Program;

/// Topics that are watched. A state topic forgets by intent.
pub const TOPICS: [&str; 2] = ["account.commands", "account.events"];

/// Records by topic and partition, each list in the order of its coming.
type Records = BTreeMap<(String, u64), Vec<Value>>;

/// A reader of everything that is committed, from the beginning, until it is asked to end.
pub fn watch(bank: &Bank, client: Client) -> Program {
    start(bank, client, "watch", json!({"topics": TOPICS, "isolation": "read_committed"}))
}

/// How many records a topic has.
pub fn records_of(bank: &Bank, topic: &str) -> u64 {
    let found = bank.server.json(&format!("/v1/topics/{topic}"));
    let partitions = found["partitions"].as_array().expect("partitions");
    partitions.iter().filter_map(|partition| partition["endOffset"].as_u64()).sum()
}

/// Every record that the watching reader saw is still there, byte for byte, and it saw all of them once, in order.
pub fn still_there(bank: &Bank, client: Client, watching: Program) {
    let all: u64 = TOPICS.iter().map(|topic| records_of(bank, topic)).sum();
    watching.wait("the reader comes to the end", |lines| (lines.len() as u64 >= all).then_some(()));
    let seen = by_partition(watching.finish());
    let mut there = Records::new();
    for topic in TOPICS {
        let count = records_of(bank, topic);
        let options = json!({"topic": topic, "topics": [topic], "prefixes": [""], "count": count});
        let lines = start(bank, client, "consume", options).finish();
        there.extend(by_partition(lines).into_iter().map(|((_, partition), r)| ((topic.to_owned(), partition), r)));
    }
    assert_eq!(seen.len(), there.len(), "partitions with records");
    for (place, records) in &seen {
        let now: Vec<_> = there[place].iter().map(content).collect();
        let then: Vec<_> = records.iter().map(content).collect();
        let differs = then.iter().zip(&now).find(|(then, now)| then != now);
        assert_eq!(differs, None, "{place:?}: what was seen is not what is there");
        assert_eq!(then.len(), now.len(), "{place:?}: all was seen");
        let offsets: Vec<_> = records.iter().filter_map(|record| record["offset"].as_u64()).collect();
        assert_eq!(offsets, (0..offsets.len() as u64).collect::<Vec<_>>(), "{place:?}: offsets rise by one");
    }
    sequences_rise(seen);
}

fn by_partition(lines: Vec<Value>) -> Records {
    let mut all = Records::new();
    for line in lines {
        if let Some(partition) = line["record"]["partition"].as_u64() {
            let topic = line["record"]["topic"].as_str().unwrap_or_default().to_owned();
            all.entry((topic, partition)).or_default().push(line["record"].clone());
        }
    }
    all
}

/// Everything of a record but where a program says it is.
fn content(record: &Value) -> [&Value; 5] {
    ["offset", "key", "timestamp", "headers", "value"].map(|name| &record[name])
}

/// The sequences of each instance rise by one, as the reader saw them.
fn sequences_rise(seen: Records) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for record in seen.into_iter().filter(|((topic, _), _)| topic == "account.events").flat_map(|(_, r)| r) {
        let key = record["key"].as_str().expect("a key").to_owned();
        let mut headers = record["headers"].as_array().expect("headers").iter();
        let sequence = headers.find(|header| header[0] == "ce_sequence").and_then(|header| header[1].as_str());
        let sequence = sequence.and_then(|text| text.parse().ok()).expect("a sequence");
        let before = last.insert(key.clone(), sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1, "the sequence of {key}");
    }
}
