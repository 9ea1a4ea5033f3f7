//! Committed offsets: in every version, for all kinds of asking, and across restarts.

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, TopicName,
};

use super::client::{Client, NOW, Running, text};
use crate::registry::world::World;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const OFFSET_METADATA_TOO_LARGE: i16 = 12;
const ILLEGAL_GENERATION: i16 = 22;
const INVALID_COMMIT_OFFSET_SIZE: i16 = 28;
const GROUP_ID_NOT_FOUND: i16 = 69;

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// One partition of a commit.
pub fn at(partition: i32, offset: i64) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default().with_partition_index(partition).with_committed_offset(offset)
}

/// A commit by nobody in particular.
pub fn commit(name: &str, topics: Vec<(&str, Vec<OffsetCommitRequestPartition>)>) -> OffsetCommitRequest {
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetCommitRequestTopic::default().with_name(topic(name)).with_partitions(partitions)
    });
    OffsetCommitRequest::default().with_group_id(group(name)).with_topics(topics.collect())
}

/// Errors of the only topic.
async fn errors(client: &mut Client, version: i16, asked: OffsetCommitRequest) -> Vec<i16> {
    let answer = client.ask(version, asked).await;
    answer.topics[0].partitions.iter().map(|one| one.error_code).collect()
}

/// Offset, leader epoch and text of some partitions of `account.events`; `None` asks for all.
async fn fetch(client: &mut Client, version: i16, name: &str, of: Option<&[i32]>) -> Vec<(i32, i64, i32, String)> {
    if version >= 8 {
        let of = of.map(|of| {
            vec![
                OffsetFetchRequestTopics::default()
                    .with_name(topic("account.events"))
                    .with_partition_indexes(of.to_vec()),
            ]
        });
        let asked = OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(of);
        let answer = client.ask(version, OffsetFetchRequest::default().with_groups(vec![asked])).await;
        assert_eq!(answer.groups[0].error_code, 0);
        let partitions = answer.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
        return partitions
            .map(|one| {
                assert_eq!(one.error_code, 0);
                let said = one.metadata.as_deref().unwrap_or_default().to_owned();
                (one.partition_index, one.committed_offset, one.committed_leader_epoch, said)
            })
            .collect();
    }
    let of = of.map(|of| {
        vec![OffsetFetchRequestTopic::default().with_name(topic("account.events")).with_partition_indexes(of.to_vec())]
    });
    let answer = client.ask(version, OffsetFetchRequest::default().with_group_id(group(name)).with_topics(of)).await;
    assert_eq!(answer.error_code, 0);
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|one| {
            assert_eq!(one.error_code, 0);
            let said = one.metadata.as_deref().unwrap_or_default().to_owned();
            (one.partition_index, one.committed_offset, one.committed_leader_epoch, said)
        })
        .collect()
}

#[tokio::test]
async fn offsets_are_committed_and_fetched_in_every_version() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for version in 2..=9 {
        let name = format!("version-{version}");
        let mut one = at(3, i64::from(version)).with_committed_metadata(Some(text("beside it")));
        if version >= 6 {
            one = one.with_committed_leader_epoch(1);
        }
        assert_eq!(errors(&mut client, version, commit(&name, vec![("account.events", vec![one])])).await, [0]);
        for of_fetch in 1..=9 {
            let epoch = if version >= 6 && of_fetch >= 5 { 1 } else { -1 };
            let expected = (3, i64::from(version), epoch, "beside it".to_owned());
            let found = fetch(&mut client, of_fetch, &name, Some(&[3, 4])).await;
            assert_eq!(found, [expected.clone(), (4, -1, -1, String::new())], "{version} {of_fetch}");
            if of_fetch >= 2 {
                assert_eq!(fetch(&mut client, of_fetch, &name, None).await, [expected], "{version} {of_fetch}");
            }
        }
    }
}

