//! Transactions of Kafka producers (KIP-98): the commands of all batches, and the offsets of groups, or nothing.
//!
//! Nothing that is not committed is ever in the log. A transaction's commands are held here, checked, until EndTxn.
//! The commit is one durable write: the offsets, and the commands as a fact. From then on they are sent down the
//! command path until each is in its topic, by this server or the next one; command ids make that idempotent, and
//! the fact is deleted. So a partition has no markers and no aborted records, its last stable offset is its end,
//! and both isolation levels read the same.
//!
//! Reading order: this file (what awaits), `state` and `coordinator` (the rules), `record` (facts), `send`.

mod coordinator;
mod record;
mod send;
mod state;
mod timer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evento_log::embedded::{EmbeddedLog, Fault};
use evento_log::unit::Committed;
use kafka_protocol::error::ResponseError;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

pub(crate) use coordinator::{Claim, Shown};
pub(crate) use record::Staged;

use crate::broker::Broker;
use crate::group::{Checked, Committer, Position};
use crate::producer::{Batch, Place};
use crate::refused::Sender;
use coordinator::{Coordinator, Ended, Init, Write};
use send::RefusedCommand;

/// Longest time that a transaction may be given, in milliseconds (Kafka's `transaction.max.timeout.ms`).
const TIMEOUT_MAX_MS: i32 = 900_000;
/// Longest transactional id, in bytes.
const ID_MAX: usize = 256;
/// How long the end of a transaction waits until its commands are in their topics. It is committed before.
const COMPLETE_WAIT: Duration = Duration::from_secs(10);
/// After so long without another transaction of its id, a complete one is deleted by a write of its own.
const TIDY_AFTER: Duration = Duration::from_millis(200);

/// The transactions of a broker.
#[derive(Clone, Default)]
pub(crate) struct Transactions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Facts are submitted under this lock, so that they become durable in the order of the changes they tell.
    coordinator: Mutex<Coordinator>,
    /// Something was written, or all commands of a transaction were sent.
    changed: Notify,
    /// The next due time may be another one.
    timer: Notify,
}

/// A change that is being written.
struct Submitted {
    id: Arc<str>,
    durable: oneshot::Receiver<Result<Committed, Fault>>,
}

/// Committed transactions whose commands are to be sent again, by their ids.
pub(crate) type Unsent = Vec<(Arc<str>, Vec<Staged>)>;

impl Transactions {
    /// The transactions as a log tells of them.
    pub(crate) fn found(log: &EmbeddedLog) -> Result<(Transactions, Unsent), Fault> {
        let (mut coordinator, mut unsent) = (Coordinator::default(), Unsent::new());
        for (key, value) in log.meta_scan(record::IDENTITIES.as_bytes()) {
            let id = record::id_in(&key, record::IDENTITIES).ok_or_else(|| unreadable(&key))?;
            let (identity, standing, used) = record::read_identity(&value).ok_or_else(|| unreadable(&key))?;
            let redo = log.meta(&record::redo_key(id)).map(|value| record::read_redo(&value));
            let redo = redo.map(|redo| redo.ok_or_else(|| unreadable(&key))).transpose()?.unwrap_or_default();
            coordinator.find(id, identity, standing, used, &redo);
            if !redo.is_empty() {
                unsent.push((id.into(), redo));
            }
        }
        let shared = Shared { coordinator: Mutex::new(coordinator), ..Shared::default() };
        Ok((Transactions(Arc::new(shared)), unsent))
    }

    /// All transactional ids, in their order.
    pub(crate) fn all(&self) -> Vec<Shown> {
        self.0.coordinator.lock().all().collect()
    }

    /// One transactional id.
    pub(crate) fn one(&self, id: &str) -> Option<Shown> {
        self.0.coordinator.lock().one(id)
    }

    fn woken(&self) {
        self.0.changed.notify_waiters();
        self.0.timer.notify_one();
    }

    /// Waits until all commands of a committed transaction are in their topics, or for [`COMPLETE_WAIT`].
    async fn complete(&self, id: &str) {
        let until = Instant::now() + COMPLETE_WAIT;
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.0.coordinator.lock().is_complete(id) || timeout_at(until, changed).await.is_err() {
                return;
            }
        }
    }
}

fn unreadable(key: &[u8]) -> Fault {
    let (file, what) = (String::from_utf8_lossy(key).into_owned(), "a fact of a transaction cannot be read".to_owned());
    Fault::Corrupt { file, offset: 0, what }
}

