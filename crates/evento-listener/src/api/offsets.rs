//! ListOffsets: the first, the last, and the offset at a time. Only durable records have an offset.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::Call;
use crate::topic::Topic;
use evento_model::Timestamp;

/// The end of the partition (Kafka protocol guide, ListOffsets).
const LATEST: i64 = -1;
/// Its first record.
const EARLIEST: i64 = -2;
/// The record with the largest timestamp (KIP-734).
const LARGEST_TIME: i64 = -3;

pub(crate) async fn list(call: &Call<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let catalog = call.broker.node.catalog();
    let topics = request.topics.into_iter().map(|asked| {
        let topic = Topic::named(&catalog, &asked.name);
        let partitions = asked.partitions.iter().map(|one| partition(call, topic.as_ref(), one)).collect();
        ListOffsetsTopicResponse::default().with_name(asked.name).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn partition(call: &Call<'_>, topic: Option<&Topic>, asked: &ListOffsetsPartition) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_offset(-1)
        .with_timestamp(-1)
        .with_leader_epoch(if call.version >= 4 { call.broker.epoch() } else { -1 });
    let failed = |error: ResponseError| answer.clone().with_error_code(error.code());
    let place = topic.and_then(|topic| Some((topic, topic.partition(asked.partition_index)?)));
    let Some((topic, partition)) = place else { return failed(ResponseError::UnknownTopicOrPartition) };
    if let Err(error) = call.broker.check_epoch(asked.current_leader_epoch) {
        return failed(error);
    }
    let log = call.broker.node.log();
    let end = topic.end(log, partition);
    let found = match asked.timestamp {
        LATEST => Ok((end as i64, -1)),
        EARLIEST => Ok((0, -1)),
        LARGEST_TIME if end == 0 => Ok((-1, -1)),
        LARGEST_TIME => time_of(topic, call, partition, end - 1).map(|time| (end as i64 - 1, time)),
        time if time < 0 => return failed(ResponseError::UnsupportedVersion),
        time => at_time(topic, call, partition, end, time),
    };
    match found {
        Ok((offset, timestamp)) => answer.with_offset(offset).with_timestamp(timestamp),
        Err(()) => failed(ResponseError::KafkaStorageError),
    }
}

fn at_time(topic: &Topic, call: &Call<'_>, partition: u32, end: u64, time: i64) -> Result<(i64, i64), ()> {
    let log = call.broker.node.log();
    let at = log.offset_at(topic.entity.id, topic.content.kind(), partition, Timestamp(time)).map_err(|_| ())?;
    if at >= end {
        return Ok((-1, -1));
    }
    Ok((at as i64, time_of(topic, call, partition, at)?))
}

/// Commit time of a record.
fn time_of(topic: &Topic, call: &Call<'_>, partition: u32, offset: u64) -> Result<i64, ()> {
    let log = call.broker.node.log();
    let batches = log.read(topic.entity.id, topic.content.kind(), partition, offset, 1).map_err(|_| ())?;
    let header = batches.first().and_then(|batch| evento_log::codec::BatchHeader::read(batch).ok());
    header.map(|header| header.timestamp).ok_or(())
}
