//! Plain JSON both ways: the table of the mapping, and what a person reads when something does not fit.

use evento_schema::avro::{JsonOptions, Schema, check, from_json, from_json_value, to_json};

fn schema(json: &str) -> Schema {
    Schema::parse(json).unwrap()
}

fn told(schema: &Schema, text: &str) -> Vec<String> {
    from_json(schema, text.as_bytes()).expect_err("the text does not fit").iter().map(ToString::to_string).collect()
}

fn written(schema: &Schema, datum: &[u8], options: JsonOptions) -> String {
    let mut out = Vec::new();
    to_json(schema, datum, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_type_is_written_and_read_as_the_table_says() {
    for (kind, text, also) in [
        (r#""null""#, "null", &[][..]),
        (r#""boolean""#, "true", &[]),
        (r#""int""#, "-7", &["\"-7\"", "-7.0"]),
        (r#""long""#, "9007199254740993", &["\"9007199254740993\""]),
        (r#""float""#, "0.1", &[]),
        (r#""double""#, "1.0", &["1", "1e0"]),
        (r#""double""#, "\"NaN\"", &[]),
        (r#""double""#, "\"-Infinity\"", &[]),
        (r#""bytes""#, "\"AP8=\"", &[]),
        (r#""string""#, "\"a\\\"\\n\u{e9}\"", &["\"a\\u0022\\u000a\u{e9}\""]),
        (r#"{"type":"fixed","name":"F","size":2}"#, "\"AP8=\"", &[]),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
            "\"12.50\"",
            &["12.5", "12.50", "125e-1"],
        ),
        (
            r#"{"type":"fixed","name":"F","size":8,"logicalType":"decimal","precision":9,"scale":2}"#,
            "\"-12.50\"",
            &["-12.5"],
        ),
        (r#"{"type":"bytes","logicalType":"big-decimal"}"#, "\"1E+3\"", &["1E3"]),
        (r#"{"type":"int","logicalType":"date"}"#, "\"2026-11-23\"", &["20780"]),
        (r#"{"type":"int","logicalType":"time-millis"}"#, "\"06:00:00.123\"", &["21600123"]),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            "\"2026-11-23T06:00:00.123Z\"",
            &["\"2026-11-23T07:00:00.123+01:00\"", "1795413600123"],
        ),
        (r#"{"type":"long","logicalType":"timestamp-nanos"}"#, "\"1969-12-31T23:59:59.999999999Z\"", &["-1"]),
        (r#"{"type":"long","logicalType":"local-timestamp-micros"}"#, "\"1970-01-01T00:00:00.000001\"", &["1"]),
        (r#"{"type":"long","logicalType":"timestamp-millis"}"#, "9223372036854775807", &[]),
        (r#"{"type":"string","logicalType":"uuid"}"#, "\"123e4567-e89b-12d3-a456-426614174000\"", &[]),
        (
            r#"{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}"#,
            "\"123e4567-e89b-12d3-a456-426614174000\"",
            &["\"123E4567-e89b-12d3-a456-426614174000\""],
        ),
        (
            r#"{"type":"fixed","name":"F","size":12,"logicalType":"duration"}"#,
            r#"{"months":1,"days":2,"millis":4294967295}"#,
            &[r#"{"millis":4294967295,"days":2,"months":1}"#],
        ),
        (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, "\"B\"", &[]),
        (r#"{"type":"array","items":"int"}"#, "[1,2]", &[]),
        (r#"{"type":"map","values":"int"}"#, r#"{"a":1,"b":2}"#, &[r#"{"b":2,"a":1}"#]),
        (r#"["null","string"]"#, "null", &[]),
        (r#"["null","long","string"]"#, "\"5\"", &[]),
        (
            r#"["null",{"type":"bytes","logicalType":"decimal","precision":40,"scale":20}]"#,
            "\"12345678901234567890.12345678901234567890\"",
            &["12345678901234567890.1234567890123456789"],
        ),
    ] {
        let schema = schema(kind);
        let datum = from_json(&schema, text.as_bytes()).unwrap();
        assert_eq!(written(&schema, &datum, JsonOptions::default()), text, "{kind}");
        assert_eq!(check(&schema, &datum).unwrap().bytes(), datum, "{kind}");
        for other in also {
            assert_eq!(from_json(&schema, other.as_bytes()).as_ref(), Ok(&datum), "{kind} {other}");
        }
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(from_json_value(&schema, &value), Ok(datum), "{kind}");
    }
}

#[test]
fn longs_become_strings_where_they_can_be_read_back() {
    let schema = schema(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","long"]},
            {"name":"c","type":["long","string"]},{"name":"d","type":"int"}]}"#,
    );
    let text = r#"{"a":"1","b":"2","c":3,"d":4}"#;
    let datum = from_json(&schema, text.as_bytes()).unwrap();
    assert_eq!(written(&schema, &datum, JsonOptions { long_as_string: true }), text);
    assert_eq!(written(&schema, &datum, JsonOptions::default()), r#"{"a":1,"b":2,"c":3,"d":4}"#);
}

#[test]
fn fields_come_in_any_order_and_missing_ones_take_their_defaults() {
    let schema = schema(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string","default":"x"},
            {"name":"c","type":["null",{"type":"array","items":"long"}],"default":null}]}"#,
    );
    let full = from_json(&schema, br#"{"a":1,"b":"x","c":null}"#).unwrap();
    assert_eq!(from_json(&schema, br#"{"c":null,"a":1}"#).as_ref(), Ok(&full));
    assert_eq!(from_json(&schema, br#"{"a":1}"#), Ok(full));
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let schema = schema(
        r#"{"type":"record","name":"bank.W","fields":[{"name":"amount","type":"long"},
            {"name":"kind","type":{"type":"enum","name":"K","symbols":["CASH","CARD"]}},
            {"name":"lines","type":{"type":"array","items":{"type":"map","values":"int"}}},
            {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}]}"#,
    );
    assert_eq!(
        told(&schema, r#"{"amout":1,"kind":"CASHH","lines":[{"a":1,"a":2},3,{"b/c":"x"}],"price":12.345}"#),
        [
            "/amout: unknown field, did you mean amount?",
            "/kind: \"CASHH\" is not a symbol of bank.K, did you mean CASH?",
            "/lines/0/a: the key is there twice",
            "/lines/1: expected map of int, found a number",
            "/lines/2/b~1c: \"x\" is not a number that int can hold",
            "/price: \"12.345\": at most 2 digits after the point",
            "/amount: missing, long is required",
        ]
    );
    assert_eq!(told(&schema, r#"{"amount":1,"amount":2}"#)[0], "/amount: the field is there twice");
    assert_eq!(told(&schema, "[]"), [": expected bank.W, found an array"]);
    assert!(told(&schema, "{\"amount\":").iter().any(|text| text.contains("not JSON: EOF")));
    assert!(told(&schema, "{} x").iter().any(|text| text.contains("trailing characters")));
    assert_eq!(told(&schema, &format!(r#"{{"lines":[{}1]}}"#, "1,".repeat(500))).len(), 100);
}

#[test]
fn one_of_several_records_is_wrapped_in_its_name() {
    let schema = schema(
        r#"["null",{"type":"record","name":"bank.Iban","fields":[{"name":"iban","type":"string"}]},
            {"type":"record","name":"bank.Card","fields":[{"name":"number","type":"string"}]}]"#,
    );
    let text = r#"{"bank.Card":{"number":"1"}}"#;
    let datum = from_json(&schema, text.as_bytes()).unwrap();
    assert_eq!(datum, [4, 2, b'1']);
    assert_eq!(written(&schema, &datum, JsonOptions::default()), text);
    for bad in [r#"{"number":"1"}"#, "{}", r#"{"bank.Card":{"number":"1"},"bank.Iban":{"iban":"1"}}"#] {
        assert!(from_json(&schema, bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_thousand_levels_are_a_clear_violation() {
    let list = schema(r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#);
    let nested = |levels: usize| format!("{}null{}", "{\"next\":".repeat(levels), "}".repeat(levels));
    assert!(from_json(&list, nested(64).as_bytes()).is_ok());
    assert!(told(&list, &nested(65))[0].contains("nests deeper than 64"));
    assert!(told(&list, &nested(1000))[0].contains("nests deeper than 64"));
    let any = schema(r#""string""#);
    assert!(from_json(&any, format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes()).is_err());
}
