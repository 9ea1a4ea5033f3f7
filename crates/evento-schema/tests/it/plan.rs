//! Transcoding: what a reader may change, what it may not and where that is told.

use evento_schema::avro::{JsonOptions, Plan, Schema, check, from_json, to_json};

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"bank.Account","fields":[{fields}]}}"#)
}

fn field(kind: &str) -> String {
    record(&format!(r#"{{"name":"balance","type":{kind}}}"#))
}

fn plan(writer: &str, reader: &str) -> Result<Plan, Vec<String>> {
    Plan::compile(&Schema::parse(writer).unwrap(), &Schema::parse(reader).unwrap())
        .map_err(|violations| violations.iter().map(ToString::to_string).collect())
}

/// Plain JSON under the writer becomes this plain JSON under the reader.
#[track_caller]
fn becomes(writer: &str, given: &str, reader: &str, expected: &str) {
    let (from, to) = (Schema::parse(writer).unwrap(), Schema::parse(reader).unwrap());
    let datum = from_json(&from, given.as_bytes()).unwrap();
    let plan = Plan::compile(&from, &to).unwrap();
    let bytes = plan.run(&datum).unwrap();
    assert_eq!(check(&to, &bytes).unwrap().bytes(), &bytes[..]);
    let mut text = Vec::new();
    to_json(&to, &bytes, &JsonOptions::default(), &mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn numbers_and_texts_are_promoted() {
    becomes("\"int\"", "-5", "\"long\"", "-5");
    becomes("\"int\"", "-5", "\"double\"", "-5.0");
    becomes("\"long\"", "5", "\"float\"", "5.0");
    becomes("\"float\"", "0.5", "\"double\"", "0.5");
    becomes("\"string\"", "\"ab\"", "\"bytes\"", "\"YWI=\"");
    becomes("\"bytes\"", "\"YWI=\"", "\"string\"", "\"ab\"");
    becomes("\"int\"", "5", r#"["null","string","long"]"#, "5");
    becomes(r#"["int","float"]"#, "5", "\"double\"", "5.0");
    let plan = plan("\"bytes\"", "\"string\"").unwrap();
    assert!(plan.run(&[2, 0xff]).unwrap_err().message.contains("UTF-8"));
}

#[test]
fn fields_may_be_added_dropped_renamed_and_reordered() {
    let writer = record(
        r#"{"name":"a","type":"int"},{"name":"old","type":{"type":"map","values":"int"}},{"name":"b","type":"string"}"#,
    );
    let given = r#"{"a":1,"old":{"x":1},"b":"t"}"#;
    becomes(
        &writer,
        given,
        &record(
            r#"{"name":"b","type":"string"},{"name":"a","type":"long"},{"name":"c","type":["int","null"],"default":7}"#,
        ),
        r#"{"b":"t","a":1,"c":7}"#,
    );
    becomes(
        &writer,
        given,
        &record(r#"{"name":"new","type":{"type":"map","values":"double"},"aliases":["gone","old"]}"#),
        r#"{"new":{"x":1.0}}"#,
    );
}

#[test]
fn records_and_enums_are_found_by_alias_and_never_by_short_name() {
    let shape = r#""fields":[{"name":"a","type":"int"}]}"#;
    let writer = format!(r#"{{"type":"record","name":"old.Account",{shape}"#);
    let renamed = format!(r#"{{"type":"record","name":"bank.Account","aliases":["old.Account"],{shape}"#);
    becomes(&writer, r#"{"a":1}"#, &renamed, r#"{"a":1}"#);
    let other = format!(r#"{{"type":"record","name":"bank.Account",{shape}"#);
    assert_eq!(plan(&writer, &other).unwrap_err(), ["bank.Account: old.Account -> bank.Account"]);
}

#[test]
fn a_removed_symbol_needs_a_default() {
    let writer = r#"{"type":"enum","name":"K","symbols":["A","B","C"]}"#;
    becomes(writer, "\"C\"", r#"{"type":"enum","name":"K","symbols":["C","A","Z"],"default":"Z"}"#, "\"C\"");
    becomes(writer, "\"B\"", r#"{"type":"enum","name":"K","symbols":["C","A","Z"],"default":"Z"}"#, "\"Z\"");
    let told = plan(&field(writer), &field(r#"{"type":"enum","name":"K","symbols":["A","B"]}"#)).unwrap_err();
    assert_eq!(told, ["bank.Account.balance: symbol C is gone and bank.K has no default"]);
}

#[test]
fn branches_go_to_their_full_name_and_only_then_to_a_shape() {
    let shape = |name: &str, extra: &str| {
        format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"a","type":"int"}}{extra}]}}"#)
    };
    let writer = format!("[{},{}]", shape("n.X", ""), shape("n.Y", ""));
    let reader = format!("[{},{}]", shape("n.Y", ""), shape("n.X", ""));
    becomes(&writer, r#"{"n.X":{"a":1}}"#, &reader, r#"{"n.X":{"a":1}}"#);
    becomes(&writer, r#"{"n.Y":{"a":1}}"#, &reader, r#"{"n.Y":{"a":1}}"#);
    let needs_more = shape("m.P", r#",{"name":"b","type":"int"}"#);
    let reader = format!("[\"null\",{needs_more},{},{}]", shape("m.Q", ""), shape("m.X", ""));
    becomes(&shape("n.X", ""), r#"{"a":1}"#, &reader, r#"{"m.X":{"a":1}}"#);
    becomes(&shape("n.Z", ""), r#"{"a":1}"#, &reader, r#"{"m.Q":{"a":1}}"#);
}

#[test]
fn violations_name_the_first_bad_place() {
    for (writer, reader, told) in [
        ("\"long\"", "\"int\"", "bank.Account.balance: long -> int"),
        (r#"["null","long"]"#, "\"long\"", "bank.Account.balance: null -> long"),
        (
            r#"{"type":"array","items":"string"}"#,
            r#"{"type":"array","items":"int"}"#,
            "bank.Account.balance[]: string -> int",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#,
            "bank.Account.balance: decimal(9,2) (bytes) -> decimal(9,3) (bytes)",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            r#"{"type":"bytes","logicalType":"decimal","precision":8,"scale":2}"#,
            "bank.Account.balance: decimal(9,2) (bytes) -> decimal(8,2) (bytes)",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            r#"{"type":"long","logicalType":"timestamp-micros"}"#,
            "bank.Account.balance: timestamp-millis (long) -> timestamp-micros (long)",
        ),
    ] {
        assert_eq!(plan(&field(writer), &field(reader)).unwrap_err(), [told]);
    }
    let both = record(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#);
    assert_eq!(
        plan(&field("\"int\""), &both).unwrap_err(),
        ["bank.Account.a: a new field without default", "bank.Account.b: a new field without default"]
    );
}

#[test]
fn only_equal_layouts_with_equal_logical_types_pass_untouched() {
    let plain = field("\"long\"");
    let same =
        plan(&plain, &record(r#"{"name":"balance","type":"long","doc":"d","default":1,"aliases":["x"]}"#)).unwrap();
    assert!(same.is_identity() && same.warnings().is_empty());
    assert_eq!(same.run(&[2]).unwrap().as_ref(), [2]);
    let dated = plan(&plain, &field(r#"{"type":"long","logicalType":"timestamp-millis"}"#)).unwrap();
    assert!(!dated.is_identity());
    assert_eq!(dated.warnings()[0].to_string(), "bank.Account.balance: long -> timestamp-millis (long)");
    assert!(matches!(dated.run(&[2]).unwrap(), std::borrow::Cow::Borrowed([2])));
    let wider = r#"{"type":"bytes","logicalType":"decimal","precision":3}"#;
    let narrowed = plan(&field("\"bytes\""), &field(wider)).unwrap();
    assert_eq!(narrowed.run(&[6, 0, 0, 1]).unwrap().as_ref(), [2, 1]);
    assert!(narrowed.run(&[4, 0x7f, 0xff]).unwrap_err().to_string().starts_with("bank.Account.balance at byte 0"));
}

#[test]
fn recursive_types_are_followed() {
    let list = |value: &str| {
        format!(
            r#"{{"type":"record","name":"L","fields":[{{"name":"v","type":{value}}},{{"name":"next","type":["null","L"]}}]}}"#
        )
    };
    let given = r#"{"v":1,"next":{"v":2,"next":null}}"#;
    becomes(&list("\"int\""), given, &list("\"double\""), r#"{"v":1.0,"next":{"v":2.0,"next":null}}"#);
    assert_eq!(plan(&list("\"long\""), &list("\"int\"")).unwrap_err(), ["L.v: long -> int"]);
}

#[test]
fn maps_and_arrays_written_another_way_come_out_canonical() {
    let map = plan(r#"{"type":"map","values":"int"}"#, r#"{"type":"map","values":"float"}"#).unwrap();
    let one = 1f32.to_le_bytes();
    let sorted = [&[4, 2, b'a'][..], &one, &[2, b'b'], &one, &[0]].concat();
    assert_eq!(map.run(&[4, 2, b'a', 2, 2, b'b', 2, 0]).unwrap().as_ref(), sorted);
    assert_eq!(map.run(&[4, 2, b'b', 2, 2, b'a', 2, 0]).unwrap().as_ref(), sorted);
    assert_eq!(map.run(&[2, 2, b'a', 2, 2, 2, b'b', 2, 0]).unwrap().as_ref(), sorted);
    assert!(map.run(&[4, 2, b'a', 2, 2, b'a', 2, 0]).unwrap_err().message.contains("twice"));
    let array = plan(r#"{"type":"array","items":"int"}"#, r#"{"type":"array","items":"float"}"#).unwrap();
    assert_eq!(array.run(&[2, 2, 1, 2, 2, 0]).unwrap().as_ref(), [&[4][..], &one, &one, &[0]].concat());
}

#[test]
fn a_few_bytes_and_a_large_default_do_not_fill_the_memory() {
    let writer = r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#;
    let text = "x".repeat(10_000);
    let reader = format!(
        r#"{{"type":"array","items":{{"type":"record","name":"E","fields":[{{"name":"t","type":"string","default":"{text}"}}]}}}}"#
    );
    let plan = plan(writer, &reader).unwrap();
    assert!(plan.run(&[0x80, 0x80, 8, 0]).unwrap_err().message.contains("67108864 bytes"));
    assert_eq!(plan.run(&[2, 0]).unwrap().len(), 10_005);
}
