//! Versions, ids and guids mean the same for ever: across changes, deletions, and restarts.

use evento_schema::resource::Kind;
use serde_json::{Value, json};

use super::world::{SHOP, World, ask, place_order};

const COMMAND: &str = "/subjects/order.commands-shop.PlaceOrder/versions";
const UNION: &str = "/subjects/order.commands-value/versions";

const FIRST: &str = "[{name: total, type: long}]";
const SECOND: &str = "[{name: total, type: long}, {name: note, type: string, default: ''}]";

async fn numbers(world: &World, path: &str) -> Value {
    let version = world.json(path).await;
    json!([version["version"], version["id"]])
}

#[tokio::test]
async fn versions_count_up_and_latest_is_the_one_in_force() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    assert_eq!(numbers(&world, &format!("{COMMAND}/latest")).await, json!([1, 18]));
    assert_eq!(numbers(&world, &format!("{UNION}/latest")).await, json!([1, 1_000_000_000]));
    world.apply(&place_order(SECOND)).await;
    assert_eq!(world.json(COMMAND).await, json!([1, 2]));
    assert_eq!(numbers(&world, &format!("{COMMAND}/latest")).await, json!([2, 20]));
    assert_eq!(numbers(&world, &format!("{UNION}/latest")).await, json!([2, 1_000_000_002]));
    world.apply(&place_order(FIRST)).await;
    assert_eq!(world.json(COMMAND).await, json!([1, 2]));
    assert_eq!(numbers(&world, &format!("{COMMAND}/latest")).await, json!([1, 18]));
    assert_eq!(numbers(&world, &format!("{UNION}/latest")).await, json!([1, 1_000_000_000]));
}

#[tokio::test]
async fn everything_is_the_same_after_a_restart() {
    let mut world = World::bank().await;
    world.apply(SHOP).await;
    let mut paths = vec!["/subjects".to_owned()];
    for subject in world.json("/subjects").await.as_array().expect("a list") {
        paths.push(format!("/subjects/{}/versions/latest", subject.as_str().expect("text")));
    }
    let mut before = Vec::new();
    for path in &paths {
        before.push(world.json(path).await);
    }
    let world = world.again();
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(world.json(path).await, *before, "{path}");
    }
}

#[tokio::test]
async fn what_is_deleted_can_still_be_read_and_its_numbers_are_not_given_again() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let before = world.json(&format!("{COMMAND}/1")).await;
    let union = world.json("/schemas/ids/1000000000").await;
    world.delete(Kind::Command, "place-order").await;
    assert_eq!(world.get(COMMAND).await.0, 404);
    assert_eq!(world.get("/config/order.commands-shop.PlaceOrder").await.0, 404);
    assert_eq!(world.json(&format!("{COMMAND}?deleted=true")).await, json!([1]));
    assert_eq!(world.json(&format!("{COMMAND}/1?deleted=true")).await, before);
    assert_eq!(world.json(&format!("{COMMAND}/latest?deleted=true")).await, before);
    let gone = json!(["order.commands-shop.PlaceOrder", "order.commands-value"]);
    assert_eq!(world.json("/subjects?deletedOnly=true").await, gone);
    assert_eq!(world.json("/schemas/ids/1000000000").await, union);
    world.apply(&place_order("[{name: other, type: string}]")).await;
    assert_eq!(world.json(COMMAND).await, json!([2]));
    assert_eq!(numbers(&world, &format!("{COMMAND}/latest")).await, json!([2, 20]));
    assert_eq!(numbers(&world, &format!("{UNION}/latest")).await, json!([2, 1_000_000_002]));
    assert_eq!(world.json(&format!("{COMMAND}/1?deleted=true")).await, before);
}

#[tokio::test]
async fn two_that_ask_at_once_are_told_the_same() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let other = world.another_api();
    let union = format!("{UNION}/latest");
    let (one, two) = tokio::join!(world.get(&union), ask(&other, "GET", &union, ""));
    assert_eq!(one, two);
    world.apply(&place_order(SECOND)).await;
    let (two, one) = tokio::join!(ask(&other, "GET", &union, ""), world.get(&union));
    assert_eq!(one, two);
    assert_eq!(numbers(&world, &union).await, json!([2, 1_000_000_002]));
}

#[tokio::test]
async fn a_fact_of_a_newer_format_is_a_fault_and_no_guess() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    world.write(vec![("kafka/schema/subject/x".into(), Some(r#"{"v":2,"ids":[]}"#.into()))]).await;
    let (status, text) = world.get("/subjects").await;
    let why = "Error in the backend data store: kafka/schema/subject/x has format 2, this build reads 1";
    assert_eq!((status, text), (500, json!({"error_code": 50001, "message": why}).to_string()));
}

#[tokio::test]
async fn when_nothing_can_be_written_what_was_known_and_every_id_of_a_record_is_answered() {
    let mut world = World::empty().await;
    world.apply(SHOP).await;
    let before = world.json("/subjects").await;
    world.apply(&place_order(SECOND)).await;
    world.log.clone().close();
    assert_eq!(world.json(COMMAND).await, json!([1]));
    assert_eq!(numbers(&world, &format!("{COMMAND}/latest")).await, json!([1, 18]));
    assert_eq!(world.json("/subjects").await, before);
    assert_eq!(world.get("/schemas/ids/20").await.0, 200);
    assert_eq!(world.get("/schemas/ids/1000000002").await.0, 404);
}
