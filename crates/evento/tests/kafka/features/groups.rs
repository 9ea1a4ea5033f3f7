//! Groups with members that come and go, and what can be asked about brokers, topics and groups.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::read::{places, records};
use crate::program::Program;
use crate::row::Row;

/// Time in ms after which a silent member is given up. Under the new protocol the server decides.
const SESSION: u64 = 6000;

/// The members together own every partition once, each has one, and none is owned twice.
fn settled(members: &[&Program], partitions: u32) -> bool {
    let owned: Vec<Vec<u64>> = members.iter().map(|member| member.assigned()).collect();
    let together: BTreeSet<u64> = owned.iter().flatten().copied().collect();
    let whole = together == (0..u64::from(partitions)).collect();
    whole && owned.iter().map(Vec::len).sum::<usize>() == together.len() && owned.iter().all(|each| !each.is_empty())
}

/// Waits until the members have shared the partitions among them.
fn settle(members: &[&Program], partitions: u32, when: &str) {
    members[0].wait(when, |_| settled(members, partitions).then_some(()));
}

/// Members join, one leaves, one is killed; all the while every event is seen by someone, in order.
pub fn rebalancing(row: &Row, protocol: &str, strategy: &str) {
    let group = format!("rebalancing-{protocol}-{strategy}");
    let options = json!({"group": group, "protocol": protocol, "strategy": strategy, "session": SESSION});
    let partitions = row.bank.partitions();
    let first = row.start("member", options.clone());
    settle(&[&first], partitions, "one member owns everything");
    let second = row.start("member", options.clone());
    settle(&[&first, &second], partitions, "a second member joins");
    let mut third = row.start("member", options);
    settle(&[&first, &second, &third], partitions, "a third member joins");
    let left = second.finish();
    settle(&[&first, &third], partitions, "the second member leaves");
    third.kill();
    settle(&[&first], partitions, "the third member is given up");
    let key = format!("cell-{group}");
    row.bank.open(&key);
    first.wait("an event after all that", |lines| records(lines).iter().any(|r| r["key"] == key).then_some(()));
    // Partitions are read one by one: the event of one says nothing about the others.
    let before: BTreeSet<_> = [left, third.lines()].iter().flat_map(|lines| feed_places(lines)).collect();
    let all = row.bank.all_events("feed-").values().map(Vec::len).sum::<usize>();
    first.wait("every event was seen", |lines| {
        (feed_places(lines).into_iter().chain(before.iter().copied()).collect::<BTreeSet<_>>().len() == all)
            .then_some(())
    });
    first.finish();
}

/// Where the records of the accounts filled first are.
fn feed_places(lines: &[Value]) -> Vec<(u64, u64)> {
    let feed = lines.iter().filter(|line| line["record"]["key"].as_str().is_some_and(|key| key.starts_with("feed-")));
    places(&feed.cloned().collect::<Vec<_>>())
}

/// A member with a name of its own is killed and comes back: it owns what it had, and nobody else noticed.
pub fn static_member(row: &Row) {
    let options = |name: &str| json!({"group": "static", "instance": name, "session": 40_000});
    let partitions = row.bank.partitions();
    let first = row.start("member", options("one"));
    settle(&[&first], partitions, "one member owns everything");
    let mut second = row.start("member", options("two"));
    settle(&[&first, &second], partitions, "a second member joins");
    let (owned, told) = (second.assigned(), assignments(&first));
    second.kill();
    let again = row.start("member", options("two"));
    again.wait("it has its partitions again", |_| (again.assigned() == owned).then_some(()));
    assert_eq!(assignments(&first), told, "the other member was not disturbed");
    again.finish();
    first.finish();
}

/// How often a member was told what it owns.
fn assignments(member: &Program) -> usize {
    member.lines().iter().filter(|line| line["assigned"].is_array()).count()
}

const TOPICS: [&str; 3] = ["account.commands", "account.events", "account.state"];

fn told<'a>(lines: &'a [Value], name: &str) -> &'a Value {
    let mut found = lines.iter().filter_map(|line| line.get(name));
    found.next().unwrap_or_else(|| panic!("no line {name}"))
}

/// One broker, which is the controller, and three topics with the same number of partitions.
pub fn metadata(row: &Row) {
    let lines = row.run("admin", json!({"topics": TOPICS}));
    let partitions = row.bank.partitions();
    let topics = TOPICS.iter().map(|name| ((*name).to_owned(), json!(partitions))).collect();
    assert_eq!(told(&lines, "topics"), &Value::Object(topics));
    let cluster = told(&lines, "cluster");
    assert_eq!(cluster["brokers"], 1, "{cluster}");
    assert!(cluster["controller"].is_null() || cluster["controller"].as_i64() >= Some(0), "{cluster}");
}

/// Settings of the topics, a group with its member, and nobody makes topics.
pub fn admin(row: &Row) {
    let partitions = row.bank.partitions();
    let member = row.start("member", json!({"group": "described", "session": SESSION}));
    settle(&[&member], partitions, "a member owns everything");
    let lines = row.run("admin", json!({"topics": TOPICS, "group": "described"}));
    let configs = told(&lines, "configs");
    assert_eq!(configs, &json!({"account.commands": "delete", "account.events": "delete", "account.state": "compact"}));
    assert_eq!(told(&lines, "create"), &json!({"code": 44}), "POLICY_VIOLATION");
    let groups = told(&lines, "groups");
    assert_eq!((&groups["listed"], &groups["state"]), (&json!(true), &json!("STABLE")), "{groups}");
    assert_eq!(groups["members"], json!([(0..partitions).collect::<Vec<_>>()]));
    member.finish();
}
