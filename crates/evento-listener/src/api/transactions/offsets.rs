//! TxnOffsetCommit: the offsets of a group that a transaction commits with its records (KIP-98, KIP-447).

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use super::super::Call;
use super::super::group::{code, name};
use crate::group::{Committer, Position};
use crate::transaction::Claim;

pub(crate) async fn commit_offsets(call: &Call<'_>, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let claim = Claim {
        id: request.transactional_id.as_str(),
        producer: request.producer_id.0,
        epoch: request.producer_epoch,
        connection: call.client.number,
    };
    let by = Committer {
        group: &request.group_id,
        member: &request.member_id,
        instance: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let positions = positions(&request);
    let staged = call.broker.stage_offsets(claim, &by, &positions);
    let mut errors = staged.unwrap_or_else(|error| vec![Some(error); positions.len()]).into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|one| answer(one.partition_index, errors.next().flatten()));
        TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

fn positions(request: &TxnOffsetCommitRequest) -> Vec<Position> {
    let partitions = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |one| (topic, one)));
    let positions = partitions.map(|(topic, one)| Position {
        topic: name(&topic.name),
        partition: one.partition_index,
        offset: one.committed_offset,
        leader_epoch: one.committed_leader_epoch,
        metadata: one.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    });
    positions.collect()
}

fn answer(index: i32, error: Option<ResponseError>) -> TxnOffsetCommitResponsePartition {
    TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code(error))
}