impl Broker {
    /// Sends what was committed and not sent, and starts the timer.
    pub(crate) fn resume_transactions(self: &Arc<Self>, unsent: Unsent) {
        for (id, commands) in unsent {
            tokio::spawn(self.clone().complete(id, commands));
        }
        tokio::spawn(timer::watch(Arc::downgrade(self), self.transactions.clone()));
    }

    /// InitProducerId: producer id and epoch. `claimed` are those that the client says it has (KIP-360).
    pub(crate) async fn init_producer(
        self: &Arc<Self>,
        id: Option<&str>,
        timeout_ms: i32,
        claimed: Option<(i64, i16)>,
    ) -> Result<(i64, i16), ResponseError> {
        let fresh = async || self.producers.ids().take(&*self.node).await.map_err(|_| unavailable());
        let Some(id) = id else { return Ok((fresh().await?, 0)) };
        if id.is_empty() || id.len() > ID_MAX {
            return Err(ResponseError::InvalidRequest);
        }
        let timeout = u32::try_from(timeout_ms).ok().filter(|_| (1..=TIMEOUT_MAX_MS).contains(&timeout_ms));
        let timeout = timeout.ok_or(ResponseError::InvalidTransactionTimeout)?;
        let mut given = None;
        loop {
            let init = self.decide(|coordinator| {
                let init = coordinator.init(self.node.now(), id, timeout, claimed, given)?;
                Ok(match init {
                    Init::IdWanted => None,
                    Init::Known(producer, epoch) => Some((None, producer, epoch)),
                    Init::Given(write, producer, epoch) => Some((Some(self.submit(write)), producer, epoch)),
                })
            })?;
            let Some((submitted, producer, epoch)) = init else {
                given = Some(fresh().await?);
                continue;
            };
            if let Some(submitted) = submitted {
                self.settle(submitted).await?;
            }
            return Ok((producer, epoch));
        }
    }

    /// AddPartitionsToTxn.
    pub(crate) async fn add_to_transaction(
        self: &Arc<Self>,
        claim: Claim<'_>,
        places: &[Place],
    ) -> Result<(), ResponseError> {
        let places = places.iter().copied();
        self.extend_transaction(|coordinator| coordinator.add(self.node.now(), claim, places)).await
    }

    /// AddOffsetsToTxn.
    pub(crate) async fn add_group_to_transaction(
        self: &Arc<Self>,
        claim: Claim<'_>,
        group: &str,
    ) -> Result<(), ResponseError> {
        self.extend_transaction(|coordinator| coordinator.add_group(self.node.now(), claim, group)).await
    }

    async fn extend_transaction(
        self: &Arc<Self>,
        extend: impl FnOnce(&mut Coordinator) -> Result<Option<Write>, ResponseError>,
    ) -> Result<(), ResponseError> {
        let submitted = self.decide(|coordinator| Ok(extend(coordinator)?.map(|write| self.submit(write))))?;
        match submitted {
            Some(submitted) => self.settle(submitted).await,
            None => Ok(()),
        }
    }

    /// Produce, of a batch in a transaction: its commands are held until the end.
    ///
    /// # Errors
    ///
    /// `InvalidProducerEpoch` (fenced), `InvalidProducerIdMapping`, `InvalidTxnState` (no transaction, or not with
    /// this partition, or the server was started again within it), `ConcurrentTransactions`, `PolicyViolation` (too
    /// large).
    pub(crate) fn stage(&self, id: &str, batch: &Batch, commands: Vec<Staged>) -> Result<(), ResponseError> {
        let claim = Claim { id, producer: batch.producer, epoch: batch.epoch, connection: 0 };
        let staged = self.decide(|coordinator| coordinator.stage(claim, batch.place, commands));
        staged.map_err(of_partition)
    }

    /// TxnOffsetCommit: offsets of a group are checked by the group, and held until the end. The errors of the
    /// positions, in their order; those without error are held.
    ///
    /// # Errors
    ///
    /// As those of [`stage`](Broker::stage), for all positions.
    pub(crate) fn stage_offsets(
        &self,
        claim: Claim<'_>,
        by: &Committer<'_>,
        positions: &[Position],
    ) -> Result<Vec<Option<ResponseError>>, ResponseError> {
        let held = self.decide(|coordinator| {
            coordinator.commits_for(claim, by.group)?;
            let Checked { facts, errors } = self.txn_offsets(claim.producer, by, positions);
            coordinator.hold(claim, facts)?;
            Ok(errors)
        });
        held.map_err(of_group)
    }

