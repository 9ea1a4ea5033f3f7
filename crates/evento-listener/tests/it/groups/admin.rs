//! What tools ask: who coordinates, which groups there are, and what they are.

use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId,
    ListGroupsRequest, TopicName,
};

use super::classic::enter;
use super::client::{Running, text};
use super::offsets::{at, commit};
use crate::registry::world::World;

const INVALID_GROUP_ID: i16 = 24;
const INVALID_REQUEST: i16 = 42;
const NON_EMPTY_GROUP: i16 = 68;

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

#[tokio::test]
async fn this_node_coordinates_every_group_and_every_transaction() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let port: i32 = running.address.rsplit(':').next().expect("a port").parse().expect("a number");
    for version in 0..=3 {
        let answer = client.ask(version, FindCoordinatorRequest::default().with_key(text("g"))).await;
        assert_eq!((answer.error_code, answer.node_id.0, answer.port), (0, 0, port), "FindCoordinator {version}");
        let empty = client.ask(version, FindCoordinatorRequest::default()).await;
        assert_eq!(empty.error_code, INVALID_GROUP_ID);
    }
    for (kind, expected) in [(0, [0, INVALID_GROUP_ID]), (1, [0, 0]), (9, [INVALID_REQUEST; 2])] {
        let keys = vec![text("g"), text("")];
        let asked = FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(keys);
        let answer = client.ask(4, asked).await;
        assert_eq!(answer.coordinators.iter().map(|one| one.error_code).collect::<Vec<_>>(), expected);
        assert!(answer.coordinators.iter().all(|one| one.port == port));
    }
}

#[tokio::test]
async fn groups_are_listed_and_described_by_kind_and_state_in_every_version() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let joined = enter(&mut client, &group("classic"), 7).await;
    assert_eq!(client.ask(9, commit("offsets", vec![("account.events", vec![at(0, 5)])])).await.topics.len(), 1);
    let modern = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group("modern"))
        .with_member_id(text("m"))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text("account.events"))]))
        .with_topic_partitions(Some(Vec::new()));
    assert_eq!(client.ask(1, modern).await.error_code, 0);

    for version in 0..=5 {
        let answer = client.ask(version, ListGroupsRequest::default()).await;
        let names: Vec<&str> = answer.groups.iter().map(|one| &*one.group_id.0).collect();
        assert_eq!(names, ["classic", "modern", "offsets"], "ListGroups {version}");
        let states: Vec<&str> = answer.groups.iter().map(|one| &*one.group_state).collect();
        assert_eq!(states, if version >= 4 { ["CompletingRebalance", "Stable", "Empty"] } else { [""; 3] });
        let kinds: Vec<&str> = answer.groups.iter().map(|one| &*one.group_type).collect();
        assert_eq!(kinds, if version >= 5 { ["classic", "consumer", "classic"] } else { [""; 3] });
    }
    let filtered = ListGroupsRequest::default().with_states_filter(vec![text("empty"), text("stable")]);
    assert_eq!(client.ask(4, filtered.clone()).await.groups.len(), 2);
    assert_eq!(client.ask(5, filtered.with_types_filter(vec![text("Consumer")])).await.groups.len(), 1);

    for version in 0..=5 {
        let mut asked = DescribeGroupsRequest::default().with_groups(["classic", "modern", "no"].map(group).to_vec());
        if version >= 3 {
            asked = asked.with_include_authorized_operations(true);
        }
        let answer = client.ask(version, asked).await;
        let states: Vec<&str> = answer.groups.iter().map(|one| &*one.group_state).collect();
        assert_eq!(states, ["CompletingRebalance", "Dead", "Dead"], "DescribeGroups {version}");
        let classic = &answer.groups[0];
        assert_eq!((&*classic.protocol_type, &*classic.protocol_data), ("consumer", "range"));
        let member = &classic.members[0];
        assert_eq!((&member.member_id, &*member.client_id), (&joined.member_id, "tester"));
    }

    let names = vec![group("classic"), group("modern"), group("offsets")];
    let deleted = client.ask(2, DeleteGroupsRequest::default().with_groups_names(names)).await;
    let codes: Vec<i16> = deleted.results.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [NON_EMPTY_GROUP, NON_EMPTY_GROUP, 0]);
}
