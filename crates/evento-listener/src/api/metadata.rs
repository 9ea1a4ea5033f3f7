//! Metadata: brokers and topics. Topics are those of the resources; asking for another makes none.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};

use super::{Call, text};
use crate::broker::{Broker, NODE};
use crate::topic::{Content, Topic};

/// What a client may do with a topic, as bits (KIP-430): read, write, describe, describe its configuration.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const DESCRIBE: i32 = 1 << 8;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
/// Not asked for.
const NOT_SAID: i32 = i32::MIN;

pub(crate) async fn metadata(call: &Call<'_>, request: MetadataRequest) -> MetadataResponse {
    let catalog = call.broker.node.catalog();
    let operations = |topic: &Topic| match request.include_topic_authorized_operations {
        true if topic.content == Content::Commands => READ | WRITE | DESCRIBE | DESCRIBE_CONFIGS,
        true => READ | DESCRIBE | DESCRIBE_CONFIGS,
        false => NOT_SAID,
    };
    let show = |topic: Topic| shown(call, &topic).with_topic_authorized_operations(operations(&topic));
    let topics = match &request.topics {
        // In version 0 an empty list asks for everything, later a null list does.
        None => Topic::all(&catalog).map(show).collect(),
        Some(asked) if asked.is_empty() && call.version == 0 => Topic::all(&catalog).map(show).collect(),
        Some(asked) => asked.iter().map(|one| find(call, one).map_or_else(|missing| *missing, show)).collect(),
    };
    let all = if request.include_cluster_authorized_operations { DESCRIBE } else { NOT_SAID };
    MetadataResponse::default()
        .with_brokers(vec![node(call.broker)])
        .with_cluster_id(Some(text(&*call.broker.cluster_id)))
        .with_controller_id(BrokerId(NODE))
        .with_topics(topics)
        .with_cluster_authorized_operations(all)
}

fn node(broker: &Broker) -> MetadataResponseBroker {
    let (host, port) = &broker.advertised;
    MetadataResponseBroker::default().with_node_id(BrokerId(NODE)).with_host(text(&**host)).with_port(i32::from(*port))
}

fn find(call: &Call<'_>, asked: &MetadataRequestTopic) -> Result<Topic, Box<MetadataResponseTopic>> {
    let catalog = call.broker.node.catalog();
    let (found, error) = match &asked.name {
        Some(name) => (Topic::named(&catalog, name), ResponseError::UnknownTopicOrPartition),
        None => (Topic::with_id(&catalog, &call.broker.cluster_id, asked.topic_id), ResponseError::UnknownTopicId),
    };
    found.ok_or_else(|| {
        let missing = MetadataResponseTopic::default().with_error_code(error.code()).with_topic_id(asked.topic_id);
        let name = asked.name.clone().or_else(|| (call.version < 12).then(TopicName::default));
        Box::new(missing.with_name(name).with_topic_authorized_operations(NOT_SAID))
    })
}

fn shown(call: &Call<'_>, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.entity.partitions).map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(partition as i32)
            .with_leader_id(BrokerId(NODE))
            .with_leader_epoch(call.broker.epoch())
            .with_replica_nodes(vec![BrokerId(NODE)])
            .with_isr_nodes(vec![BrokerId(NODE)])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(topic.name()))))
        .with_topic_id(topic.id(&call.broker.cluster_id))
        .with_partitions(partitions.collect())
}