    /// EndTxn. An answer says that the decision is durable and, as a rule, that all commands are in their topics.
    pub(crate) async fn end_transaction(self: &Arc<Self>, claim: Claim<'_>, commit: bool) -> Result<(), ResponseError> {
        let submitted = self.decide(|coordinator| match coordinator.end(self.node.now(), claim, commit)? {
            Ended::Known => Ok(None),
            Ended::Deciding(write) => Ok(Some(self.submit(write))),
        })?;
        let Some(submitted) = submitted else { return Ok(()) };
        self.settle(submitted).await?;
        self.transactions.complete(claim.id).await;
        Ok(())
    }

    fn decide<T>(&self, decide: impl FnOnce(&mut Coordinator) -> Result<T, ResponseError>) -> Result<T, ResponseError> {
        decide(&mut self.transactions.0.coordinator.lock())
    }

    fn submit(&self, Write { id, facts }: Write) -> Submitted {
        Submitted { id, durable: self.submit_facts(facts) }
    }

    /// Waits until a change is durable, and lets it hold. What was begun is brought to its end even if the client
    /// that asked for it is gone.
    async fn settle(self: &Arc<Self>, submitted: Submitted) -> Result<(), ResponseError> {
        let broker = self.clone();
        tokio::spawn(async move { broker.settled(submitted).await }).await.map_err(|_| unavailable())?
    }

    async fn settled(self: &Arc<Self>, Submitted { id, durable }: Submitted) -> Result<(), ResponseError> {
        let durable = matches!(durable.await, Ok(Ok(_)));
        let settled = self.decide(|coordinator| {
            let settled = coordinator.settle(self.node.now(), &id, durable);
            settled.ended.into_iter().for_each(|producer| self.txn_offsets_done(producer));
            Ok(settled)
        })?;
        if !settled.commands.is_empty() {
            tokio::spawn(self.clone().complete(id, settled.commands));
        }
        self.transactions.woken();
        if durable { Ok(()) } else { Err(unavailable()) }
    }

    /// Sends the commands of a committed transaction, and deletes the fact that holds them.
    async fn complete(self: Arc<Self>, id: Arc<str>, commands: Vec<Staged>) {
        let bytes = record::weights(&commands);
        let Ok(refused) = send::send(&*self.node, commands).await else { return };
        self.list_refused(&id, refused).await;
        self.transactions.0.coordinator.lock().completed(self.node.now(), &id, bytes);
        self.transactions.woken();
        tokio::time::sleep(TIDY_AFTER).await;
        let mut coordinator = self.transactions.0.coordinator.lock();
        if coordinator.tidy(&id) {
            // Nobody waits for it: if it is not deleted, the next server sends the commands again, to no effect.
            drop(self.submit_facts(vec![(record::redo_key(&id), None)]));
        }
    }
}

/// A topic and a partition of it.
type TopicPartition = (String, i32);

impl Broker {
    /// Puts commands on the list of refused records that could not be carried out though they were committed. If
    /// the server is killed before their transaction is forgotten, the next one puts them there again.
    async fn list_refused(&self, id: &str, refused: Vec<RefusedCommand>) {
        let catalog = self.node.catalog();
        let mut by_partition: BTreeMap<TopicPartition, Vec<(i32, String)>> = BTreeMap::new();
        for RefusedCommand { index, entity, instance, why } in refused {
            let Some(entity) = catalog.entity(entity) else { continue };
            let place = (format!("{}.commands", entity.name), entity.partition_of(&instance) as i32);
            by_partition.entry(place).or_default().push((index as i32, why));
        }
        for ((topic, partition), records) in by_partition {
            self.note_refused(Sender::of_transaction(id), &topic, partition, &records).await;
        }
    }
}

/// The coordinator's word as a partition's leader says it. The Java client takes `UNKNOWN_PRODUCER_ID` of a partition
/// for "try again" for ever, and `INVALID_TXN_STATE` for "abort".
fn of_partition(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::UnknownProducerId => ResponseError::InvalidTxnState,
        error => error,
    }
}

/// The coordinator's word as a group says it. After a restart no member is known, and that is an error after which
/// clients abort, not one that ends them.
fn of_group(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::UnknownProducerId => ResponseError::UnknownMemberId,
        error => error,
    }
}

/// The decision could not be written: the client asks again.
fn unavailable() -> ResponseError {
    ResponseError::CoordinatorNotAvailable
}