#[tokio::test]
async fn one_request_fetches_for_many_groups() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for (name, offset) in [("a", 5), ("b", 6)] {
        assert_eq!(errors(&mut client, 9, commit(name, vec![("account.events", vec![at(0, offset)])])).await, [0]);
    }
    for version in [8, 9] {
        let groups = ["a", "b", "never heard of"]
            .map(|name| OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(None));
        let answer = client.ask(version, OffsetFetchRequest::default().with_groups(groups.to_vec())).await;
        let found: Vec<Option<i64>> = answer
            .groups
            .iter()
            .map(|group| group.topics.first().map(|topic| topic.partitions[0].committed_offset))
            .collect();
        assert_eq!(found, [Some(5), Some(6), None]);
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart_and_the_newest_wins() {
    let mut world = World::bank().await;
    for round in 0..3 {
        let running = Running::on(&world).await;
        let mut client = running.client().await;
        if round > 0 {
            let expected = (1, 9 + 10 * (round - 1), -1, String::new());
            assert_eq!(fetch(&mut client, 9, "g", Some(&[1])).await, [expected]);
        }
        for offset in 0..10 {
            let asked = commit("g", vec![("account.events", vec![at(1, offset + 10 * round)])]);
            assert_eq!(errors(&mut client, 9, asked).await, [0]);
        }
        drop(client);
        running.end().await;
        world = world.again();
    }
}

#[tokio::test]
async fn a_commit_is_refused_for_what_is_wrong_with_it_partition_by_partition() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let long = at(2, 1).with_committed_metadata(Some(text(&"x".repeat(65))));
    let asked = commit("g", vec![("account.events", vec![at(0, 7), at(99, 1), at(1, -5), long, at(-1, 1)])]);
    let expected =
        [0, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE, OFFSET_METADATA_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION];
    assert_eq!(errors(&mut client, 9, asked).await, expected);
    assert_eq!(fetch(&mut client, 9, "g", None).await, [(0, 7, -1, String::new())]);
    let nowhere = commit("g", vec![("orders", vec![at(0, 1)])]);
    assert_eq!(errors(&mut client, 9, nowhere).await, [UNKNOWN_TOPIC_OR_PARTITION]);
    for (version, expected) in [(8, ILLEGAL_GENERATION), (9, GROUP_ID_NOT_FOUND)] {
        let member = commit("nobody", vec![("account.events", vec![at(0, 1)])]);
        let member = member.with_generation_id_or_member_epoch(4).with_member_id(text("m"));
        assert_eq!(errors(&mut client, version, member).await, [expected]);
    }
    assert_eq!(running.broker.group("nobody"), None, "a refused commit leaves no group behind");
}

#[tokio::test]
async fn a_group_keeps_so_many_offsets_and_no_more() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    for (name, expected) in [("account.events", 0), ("account.state", INVALID_COMMIT_OFFSET_SIZE)] {
        let asked = commit("g", vec![(name, (0..10).map(|partition| at(partition, 1)).collect())]);
        let errors = errors(&mut client, 9, asked).await;
        assert_eq!(errors[9], 0, "{name}: twenty fit");
        let more = commit("g", vec![(name, vec![at(10, 1), at(0, 2)])]);
        let errors = self::errors(&mut client, 9, more).await;
        assert_eq!(errors[1], 0, "{name}: what is there can be moved");
        if expected != 0 {
            assert_eq!(errors[0], expected);
        }
        let gone = OffsetDeleteRequestPartition::default().with_partition_index(10);
        let gone = OffsetDeleteRequestTopic::default().with_name(topic(name)).with_partitions(vec![gone]);
        let asked = OffsetDeleteRequest::default().with_group_id(group("g")).with_topics(vec![gone]);
        assert_eq!(client.ask(0, asked).await.error_code, 0);
    }
}

#[tokio::test]
async fn offsets_and_groups_are_deleted_for_good() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut client = running.client().await;
    let asked = commit("g", vec![("account.events", vec![at(0, 7), at(1, 8)])]);
    assert_eq!(errors(&mut client, 9, asked).await, [0, 0]);
    let one = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let one = OffsetDeleteRequestTopic::default().with_name(topic("account.events")).with_partitions(vec![one]);
    let asked = OffsetDeleteRequest::default().with_group_id(group("g")).with_topics(vec![one.clone()]);
    let deleted = client.ask(0, asked).await;
    assert_eq!((deleted.error_code, deleted.topics[0].partitions[0].error_code), (0, 0));
    assert_eq!(fetch(&mut client, 9, "g", None).await, [(1, 8, -1, String::new())]);
    let nobody = OffsetDeleteRequest::default().with_group_id(group("nobody")).with_topics(vec![one]);
    assert_eq!(client.ask(0, nobody).await.error_code, GROUP_ID_NOT_FOUND);

    for version in 0..=2 {
        let name = format!("of-{version}");
        assert_eq!(errors(&mut client, 9, commit(&name, vec![("account.events", vec![at(0, 7)])])).await, [0]);
        let names = vec![group(&name), group("nobody")];
        let deleted = client.ask(version, DeleteGroupsRequest::default().with_groups_names(names)).await;
        let codes: Vec<i16> = deleted.results.iter().map(|one| one.error_code).collect();
        assert_eq!(codes, [0, GROUP_ID_NOT_FOUND], "DeleteGroups {version}");
        assert_eq!(fetch(&mut client, 9, &name, None).await, []);
    }
    let shown = running.broker.group("g").expect("the group");
    assert_eq!((shown.offsets[0].committed, shown.offsets[0].committed_at), (Some(8), Some(NOW)));
    assert_eq!(running.broker.groups().len(), 1);
    drop(client);
    running.end().await;
    let world = world.again();
    let running = Running::on(&world).await;
    assert_eq!(running.broker.groups().iter().map(|group| &*group.name).collect::<Vec<_>>(), ["g"]);
}
