//! Produce: records in, commands out, through the same checks, idempotency and outcomes as those from HTTP.
//!
//! A batch is taken whole or refused whole: every record is checked first (`record`), then all are asked of the
//! command path together, in their order. The answer comes when every command is durable, with its outcome as a
//! rule: a function that is slow or down delays no producer by more than [`OUTCOME_WAIT`]. A batch of an idempotent
//! producer waits for its turn, one of a transaction is held until the transaction ends. Reading order: this file,
//! `decompress`, `record`, `ask`.

mod ask;
mod decompress;
mod record;
mod room;

#[cfg(fuzzing)]
pub(crate) use decompress::decompress;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evento_log::codec::{Compression, ProducedBatch};
use evento_log::record::CommandRecord;
use evento_model::EntityTypeId;
use evento_schema::catalog::Catalog;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use tokio::time::Instant;

use crate::api::{Call, text};
use crate::node::Node;
use crate::producer::{self, Batch, Ids, Place, Turn};
use crate::refused::Sender;
use crate::topic::{Content, Topic};
use crate::transaction::Staged;
use ask::Asked;
use room::Room;

/// Longest wait for what a producer says it waits for.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long outcomes are waited for before it is enough that the commands are durable.
const OUTCOME_WAIT: Duration = Duration::from_millis(100);
/// How long a client waits whose commands there was no room for, when the command path does not say.
const CROWDED_WAIT: Duration = Duration::from_secs(1);
/// How long a client waits for whose commands there was room after a while: the next ones would find it crowded, too.
const RELIEVED_WAIT: Duration = Duration::from_millis(100);
/// A batch that is not compressed and at most so long is looked at where it is; others elsewhere, so that they keep
/// nobody waiting.
const INLINE_MAX: usize = 64 << 10;
/// Records of a batch that an answer names as wrong; how many there are it says in words.
const WRONG_MAX: usize = 100;

/// A command out of a record.
pub(crate) struct Taken {
    pub(crate) entity: EntityTypeId,
    pub(crate) command: CommandRecord,
}

/// Why a batch was refused; nothing of it was recorded, unless `error` is one that says so.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    pub(crate) why: String,
    /// Which records are to blame, by their place in the batch.
    pub(crate) records: Vec<(i32, String)>,
}

impl Refused {
    fn batch(error: ResponseError, why: impl Into<String>) -> Refused {
        Refused { error, why: why.into(), records: Vec::new() }
    }
}

/// The answer, and how long its client has to wait because there was no room for what it sent.
pub(crate) async fn produce(call: &Call<'_>, request: ProduceRequest) -> (ProduceResponse, Duration) {
    let catalog = call.broker.node.catalog();
    let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)).min(WAIT_MAX);
    let until = Instant::now() + wait;
    let mut begun = Vec::with_capacity(request.topic_data.len());
    let mut room = Room::new();
    // Everything is asked before the first answer is waited for, so that it travels together.
    for asked in &request.topic_data {
        let topic = Topic::named(&catalog, &asked.name);
        let mut partitions = Vec::with_capacity(asked.partition_data.len());
        for data in &asked.partition_data {
            partitions
                .push((data.index, begin(call, &catalog, topic.as_ref(), &request, data, (&mut room, until)).await));
        }
        begun.push((asked.name.clone(), partitions));
    }
    room.close();
    let mut wait = if room.crowded { CROWDED_WAIT } else { Duration::ZERO };
    let mut responses = Vec::with_capacity(begun.len());
    for (name, partitions) in begun {
        let mut answers = Vec::with_capacity(partitions.len());
        for (index, asked) in partitions {
            let done = match asked {
                Ok(begun) => end(call, begun, index, until, &mut wait).await,
                Err(refused) => Err(refused),
            };
            if let Err(refused) = &done
                && !refused.records.is_empty()
            {
                call.broker.note_refused(Sender::of(call), &name, index, &refused.records).await;
            }
            answers.push(shown(call, index, done));
        }
        responses.push(TopicProduceResponse::default().with_name(name).with_partition_responses(answers));
    }
    (ProduceResponse::default().with_responses(responses), wait)
}

/// A batch that was checked.
enum Begun {
    /// It was written before, or is held by its transaction; the offset to answer with.
    Known(i64),
    /// Its commands are asked for; an idempotent producer's turn.
    Asked(Vec<Asked>, Option<Turn>),
}

