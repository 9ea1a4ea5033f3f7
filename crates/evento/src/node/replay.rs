//! Replay: states from events, by the same functions in the same framing. Nothing here decides anything.
//!
//! One implementation of "apply these events" for time travel, the check of a new revision, rebuilding states
//! and `evento verify`. It uses half of a function's places, so that commands go before it.

mod changed;
mod folds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evento_function::{Failure, FailureClass, RunRequest};
use evento_log::codec::EventBrief;
use evento_log::embedded::EmbeddedLog;
use evento_log::unit::{StatePut, state_digest};
use evento_log::view::StoredState;
use evento_model::{Code, EntityId, EntityKey, Sequence, TopicKind};
use evento_schema::catalog::{Applier, EntityType};
use futures::stream::{self, StreamExt};
use rustc_hash::FxHashMap;

use super::functions::Live;
use folds::{Folding, Folds, Last};

/// Steps gathered before they are sent, and those of one more read: what a call costs beside them is little then, and
/// what it is about stays in the processor's caches.
const STEPS: usize = 1_000;
/// Bytes of records read at once.
const READ_BYTES: usize = 1 << 20;
/// Events of one instance read at once.
const PAGE: usize = 1_000;
/// Differences told one by one.
const DIFFERENCES_MAX: usize = 100;
/// Stored states read at once.
const ROWS: usize = 10_000;
/// An id behind every other: the largest character there is.
const LAST_ID: &str = "\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}";
/// Deadline of a replay request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Who applies, and how.
#[derive(Clone)]
pub struct Replayer {
    /// The entity type, with the applier under which it is replayed.
    pub entity: Arc<EntityType>,
    /// The revision that is asked.
    pub live: Arc<Live>,
    /// The log.
    pub log: EmbeddedLog,
}

/// An instance where replay and log differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The instance.
    pub id: EntityId,
    /// The first event after which they differ, if it could be found.
    pub seq: Sequence,
    /// What is different.
    pub what: String,
    /// The fields of the newest state, as stored and as replay gives them; empty if they are not known.
    pub changed: String,
}

/// What replaying an entity type came to.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Instances.
    pub instances: u64,
    /// Events.
    pub events: u64,
    /// Where replay and log differ. Bound: 100.
    pub differences: Vec<Difference>,
    /// How many differ.
    pub different: u64,
}

/// What is done with the states that replay gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Compared with the digests in the log.
    Verify,
    /// Written as the new states.
    Rebuild,
}

/// What a rebuild does with a new state.
pub type Put = Arc<dyn Fn(EntityKey, u32, StatePut) + Send + Sync>;

impl Replayer {
    fn applier(&self) -> Result<&Arc<Applier>, Failure> {
        let missing = || Failure::new(FailureClass::Outage, Code(3001), "no function applies this entity", "");
        self.entity.applier.as_ref().ok_or_else(missing)
    }

    /// The state of an instance after an event.
    pub async fn state_at(&self, key: &EntityKey, seq: Sequence) -> Result<StoredState, Failure> {
        let applier = self.applier()?.clone();
        let snapshot = self.log.snapshot(key, seq).map_err(|fault| broken(&fault))?;
        let snapshot = snapshot.filter(|state| state.schema == applier.state.id);
        let mut folds = Folds::new(&applier);
        let place = folds.place(key.id.as_str())?;
        let (mut at, mut updated_at) = (0, None);
        if let Some(snapshot) = snapshot {
            (at, updated_at) = (snapshot.seq, Some(snapshot.updated_at));
            folds.all[place].state = snapshot.state;
        }
        while at < seq {
            let limit = PAGE.min((seq - at) as usize);
            let page = self.log.history(key, at + 1, limit).map_err(|fault| broken(&fault))?;
            let Some(last) = page.last() else { break };
            updated_at = Some(last.record.time);
            at = last.record.seq;
            page.iter().try_for_each(|event| folds.push(event.record.brief()))?;
            self.apply(&mut folds).await?;
        }
        let state = folds.only().and_then(|fold| fold.state);
        Ok(StoredState {
            seq: at,
            digest: state_digest(state.as_deref()),
            state,
            schema: applier.state.id,
            updated_at: updated_at.unwrap_or_default(),
            revision: Some(self.live.revision),
        })
    }

    /// Events of the entity type.
    pub fn events(&self) -> u64 {
        let (id, partitions) = (self.entity.id, self.entity.partitions);
        (0..partitions).map(|partition| self.log.end_offset(id, TopicKind::Events, partition)).sum()
    }

