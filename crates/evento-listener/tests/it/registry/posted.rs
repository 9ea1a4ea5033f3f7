//! Posted schemas: what is found, and what is refused.

use serde_json::{Value, json};

use super::world::{SHOP, World};

const WITHDRAW: &str = "account.commands-bank.WithdrawCash";

/// The bank's WithdrawCash as Java's code generator writes it: other order, no docs, its own attributes.
fn as_java_writes_it() -> Value {
    let string = json!({"type": "string", "avro.java.string": "String"});
    let schema = json!({"type": "record", "name": "WithdrawCash", "namespace": "bank", "fields": [
        {"name": "amount", "type": "long"},
        {"name": "reference", "type": string, "default": ""}]});
    json!({"schema": schema.to_string()})
}

/// The bank's WithdrawCash without its default.
fn without_default() -> Value {
    let mut body = as_java_writes_it();
    body["schema"] = body["schema"].as_str().expect("text").replace(r#","default":"""#, "").into();
    body
}

#[tokio::test]
async fn a_schema_that_is_registered_answers_its_id_under_any_subject() {
    let world = World::bank().await;
    let guid = world.json("/schemas/ids/20").await["guid"].clone();
    let mut body = as_java_writes_it();
    for (subject, version) in [(WITHDRAW, Some(1)), ("account.commands-value", None), ("bank.WithdrawCash", None)] {
        for query in ["", "?normalize=False", "?normalize=true"] {
            let mut expected = json!({"id": 20});
            if let Some(version) = version {
                expected["version"] = version.into();
            }
            expected["guid"] = guid.clone();
            let path = format!("/subjects/{subject}/versions{query}");
            assert_eq!(world.post(&path, &body).await, (200, expected.to_string()), "{path}");
        }
    }
    for (name, value) in [("schemaType", json!("AVRO")), ("references", json!([])), ("id", json!(-1))] {
        body[name] = value;
        assert_eq!(world.post(&format!("/subjects/{WITHDRAW}/versions"), &body).await.0, 200, "{name}");
    }
    assert_eq!(world.get("/subjects/bank.WithdrawCash/versions").await.0, 404, "a POST makes no subject");
}

#[tokio::test]
async fn a_schema_is_looked_up_in_its_own_subject() {
    let world = World::bank().await;
    let body = as_java_writes_it();
    let expected = world.get(&format!("/subjects/{WITHDRAW}/versions/1")).await;
    for query in ["", "?normalize=False&deleted=False", "?normalize=false&deleted=true"] {
        assert_eq!(world.post(&format!("/subjects/{WITHDRAW}{query}"), &body).await, expected);
    }
    let missing = r#"{"error_code":40403,"message":"Schema not found"}"#;
    assert_eq!(world.post("/subjects/account.state-value", &body).await, (404, missing.to_owned()));
    assert_eq!(world.post(&format!("/subjects/{WITHDRAW}"), &without_default()).await, (404, missing.to_owned()));
    let missing = r#"{"error_code":40401,"message":"Subject 'bank.WithdrawCash' not found."}"#;
    assert_eq!(world.post("/subjects/bank.WithdrawCash", &body).await, (404, missing.to_owned()));
}

#[tokio::test]
async fn aliases_defaults_and_logical_types_make_another_schema() {
    let mut world = World::empty().await;
    let date = "[{name: total, type: long}, {name: day, type: {type: int, logicalType: date}, default: 0}]";
    world.apply(&SHOP.replace("[{name: total, type: long}]", date)).await;
    let fields = |total: Value, day: Value, default: i32| {
        let mut day = json!({"name": "day", "type": day, "default": default});
        day["doc"] = "docs do not count".into();
        let record = json!({"type": "record", "name": "shop.OrderPlaced", "fields": [total, day]});
        json!({"schema": record.to_string()})
    };
    let (total, date) = (json!({"name": "total", "type": "long"}), json!({"type": "int", "logicalType": "date"}));
    let alias = json!({"name": "total", "type": "long", "aliases": ["sum"]});
    for (body, status) in [
        (fields(total.clone(), date.clone(), 0), 200),
        (fields(total.clone(), date.clone(), 1), 403),
        (fields(total.clone(), json!("int"), 0), 403),
        (fields(alias, date, 0), 403),
    ] {
        let (answered, text) = world.post("/subjects/order.events-shop.OrderPlaced/versions", &body).await;
        assert_eq!(answered, status, "{body} {text}");
    }
}

#[tokio::test]
async fn a_schema_that_is_not_registered_is_refused_with_the_way_to_register_it() {
    let world = World::bank().await;
    let path = format!("/subjects/{WITHDRAW}/versions");
    let record = |name: &str| json!({"schema": json!({"type": "record", "name": name, "fields": []}).to_string()});
    for (body, why) in [
        (without_default(), format!("this schema of bank.WithdrawCash is not one of the versions of {WITHDRAW}")),
        (record("bank.Unheard"), "bank.Unheard is not registered".to_owned()),
        (json!({"schema": "\"string\""}), "this schema is not registered".to_owned()),
    ] {
        let message = format!("{why}: schemas belong to resources, register with evento apply");
        let expected = json!({"error_code": 40301, "message": message}).to_string();
        assert_eq!(world.post(&path, &body).await, (403, expected));
    }
}

#[tokio::test]
async fn what_is_no_schema_is_told_so() {
    let world = World::bank().await;
    let unknown = json!([{"name": "bank.X", "subject": "x", "version": 1}]);
    let nested = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(100), "}".repeat(100));
    let many = vec![json!({"name": "a", "subject": "b", "version": 1}); 2_001];
    for (body, code, part) in [
        ("{".to_owned(), 400, "EOF"),
        ("7".to_owned(), 400, "invalid type"),
        (r#"{"schema": 7}"#.to_owned(), 400, "expected a string"),
        ("{}".to_owned(), 42201, "the schema is empty"),
        (r#"{"schema": null}"#.to_owned(), 42201, "the schema is empty"),
        (r#"{"schema": "nothing"}"#.to_owned(), 42201, "not JSON"),
        (r#"{"schema": "\"bank.Unknown\""}"#.to_owned(), 42201, "unknown type bank.Unknown"),
        (r#"{"schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF"}"#.to_owned(), 42201, "only AVRO"),
        (json!({"schema": nested}).to_string(), 42201, "nest deeper"),
        (json!({"schema": "\"bank.X\"", "references": unknown}).to_string(), 42201, "no version 1 of x"),
        (json!({"schema": "\"int\"", "references": many}).to_string(), 42201, "more than 2000 references"),
    ] {
        for path in [format!("/subjects/{WITHDRAW}"), format!("/subjects/{WITHDRAW}/versions")] {
            let (status, text) = world.ask("POST", &path, &body).await;
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(
                (i64::from(status), &answer["error_code"]),
                (if code > 999 { code / 100 } else { code }, &json!(code))
            );
            assert!(answer["message"].as_str().expect("text").contains(part), "{text}");
        }
    }
    let (status, text) = world.ask("POST", &format!("/subjects/{WITHDRAW}"), &"x".repeat((1 << 20) + 1)).await;
    assert_eq!((status, text.as_str()), (413, r#"{"error_code":413,"message":"HTTP 413 Payload Too Large"}"#));
}
