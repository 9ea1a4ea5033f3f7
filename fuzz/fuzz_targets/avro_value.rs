//! An Avro datum: checked, shown as JSON, read from JSON, moved to another schema. The first byte chooses the schema.

#![no_main]

use std::sync::LazyLock;

use evento_schema::avro::{Checked, JsonOptions, Plan, Schema, check, from_json, to_json};
use libfuzzer_sys::fuzz_target;

/// Schemas that have every type between them, and one that each can be read with.
const SCHEMAS: &[(&str, &str)] = &[
    (r#"{"type":"array","items":"int"}"#, r#"{"type":"array","items":"double"}"#),
    (r#"{"type":"map","values":["null","string"]}"#, r#"{"type":"map","values":["null","bytes"]}"#),
    (
        r#"{"type":"array","items":{"type":"array","items":"null"}}"#,
        r#"{"type":"array","items":{"type":"array","items":["int","null"]}}"#,
    ),
    (
        r#"{"type":"record","name":"L","fields":[{"name":"v","type":"long"},{"name":"n","type":["null","L"]}]}"#,
        r#"{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]},{"name":"d","type":"string","default":""}]}"#,
    ),
    (
        r#"{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"b","type":"boolean"},{"name":"x","type":"float"},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},{"name":"u","type":{"type":"string","logicalType":"uuid"}},{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}},{"name":"x","type":"double"}]}"#,
    ),
    (r#"{"type":"bytes","logicalType":"big-decimal"}"#, r#"{"type":"bytes","logicalType":"big-decimal"}"#),
];

static COMPILED: LazyLock<Vec<(Schema, Plan)>> = LazyLock::new(|| {
    let compiled = |(writer, reader): &(&str, &str)| {
        let writer = Schema::parse(writer).expect("a schema");
        let plan = Plan::compile(&writer, &Schema::parse(reader).expect("a schema")).expect("compatible");
        (writer, plan)
    };
    SCHEMAS.iter().map(compiled).collect()
});

fuzz_target!(|data: &[u8]| {
    let [chosen, datum @ ..] = data else { return };
    let (schema, plan) = &COMPILED[usize::from(*chosen) % COMPILED.len()];
    if let Ok(checked) = check(schema, datum) {
        let canonical = checked.into_bytes();
        assert_eq!(check(schema, &canonical), Ok(Checked::Canonical(&canonical)));
        let mut text = Vec::new();
        if to_json(schema, &canonical, &JsonOptions::default(), &mut text).is_ok() {
            serde_json::from_slice::<serde::de::IgnoredAny>(&text).expect("JSON");
        }
    }
    let _ = plan.run(datum);
    let _ = from_json(schema, datum);
});
