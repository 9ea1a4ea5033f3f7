//! Replay: states from events, by the same functions in the same framing. Nothing here decides anything.
//!
//! One implementation of "apply these events" for time travel, the check of a new revision, rebuilding states
//! and `evento verify`. It uses half of a function's places, so that commands go before it.

mod changed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evento_function::{Failure, FailureClass, RunRequest, Step, StepKind, Want, Work};
use evento_log::embedded::EmbeddedLog;
use evento_log::record::EventRecord;
use evento_log::unit::{StatePut, state_digest};
use evento_log::view::StoredState;
use evento_model::{Code, Digest, EntityId, EntityKey, Sequence, Timestamp, TopicKind};
use evento_schema::avro::{Checked, check};
use evento_schema::catalog::{Applier, EntityType};
use futures::stream::{self, StreamExt};
use rustc_hash::FxHashMap;

use super::functions::Live;

/// Steps gathered before they are sent.
const STEPS: usize = 4_000;
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

/// One instance while its events go by.
#[derive(Default)]
struct Folding {
    seq: Sequence,
    state: Option<Bytes>,
    /// What was recorded with its last event.
    last: Option<Last>,
}

/// What is kept of an instance's last event.
#[derive(Clone)]
struct Last {
    seq: Sequence,
    time: Timestamp,
    state_digest: Digest,
}

/// All instances of a partition while their events go by, and what is not applied yet.
#[derive(Default)]
struct Folds {
    /// Bound: the instances of one partition.
    known: FxHashMap<EntityId, Folding>,
    /// Bound: `STEPS` events.
    pending: FxHashMap<EntityId, Vec<EventRecord>>,
    steps: usize,
}