/// Checks a batch, and asks for its commands or has its transaction hold them.
async fn begin(
    call: &Call<'_>,
    catalog: &Arc<Catalog>,
    topic: Option<&Topic>,
    request: &ProduceRequest,
    data: &PartitionProduceData,
    room: (&mut Room, Instant),
) -> Result<Begun, Refused> {
    let (topic, partition) = writable(topic, request, data)?;
    let batch = read(data.records.as_ref())?;
    let numbers = Batch {
        producer: batch.producer_id,
        epoch: batch.producer_epoch,
        place: Place { entity: topic.entity.id, partition },
        first: batch.base_sequence,
        count: batch.count,
    };
    let turn = match batch.producer_id {
        ..0 => None,
        _ => match call.broker.producers.begin(call.broker.node.now(), numbers).await.map_err(out_of_turn)? {
            producer::Begun::Fresh(turn) => Some(turn),
            producer::Begun::Repeated { base_offset } => return Ok(Begun::Known(base_offset)),
        },
    };
    let transactional = batch.transactional;
    let commands = take(call, catalog, topic, batch, turn.as_ref().map(Turn::ids), room).await?;
    if !transactional {
        return Ok(Begun::Asked(ask::ask(&*call.broker.node, commands), turn));
    }
    let id = request.transactional_id.as_ref().map_or("", |id| id.as_str());
    let staged = commands.into_iter().map(|Taken { entity, command }| Staged { entity, command });
    match call.broker.stage(id, &numbers, staged.collect()) {
        Ok(()) => turn.into_iter().for_each(|turn| turn.stored(-1)),
        Err(error) => {
            if error == ResponseError::InvalidTxnState {
                turn.into_iter().for_each(Turn::forgone);
            }
            return Err(not_staged(error));
        }
    }
    Ok(Begun::Known(-1))
}

/// Waits until the commands of a batch are durable. `wait` grows where there was no room for one.
async fn end(call: &Call<'_>, begun: Begun, index: i32, until: Instant, wait: &mut Duration) -> Result<i64, Refused> {
    let (asked, turn) = match begun {
        Begun::Known(base_offset) => return Ok(base_offset),
        Begun::Asked(asked, turn) => (asked, turn),
    };
    let done = ask::durable(&*call.broker.node, asked, index, until, wait).await;
    match (turn, &done) {
        (Some(turn), Ok(base_offset)) => turn.stored(*base_offset),
        (Some(turn), Err(refused)) if !refused.records.is_empty() => turn.refused().await,
        // The turn has failed: the producer sends the batch again.
        _ => {}
    }
    done
}

fn out_of_turn(error: ResponseError) -> Refused {
    let why = match error {
        ResponseError::InvalidProducerEpoch => "a newer producer has this id",
        ResponseError::OutOfOrderSequenceNumber => "records before these are missing",
        ResponseError::RequestTimedOut => "the batch before is still being written; send it again",
        _ => "the numbers of an idempotent producer are missing or negative",
    };
    Refused::batch(error, why)
}

fn not_staged(error: ResponseError) -> Refused {
    let why = match error {
        ResponseError::InvalidProducerEpoch => "a newer producer has this transactional id",
        ResponseError::InvalidProducerIdMapping => "the producer id is not that of the transactional id",
        ResponseError::PolicyViolation => "the transaction, or all that are going on, would be too large; abort it",
        ResponseError::InvalidTxnState => {
            "no transaction with this partition is going on, or it was lost with a restart; abort it"
        }
        _ => "the transaction cannot take records now; send them again",
    };
    Refused::batch(error, why)
}

/// The topic and partition, if clients may write there.
fn writable<'a>(
    topic: Option<&'a Topic>,
    request: &ProduceRequest,
    data: &PartitionProduceData,
) -> Result<(&'a Topic, u32), Refused> {
    let unknown = || Refused::batch(ResponseError::UnknownTopicOrPartition, "no such topic or partition");
    let topic = topic.ok_or_else(unknown)?;
    let partition = topic.partition(data.index).ok_or_else(unknown)?;
    if topic.content != Content::Commands {
        let why = format!("EV5006: {} is read-only; commands go to {}.commands", topic.name(), topic.entity.name);
        return Err(Refused::batch(ResponseError::TopicAuthorizationFailed, why));
    }
    if !(-1..=1).contains(&request.acks) {
        return Err(Refused::batch(ResponseError::InvalidRequiredAcks, "acks is 0, 1 or all"));
    }
    Ok((topic, partition))
}

