//! The calls on the hot path, on the bank's shapes.

use criterion::{Criterion, criterion_group, criterion_main};
use evento_schema::avro::{JsonOptions, Plan, Schema, check, from_json, to_json};
use std::hint::black_box;

const ACCOUNT: &str = r#"{"type":"record","name":"bank.Account","fields":[
    {"name":"owner","type":"string"},{"name":"balance","type":"long"},
    {"name":"overdraft","type":["null","long"],"default":null},{"name":"open","type":"boolean"}]}"#;
const ACCOUNT_GROWN: &str = r#"{"type":"record","name":"bank.Account","fields":[
    {"name":"owner","type":"string"},{"name":"balance","type":"long"},
    {"name":"overdraft","type":["null","long"],"default":null},{"name":"open","type":"boolean"},
    {"name":"currency","type":"string","default":"EUR"}]}"#;
const WITHDRAW: &str = r#"{"type":"record","name":"bank.WithdrawCash","fields":[
    {"name":"amount","type":"long"},{"name":"text","type":"string"}]}"#;

fn avro(criterion: &mut Criterion) {
    let account = Schema::parse(ACCOUNT).expect("the schema is valid");
    let withdraw = Schema::parse(WITHDRAW).expect("the schema is valid");
    let json = br#"{"owner":"Ada Lovelace","balance":1234567,"overdraft":500,"open":true}"#;
    let datum = from_json(&account, json).expect("the value fits");
    let command = br#"{"amount":500,"text":"cash machine 17"}"#;
    let grown = Schema::parse(ACCOUNT_GROWN).expect("the schema is valid");
    let plan = Plan::compile(&account, &grown).expect("the schemas are compatible");

    criterion.bench_function("check, 4 fields", |bench| bench.iter(|| check(&account, black_box(&datum)).is_ok()));
    criterion.bench_function("from_json, 2 fields", |bench| {
        bench.iter(|| from_json(&withdraw, black_box(command)).expect("the value fits"));
    });
    criterion.bench_function("to_json, 4 fields", |bench| {
        let mut out = Vec::with_capacity(256);
        bench.iter(|| {
            out.clear();
            to_json(&account, black_box(&datum), &JsonOptions::default(), &mut out).expect("the bytes are valid");
            out.len()
        });
    });
    criterion.bench_function("plan, 4 to 5 fields", |bench| {
        bench.iter(|| plan.run(black_box(&datum)).expect("the bytes are valid").len());
    });
    criterion.bench_function("compile, 4 to 5 fields", |bench| {
        bench.iter(|| Plan::compile(black_box(&account), &grown).expect("the schemas are compatible"));
    });
    criterion.bench_function("parse, 4 fields", |bench| {
        bench.iter(|| Schema::parse(black_box(ACCOUNT)).expect("the schema is valid"));
    });
}

criterion_group!(benches, avro);
criterion_main!(benches);
