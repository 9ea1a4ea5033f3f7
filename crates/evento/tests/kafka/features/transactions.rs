//! Transactions on commands: what is aborted never happens, a zombie is fenced, offsets go along.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::produce::{deposits, id, options};
use super::read::{places, records};
use crate::row::Row;

fn transact(transactional_id: &str, steps: &[(&[Value], &str)]) -> Value {
    let steps: Vec<Value> = steps.iter().map(|(records, end)| json!({"records": records, "end": end})).collect();
    let mut all = options(&[]);
    all["transactional_id"] = json!(transactional_id);
    all["steps"] = json!(steps);
    all
}

/// Commands of committed transactions are carried out, those of an aborted one never; no committed reader sees them.
pub fn commit_and_abort(row: &Row) {
    let key = "cell-transactions";
    row.bank.open(key);
    let steps = [
        (&deposits(key, &[1, 2])[..], "commit"),
        (&deposits(key, &[1000, 2000])[..], "abort"),
        (&deposits(key, &[3])[..], "commit"),
    ];
    let lines = row.run("transact", transact(key, &steps));
    let ended: Vec<_> = lines.iter().filter_map(|line| line["ended"].as_str()).collect();
    assert_eq!(ended, ["commit", "abort", "commit"]);
    assert_eq!(row.bank.deposits_after(key, &id(key, 3)), [1, 2, 3]);
    let lines = row.run("consume", json!({"topic": "account.commands", "prefixes": [key], "count": 4}));
    let sent: Vec<&str> = records(&lines)[1..].iter().filter_map(|record| header(record, "ce_id")).collect();
    assert_eq!(sent, [id(key, 1), id(key, 2), id(key, 3)], "what a committed reader sees");
}

fn header<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    let mut headers = record["headers"].as_array()?.iter();
    headers.find(|pair| pair[0] == name)?[1].as_str()
}

/// A producer that lost its id to a newer one cannot commit any more, and what it sent never happens.
pub fn fencing(row: &Row) {
    let key = "cell-fencing";
    row.bank.open(key);
    let zombie = row.start("transact", transact(key, &[(&deposits(key, &[1000]), "hold")]));
    zombie.wait("its transaction is open", |lines| lines.iter().any(|line| line["open"] == true).then_some(()));
    row.run("transact", transact(key, &[(&deposits(key, &[1]), "commit")]));
    let lines = zombie.finish();
    assert!(lines.iter().any(|line| line["fenced"] == true), "{lines:?}");
    assert_eq!(row.bank.deposits_after(key, &id(key, 1)), [1]);
}

/// Offsets that were sent in an aborted transaction are not committed, those of a committed one are.
pub fn offsets(row: &Row) {
    let key = "cell-offsets";
    row.bank.open(key);
    let transfer = |amount: i64, end: &str| {
        let mut all = options(&deposits(key, &[amount]));
        let more = json!({
            "topic": "account.events", "target": "account.commands", "group": key, "transactional_id": key,
            "prefixes": ["feed-"], "count": 10, "end": end,
        });
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        row.run("transfer", all)
    };
    transfer(1000, "abort");
    let taken = transfer(1, "commit");
    assert_eq!(row.bank.deposits_after(key, &id(key, 1)), [1]);
    let all = row.bank.all_events("feed-").values().map(Vec::len).sum::<usize>();
    let rest = row.run("take", json!({"group": key, "prefixes": ["feed-"], "count": all - 10}));
    let both: BTreeSet<_> = places(&taken).into_iter().chain(places(&rest)).collect();
    assert_eq!(both.len(), all, "every event is in the one or the other");
}
