//! One schema per topic: the union of its records, as clients put it together.

use evento_listener::registry::{guid_of, record_in_union, union_with_guid};
use evento_model::SchemaId;
use evento_schema::avro::Schema;
use serde_json::{Value, json};

use super::world::{SHOP, World, place_order};

/// Two events that share a type.
const SHARED: &str = r#"
{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: order-paid}, spec: {entity: order, schema: {type: record, name: OrderPaid, namespace: shop, fields: [{name: money, type: {type: record, name: Money, fields: [{name: cents, type: long}]}}]}}}
---
{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: order-refunded}, spec: {entity: order, schema: {type: record, name: OrderRefunded, namespace: shop, fields: [{name: money, type: {type: record, name: Money, fields: [{name: cents, type: long}]}}]}}}
"#;

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[tokio::test]
async fn a_topics_union_refers_to_each_record_by_subject_and_version() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let latest = world.json("/subjects/order.events-value/versions/latest").await;
    let names = ["shop.OrderPlaced", "evento.CommandAbandoned", "evento.CommandPreconditionFailed"];
    assert_eq!(text(&latest["schema"]), json!(names).to_string());
    let references = names.map(|name| json!({"name": name, "subject": format!("order.events-{name}"), "version": 1}));
    assert_eq!(latest["references"], json!(references));
    let by_id = world.json(&format!("/schemas/ids/{}", latest["id"])).await;
    assert_eq!((&by_id["schema"], &by_id["references"]), (&latest["schema"], &latest["references"]));
    let referring = world.json("/subjects/order.events-shop.OrderPlaced/versions/1/referencedby").await;
    assert_eq!(referring, json!([latest["id"]]));
    let commands = world.json("/subjects/order.commands-value/versions/latest").await;
    assert_eq!(text(&commands["schema"]), r#"["shop.PlaceOrder"]"#);
}

#[tokio::test]
async fn a_union_resolved_stands_for_itself() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let resolved = world.json("/subjects/order.events-value/versions/latest?format=resolved").await;
    assert_eq!(resolved.get("references"), None);
    let schema = Schema::parse(text(&resolved["schema"])).expect("a schema");
    // The three members, and what CommandAbandoned tells of the last failure.
    assert_eq!(schema.names().count(), 4);
}

#[tokio::test]
async fn records_that_share_a_type_are_written_into_the_union() {
    let mut world = World::empty().await;
    world.apply(&format!("{SHOP}---{SHARED}")).await;
    let latest = world.json("/subjects/order.events-value/versions/latest").await;
    assert_eq!(latest.get("references"), None);
    let union: Vec<Value> = serde_json::from_str(text(&latest["schema"])).expect("JSON");
    assert_eq!(union.len(), 5);
    assert_eq!(text(&latest["schema"]).matches(r#""cents""#).count(), 1, "{latest}");
}

#[tokio::test]
async fn a_client_finds_the_union_again_that_it_was_given() {
    let mut world = World::empty().await;
    world.apply(&format!("{SHOP}---{SHARED}")).await;
    for subject in ["order.commands-value", "order.events-value"] {
        let latest = world.json(&format!("/subjects/{subject}/versions/latest")).await;
        let body = json!({"schema": latest["schema"], "references": latest.get("references")});
        let (status, found) = world.post(&format!("/subjects/{subject}"), &body).await;
        assert_eq!((status, serde_json::from_str(&found).expect("JSON")), (200, latest.clone()));
        let (_, registered) = world.post(&format!("/subjects/{subject}/versions"), &body).await;
        let registered: Value = serde_json::from_str(&registered).expect("JSON");
        assert_eq!((&registered["id"], &registered["guid"]), (&latest["id"], &latest["guid"]));
    }
}

#[tokio::test]
async fn the_record_in_a_datum_of_a_union_is_found() {
    let mut world = World::empty().await;
    world.apply(&format!("{SHOP}---{SHARED}")).await;
    let id = world.json("/subjects/order.events-value/versions/latest").await["id"].as_u64().expect("an id");
    let union = SchemaId(u32::try_from(id).expect("an id"));
    let none = || Err(format!("EV1002: the value begins with none of the 5 branches of schema {id}"));
    for (id, datum, expected) in [
        (union, &[0x00, 7][..], Ok(Some((SchemaId(19), &[7][..])))),
        (union, &[0x80, 0x00, 7], Ok(Some((SchemaId(19), &[7])))),
        (union, &[0x06, 7], Ok(Some((SchemaId(1), &[7])))),
        (union, &[0x08], Ok(Some((SchemaId(2), &[])))),
        (union, &[0x0a, 7], none()),
        (union, &[0x01, 7], none()),
        (union, &[0xff, 0xff], none()),
        (union, &[], none()),
        (SchemaId(union.0 + 9), &[0x00], Ok(None)),
        (SchemaId(19), &[0x00], Ok(None)),
    ] {
        assert_eq!(record_in_union(&world.log, id, datum), expected, "{id:?} {datum:?}");
    }
}

#[tokio::test]
async fn guids_are_those_of_the_schemas_and_differ() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let mut guids = Vec::new();
    for id in [1, 2, 17, 18, 19, 1_000_000_000, 1_000_000_001] {
        let guid = text(&world.json(&format!("/schemas/ids/{id}")).await["guid"]).to_owned();
        assert_eq!(world.json(&format!("/schemas/guids/{}", guid.to_uppercase())).await["id"], id);
        if let Some(schema) = world.registry.schema(SchemaId(id)) {
            assert_eq!(guid_of(schema).to_string(), guid);
        }
        assert!(!guids.contains(&guid));
        guids.push(guid);
    }
}

#[tokio::test]
async fn every_union_a_subject_ever_had_is_found_by_its_guid() {
    let mut world = World::empty().await;
    let latest = "/subjects/order.commands-value/versions/latest";
    let changes = ["[]", "[{name: a, type: int, default: 0}]"].map(place_order);
    for resources in [SHOP].into_iter().chain(changes.iter().map(String::as_str)) {
        world.apply(resources).await;
        world.json(latest).await;
    }
    for version in 1..=3 {
        let union = world.json(&format!("/subjects/order.commands-value/versions/{version}")).await;
        let guid = text(&union["guid"]).parse().expect("a guid");
        let found = union_with_guid(&world.log, "order.commands-value", guid).expect("found");
        assert_eq!(json!(found.0), union["id"]);
        assert_eq!(union_with_guid(&world.log, "order.events-value", guid), None);
    }
}
