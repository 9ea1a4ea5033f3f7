//! ConsumerGroupHeartbeat and ConsumerGroupDescribe: the group protocol of KIP-848.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as Shown, DescribedGroup, Member, TopicPartitions as ShownTopic,
};
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, GroupId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::group::{millis, name, name_if, origin};
use super::group_admin::operations;
use super::{Call, text};
use crate::group::{Beat, Beaten, ConsumerView, Kind, No, Parts, Topics};

/// The kind of a member of this protocol, in descriptions; 0 would be one of the classic protocol.
const OF_CONSUMER: i8 = 1;

pub(crate) async fn heartbeat(
    call: &Call<'_>,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let beat = Beat {
        member: member_id(call, &request),
        epoch: request.member_epoch,
        instance: name_if(&request.instance_id),
        rack: name_if(&request.rack_id),
        origin: origin(call),
        rebalance: (request.rebalance_timeout_ms >= 0).then(|| millis(request.rebalance_timeout_ms)),
        names: request.subscribed_topic_names.as_ref().map(|names| names.iter().map(|one| name(one)).collect()),
        pattern: name_if(&request.subscribed_topic_regex),
        assignor: name_if(&request.server_assignor),
        owned: request.topic_partitions.as_ref().map(|owned| {
            owned.iter().flat_map(|topic| topic.partitions.iter().map(|one| (topic.topic_id, *one))).collect()
        }),
    };
    let group = name(&request.group_id);
    let catalog = call.broker.node.catalog();
    let answer = call.broker.groups.ask(|state, now, _| {
        if state.groups.topics_version() != Some(catalog.version) {
            state.groups.set_topics(Arc::new(Topics::of(&catalog, &call.broker.cluster_id)));
        }
        state.groups.beat(now, &group, beat)
    });
    match answer {
        Ok(beaten) => alive(beaten),
        Err(No { error, why }) => {
            ConsumerGroupHeartbeatResponse::default().with_error_code(error.code()).with_error_message(Some(text(why)))
        }
    }
}

/// From version 1 on clients choose their ids (KIP-1082); before, an empty one asks for one.
fn member_id(call: &Call<'_>, request: &ConsumerGroupHeartbeatRequest) -> crate::group::Name {
    if call.version == 0 && request.member_id.is_empty() && request.member_epoch == 0 {
        return uuid::Builder::from_random_bytes(call.broker.node.seed().0).into_uuid().to_string().into();
    }
    name(&request.member_id)
}

fn alive(beaten: Beaten) -> ConsumerGroupHeartbeatResponse {
    let partitions = |assigned: Parts| {
        let one = |(topic, partitions)| TopicPartitions::default().with_topic_id(topic).with_partitions(partitions);
        Assignment::default().with_topic_partitions(by_topic(&assigned).into_iter().map(one).collect())
    };
    let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(text(&*beaten.member)))
        .with_member_epoch(beaten.epoch)
        .with_heartbeat_interval_ms(millis(beaten.next))
        .with_assignment(beaten.assigned.map(partitions))
}

fn by_topic(parts: &Parts) -> BTreeMap<Uuid, Vec<i32>> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    parts.iter().for_each(|(topic, partition)| topics.entry(*topic).or_default().push(*partition));
    topics
}

pub(crate) async fn describe(call: &Call<'_>, request: ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
    let asked = request.include_authorized_operations;
    let groups = request.group_ids.into_iter().map(|id| described(call, id, asked));
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}

fn described(call: &Call<'_>, id: GroupId, asked: bool) -> DescribedGroup {
    let state = call.broker.groups.state();
    let answer = DescribedGroup::default().with_authorized_operations(operations(asked));
    let Some(Kind::Consumer(group)) = state.groups.get(&id).map(|group| &group.kind) else {
        return answer
            .with_group_id(id)
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(text("there is no group of this name that speaks the consumer protocol")));
    };
    let topics = state.groups.topics();
    answer
        .with_group_id(id)
        .with_group_state(text(group.state()))
        .with_group_epoch(group.epoch())
        .with_assignment_epoch(group.epoch())
        .with_assignor_name(text(group.assignor().as_str()))
        .with_members(group.view().into_iter().map(|member| shown(call, topics, member)).collect())
}

fn shown(call: &Call<'_>, topics: &Topics, member: ConsumerView) -> Member {
    let said = |name: crate::group::Name| text(&*name);
    Member::default()
        .with_member_id(said(member.id))
        .with_instance_id(member.instance.map(said))
        .with_rack_id(member.rack.map(said))
        .with_member_epoch(member.epoch)
        .with_client_id(said(member.origin.client))
        .with_client_host(said(member.origin.host))
        .with_subscribed_topic_names(member.names.into_iter().map(|name| TopicName(said(name))).collect())
        .with_subscribed_topic_regex(member.pattern.map(said))
        .with_assignment(partitions(topics, &member.assigned))
        .with_target_assignment(partitions(topics, &member.target))
        .with_member_type(if call.version >= 1 { OF_CONSUMER } else { Member::default().member_type })
}

fn partitions(topics: &Topics, parts: &Parts) -> Shown {
    let one = |(topic, partitions): (Uuid, Vec<i32>)| {
        let name = topics.name(topic).map_or(StrBytes::default(), |name| text(&**name));
        ShownTopic::default().with_topic_id(topic).with_topic_name(TopicName(name)).with_partitions(partitions)
    };
    Shown::default().with_topic_partitions(by_topic(parts).into_iter().map(one).collect())
}
