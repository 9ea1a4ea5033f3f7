//! KIP-848 members over a connection, in both versions.

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, TopicName,
};

use super::client::{Client, Running, text};
use super::offsets::{at, commit};
use crate::registry::world::World;

const UNSUPPORTED_VERSION: i16 = 35;
const GROUP_ID_NOT_FOUND: i16 = 69;
const FENCED_MEMBER_EPOCH: i16 = 110;
const STALE_MEMBER_EPOCH: i16 = 113;
const INVALID_REGULAR_EXPRESSION: i16 = 128;
/// Partitions of the bank's account.
const PARTITIONS: usize = 12;

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn join(name: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_member_epoch(0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text("account.events"))]))
        .with_topic_partitions(Some(Vec::new()))
}

fn live(name: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None)
}

fn partitions(answer: &ConsumerGroupHeartbeatResponse) -> usize {
    let assigned = answer.assignment.as_ref().expect("an assignment");
    assigned.topic_partitions.iter().map(|topic| topic.partitions.len()).sum()
}

/// Tells the coordinator that the member has what it was told.
async fn follow(client: &mut Client, name: &str, member: &str, told: &ConsumerGroupHeartbeatResponse) -> i32 {
    let owned = told.assignment.iter().flat_map(|assigned| &assigned.topic_partitions).map(|topic| {
        TopicPartitions::default().with_topic_id(topic.topic_id).with_partitions(topic.partitions.clone())
    });
    let asked = live(name, member, told.member_epoch).with_topic_partitions(Some(owned.collect()));
    client.ask(1, asked).await.member_epoch
}

#[tokio::test]
async fn members_join_share_and_leave_in_both_versions() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for version in [0, 1] {
        let name = format!("g{version}");
        // Before version 1 the coordinator makes the id.
        let first = client.ask(version, join(&name, if version == 0 { "" } else { "a" })).await;
        assert_eq!((first.error_code, first.member_epoch, partitions(&first)), (0, 1, PARTITIONS));
        let a = first.member_id.clone().expect("an id").to_string();
        let second = client.ask(version, join(&name, "b")).await;
        assert_eq!((second.error_code, second.member_epoch, partitions(&second)), (0, 2, 0));
        assert!(second.heartbeat_interval_ms < first.heartbeat_interval_ms, "while partitions move");

        let told = client.ask(version, live(&name, &a, 1)).await;
        assert_eq!((told.member_epoch, partitions(&told)), (1, PARTITIONS / 2));
        assert_eq!(follow(&mut client, &name, &a, &told).await, 2);
        let given = client.ask(version, live(&name, "b", 2)).await;
        assert_eq!((given.member_epoch, partitions(&given)), (2, PARTITIONS / 2));

        let fenced = client.ask(version, live(&name, "b", 7)).await;
        assert_eq!((fenced.error_code, fenced.error_message.is_some()), (FENCED_MEMBER_EPOCH, true));
        let left = client.ask(version, live(&name, "b", -1)).await;
        assert_eq!((left.error_code, left.member_epoch), (0, -1));
        assert_eq!(partitions(&client.ask(version, live(&name, &a, 2)).await), PARTITIONS);
    }
}

#[tokio::test]
async fn a_pattern_that_is_none_is_refused_and_one_that_is_takes_its_topics() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let by = |pattern: &str| {
        join("g", "a").with_subscribed_topic_names(None).with_subscribed_topic_regex(Some(text(pattern)))
    };
    assert_eq!(client.ask(1, by("account.(")).await.error_code, INVALID_REGULAR_EXPRESSION);
    let all = client.ask(1, by("account[.](events|state)")).await;
    assert_eq!((all.error_code, partitions(&all)), (0, 2 * PARTITIONS));
}

#[tokio::test]
async fn members_commit_with_their_epoch() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    assert_eq!(client.ask(1, join("g", "a")).await.error_code, 0);
    for (version, epoch, expected) in [(9, 1, 0), (9, 2, STALE_MEMBER_EPOCH), (8, 1, UNSUPPORTED_VERSION)] {
        let asked = commit("g", vec![("account.events", vec![at(0, 5)])]);
        let asked = asked.with_generation_id_or_member_epoch(epoch).with_member_id(text("a"));
        assert_eq!(client.ask(version, asked).await.topics[0].partitions[0].error_code, expected, "{version} {epoch}");
    }
}

#[tokio::test]
async fn a_group_is_described_with_what_its_members_have_and_should_have() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let a = join("g", "a").with_rack_id(Some(text("r"))).with_instance_id(Some(text("i")));
    assert_eq!(client.ask(1, a).await.error_code, 0);
    assert_eq!(client.ask(1, join("g", "b")).await.error_code, 0);
    for version in [0, 1] {
        let ids = vec![group("g"), group("nobody")];
        let asked =
            ConsumerGroupDescribeRequest::default().with_group_ids(ids).with_include_authorized_operations(true);
        let answer = client.ask(version, asked).await;
        let [found, missing] = &answer.groups[..] else { panic!("two groups") };
        assert_eq!((missing.error_code, missing.error_message.is_some()), (GROUP_ID_NOT_FOUND, true));
        let shown = (found.error_code, &*found.group_state, found.group_epoch, &*found.assignor_name);
        assert_eq!(shown, (0, "Reconciling", 2, "uniform"));
        let [a, b] = &found.members[..] else { panic!("two members") };
        assert_eq!((a.instance_id.as_deref(), a.rack_id.as_deref(), &*a.client_id), (Some("i"), Some("r"), "tester"));
        assert_eq!((a.assignment.topic_partitions[0].partitions.len(), a.member_epoch), (PARTITIONS, 1));
        assert_eq!(a.target_assignment.topic_partitions[0].partitions.len(), PARTITIONS / 2);
        assert_eq!(
            (&*a.assignment.topic_partitions[0].topic_name.0, &*a.client_host),
            ("account.events", "/127.0.0.1")
        );
        assert_eq!((b.assignment.topic_partitions.len(), b.member_epoch), (0, 2));
        assert_eq!(a.member_type, if version == 1 { 1 } else { -1 });
        assert!(found.authorized_operations > 0);
    }
    let shown = running.broker.group("g").expect("the group");
    assert_eq!((shown.overview.kind, shown.overview.state, shown.overview.members), ("consumer", "Reconciling", 2));
    assert_eq!(shown.members[0].partitions["account.events"].len(), PARTITIONS);
    assert_eq!(shown.offsets.len(), PARTITIONS, "also what is read and not committed");
    assert_eq!((shown.offsets[0].committed, shown.offsets[0].member.as_deref()), (None, Some("a")));
}