/// The commands of a batch, checked; nothing has happened yet.
async fn take(
    call: &Call<'_>,
    catalog: &Arc<Catalog>,
    topic: &Topic,
    batch: ProducedBatch,
    ids: Option<Ids>,
    (room, until): (&mut Room, Instant),
) -> Result<Vec<Taken>, Refused> {
    room.take_records(batch.count)?;
    let most = room.bytes;
    let taken = if batch.compression == Compression::None && batch.payload.len() <= INLINE_MAX {
        commands(&*call.broker.node, catalog, topic, &batch, ids, most)
    } else {
        if batch.compression != Compression::None {
            room.open(call.broker, until).await?;
        }
        let (node, catalog, topic) = (call.broker.node.clone(), catalog.clone(), topic.clone());
        let work = tokio::task::spawn_blocking(move || commands(&*node, &catalog, &topic, &batch, ids, most));
        let ended = |_| Refused::batch(ResponseError::UnknownServerError, "the batch could not be looked at");
        work.await.map_err(ended)?
    };
    let (taken, bytes) = taken?;
    room.bytes = room.bytes.saturating_sub(bytes);
    Ok(taken)
}

/// The commands of a batch, and how many bytes its records are.
fn commands(
    node: &dyn Node,
    catalog: &Catalog,
    topic: &Topic,
    batch: &ProducedBatch,
    ids: Option<Ids>,
    most: usize,
) -> Result<(Vec<Taken>, usize), Refused> {
    let payload = decompress::decompress(batch, most)?;
    let corrupt = || Refused::batch(ResponseError::CorruptMessage, "the batch does not hold the records it claims");
    let records = batch.records(&payload).map_err(|_| corrupt())?;
    if records.is_empty() {
        return Err(Refused::batch(ResponseError::InvalidRecord, "the batch is empty"));
    }
    let (count, mut wrong, mut told) = (records.len(), 0, Vec::new());
    let mut taken = Vec::with_capacity(count);
    for (n, one) in records.into_iter().enumerate() {
        match record::command(node, catalog, topic, one, ids.map(|ids| ids.of(n))) {
            Ok(command) => taken.push(command),
            Err(why) => {
                wrong += 1;
                if told.len() < WRONG_MAX {
                    told.push((n as i32, why));
                }
            }
        }
    }
    let Some((_, first)) = told.first() else { return Ok((taken, payload.len())) };
    let why = format!("{wrong} of {count} records are no command, nothing was recorded: {first}");
    Err(Refused { error: ResponseError::InvalidRecord, why, records: told })
}

/// The one batch that a Produce request has for a partition since its version 3.
fn read(records: Option<&Bytes>) -> Result<ProducedBatch, Refused> {
    let corrupt = || Refused::batch(ResponseError::CorruptMessage, "this is no record batch of version 2, or damaged");
    let batch = ProducedBatch::read(records.ok_or_else(corrupt)?).map_err(|_| corrupt())?;
    if batch.control {
        return Err(Refused::batch(ResponseError::InvalidRecord, "clients write no control batches"));
    }
    Ok(batch)
}

fn shown(call: &Call<'_>, index: i32, done: Result<i64, Refused>) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index).with_base_offset(-1).with_log_append_time_ms(-1);
    let refused = match done {
        Ok(offset) => {
            let start = if call.version >= 5 { 0 } else { -1 };
            return answer.with_base_offset(offset).with_log_start_offset(start);
        }
        Err(refused) => refused,
    };
    let answer = answer.with_log_start_offset(-1).with_error_code(refused.error.code());
    if call.version < 8 {
        return answer;
    }
    let records = refused.records.into_iter().map(|(index, why)| {
        BatchIndexAndErrorMessage::default().with_batch_index(index).with_batch_index_error_message(Some(text(why)))
    });
    answer.with_record_errors(records.collect()).with_error_message(Some(text(refused.why)))
}
