//! What tools see of transactions and producers: ListTransactions, DescribeTransactions, DescribeProducers (KIP-664).

use std::collections::BTreeMap;

use evento_model::Timestamp;
use evento_schema::catalog::Catalog;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use kafka_protocol::messages::list_transactions_response::TransactionState as Listed;
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    ListTransactionsRequest, ListTransactionsResponse, TransactionalId,
};

use super::super::{Call, NONE, text};
use crate::producer::{Active, Place};
use crate::topic::{Content, Topic};
use crate::transaction::Shown;

/// The words for states.
const STATES: [&str; 6] = ["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"];

pub(crate) async fn list(call: &Call<'_>, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let now = call.broker.node.now();
    let wanted = |shown: &Shown| {
        let (states, producers) = (&request.state_filters, &request.producer_id_filters);
        (states.is_empty() || states.iter().any(|state| state.as_str() == shown.state))
            && (producers.is_empty() || producers.iter().any(|producer| producer.0 == shown.producer))
            && (request.duration_filter < 0 || lasts(shown, now) > request.duration_filter)
    };
    let listed = call.broker.transactions.all().into_iter().filter(wanted).map(|shown| {
        Listed::default()
            .with_transactional_id(name(&shown.id))
            .with_producer_id(shown.producer.into())
            .with_transaction_state(text(shown.state))
    });
    let unknown = request.state_filters.iter().filter(|state| !STATES.contains(&state.as_str())).cloned();
    ListTransactionsResponse::default()
        .with_transaction_states(listed.collect())
        .with_unknown_state_filters(unknown.collect())
}

/// Milliseconds since its transaction began; -1 if none is going on.
fn lasts(shown: &Shown, now: Timestamp) -> i64 {
    shown.since.map_or(-1, |since| now.ms_since(since) as i64)
}

fn name(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

pub(crate) async fn describe(call: &Call<'_>, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let catalog = call.broker.node.catalog();
    let described = request.transactional_ids.iter().map(|id| match call.broker.transactions.one(id) {
        Some(shown) => Described::default()
            .with_transactional_id(name(&shown.id))
            .with_transaction_state(text(shown.state))
            .with_transaction_timeout_ms(shown.timeout_ms as i32)
            .with_transaction_start_time_ms(shown.since.map_or(-1, |since| since.0))
            .with_producer_id(shown.producer.into())
            .with_producer_epoch(shown.epoch)
            .with_topics(topics(&catalog, &shown.places)),
        None => Described::default()
            .with_transactional_id(id.clone())
            .with_error_code(ResponseError::TransactionalIdNotFound.code()),
    });
    DescribeTransactionsResponse::default().with_transaction_states(described.collect())
}

fn topics(catalog: &Catalog, places: &[Place]) -> Vec<TopicData> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for place in places {
        if let Some(entity) = catalog.entity(place.entity) {
            let topic = Topic { entity: entity.clone(), content: Content::Commands };
            topics.entry(topic.name()).or_default().push(place.partition as i32);
        }
    }
    let topics = topics.into_iter();
    topics.map(|(topic, at)| TopicData::default().with_topic(text(topic).into()).with_partitions(at)).collect()
}

pub(crate) async fn producers(call: &Call<'_>, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let catalog = call.broker.node.catalog();
    let topics = request.topics.into_iter().map(|asked| {
        let topic = Topic::named(&catalog, &asked.name);
        let partitions = asked.partition_indexes.iter().map(|index| writers(call, topic.as_ref(), *index)).collect();
        TopicResponse::default().with_name(asked.name).with_partitions(partitions)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn writers(call: &Call<'_>, topic: Option<&Topic>, index: i32) -> PartitionResponse {
    let answer = PartitionResponse::default().with_partition_index(index).with_error_code(NONE);
    let Some((topic, partition)) = topic.and_then(|topic| Some((topic, topic.partition(index)?))) else {
        return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    if topic.content != Content::Commands {
        return answer;
    }
    let place = Place { entity: topic.entity.id, partition };
    let active = call.broker.producers.active(call.broker.node.now(), place).into_iter();
    let states = active.map(|Active { producer, epoch, last, at }| {
        ProducerState::default()
            .with_producer_id(producer.into())
            .with_producer_epoch(i32::from(epoch))
            .with_last_sequence(last)
            .with_last_timestamp(at.0)
            .with_coordinator_epoch(-1)
            .with_current_txn_start_offset(-1)
    });
    answer.with_active_producers(states.collect())
}