impl Folds {
    fn push(&mut self, event: EventRecord) {
        self.steps += 1;
        self.pending.entry(event.id.clone()).or_default().push(event);
    }
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
        let snapshot = self.log.snapshot(key, seq).map_err(|fault| unreadable(&fault))?;
        let snapshot = snapshot.filter(|state| state.schema == applier.state.id);
        let mut folds = Folds::default();
        let mut updated_at = snapshot.as_ref().map(|state| state.updated_at);
        let begin = match snapshot {
            Some(snapshot) => Folding { seq: snapshot.seq, state: snapshot.state, last: None },
            None => Folding::default(),
        };
        let mut at = begin.seq;
        folds.known.insert(key.id.clone(), begin);
        while at < seq {
            let limit = PAGE.min((seq - at) as usize);
            let page = self.log.history(key, at + 1, limit).map_err(|fault| unreadable(&fault))?;
            let Some(last) = page.last() else { break };
            updated_at = Some(last.record.time);
            at = last.record.seq;
            page.into_iter().for_each(|event| folds.push(event.record));
            self.apply(&mut folds).await?;
        }
        let state = folds.known.remove(&key.id).and_then(|fold| fold.state);
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
        let (mut folds, mut replayed) = (Folds::default(), Replayed::default());
        let end = self.log.end_offset(self.entity.id, TopicKind::Events, partition);
        let mut from = 0;
        if let Some(limit) = limit {
            replayed.events = self.sample(partition, limit, &mut folds).await?;
            done.fetch_add(replayed.events, Ordering::Relaxed);
        }
        while from < end && limit.is_none() {
            let events = self
                .log
                .read_events(self.entity.id, partition, from, READ_BYTES)
                .map_err(|fault| unreadable(&fault))?;
            let Some(last) = events.last() else { break };
            from = last.position.offset + 1;
            for event in events {
                folds.push(event.record);
                replayed.events += 1;
                if folds.steps >= STEPS {
                    done.fetch_add(folds.steps as u64, Ordering::Relaxed);
                    self.apply(&mut folds).await?;
                }
            }
        }
        done.fetch_add(folds.steps as u64, Ordering::Relaxed);
        self.apply(&mut folds).await?;
        replayed.instances = folds.known.len() as u64;
        match purpose {
            Purpose::Rebuild => {
                let schema = self.applier()?.state.id;
                for (id, fold) in folds.known {
                    let Some(last) = fold.last else { continue };
                    let digest = state_digest(fold.state.as_deref());
                    let (seq, updated_at, revision) = (last.seq, last.time, Some(self.live.revision));
                    let key = EntityKey { entity: self.entity.id, id };
                    put(key, partition, StatePut { seq, state: fold.state, schema, digest, updated_at, revision });
                }
            }
            Purpose::Verify => self.compare(partition, folds.known, &mut replayed).await?,
        }
        Ok(replayed)
    }

    /// Compares what replay gives with the digests in the log, and with the stored states.
    async fn compare(
        &self,
        partition: u32,
        mut folds: FxHashMap<EntityId, Folding>,
        replayed: &mut Replayed,
    ) -> Result<(), Failure> {
        let mut wrong: Vec<(EntityId, Last, String)> = Vec::new();
        let schema = &self.applier()?.state;
        let mut after = before(partition);
        loop {
            let rows = self.log.instances(self.entity.id, after.take(), ROWS).map_err(|fault| unreadable(&fault))?;
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
        let (key, mut folds) = (EntityKey { entity: self.entity.id, id }, Folds::default());
        let events = self.history(&key, &mut folds).await?;
        self.apply(&mut folds).await?;
        let Some(Folding { state, last: Some(last), .. }) = folds.known.remove(&key.id) else { return Ok(None) };
        let kept = self.log.state(&key).map_err(|fault| unreadable(&fault))?;
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
            let page = self.log.history(key, from, PAGE).map_err(|fault| unreadable(&fault))?;
            let Some(last) = page.last() else { return Ok(events) };
            from = last.record.seq + 1;
            events += page.len() as u64;
            page.into_iter().for_each(|event| folds.push(event.record));
            if folds.steps >= STEPS {
                self.apply(folds).await?;
            }
        }
    }

    /// Folds the first instances of a partition, each over its own history. Says how many events that were.
    async fn sample(&self, partition: u32, limit: usize, folds: &mut Folds) -> Result<u64, Failure> {
        let rows = self.log.instances(self.entity.id, before(partition), limit).map_err(|fault| unreadable(&fault))?;
        let mut events = 0;
        for row in rows.into_iter().filter(|row| row.partition == partition) {
            let key = EntityKey { entity: self.entity.id, id: row.id };
            events += self.history(&key, folds).await?;
        }
        Ok(events)
    }

    /// Finds the first event after which replay and log differ.
    async fn locate(&self, key: &EntityKey, last: &Last) -> Result<Difference, Failure> {
        let (mut from, mut folds) = (1, Folds::default());
        while from <= last.seq {
            let page = self.log.history(key, from, PAGE).map_err(|fault| unreadable(&fault))?;
            if page.is_empty() {
                break;
            }
            for event in page {
                let record = event.record;
                folds.push(record.clone());
                self.apply(&mut folds).await?;
                let state = folds.known.get(&key.id).and_then(|fold| fold.state.as_deref());
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

    /// Applies what is pending, in as few requests as the function allows.
    async fn apply(&self, folds: &mut Folds) -> Result<(), Failure> {
        let applier = self.applier()?.clone();
        let works_max = applier.function.works_max.clamp(1, 512) as usize;
        let mut works: Vec<(EntityId, Vec<Step>)> = Vec::new();
        folds.steps = 0;
        for (id, pending) in std::mem::take(&mut folds.pending) {
            let fold = folds.known.entry(id.clone()).or_default();
            let mut steps = Vec::with_capacity(pending.len());
            for event in pending {
                if let Some(plans) = applier.applies.get(&event.type_name) {
                    steps.push(step(plans.get(&event.schema), &event)?);
                }
                fold.seq = event.seq;
                fold.last = Some(Last { seq: event.seq, time: event.time, state_digest: event.state_digest });
            }
            if !steps.is_empty() {
                works.push((id, steps));
            }
        }
        let steps_max = applier.function.steps_max.clamp(1, 5_000) as usize;
        while !works.is_empty() {
            // As many works and steps as one request may have; a long history goes in several.
            let (mut batch, mut rest, mut steps) = (Vec::new(), Vec::new(), 0);
            for (id, mut pending) in works {
                let room = steps_max - steps;
                if batch.len() >= works_max || room == 0 {
                    rest.push((id, pending));
                    continue;
                }
                if pending.len() > room {
                    rest.push((id.clone(), pending.split_off(room)));
                }
                steps += pending.len();
                batch.push((id, pending));
            }
            works = rest;
            self.send(&applier, batch, &mut folds.known).await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        applier: &Applier,
        batch: Vec<(EntityId, Vec<Step>)>,
        folds: &mut FxHashMap<EntityId, Folding>,
    ) -> Result<(), Failure> {
        let ids: Vec<EntityId> = batch.iter().map(|(id, _)| id.clone()).collect();
        let work = batch
            .into_iter()
            .enumerate()
            .map(|(n, (id, steps))| Work {
                reference: n as i32,
                seq: folds[&id].seq,
                state: folds[&id].state.clone(),
                entity_id: id,
                kind: StepKind::Event,
                want: Want::Final,
                steps,
            })
            .collect();
        let request = RunRequest { entity: self.entity.full_name.clone(), work };
        let response = self.live.run(&request, TIMEOUT).await?;
        for (id, result) in ids.into_iter().zip(response.results) {
            if let Some(failed) = result.failure {
                return Err(failed.failure);
            }
            let state = result.outcomes.into_iter().next_back().and_then(|outcome| outcome.states.into_iter().next());
            let state = state.unwrap_or_default();
            let state = match state {
                None => None,
                Some(bytes) => match check(&applier.state.schema, &bytes) {
                    Ok(Checked::Canonical(_)) => Some(bytes),
                    Ok(Checked::Rewritten(bytes)) => Some(bytes.into()),
                    Err(error) => {
                        let detail = format!("{}: {}", error.path, error.message);
                        let title = format!("apply gave {} a state that is none", id.as_str());
                        return Err(Failure::new(FailureClass::Contract, Code(3009), title, detail));
                    }
                },
            };
            if let Some(fold) = folds.get_mut(&id) {
                fold.state = state;
            }
        }
        Ok(())
    }
}

/// The place before a partition's first instance, in a listing.
fn before(partition: u32) -> Option<(u32, EntityId)> {
    Some((partition.checked_sub(1)?, EntityId::new(LAST_ID).ok()?))
}

fn step(plan: Option<&evento_schema::avro::Plan>, event: &EventRecord) -> Result<Step, Failure> {
    let unreadable = |why: String| {
        let title = format!("event {} of {} cannot be read by this revision", event.seq, event.id.as_str());
        Failure::new(FailureClass::Contract, Code(2204), title, why)
    };
    let plan = plan.ok_or_else(|| unreadable(format!("schema {} is not known to it", event.schema.0)))?;
    let payload = match plan.run(&event.payload) {
        Ok(std::borrow::Cow::Borrowed(_)) => event.payload.clone(),
        Ok(std::borrow::Cow::Owned(bytes)) => bytes.into(),
        Err(error) => return Err(unreadable(error.message)),
    };
    Ok(Step {
        type_name: event.type_name.clone(),
        payload,
        id: Arc::from(""),
        time: event.time,
        seed: None,
        attempt: 1,
        traceparent: None,
    })
}

fn unreadable(fault: &evento_log::embedded::Fault) -> Failure {
    Failure::new(FailureClass::Error, fault.code(), fault.to_string(), "")
}
