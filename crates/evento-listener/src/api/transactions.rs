//! Transactional and idempotent producers: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit and
//! EndTxn. Here are the forms of requests and answers; the rules are `transaction`'s.

mod describe;
mod offsets;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse,
};

pub(super) use describe::{describe, list, producers};
pub(super) use offsets::commit_offsets;

use super::{Call, NONE};
use crate::producer::Place;
use crate::topic::{Content, Topic};
use crate::transaction::Claim;

/// InitProducerId tells a fenced producer so since this version, the others since 2 (KIP-360, KIP-447).
const INIT_FENCED: i16 = 4;
const FENCED: i16 = 2;

fn code(result: Result<(), ResponseError>) -> i16 {
    result.err().map_or(NONE, |error| error.code())
}

/// `PRODUCER_FENCED` in the versions that know it, `INVALID_PRODUCER_EPOCH` before.
fn fenced(error: ResponseError, version: i16, since: i16) -> ResponseError {
    match error {
        ResponseError::ProducerFenced if version < since => ResponseError::InvalidProducerEpoch,
        error => error,
    }
}

pub(crate) async fn init_producer_id(call: &Call<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let (producer, epoch) = (request.producer_id.0, request.producer_epoch);
    let claimed = (producer >= 0).then_some((producer, epoch));
    let id = request.transactional_id.as_ref().map(|id| id.as_str());
    let given = call.broker.init_producer(id, request.transaction_timeout_ms, claimed).await;
    let answer = InitProducerIdResponse::default();
    match given {
        Ok((producer, epoch)) => answer.with_producer_id(producer.into()).with_producer_epoch(epoch),
        Err(error) => {
            let error = fenced(error, call.version, INIT_FENCED);
            answer.with_error_code(error.code()).with_producer_id((-1).into()).with_producer_epoch(-1)
        }
    }
}

pub(crate) async fn add_partitions(call: &Call<'_>, request: AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    let claim = Claim {
        id: request.v3_and_below_transactional_id.as_str(),
        producer: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
        connection: call.client.number,
    };
    let topics = &request.v3_and_below_topics;
    let looked_up: Vec<Vec<Result<Place, ResponseError>>> = topics.iter().map(|topic| places(call, topic)).collect();
    let places: Result<Vec<Place>, ResponseError> = looked_up.iter().flatten().copied().collect();
    // All of them or none: if one is wrong, the others are not attempted, as with a broker.
    let added = match places {
        Ok(places) => {
            let added = call.broker.add_to_transaction(claim, &places).await;
            added.map_err(|error| fenced(error, call.version, FENCED))
        }
        Err(_) => Err(ResponseError::OperationNotAttempted),
    };
    let results = topics.iter().zip(&looked_up).map(|(topic, found)| {
        let partitions = topic.partitions.iter().zip(found).map(|(index, found)| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code(found.and(added)))
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

fn places(call: &Call<'_>, asked: &AddPartitionsToTxnTopic) -> Vec<Result<Place, ResponseError>> {
    let catalog = call.broker.node.catalog();
    let topic = Topic::named(&catalog, &asked.name);
    let place = |index: &i32| {
        let topic = topic.as_ref().ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = topic.partition(*index).ok_or(ResponseError::UnknownTopicOrPartition)?;
        match topic.content {
            Content::Commands => Ok(Place { entity: topic.entity.id, partition }),
            Content::Events | Content::State => Err(ResponseError::TopicAuthorizationFailed),
        }
    };
    asked.partitions.iter().map(place).collect()
}

pub(crate) async fn add_offsets(call: &Call<'_>, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let claim = Claim {
        id: request.transactional_id.as_str(),
        producer: request.producer_id.0,
        epoch: request.producer_epoch,
        connection: call.client.number,
    };
    let added = match request.group_id.is_empty() {
        true => Err(ResponseError::InvalidGroupId),
        false => call.broker.add_group_to_transaction(claim, &request.group_id).await,
    };
    let added = added.map_err(|error| fenced(error, call.version, FENCED));
    AddOffsetsToTxnResponse::default().with_error_code(code(added))
}

pub(crate) async fn end(call: &Call<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let claim = Claim {
        id: request.transactional_id.as_str(),
        producer: request.producer_id.0,
        epoch: request.producer_epoch,
        connection: call.client.number,
    };
    let ended = call.broker.end_transaction(claim, request.committed).await;
    let ended = ended.map_err(|error| fenced(error, call.version, FENCED));
    EndTxnResponse::default().with_error_code(code(ended))
}