    /// Replays every instance of the entity type. `limit` bounds the instances per partition, if given.
    pub async fn all(
        &self,
        purpose: Purpose,
        limit: Option<usize>,
        done: Arc<AtomicU64>,
        put: Put,
    ) -> Result<Replayed, Failure> {
        let lanes = (self.applier()?.function.concurrency as usize / 2).max(1);
        let partitions = stream::iter(0..self.entity.partitions).map(|partition| {
            let (replayer, done, put) = (self.clone(), done.clone(), put.clone());
            // A task each, so that all cores take part.
            tokio::spawn(async move { replayer.partition(partition, purpose, limit, &done, &put).await })
        });
        let results: Vec<_> = partitions.buffer_unordered(lanes).collect().await;
        let mut total = Replayed::default();
        for result in results {
            let ended = |_| Failure::new(FailureClass::Error, Code(9001), "replaying ended unexpectedly", "");
            let part: Replayed = result.map_err(ended)??;
            total.instances += part.instances;
            total.events += part.events;
            total.different += part.different;
            total.differences.extend(part.differences);
        }
        total.differences.truncate(DIFFERENCES_MAX);
        Ok(total)
    }

    async fn partition(
        &self,
        partition: u32,
        purpose: Purpose,
        limit: Option<usize>,
        done: &AtomicU64,
        put: &Put,
    ) -> Result<Replayed, Failure> {
        let (mut folds, mut replayed) = (Folds::new(self.applier()?), Replayed::default());
        let end = self.log.end_offset(self.entity.id, TopicKind::Events, partition);
        let mut from = 0;
        if let Some(limit) = limit {
            replayed.events = self.sample(partition, limit, &mut folds).await?;
            done.fetch_add(replayed.events, Ordering::Relaxed);
        }
        while from < end && limit.is_none() {
            let (mut events, mut pushed) = (0, Ok(()));
            let see = |event: EventBrief<'_>| {
                events += 1;
                if pushed.is_ok() {
                    pushed = folds.push(event);
                }
            };
            let next = self.log.read_briefs(self.entity.id, partition, from, READ_BYTES, see);
            let next = next.map_err(|fault| broken(&fault))?;
            pushed?;
            if next == from {
                break;
            }
            from = next;
            replayed.events += events;
            if folds.steps >= std::env::var("XS").ok().and_then(|x| x.parse().ok()).unwrap_or(STEPS) {
                self.apply(&mut folds).await?;
            }
            done.fetch_add(events, Ordering::Relaxed);
        }
        self.apply(&mut folds).await?;
        replayed.instances = folds.all.len() as u64;
        match purpose {
            Purpose::Rebuild => {
                let schema = self.applier()?.state.id;
                for fold in folds.all {
                    let Some(last) = fold.last else { continue };
                    let digest = state_digest(fold.state.as_deref());
                    let (seq, updated_at, revision) = (last.seq, last.time, Some(self.live.revision));
                    let key = EntityKey { entity: self.entity.id, id: fold.id };
                    put(key, partition, StatePut { seq, state: fold.state, schema, digest, updated_at, revision });
                }
            }
            Purpose::Verify => self.compare(partition, folds, &mut replayed).await?,
        }
        Ok(replayed)
    }

    /// Compares what replay gives with the digests in the log, and with the stored states.
    async fn compare(&self, partition: u32, folds: Folds, replayed: &mut Replayed) -> Result<(), Failure> {
        let mut folds: FxHashMap<EntityId, Folding> =
            folds.all.into_iter().map(|fold| (fold.id.clone(), fold)).collect();
        let mut wrong: Vec<(EntityId, Last, String)> = Vec::new();
        let schema = &self.applier()?.state;
        let mut after = before(partition);
        loop {
            let rows = self.log.instances(self.entity.id, after.take(), ROWS).map_err(|fault| broken(&fault))?;
            let full = rows.len() == ROWS;
            after = rows.last().map(|row| (row.partition, row.id.clone()));
            let beyond = after.as_ref().is_some_and(|(at, _)| *at > partition);
            for row in rows.into_iter().filter(|row| row.partition == partition) {
                let Some(Folding { state, last: Some(last), .. }) = folds.remove(&row.id) else { continue };
                let digest = state_digest(state.as_deref());
                let kept = state_digest(row.state.state.as_deref());
                let compared = row.state.seq == last.seq && !row.state.is_lost();
                if digest != last.state_digest || (compared && kept != digest) {
                    let shown = compared && row.state.schema == schema.id && wrong.len() < DIFFERENCES_MAX;
                    let stored = shown.then_some(row.state.state.as_deref());
                    let changed = stored.and_then(|stored| changed::fields(&schema.schema, stored, state.as_deref()));
                    wrong.push((row.id, last, changed.unwrap_or_default()));
                }
            }
            if !full || beyond || folds.is_empty() {
                break;
            }
        }
        // What is left has events, but no stored state.
        wrong.extend(folds.into_iter().filter_map(|(id, fold)| Some((id, fold.last?, String::new()))));
        replayed.different = wrong.len() as u64;
        for (id, last, changed) in wrong.into_iter().take(DIFFERENCES_MAX) {
            let key = EntityKey { entity: self.entity.id, id };
            replayed.differences.push(Difference { changed, ..self.locate(&key, &last).await? });
        }
        Ok(())
    }

    /// Replays one instance and compares as `all` does; `None` when it has no events.
    pub async fn one(&self, id: EntityId) -> Result<Option<Replayed>, Failure> {
        let (key, mut folds) = (EntityKey { entity: self.entity.id, id }, Folds::new(self.applier()?));
        let events = self.history(&key, &mut folds).await?;
        self.apply(&mut folds).await?;
        let Some(Folding { state, last: Some(last), .. }) = folds.only() else { return Ok(None) };
        let kept = self.log.state(&key).map_err(|fault| broken(&fault))?;
        let digest = state_digest(state.as_deref());
        let same = kept.is_some_and(|kept| {
            kept.seq != last.seq || kept.is_lost() || state_digest(kept.state.as_deref()) == digest
        });
        let mut replayed = Replayed { instances: 1, events, ..Replayed::default() };
        if digest != last.state_digest || !same {
            replayed.different = 1;
            replayed.differences.push(self.locate(&key, &last).await?);
        }
        Ok(Some(replayed))
    }

    /// Folds the whole history of an instance; says how many events it has.
    async fn history(&self, key: &EntityKey, folds: &mut Folds) -> Result<u64, Failure> {
        let (mut from, mut events) = (1, 0);
        loop {
            let page = self.log.history(key, from, PAGE).map_err(|fault| broken(&fault))?;
            let Some(last) = page.last() else { return Ok(events) };
            from = last.record.seq + 1;
            events += page.len() as u64;
            page.iter().try_for_each(|event| folds.push(event.record.brief()))?;
            if folds.steps >= STEPS {
                self.apply(folds).await?;
            }
        }
    }

    /// Folds the first instances of a partition, each over its own history. Says how many events that were.
    async fn sample(&self, partition: u32, limit: usize, folds: &mut Folds) -> Result<u64, Failure> {
        let rows = self.log.instances(self.entity.id, before(partition), limit).map_err(|fault| broken(&fault))?;
        let mut events = 0;
        for row in rows.into_iter().filter(|row| row.partition == partition) {
            let key = EntityKey { entity: self.entity.id, id: row.id };
            events += self.history(&key, folds).await?;
        }
        Ok(events)
    }

    /// Finds the first event after which replay and log differ.
    async fn locate(&self, key: &EntityKey, last: &Last) -> Result<Difference, Failure> {
        let (mut from, mut folds) = (1, Folds::new(self.applier()?));
        while from <= last.seq {
            let page = self.log.history(key, from, PAGE).map_err(|fault| broken(&fault))?;
            if page.is_empty() {
                break;
            }
            for event in page {
                let record = event.record;
                folds.push(record.brief())?;
                self.apply(&mut folds).await?;
                let state = folds.all.first().and_then(|fold| fold.state.as_deref());
                if state_digest(state) != record.state_digest {
                    let what = format!("after {} the state has another digest than the log recorded", record.type_name);
                    return Ok(Difference { id: key.id.clone(), seq: record.seq, what, changed: String::new() });
                }
                from = record.seq + 1;
            }
        }
        let what = "the stored state is not the one that the events lead to".to_owned();
        Ok(Difference { id: key.id.clone(), seq: last.seq, what, changed: String::new() })
    }

    /// Applies what waits, in as few requests as the function allows.
    async fn apply(&self, folds: &mut Folds) -> Result<(), Failure> {
        let works_max = folds.applier.function.works_max.clamp(1, 512) as usize;
        let steps_max = folds.applier.function.steps_max.clamp(1, 5_000) as usize;
        while !folds.waiting.is_empty() {
            let (places, work) = folds.request(works_max, steps_max);
            let request = RunRequest { entity: self.entity.full_name.clone(), work };
            let response = self.live.run(&request, TIMEOUT).await?;
            folds.take(places, request.work, response)?;
        }
        Ok(())
    }
}

/// The place before a partition's first instance, in a listing.
fn before(partition: u32) -> Option<(u32, EntityId)> {
    Some((partition.checked_sub(1)?, EntityId::new(LAST_ID).ok()?))
}

/// The log cannot be read.
fn broken(fault: &evento_log::embedded::Fault) -> Failure {
    Failure::new(FailureClass::Error, fault.code(), fault.to_string(), "")
}
