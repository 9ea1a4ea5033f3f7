//! DescribeConfigs: how a topic and the broker are set, under Kafka's names. Nothing of it can be changed here.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::{Call, text};
use crate::broker::NODE;
use crate::topic::{Content, Topic};

/// Kinds of resources (Kafka protocol guide, DescribeConfigs).
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value comes from: it is the default.
const DEFAULT: i8 = 5;
/// Where a value comes from: it was set for this topic.
const OF_TOPIC: i8 = 1;
/// Types of values: string, int, long, boolean.
const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;

/// Name, value, type, and where it comes from.
type Entry = (&'static str, String, i8, i8);

pub(crate) async fn describe(call: &Call<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|asked| one(call, asked));
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn one(call: &Call<'_>, asked: DescribeConfigsResource) -> DescribeConfigsResult {
    let catalog = call.broker.node.catalog();
    let found = match asked.resource_type {
        TOPIC => {
            Topic::named(&catalog, &asked.resource_name).map(of_topic).ok_or(ResponseError::UnknownTopicOrPartition)
        }
        BROKER if asked.resource_name.is_empty() || *asked.resource_name == *NODE.to_string() => Ok(of_broker(call)),
        _ => Err(ResponseError::InvalidRequest),
    };
    let result = DescribeConfigsResult::default()
        .with_resource_type(asked.resource_type)
        .with_resource_name(asked.resource_name.clone());
    match found {
        Ok(entries) => {
            let wanted = |entry: &Entry| {
                asked.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| **key == *entry.0))
            };
            result.with_configs(entries.into_iter().filter(wanted).map(|entry| shown(call, entry)).collect())
        }
        Err(error) => result.with_error_code(error.code()).with_error_message(Some(text(error.to_string()))),
    }
}

fn shown(call: &Call<'_>, (name, value, kind, source): Entry) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_read_only(true)
        .with_config_source(source)
        .with_config_type(if call.version >= 3 { kind } else { 0 })
}

fn of_topic(topic: Topic) -> Vec<Entry> {
    let policy = if topic.content == Content::State { "compact" } else { "delete" };
    vec![
        ("cleanup.policy", policy.to_owned(), STRING, OF_TOPIC),
        ("compression.type", "uncompressed".to_owned(), STRING, DEFAULT),
        ("max.message.bytes", (1 << 20).to_string(), INT, DEFAULT),
        ("message.timestamp.type", "LogAppendTime".to_owned(), STRING, OF_TOPIC),
        ("min.insync.replicas", "1".to_owned(), INT, DEFAULT),
        ("retention.bytes", "-1".to_owned(), LONG, OF_TOPIC),
        ("retention.ms", "-1".to_owned(), LONG, OF_TOPIC),
        ("segment.bytes", (1 << 30).to_string(), INT, DEFAULT),
    ]
}

fn of_broker(call: &Call<'_>) -> Vec<Entry> {
    let limits = &call.broker.limits;
    let (host, port) = &call.broker.advertised;
    vec![
        ("advertised.listeners", format!("PLAINTEXT://{host}:{port}"), STRING, DEFAULT),
        ("auto.create.topics.enable", "false".to_owned(), STRING, DEFAULT),
        ("broker.id", NODE.to_string(), INT, DEFAULT),
        ("connections.max.idle.ms", limits.idle.as_millis().to_string(), LONG, DEFAULT),
        ("fetch.max.bytes", limits.fetch_bytes_max.to_string(), INT, DEFAULT),
        ("max.connections", limits.connections_max.to_string(), INT, DEFAULT),
        ("socket.request.max.bytes", limits.request_bytes_max.to_string(), INT, DEFAULT),
    ]
}
