//! Parsing: what is accepted, what is refused and where, and the texts that identify a schema.

use evento_schema::avro::{Schema, check};

fn refused(json: &str) -> String {
    Schema::parse(json).expect_err("the schema is invalid").to_string()
}

#[test]
fn faults_are_told_with_their_path() {
    let record = |field: &str| {
        format!(r#"{{"type":"record","name":"Account","namespace":"bank","fields":[{{"name":"balance",{field}}}]}}"#)
    };
    for (field, told) in [
        (
            r#""type":"lung""#,
            "EV2101 bank.Account.balance: unknown type bank.lung; a type is defined before it is used",
        ),
        (r#""type":"int","default":"x""#, "EV2101 bank.Account.balance: default \"x\" is not an int"),
        (r#""type":{"type":"array"}"#, "EV2101 bank.Account.balance: an array without items"),
        (
            r#""type":{"type":"array","items":["null","null"]}"#,
            "EV2101 bank.Account.balance[]: a union with two branches null",
        ),
        (
            r#""type":{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
            "EV2101 bank.Account.balance: scale 3 of a decimal is larger than its precision 2",
        ),
        (r#""type":{"type":"string","logicalType":"date"}"#, "EV2101 bank.Account.balance: date needs int, not string"),
        (r#""type":"Account""#, "EV2101 bank.Account: the type contains itself without a way to end"),
    ] {
        assert_eq!(refused(&record(field)), told);
    }
    assert!(refused("{").contains("not JSON"));
    assert!(refused(&format!("\"{}\"", "x".repeat(1 << 20))).contains("1048576"));
    assert!(
        refused(&format!("{}{}{}", r#"{"type":"array","items":"#.repeat(70), "\"int\"", "}".repeat(70)))
            .contains("nest")
    );
}

#[test]
fn a_default_that_never_ends_is_refused() {
    let json = r#"{"type":"record","name":"A","fields":[{"name":"a","type":["A","null"],"default":{}}]}"#;
    assert!(refused(json).contains("EV2101 A.a: default"));
}

#[test]
fn named_types_of_other_schemas_become_part_of_the_json() {
    let money = Schema::parse(
        r#"{"type":"record","name":"Money","namespace":"bank","doc":"d","fields":[
            {"name":"currency","type":{"type":"enum","name":"Currency","symbols":["EUR","CHF"]}},
            {"name":"other","type":"Currency"}]}"#,
    )
    .unwrap();
    let schema = Schema::parse_with(
        r#"{"type":"record","name":"shop.Order","fields":[{"name":"first","type":"bank.Currency"},
            {"name":"total","type":"bank.Money"},{"name":"paid","type":["null","bank.Money"]}]}"#,
        std::slice::from_ref(&money),
    )
    .unwrap();
    let alone = Schema::parse(schema.json()).unwrap();
    assert_eq!(alone.digest(), schema.digest());
    assert!(schema.json().contains(r#""doc":"d""#));
    assert_eq!(schema.json().matches("symbols").count(), 1);
    assert!(check(&schema, &[0, 2, 0, 2, 0, 0]).is_ok());
    let unused = Schema::parse_with(r#" {"type":"enum","name":"E","symbols":["A"]}"#, &[money]).unwrap();
    assert_eq!(unused.json(), r#" {"type":"enum","name":"E","symbols":["A"]}"#);
}

#[test]
fn the_two_forms_keep_what_they_are_for() {
    let written = r#"{"doc":"x","fields":[{"type":{"logicalType":"decimal","type":"bytes","precision":9},"name":"a",
        "default":"\u0001","aliases":["b"],"evento.pii":true,"x":1},{"name":"c","type":"A","doc":"no"}],
        "aliases":["Old"],"namespace":"n","name":"R","type":"record"}"#
        .replace("\"A\"", r#"["null",{"type":"array","items":"R"}]"#);
    let schema = Schema::parse(&written).unwrap();
    assert_eq!(
        schema.canonical_form(),
        r#"{"name":"n.R","type":"record","fields":[{"name":"a","type":"bytes"},{"name":"c","type":["null",{"type":"array","items":"n.R"}]}]}"#
    );
    assert_eq!(
        schema.normal_form(),
        concat!(
            r#"{"type":"record","name":"n.R","fields":[{"type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":0},"#,
            r#""name":"a","default":"\u0001","aliases":["b"],"evento.pii":true},"#,
            r#"{"type":["null",{"type":"array","items":"n.R"}],"name":"c"}],"aliases":["n.Old"]}"#
        )
    );
    assert_eq!(Schema::parse(&schema.normal_form()).unwrap().digest(), schema.digest());
    assert_eq!(Schema::parse(&schema.canonical_form()).unwrap().layout_id(), schema.layout_id());
}

#[test]
fn unions_that_look_alike_are_found_with_their_path() {
    let union = |union: &str| {
        let json = format!(r#"{{"type":"record","name":"bank.A","fields":[{{"name":"u","type":{union}}}]}}"#);
        Schema::parse(&json).unwrap().ambiguities()
    };
    let record = |name: &str, fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|f| format!(r#"{{"name":"{f}","type":"int"}}"#)).collect();
        format!(r#"{{"type":"record","name":"{name}","fields":[{}]}}"#, fields.join(","))
    };
    for clear in ["\"null\",\"long\",\"string\"".to_owned(), format!("{},{}", record("X", &["a"]), record("Y", &["b"]))]
    {
        assert_eq!(union(&format!("[{clear}]")), []);
    }
    let same = union(&format!("[\"null\",{},{}]", record("X", &["a"]), record("Y", &["a", "b"])));
    assert_eq!(
        same[0].to_string(),
        "bank.A.u: branches bank.X and bank.Y look alike: bank.X has no required field that bank.Y lacks"
    );
    let number = union(r#"["int","double"]"#);
    assert_eq!(number[0].to_string(), "bank.A.u: branches int and double look alike: both may be a JSON number");
    assert_eq!(union(r#"["string",{"type":"long","logicalType":"timestamp-millis"}]"#).len(), 1);
    assert_eq!(union(r#"["string","float"]"#).len(), 1);
}

#[test]
fn a_definition_that_came_with_another_is_not_repeated() {
    let parse = |json: &str, references: &[Schema]| Schema::parse_with(json, references).unwrap();
    let currency = parse(r#"{"type":"enum","name":"bank.Currency","symbols":["EUR"]}"#, &[]);
    let money = parse(
        r#"{"type":"record","name":"bank.Money","fields":[{"name":"currency","type":"Currency"}]}"#,
        std::slice::from_ref(&currency),
    );
    for fields in [
        r#"{"name":"c","type":"bank.Currency"},{"name":"m","type":["null","bank.Money"]}"#,
        r#"{"name":"m","type":{"type":"map","values":"bank.Money"}},{"name":"c","type":"bank.Currency"}"#,
    ] {
        let json = format!(r#"{{"type":"record","name":"shop.Order","fields":[{fields}]}}"#);
        let order = parse(&json, &[money.clone(), currency.clone()]);
        assert_eq!(order.json().matches("symbols").count(), 1, "{}", order.json());
        assert_eq!(parse(order.json(), &[]).digest(), order.digest());
    }
    let error = Schema::parse_with(r#"["null","bank.Unknown"]"#, &[money]).unwrap_err();
    assert!(error.message.contains("unknown type bank.Unknown"));
}

#[test]
fn fields_are_told_in_words() {
    let schema = Schema::parse(
        r#"{"type":"record","name":"bank.A","fields":[{"name":"at","doc":"when","type":["null",
            {"type":"long","logicalType":"timestamp-millis"}],"default":null},{"name":"tags","type":{"type":"array","items":"string"}}]}"#,
    )
    .unwrap();
    let fields: Vec<_> = schema.fields().collect();
    assert_eq!((fields[0].name, fields[0].doc), ("at", Some("when")));
    assert_eq!(fields[0].kind, "null or timestamp-millis (long)");
    assert!(fields[0].default.is_some() && fields[1].default.is_none());
    assert_eq!(fields[1].kind, "array of string");
}
