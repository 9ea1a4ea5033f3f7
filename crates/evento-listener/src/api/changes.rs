//! What would change topics, their records or their configuration: refused to everybody (EV5007). Topics come from
//! resources, and what is recorded stays.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::{Call, text};
use crate::topic::Topic;

/// Why no client makes a topic.
const FROM_RESOURCES: &str = "EV5007: topics are made from resources; declare an Entity and run evento apply";
/// Why no client deletes one.
const STAYS: &str = "EV5007: topics belong to resources and keep their records; see evento delete";
/// Why no client configures one.
const SET: &str = "EV5007: topics are configured by their entity's resource";

const REFUSED: ResponseError = ResponseError::PolicyViolation;

pub(crate) async fn create_topics(call: &Call<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let catalog = call.broker.node.catalog();
    let topics = request.topics.into_iter().map(|asked| {
        let (error, why) = match Topic::named(&catalog, &asked.name) {
            Some(_) => (ResponseError::TopicAlreadyExists, "the topic is there"),
            None => (REFUSED, FROM_RESOURCES),
        };
        CreatableTopicResult::default()
            .with_name(asked.name)
            .with_error_code(error.code())
            .with_error_message(Some(text(why)))
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

pub(crate) async fn delete_topics(call: &Call<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let refused = |result: DeletableTopicResult| {
        let why = (call.version >= 5).then(|| text(STAYS));
        result.with_error_code(REFUSED.code()).with_error_message(why)
    };
    let named = request.topic_names.into_iter().map(|name| DeletableTopicResult::default().with_name(Some(name)));
    let states = request
        .topics
        .into_iter()
        .map(|topic| DeletableTopicResult::default().with_name(topic.name).with_topic_id(topic.topic_id));
    DeleteTopicsResponse::default().with_responses(named.chain(states).map(refused).collect())
}

pub(crate) async fn create_partitions(_: &Call<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request.topics.into_iter().map(|asked| {
        CreatePartitionsTopicResult::default().with_name(asked.name).with_error_code(REFUSED.code()).with_error_message(
            Some(text("EV5007: the number of partitions never changes, so that keys stay in theirs")),
        )
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

pub(crate) async fn delete_records(_: &Call<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let partitions = asked.partitions.into_iter().map(|partition| {
            DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index)
                .with_low_watermark(-1)
                .with_error_code(REFUSED.code())
        });
        DeleteRecordsTopicResult::default().with_name(asked.name).with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

pub(crate) async fn alter_configs(
    _: &Call<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|asked| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name)
            .with_error_code(REFUSED.code())
            .with_error_message(Some(text(SET)))
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}
