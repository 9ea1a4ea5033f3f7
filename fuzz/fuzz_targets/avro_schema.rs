//! An Avro schema: one that is accepted reads its own normal form, and data written with it.

#![no_main]

use evento_schema::avro::{Plan, Schema, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(schema) = Schema::parse(text) else { return };
    let normal = Schema::parse(&schema.normal_form()).expect("a normal form is a schema");
    assert_eq!(normal.canonical_form(), schema.canonical_form());
    let _ = schema.ambiguities();
    let _ = check(&schema, &data[..data.len().min(64)]);
    if let Ok(plan) = Plan::compile(&schema, &normal) {
        let _ = plan.run(&[0; 16]);
    }
});
