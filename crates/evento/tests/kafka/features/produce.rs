//! Commands sent by producers: plain, idempotent, refused.

use std::path::Path;

use evento_model::partition_of;
use serde_json::{Map, Value, json};

use crate::clients::Client;
use crate::row::Row;
use crate::server::root;

/// Deposits to one account, each with a command id.
pub fn deposits(key: &str, amounts: &[i64]) -> Vec<Value> {
    amounts.iter().map(|amount| deposit(key, *amount)).collect()
}

fn deposit(key: &str, amount: i64) -> Value {
    json!({
        "key": key, "type": "bank.ReceiveDeposit", "data": {"amount": amount, "reference": "kafka"},
        "headers": {"ce_id": id(key, amount)},
    })
}

/// The command id of such a deposit.
pub fn id(key: &str, amount: i64) -> String {
    format!("{key}.{amount}")
}

/// The schemas that a serializer registers, as the bank's developers have them.
pub fn schemas() -> Value {
    let folder = root().join("examples/bank/schemas");
    let text = |path: &Path| std::fs::read_to_string(path).expect("a schema");
    let names = ["OpenAccount", "ReceiveDeposit"];
    let all = names.iter().map(|name| (format!("bank.{name}"), text(&folder.join(format!("{name}.avsc"))).into()));
    Value::Object(all.collect::<Map<_, _>>())
}

/// Options of a producer of commands.
pub fn options(records: &[Value]) -> Value {
    json!({"topic": "account.commands", "schemas": schemas(), "records": records})
}

fn produced(lines: &[Value]) -> Vec<&Value> {
    let refused: Vec<_> = lines.iter().filter(|line| line["refused"].is_object()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    lines.iter().map(|line| &line["produced"]).filter(|told| told.is_object()).collect()
}

/// Commands come in order, into the key's partition, and a repeated command id has one outcome.
pub fn produce(row: &Row) {
    let key = "cell-produce";
    row.bank.open(key);
    let mut records = deposits(key, &[1, 2, 3, 4]);
    records.push(deposit(key, 2));
    records.push(deposit(key, 5));
    let lines = row.run("produce", options(&records));
    let told = produced(&lines);
    assert_eq!(told.len(), records.len());
    let partition = partition_of(key.as_bytes(), row.bank.partitions());
    assert!(told.iter().all(|each| each["partition"] == partition), "{told:?}");
    assert_eq!(row.bank.deposits_after(key, &id(key, 5)), [1, 2, 3, 4, 5]);
}

/// Twenty commands of an idempotent producer: each once, in order. Only the last has a command id.
pub fn idempotent(row: &Row) {
    let key = "cell-idempotent";
    row.bank.open(key);
    let amounts: Vec<i64> = (1..=20).collect();
    let mut records = deposits(key, &amounts);
    records[..19].iter_mut().for_each(|record| record["headers"] = json!({}));
    let mut options = options(&records);
    options["idempotent"] = json!(true);
    assert_eq!(produced(&row.run("produce", options)).len(), 20);
    assert_eq!(row.bank.deposits_after(key, &id(key, 20)), amounts);
}

/// How Confluent's serializers may be set up to find the schema of what they write, as options of a record.
fn ways(client: Client) -> Vec<Value> {
    let mut ways = vec![
        json!({"strategy": "topic-record", "register": true}),
        json!({"strategy": "topic-record", "register": false}),
        json!({"strategy": "topic-record", "register": false, "latest": true}),
        json!({"strategy": "topic", "register": true}),
        json!({"strategy": "topic", "register": false, "latest": true}),
        json!({"strategy": "record", "register": true}),
    ];
    // The Java serializer that can be had without Confluent's own repository is older than ids in headers.
    if client == Client::Confluent {
        ways.push(json!({"strategy": "topic-record", "register": true, "header": true}));
        ways.push(json!({"strategy": "topic", "register": false, "latest": true, "header": true}));
    }
    ways
}

/// Whatever subject a serializer asks for, and however it names the schema: the commands are the same.
pub fn serializers(row: &Row) {
    let key = "cell-serializers";
    row.bank.open(key);
    let ways = ways(row.client);
    let amounts: Vec<i64> = (1..).take(ways.len()).collect();
    let mut records = deposits(key, &amounts);
    records.iter_mut().zip(ways).for_each(|(record, way)| record["serializer"] = way);
    assert_eq!(produced(&row.run("produce", options(&records))).len(), records.len());
    let last = amounts.last().expect("ways");
    assert_eq!(row.bank.deposits_after(key, &id(key, *last)), amounts);
}

/// Nobody produces events or states, and what is no command is refused: the protocol's own codes.
pub fn refusals(row: &Row) {
    let bad = [json!({"key": "cell-refused", "raw": "bm8gY29tbWFuZA=="})];
    for (topic, code) in [("account.events", 29), ("account.state", 29), ("account.commands", 87)] {
        let mut options = options(&bad);
        options["topic"] = json!(topic);
        let lines = row.run("produce", options);
        let refused: Vec<_> = lines.iter().map(|line| &line["refused"]).filter(|each| each.is_object()).collect();
        assert_eq!(refused.len(), 1, "{topic}: {lines:?}");
        // aiokafka knows the codes up to 86 and calls the others unknown.
        let told = if row.client == Client::Aiokafka && code > 86 { -1 } else { code };
        assert_eq!(refused[0]["code"], told, "{topic}: {lines:?}");
    }
}
