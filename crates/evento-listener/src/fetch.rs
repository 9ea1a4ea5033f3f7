//! Fetch: the stored record batches as they are, and a wait at the end without spinning.
//!
//! Nothing is decoded or encoded on the way: what the log wrote is what the client gets. Sessions (KIP-227) are
//! not kept: every answer says session 0, which makes a client send its whole list each time. All records are
//! committed, so both isolation levels see the same, and no list of aborted transactions is ever needed.

mod answer;
mod state;

use std::time::Duration;

use bytes::Bytes;
use evento_log::embedded::Stretch;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::api::Call;
use crate::tails::Reader;
use crate::topic::{Content, Topic};
pub(crate) use answer::{Answer, Partition};

/// Longest wait at the end of partitions, whatever the client asks for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Bytes of records in an answer that has no permit. Bound: the connections, times this or one batch.
const CROWDED_MAX: usize = 64 << 10;

/// One partition that is asked for.
struct Asked<'a> {
    topic: Option<Topic>,
    request: &'a FetchPartition,
}

/// The answer, and the permit for its bytes, to be held until they are written.
pub(crate) async fn fetch(call: &Call<'_>, request: FetchRequest) -> (Answer, Option<OwnedSemaphorePermit>) {
    if request.session_id != 0 {
        let error = ResponseError::FetchSessionIdNotFound;
        return (Answer { response: FetchResponse::default().with_error_code(error.code()), topics: Vec::new() }, None);
    }
    let asked = find(call, &request);
    let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).clamp(1, call.broker.limits.fetch_bytes_max);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let until = Instant::now() + wait;
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    let mut tail = None;
    loop {
        let (most, permit) = room(call, bytes_max);
        let got = read(call, &asked, most);
        if got.bytes >= enough.min(most) || got.failed || Instant::now() >= until {
            return (answer(&request, got), permit);
        }
        // Nothing is held while it waits.
        drop((got, permit));
        match &tail {
            // What comes between this read and the registration is seen by the next read.
            None => tail = Some(register(call, &asked)),
            Some(tail) => drop(timeout_at(until, tail.grown()).await),
        }
    }
}

/// How many bytes may be read, and the permit for them. It never waits: clients that do not take their answers make
/// those of others small, not late.
fn room(call: &Call<'_>, most: usize) -> (usize, Option<OwnedSemaphorePermit>) {
    let permits = (most >> 10).max(1) as u32;
    match call.broker.fetching.clone().try_acquire_many_owned(permits) {
        Ok(permit) => (most, Some(permit)),
        Err(_) => (most.min(CROWDED_MAX), None),
    }
}

fn find<'a>(call: &Call<'_>, request: &'a FetchRequest) -> Vec<Vec<Asked<'a>>> {
    let catalog = call.broker.node.catalog();
    let topic = |asked: &FetchTopic| match call.version >= 13 {
        true => Topic::with_id(&catalog, &call.broker.cluster_id, asked.topic_id),
        false => Topic::named(&catalog, &asked.topic),
    };
    let of = |asked: &'a FetchTopic| {
        let topic = topic(asked);
        asked.partitions.iter().map(|request| Asked { topic: topic.clone(), request }).collect()
    };
    request.topics.iter().map(of).collect()
}

/// What was read: for each topic its partitions.
struct Got {
    topics: Vec<Vec<Partition>>,
    bytes: usize,
    /// A partition has an error, which is told at once.
    failed: bool,
}

fn register(call: &Call<'_>, asked: &[Vec<Asked<'_>>]) -> Reader {
    let places = asked.iter().flatten().filter_map(|one| {
        let topic = one.topic.as_ref()?;
        Some((topic.entity.id, topic.content.kind(), topic.partition(one.request.partition)?))
    });
    call.broker.tails.register(places.collect(), call.broker.node.log())
}

fn read(call: &Call<'_>, asked: &[Vec<Asked<'_>>], bytes_max: usize) -> Got {
    let mut got = Got { topics: Vec::with_capacity(asked.len()), bytes: 0, failed: false };
    for partitions in asked {
        let mut read = Vec::with_capacity(partitions.len());
        for one in partitions {
            let partition = partition(call, one, bytes_max.saturating_sub(got.bytes));
            got.failed |= partition.data.error_code != 0;
            got.bytes += partition.records.as_ref().map_or(0, Stretch::bytes) as usize;
            read.push(partition);
        }
        got.topics.push(read);
    }
    got
}

fn partition(call: &Call<'_>, asked: &Asked<'_>, left: usize) -> Partition {
    let request = asked.request;
    let data = PartitionData::default()
        .with_partition_index(request.partition)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()));
    let failed = |error: ResponseError| Partition { data: data.clone().with_error_code(error.code()), records: None };
    let unknown =
        if call.version >= 13 { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
    let Some(topic) = &asked.topic else { return failed(unknown) };
    let Some(partition) = topic.partition(request.partition) else {
        return failed(ResponseError::UnknownTopicOrPartition);
    };
    if let Err(error) = call.broker.check_epoch(request.current_leader_epoch) {
        return failed(error);
    }
    let end = topic.end(call.broker.node.log(), partition);
    let from = match u64::try_from(request.fetch_offset) {
        Ok(from) if from <= end => from,
        _ => return failed(ResponseError::OffsetOutOfRange),
    };
    let most = left.min(usize::try_from(request.partition_max_bytes).unwrap_or(0));
    let records = match left {
        0 => Ok(None),
        _ if from == end => Ok(None),
        _ => records(call, topic, partition, from, most),
    };
    let data = data.with_high_watermark(end as i64).with_last_stable_offset(end as i64).with_log_start_offset(0);
    match records {
        Ok(records) => Partition { data, records },
        Err(error) => Partition { data: data.with_error_code(error.code()), records: None },
    }
}

/// About so many bytes of records, at least one batch; nothing if there is none to show.
fn records(
    call: &Call<'_>,
    topic: &Topic,
    partition: u32,
    from: u64,
    most: usize,
) -> Result<Option<Stretch>, ResponseError> {
    let log = call.broker.node.log();
    if topic.content == Content::State {
        let states = state::read(log, topic, partition, from, most)?;
        return Ok((!states.is_empty()).then_some(Stretch::Memory(states)));
    }
    log.stretch(topic.entity.id, topic.content.kind(), partition, from, most.max(1)).map_err(|fault| {
        tracing::error!(code = %fault.code(), "a Kafka client's read failed: {fault}");
        ResponseError::KafkaStorageError
    })
}

fn answer(request: &FetchRequest, got: Got) -> Answer {
    let topics = request.topics.iter().zip(got.topics).map(|(asked, partitions)| {
        let topic = FetchableTopicResponse::default().with_topic(asked.topic.clone()).with_topic_id(asked.topic_id);
        (topic, partitions)
    });
    Answer { response: FetchResponse::default(), topics: topics.collect() }
}
