//! Compatibility checks judge as `evento apply` does.

use serde_json::{Value, json};

use super::world::{SHOP, World, place_order};

const COMMAND: &str = "order.commands-shop.PlaceOrder";
const EVENT: &str = "order.events-shop.OrderPlaced";

fn schema(name: &str, fields: Value) -> Value {
    json!({"schema": json!({"type": "record", "name": name, "fields": fields}).to_string()})
}

#[tokio::test]
async fn a_schema_is_judged_by_every_version_or_by_one() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    world.apply(&place_order("[{name: total, type: long}, {name: note, type: string, default: ''}]")).await;
    let long = json!({"name": "total", "type": "long"});
    let note = json!({"name": "note", "type": "long", "default": 0});
    let required = json!({"name": "by", "type": "string"});
    let optional = json!({"name": "by", "type": "string", "default": ""});
    let (cannot, by) = ("the schema cannot read version", "the schema cannot be read by version");
    let rows = [
        (COMMAND, "/latest", schema("shop.PlaceOrder", json!([long])), vec![]),
        (COMMAND, "", schema("shop.PlaceOrder", json!([long, optional])), vec![]),
        (COMMAND, "/1", schema("shop.PlaceOrder", json!([long, note])), vec![]),
        (
            COMMAND,
            "",
            schema("shop.PlaceOrder", json!([long, note])),
            vec![format!("{cannot} 2: shop.PlaceOrder.note: string -> long (EV2104)")],
        ),
        (
            COMMAND,
            "/-1",
            schema("shop.PlaceOrder", json!([long, required])),
            vec![format!("{cannot} 2: shop.PlaceOrder.by: a new field without default (EV2104)")],
        ),
        (EVENT, "", schema("shop.OrderPlaced", json!([long, optional])), vec![]),
        (
            EVENT,
            "/1",
            schema("shop.OrderPlaced", json!([])),
            vec![format!("{by} 1: shop.OrderPlaced.total: a new field without default (EV2105)")],
        ),
        (
            EVENT,
            "",
            schema("shop.PlaceOrder", json!([long])),
            vec!["the subject holds shop.OrderPlaced, not shop.PlaceOrder (EV2111)".to_owned()],
        ),
        ("order.state-value", "", schema("shop.Order", json!([required])), vec![]),
        ("order.events-value", "/latest", schema("shop.OrderPlaced", json!([])), vec![]),
        ("order.events-shop.Unheard", "", schema("shop.Unheard", json!([])), vec![]),
    ];
    for (subject, version, body, messages) in rows {
        let path = format!("/compatibility/subjects/{subject}/versions{version}");
        let short = json!({"is_compatible": messages.is_empty()}).to_string();
        assert_eq!(world.post(&path, &body).await, (200, short), "{path}");
        let long = json!({"is_compatible": messages.is_empty(), "messages": messages}).to_string();
        assert_eq!(world.post(&format!("{path}?normalize=False&verbose=True"), &body).await, (200, long), "{path}");
    }
}

#[tokio::test]
async fn a_union_that_apply_would_refuse_is_not_compatible() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let either = json!({"name": "either", "type": ["int", "double"], "default": 0});
    let body = schema("shop.OrderPlaced", json!([{"name": "total", "type": "long"}, either]));
    let (_, text) = world.post(&format!("/compatibility/subjects/{EVENT}/versions?verbose=true"), &body).await;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["is_compatible"], false);
    assert!(answer["messages"][0].as_str().expect("text").contains("(EV2106)"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_with_its_code() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let good = schema("shop.OrderPlaced", json!([]));
    for (path, body, status, code) in [
        ("unheard/versions/latest".to_owned(), &good, 404, 40401),
        (format!("{EVENT}/versions/2"), &good, 404, 40402),
        (format!("{EVENT}/versions/0"), &good, 422, 42202),
        (format!("{EVENT}/versions"), &json!({"schema": "x"}), 422, 42201),
        ("%0A/versions".to_owned(), &good, 422, 42208),
    ] {
        let (answered, text) = world.post(&format!("/compatibility/subjects/{path}"), body).await;
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((answered, &answer["error_code"]), (status, &json!(code)), "{path}: {text}");
    }
}
