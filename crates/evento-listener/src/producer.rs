//! Idempotent producers (KIP-98): a batch that is sent again is recognised, and none is taken out of its order.
//!
//! Numbers are checked in memory, as a broker does it, and forgotten at a restart. What no restart forgets are the
//! ids of the commands: they are made of the producer's numbers ([`Turn::command_id`]), so that the log itself
//! recognises a batch that is repeated after a kill. Reading order: this file, `sequences` (the rules, without
//! clock and lock), `lap` (numbers that go on where sequences begin again), `ids` (producer ids).

mod ids;
mod lap;
mod sequences;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evento_log::embedded::Fault;
use evento_log::unit::{CommitUnit, Committed};
use evento_model::{CommandId, EntityTypeId, Timestamp};
use kafka_protocol::error::ResponseError;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

pub(crate) use ids::ProducerIds;
pub(crate) use sequences::Active;

use crate::node::Node;
use lap::Lap;
use sequences::{Decision, Sequences};

/// How long a batch waits for another of the same producer and partition that is being written.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// A partition of an entity's commands, as clients see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) entity: EntityTypeId,
    pub(crate) partition: u32,
}

/// What a batch says of its producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Batch {
    /// The producer's id.
    pub(crate) producer: i64,
    /// Its epoch: a higher one fences those below it.
    pub(crate) epoch: i16,
    /// The partition it was sent to.
    pub(crate) place: Place,
    /// Sequence of its first record; begins again at 0 after `i32::MAX`.
    pub(crate) first: i32,
    /// How many records it has.
    pub(crate) count: u32,
}

/// What is to be done with a batch.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is its turn: write it.
    Fresh(Turn),
    /// It was written before; answer with the offset of that time.
    Repeated {
        /// Offset of its first record, or -1.
        base_offset: i64,
    },
}

/// The producers that wrote lately.
#[derive(Clone)]
pub(crate) struct Producers(Arc<Shared>);

struct Shared {
    node: Arc<dyn Node>,
    sequences: Mutex<Sequences>,
    ids: ProducerIds,
    /// A batch has ended.
    ended: Notify,
}

impl Producers {
    /// Nobody has written yet.
    pub(crate) fn new(node: Arc<dyn Node>) -> Producers {
        let ids = ProducerIds::of(&*node);
        Producers(Arc::new(Shared { node, sequences: Mutex::default(), ids, ended: Notify::new() }))
    }

    /// Producer ids.
    pub(crate) fn ids(&self) -> &ProducerIds {
        &self.0.ids
    }

    /// Says whether it is a batch's turn. Waits while another batch of its producer and partition is being
    /// written, since that may be the same one, sent again over a new connection.
    ///
    /// # Errors
    ///
    /// `InvalidProducerEpoch` (fenced), `OutOfOrderSequenceNumber`, `RequestTimedOut` (still being written),
    /// `InvalidRecord` (no numbers at all).
    pub(crate) async fn begin(&self, now: Timestamp, batch: Batch) -> Result<Begun, ResponseError> {
        let until = Instant::now() + TURN_WAIT;
        loop {
            let mut ended = std::pin::pin!(self.0.ended.notified());
            ended.as_mut().enable();
            match self.decide(now, &batch)? {
                Decision::Fresh { first } => return Ok(Begun::Fresh(self.turn(batch, first))),
                Decision::Repeated { base_offset } => return Ok(Begun::Repeated { base_offset }),
                Decision::Busy => {}
            }
            timeout_at(until, ended).await.map_err(|_| ResponseError::RequestTimedOut)?;
        }
    }

    fn turn(&self, batch: Batch, first: u64) -> Turn {
        Turn { producers: self.clone(), batch, first, ended: false }
    }

    /// Who has written to a partition lately.
    pub(crate) fn active(&self, now: Timestamp, place: Place) -> Vec<Active> {
        self.0.sequences.lock().active(now, place)
    }

    fn decide(&self, now: Timestamp, batch: &Batch) -> Result<Decision, ResponseError> {
        let log = self.0.node.log();
        let lap = |producer, place| lap::read(&log.meta(&lap::key(producer, place))?);
        self.0.sequences.lock().begin(now, batch, lap)
    }

    fn end(&self, batch: &Batch, stored: Option<i64>) {
        let crossed = self.0.sequences.lock().end(batch, stored);
        self.0.ended.notify_waiters();
        if let Some(lap) = crossed {
            drop(self.note(batch, lap));
        }
    }

    /// Makes durable where a producer's numbers are. Until it is, every batch that is written tries again.
    fn note(&self, batch: &Batch, lap: Lap) -> oneshot::Receiver<Result<(), Fault>> {
        let fact = (lap::key(batch.producer, batch.place), Some(Bytes::from(lap::fact(lap))));
        let (producers, batch) = (self.clone(), *batch);
        let (sender, durable) = oneshot::channel();
        let done = move |result: Result<Committed, Fault>| {
            if result.is_ok() {
                producers.0.sequences.lock().noted(&batch, lap.halves);
            }
            drop(sender.send(result.map(drop)));
        };
        self.0.node.log().submit(CommitUnit::of_facts(vec![fact]), Box::new(done));
        durable
    }
}

/// A batch whose turn it is. Dropped without [`stored`](Turn::stored), the batch has failed: the sequence stays
/// where it was, and what was sent after it is out of order.
pub(crate) struct Turn {
    producers: Producers,
    batch: Batch,
    /// Number of the first record, going on where sequences begin again.
    first: u64,
    ended: bool,
}

/// Ids for the commands in a batch's records, for records that have none of their own. No other record of any
/// producer ever gets them: producer ids are unique for ever, and within an epoch the numbers only rise.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    batch: Batch,
    first: u64,
}

impl Ids {
    /// That of the `n`-th record.
    pub(crate) fn of(self, n: usize) -> CommandId {
        let Batch { producer, epoch, place, .. } = self.batch;
        let id = format!("kafka-{producer}-{epoch}-{}-{}", place.partition, self.first + n as u64);
        CommandId::new(&id).expect("digits and hyphens")
    }
}

impl Turn {
    /// Ids for the commands in the batch's records.
    pub(crate) fn ids(&self) -> Ids {
        Ids { batch: self.batch, first: self.first }
    }

    /// The batch is durable, or held by its transaction. `base_offset` is what a repeated batch is answered with.
    pub(crate) fn stored(mut self, base_offset: i64) {
        self.producers.end(&self.batch, Some(base_offset));
        self.ended = true;
    }

    /// The batch's transaction was ended by a restart: the producer goes on behind it.
    pub(crate) fn forgone(mut self) {
        self.producers.0.sequences.lock().forgo(&self.batch);
        self.producers.0.ended.notify_waiters();
        self.ended = true;
    }

    /// The batch was refused for good, though some of its records are recorded: its numbers are not used again.
    pub(crate) async fn refused(self) {
        let lap = self.producers.0.sequences.lock().skip(&self.batch);
        let Some(lap) = lap else { return };
        // When it cannot be written, nor can commands; the log says so itself.
        let _ = self.producers.note(&self.batch, lap).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.producers.end(&self.batch, None);
        }
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("batch", &self.batch).field("first", &self.first).finish()
    }
}
