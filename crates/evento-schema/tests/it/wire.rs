//! Checking bytes: canonical input passes untouched, other valid input is rewritten, hostile input ends early.

use evento_schema::avro::{Checked, Schema, check};

fn schema(json: &str) -> Schema {
    Schema::parse(json).unwrap()
}

fn rewritten(json: &str, datum: &[u8]) -> Vec<u8> {
    match check(&schema(json), datum).unwrap() {
        Checked::Rewritten(bytes) => bytes,
        Checked::Canonical(_) => panic!("{datum:?} is not canonical"),
    }
}

fn refused(json: &str, datum: &[u8]) -> String {
    check(&schema(json), datum).expect_err("the bytes are no datum").to_string()
}

#[test]
fn canonical_bytes_pass_untouched() {
    let schema = schema(r#"{"type":"map","values":{"type":"array","items":"double"}}"#);
    let datum = [&[4, 2, b'a', 2][..], &1.5f64.to_le_bytes(), &[0, 2, b'b', 0, 0]].concat();
    assert_eq!(check(&schema, &datum), Ok(Checked::Canonical(&datum)));
}

#[test]
fn every_other_way_of_writing_becomes_the_canonical_one() {
    assert_eq!(rewritten("\"long\"", &[0x80, 0]), [0]);
    assert_eq!(rewritten("\"float\"", &[1, 0, 0xc0, 0xff]), [0, 0, 0xc0, 0x7f]);
    assert_eq!(rewritten("\"double\"", &[9, 0, 0, 0, 0, 0, 0xf0, 0x7f]), [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]);
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":4}"#;
    assert_eq!(rewritten(decimal, &[6, 0, 0, 0x7f]), [2, 0x7f]);
    assert_eq!(rewritten(decimal, &[0]), [2, 0]);
    let array = r#"{"type":"array","items":"int"}"#;
    assert_eq!(rewritten(array, &[2, 2, 2, 4, 0]), [4, 2, 4, 0]);
    assert_eq!(rewritten(array, &[3, 4, 2, 4, 0]), [4, 2, 4, 0]);
    let map = r#"{"type":"map","values":"int"}"#;
    assert_eq!(rewritten(map, &[4, 2, b'b', 2, 2, b'a', 4, 0]), [4, 2, b'a', 4, 2, b'b', 2, 0]);
}

#[test]
fn faults_are_told_with_path_and_offset() {
    let account = r#"{"type":"record","name":"bank.Account","fields":[
        {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"ok","type":"boolean"}]}}}]}"#;
    assert_eq!(refused(account, &[4, 1, 2, 0]), "bank.Account.lines[1].ok at byte 2: a boolean is 0 or 1, not 2");
    let map = r#"{"type":"map","values":"int"}"#;
    assert_eq!(refused(map, &[4, 2, b'a', 2, 2, b'a', 4, 0]), "[\"a\"] at byte 4: a key is there twice");
    for (json, datum, told) in [
        ("\"int\"", &[0x80, 0x80, 0x80, 0x80, 0x10][..], "32 bits"),
        ("\"int\"", &[2, 2], "left over"),
        ("\"long\"", &[0x80; 11], "64 bits"),
        ("\"string\"", &[2, 0xff], "UTF-8"),
        ("\"string\"", &[1], "negative length"),
        ("\"bytes\"", &[0xfe, 0xff, 0xff, 0xff, 0x0f], "bytes where 0 are left"),
        (r#"["null","int"]"#, &[4], "branch 2 where there are 2"),
        (r#"{"type":"enum","name":"E","symbols":["A"]}"#, &[2], "symbol 1 where there are 1"),
        (r#"{"type":"array","items":"int"}"#, &[3, 2, 2, 4, 0], "a block ends"),
        (r#"{"type":"string","logicalType":"uuid"}"#, &[2, b'x'], "uuid"),
        (r#"{"type":"bytes","logicalType":"decimal","precision":2}"#, &[2, 100], "more than 2 digits"),
    ] {
        let error = refused(json, datum);
        assert!(error.contains(told), "{error} should tell {told}");
    }
}

#[test]
fn counts_that_the_bytes_cannot_hold_are_refused_before_anything_is_made() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    assert!(refused(r#"{"type":"array","items":"int"}"#, &huge).contains("items where 0 bytes are left"));
    assert!(refused(r#"{"type":"array","items":"null"}"#, &huge).contains("65536"));
    assert!(refused(r#"{"type":"map","values":"null"}"#, &huge).contains("items where 0 bytes are left"));
    let fits = [0x80, 0x80, 8, 0];
    assert!(check(&schema(r#"{"type":"array","items":"null"}"#), &fits).is_ok());
    let nested = r#"{"type":"array","items":{"type":"array","items":"null"}}"#;
    assert!(refused(nested, &[4, 0x80, 0x80, 8, 0, 2, 0, 0]).contains("65536"));
}

#[test]
fn values_nest_to_sixty_four_and_no_deeper() {
    let list = schema(r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#);
    let nested = |levels: usize| [vec![2; levels - 1], vec![0]].concat();
    assert!(check(&list, &nested(64)).is_ok());
    assert!(check(&list, &nested(65)).unwrap_err().message.contains("deeper than 64"));
    assert!(check(&list, &nested(1_000_000)).is_err());
}
