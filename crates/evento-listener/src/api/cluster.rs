//! DescribeCluster, and what changes topics: refused, since topics come from resources (EV5007).

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, CreateTopicsResponse, DescribeClusterRequest, DescribeClusterResponse,
};

use super::{Call, text};
use crate::broker::NODE;
use crate::topic::Topic;

/// Why no client makes a topic.
const FROM_RESOURCES: &str = "EV5007: topics are made from resources; declare an Entity and run evento apply";
/// Not asked for.
const NOT_SAID: i32 = i32::MIN;

pub(crate) async fn describe(call: &Call<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = &call.broker.advertised;
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE))
        .with_host(text(&**host))
        .with_port(i32::from(*port));
    DescribeClusterResponse::default()
        .with_cluster_id(text(&*call.broker.cluster_id))
        .with_controller_id(BrokerId(NODE))
        .with_brokers(vec![broker])
        .with_endpoint_type(if call.version >= 1 { request.endpoint_type } else { 1 })
        .with_cluster_authorized_operations(NOT_SAID)
}

pub(crate) async fn create_topics(call: &Call<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let catalog = call.broker.node.catalog();
    let topics = request.topics.into_iter().map(|asked| {
        let (error, why) = match Topic::named(&catalog, &asked.name) {
            Some(_) => (ResponseError::TopicAlreadyExists, "the topic is there"),
            None => (ResponseError::PolicyViolation, FROM_RESOURCES),
        };
        CreatableTopicResult::default()
            .with_name(asked.name)
            .with_error_code(error.code())
            .with_error_message(Some(text(why)))
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}
