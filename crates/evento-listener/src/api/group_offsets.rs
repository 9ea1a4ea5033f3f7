//! OffsetCommit, OffsetFetch and OffsetDelete: how far groups have come.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};

use super::group::{code, name};
use super::{Call, text};
use crate::group::{Committed, Committer, Granted, Name, Position};

pub(crate) async fn commit(call: &Call<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let by = Committer {
        group: &request.group_id,
        member: &request.member_id,
        instance: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
    };
    let positions: Vec<Position> = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|one| (name(&topic.name), one)))
        .map(|(topic, one)| Position {
            topic,
            partition: one.partition_index,
            offset: one.committed_offset,
            leader_epoch: one.committed_leader_epoch,
            metadata: one.committed_metadata.as_deref().unwrap_or_default().to_owned(),
        })
        .collect();
    let mut errors = call.broker.commit_offsets(&by, call.version, &positions).await.into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|one| {
            let answer = OffsetCommitResponsePartition::default().with_partition_index(one.partition_index);
            answer.with_error_code(code(errors.next().flatten()))
        });
        OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// What was asked for and found of one partition: its number, and the offset or an error.
type Found = (i32, Granted<Option<Committed>>);

pub(crate) async fn fetch(call: &Call<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if call.version >= 8 {
        let groups = request.groups.iter().map(|group| of_group(call, group, request.require_stable));
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let asked = request.topics.as_ref().map(|topics| {
        topics.iter().map(|topic| (name(&topic.name), topic.partition_indexes.clone())).collect::<Vec<_>>()
    });
    let found = find(call, &request.group_id, asked, request.require_stable);
    let topics = found.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|one| old_form(call, one));
        OffsetFetchResponseTopic::default().with_name(TopicName(text(&*topic))).with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn old_form(call: &Call<'_>, (partition, found): Found) -> OffsetFetchResponsePartition {
    let (committed, error) = split(found);
    let epoch = committed.as_ref().map_or(-1, |committed| committed.leader_epoch);
    OffsetFetchResponsePartition::default()
        .with_partition_index(partition)
        .with_committed_offset(committed.as_ref().map_or(-1, |committed| committed.offset))
        .with_committed_leader_epoch(if call.version >= 5 { epoch } else { -1 })
        .with_metadata(Some(text(committed.map(|committed| committed.metadata).unwrap_or_default())))
        .with_error_code(error)
}

fn of_group(call: &Call<'_>, asked: &OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
    let member = asked.member_id.as_deref().unwrap_or_default();
    let may = call.broker.groups.state().groups.may_read_offsets(&asked.group_id, member, asked.member_epoch);
    if let Err(error) = may {
        return answer.with_error_code(error.code());
    }
    let topics = asked.topics.as_ref().map(|topics| {
        topics.iter().map(|topic| (name(&topic.name), topic.partition_indexes.clone())).collect::<Vec<_>>()
    });
    let found = find(call, &asked.group_id, topics, stable).into_iter().map(|(topic, partitions)| {
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(text(&*topic)))
            .with_partitions(partitions.into_iter().map(new_form).collect())
    });
    answer.with_topics(found.collect())
}

fn new_form((partition, found): Found) -> OffsetFetchResponsePartitions {
    let (committed, error) = split(found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition)
        .with_committed_offset(committed.as_ref().map_or(-1, |committed| committed.offset))
        .with_committed_leader_epoch(committed.as_ref().map_or(-1, |committed| committed.leader_epoch))
        .with_metadata(Some(text(committed.map(|committed| committed.metadata).unwrap_or_default())))
        .with_error_code(error)
}

fn split(found: Granted<Option<Committed>>) -> (Option<Committed>, i16) {
    match found {
        Ok(committed) => (committed, super::NONE),
        Err(error) => (None, error.code()),
    }
}

/// The committed offsets that are asked for, or all of them.
fn find(call: &Call<'_>, group: &str, asked: Option<Vec<(Name, Vec<i32>)>>, stable: bool) -> Vec<(Name, Vec<Found>)> {
    let catalog = call.broker.node.catalog();
    let settled = |topic: &str, partition: i32, committed: Option<Committed>| -> Found {
        match stable && call.broker.is_unstable(group, topic, partition) {
            true => (partition, Err(ResponseError::UnstableOffsetCommit)),
            false => (partition, Ok(committed)),
        }
    };
    let Some(asked) = asked else {
        let all = call.broker.all_committed(&catalog, group).into_iter();
        return all
            .map(|(topic, found)| {
                let found = found.into_iter().map(|(partition, one)| settled(&topic, partition, Some(one))).collect();
                (topic, found)
            })
            .collect();
    };
    let one = |topic: &Name, partition: i32| {
        settled(topic, partition, call.broker.committed(&catalog, group, topic, partition))
    };
    let of = |(topic, partitions): (Name, Vec<i32>)| {
        let found = partitions.into_iter().map(|partition| one(&topic, partition)).collect();
        (topic, found)
    };
    asked.into_iter().map(of).collect()
}

pub(crate) async fn delete(call: &Call<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let of: Vec<(Name, i32)> = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|one| (name(&topic.name), one.partition_index)))
        .collect();
    let mut errors = match call.broker.delete_offsets(&request.group_id, &of).await {
        Ok(errors) => errors.into_iter(),
        Err(error) => return OffsetDeleteResponse::default().with_error_code(error.code()),
    };
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|one| {
            let answer = OffsetDeleteResponsePartition::default().with_partition_index(one.partition_index);
            answer.with_error_code(code(errors.next().flatten()))
        });
        OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
