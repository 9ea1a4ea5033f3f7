//! Reading: everything in order with headers, decoded, as CloudEvents, from a point in time, from committed offsets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evento_model::partition_of;
use serde_json::{Value, json};

use crate::row::Row;

/// The records among lines.
pub fn records(lines: &[Value]) -> Vec<&Value> {
    lines.iter().map(|line| &line["record"]).filter(|record| record.is_object()).collect()
}

/// Partition and offset of each record.
pub fn places(lines: &[Value]) -> Vec<(u64, u64)> {
    let place = |record: &Value| Some((record["partition"].as_u64()?, record["offset"].as_u64()?));
    records(lines).into_iter().map(|record| place(record).expect("a place")).collect()
}

/// Records by key, each with its event as HTTP tells it; the numbers must agree.
fn pairs<'a>(lines: &'a [Value], events: &'a BTreeMap<String, Vec<Value>>) -> Vec<(&'a Value, &'a Value)> {
    let mut next: HashMap<&str, usize> = HashMap::new();
    let pairs: Vec<_> = records(lines)
        .into_iter()
        .map(|record| {
            let key = record["key"].as_str().expect("a key");
            let n = next.entry(key).or_default();
            *n += 1;
            (record, events.get(key).and_then(|all| all.get(*n - 1)).expect("an event"))
        })
        .collect();
    assert_eq!(pairs.len(), events.values().map(Vec::len).sum::<usize>(), "all events, and each once");
    pairs
}

fn feed(row: &Row) -> (BTreeMap<String, Vec<Value>>, Value) {
    let events = row.bank.all_events("feed-");
    let count = events.values().map(Vec::len).sum::<usize>();
    (events, json!({"prefixes": ["feed-"], "count": count}))
}

/// Every event once, in order per key, in the key's partition, with the headers that interfaces promise.
pub fn consume(row: &Row) {
    let (events, options) = feed(row);
    let lines = row.run("consume", options);
    ascending(&places(&lines));
    let partitions = row.bank.partitions();
    for (record, event) in pairs(&lines, &events) {
        let key = record["key"].as_str().expect("a key");
        assert_eq!(record["partition"], partition_of(key.as_bytes(), partitions), "the partition of {key}");
        check_headers(record, event, key);
        let value = record["value"].as_str().expect("a value");
        assert!(value.starts_with("AAAA"), "no wire format: {value}");
        assert!(record["timestamp"].as_u64().is_some_and(|time| time > 1_700_000_000_000), "{record}");
    }
}

/// Offsets rise in each partition.
fn ascending(places: &[(u64, u64)]) {
    let mut last: HashMap<u64, u64> = HashMap::new();
    for &(partition, offset) in places {
        let before = last.insert(partition, offset);
        assert!(before.is_none_or(|before| before < offset), "partition {partition}: {before:?}, then {offset}");
    }
}

fn check_headers(record: &Value, event: &Value, key: &str) {
    let pairs = record["headers"].as_array().expect("headers");
    let all: BTreeMap<&str, &str> =
        pairs.iter().map(|pair| (pair[0].as_str().expect("a name"), pair[1].as_str().unwrap_or_default())).collect();
    assert_eq!(all.len(), pairs.len(), "each header once: {record}");
    let text = |name: &str| event[name].as_str().expect("text").to_owned();
    let sequence = event["seq"].to_string();
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("content-type", "application/avro"),
        ("ce_id", &text("id")),
        ("ce_type", &text("type")),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        ("ce_sequence", &sequence),
        ("ce_causationid", &format!("{key}.{sequence}")),
        ("evento-batch", "1/1"),
    ] {
        assert_eq!(all.get(name), Some(&value), "{name} in {record}");
    }
    let source = all.get("ce_source").copied().unwrap_or_default();
    assert!(source.starts_with("/evento/") && source.ends_with("/account"), "ce_source in {record}");
    assert!(all.get("ce_dataschema").is_some_and(|at| at.contains("/schemas/ids/")), "ce_dataschema in {record}");
    let rejected = text("type").ends_with("Rejected");
    let outcome = if rejected { "rejected" } else { "accepted" };
    assert_eq!(all.get("evento-outcome"), Some(&outcome), "evento-outcome in {record}");
    for name in ["ce_time", "ce_correlationid", "evento-command", "evento-seed", "evento-epoch", "evento-state-digest"]
    {
        assert!(all.get(name).is_some_and(|value| !value.is_empty()), "{name} in {record}");
    }
}

/// Every value decoded by the ecosystem's deserializer is what HTTP tells.
pub fn avro(row: &Row) {
    let (events, options) = feed(row);
    let lines = row.run("avro", options);
    for (record, event) in pairs(&lines, &events) {
        assert_eq!((&record["type"], &record["data"]), (&event["type"], &event["data"]), "{record}");
    }
}

/// The CloudEvents SDK finds the attributes of every event.
pub fn cloudevents(row: &Row) {
    let (events, options) = feed(row);
    let lines = row.run("cloudevent", options);
    let found: Vec<&Value> = lines.iter().map(|line| &line["event"]).filter(|event| event.is_object()).collect();
    let all: BTreeMap<&str, &Value> =
        events.values().flatten().map(|event| (event["id"].as_str().expect("an id"), event)).collect();
    let ids: BTreeSet<&str> = found.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids, all.keys().copied().collect(), "the ids of all events");
    for event in found {
        let wanted = all[event["id"].as_str().expect("an id")];
        assert_eq!(event["type"], wanted["type"]);
        assert_eq!((&event["specversion"], &event["datacontenttype"]), (&json!("1.0"), &json!("application/avro")));
        assert_eq!(event["sequence"], wanted["seq"].to_string());
        assert_eq!(event["partitionkey"], event["subject"]);
    }
}

/// From a point in time on there is everything that came later, and nothing older.
pub fn seek_by_time(row: &Row) {
    let events = row.bank.all_events("late-");
    let options = json!({
        "prefixes": ["feed-", "late-"], "count": events.len(), "timestamp": row.bank.between,
    });
    let lines = row.run("seek", options);
    pairs(&lines, &events);
    assert!(records(&lines).iter().all(|record| record["timestamp"].as_u64() >= Some(row.bank.between)));
}

/// Taken in two goes, every event comes once; the broker knows the offsets that were committed.
pub fn commit_and_resume(row: &Row) {
    let (events, _) = feed(row);
    let all = events.values().map(Vec::len).sum::<usize>();
    let group = "commit-and-resume";
    let first = row.run("take", json!({"prefixes": ["feed-"], "count": 50, "group": group}));
    let rest = all - records(&first).len();
    let second = row.run("take", json!({"prefixes": ["feed-"], "count": rest, "group": group}));
    assert!(first.iter().any(|line| line["committed"].as_object().is_some_and(|offsets| !offsets.is_empty())));
    let both: BTreeSet<_> = places(&first).into_iter().chain(places(&second)).collect();
    assert_eq!(both.len(), all, "every event once in {} and {}", places(&first).len(), places(&second).len());
}
