//! Replay: states from events, by the same functions in the same framing. Nothing here decides anything.
//!
//! One implementation of "apply these events" for time travel, the check of a new revision, rebuilding states
//! and `evento verify`. It uses half of a function's places, so that commands go before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evento_function::{Failure, FailureClass, RunRequest, Step, StepKind, Want, Work};
use evento_log::embedded::EmbeddedLog;
use evento_log::record::EventRecord;
use evento_log::unit::{StatePut, state_digest};
use evento_log::view::StoredState;
use evento_model::{Code, EntityId, EntityKey, Sequence, TopicKind};
use evento_schema::avro::{Checked, check};
use evento_schema::catalog::{Applier, EntityType};
use futures::stream::{self, StreamExt};

use super::functions::Live;

/// Steps gathered before they are sent.
const STEPS: usize = 4_000;
/// Bytes of records read at once.
const READ_BYTES: usize = 1 << 20;
/// Events of one instance read at once.
const PAGE: usize = 1_000;
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
struct Folding {
    seq: Sequence,
    state: Option<Bytes>,
    pending: Vec<EventRecord>,
    last: Option<EventRecord>,
}

impl Folding {
    fn new() -> Folding {
        Folding { seq: 0, state: None, pending: Vec::new(), last: None }
    }
}

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
        let mut folding = Folding::new();
        if let Some(snapshot) = &snapshot {
            (folding.seq, folding.state) = (snapshot.seq, snapshot.state.clone());
        }
        let mut updated_at = snapshot.as_ref().map(|state| state.updated_at);
        while folding.seq < seq {
            let limit = PAGE.min((seq - folding.seq) as usize);
            let page = self.log.history(key, folding.seq + 1, limit).map_err(|fault| unreadable(&fault))?;
            let Some(last) = page.last() else { break };
            updated_at = Some(last.record.time);
            let end = last.record.seq;
            folding.pending = page.into_iter().map(|event| event.record).collect();
            let mut one = BTreeMap::from([(key.id.clone(), folding)]);
            self.apply(&mut one).await?;
            folding = one.remove(&key.id).expect("it was just put in");
            folding.seq = end;
        }
        Ok(StoredState {
            seq: folding.seq,
            digest: state_digest(folding.state.as_deref()),
            state: folding.state,
            schema: applier.state.id,
            updated_at: updated_at.unwrap_or_default(),
            revision: Some(self.live.revision),
        })
    }

    /// Replays every instance of the entity type. `limit` bounds the instances per partition, if given.
    pub async fn all(
        &self,
        purpose: Purpose,
        limit: Option<usize>,
        done: &AtomicU64,
        put: &(dyn Fn(EntityKey, u32, StatePut) + Send + Sync),
    ) -> Result<Replayed, Failure> {
        let lanes = (self.applier()?.function.concurrency as usize / 2).max(1);
        let results: Vec<Result<Replayed, Failure>> = stream::iter(0..self.entity.partitions)
            .map(|partition| self.partition(partition, purpose, limit, done, put))
            .buffer_unordered(lanes)
            .collect()
            .await;
        let mut total = Replayed::default();
        for result in results {
            let part = result?;
            total.instances += part.instances;
            total.events += part.events;
            total.different += part.different;
            total.differences.extend(part.differences);
        }
        total.differences.truncate(100);
        Ok(total)
    }

    async fn partition(
        &self,
        partition: u32,
        purpose: Purpose,
        limit: Option<usize>,
        done: &AtomicU64,
        put: &(dyn Fn(EntityKey, u32, StatePut) + Send + Sync),
    ) -> Result<Replayed, Failure> {
        let mut folds: BTreeMap<EntityId, Folding> = BTreeMap::new();
        let end = self.log.end_offset(self.entity.id, TopicKind::Events, partition);
        let (mut from, mut steps, mut replayed) = (0, 0, Replayed::default());
        if let Some(limit) = limit {
            replayed.events = self.sample(partition, limit, &mut folds).await?;
            done.fetch_add(replayed.events, Ordering::Relaxed);
        }
        while from < end && limit.is_none() {
            let events =
                self.log.read_events(self.entity.id, partition, from, READ_BYTES).map_err(|fault| unreadable(&fault))?;
            let Some(last) = events.last() else { break };
            from = last.position.offset + 1;
            for event in events {
                folds.entry(event.record.id.clone()).or_insert_with(Folding::new).pending.push(event.record);
                steps += 1;
                replayed.events += 1;
                if steps >= STEPS {
                    self.apply(&mut folds).await?;
                    done.fetch_add(steps as u64, Ordering::Relaxed);
                    steps = 0;
                }
            }
        }
        self.apply(&mut folds).await?;
        done.fetch_add(steps as u64, Ordering::Relaxed);
        for (id, fold) in folds {
            let Some(last) = fold.last else { continue };
            replayed.instances += 1;
            let digest = state_digest(fold.state.as_deref());
            let key = EntityKey { entity: self.entity.id, id: id.clone() };
            match purpose {
                Purpose::Rebuild => {
                    let schema = self.applier()?.state.id;
                    let (seq, updated_at) = (last.seq, last.time);
                    let revision = Some(self.live.revision);
                    put(key, partition, StatePut { seq, state: fold.state, schema, digest, updated_at, revision });
                }
                Purpose::Verify => {
                    let stored = self.log.state(&key).map_err(|fault| unreadable(&fault))?;
                    let kept = stored.as_ref().map(|state| (state.seq, state_digest(state.state.as_deref())));
                    if digest != last.state_digest || kept.is_none_or(|(seq, kept)| seq == last.seq && kept != digest) {
                        replayed.different += 1;
                        if replayed.differences.len() < 100 {
                            replayed.differences.push(self.locate(&key, &last).await?);
                        }
                    }
                }
            }
        }
        Ok(replayed)
    }

    /// Folds the first instances of a partition, each over its own history. Says how many events that were.
    async fn sample(
        &self,
        partition: u32,
        limit: usize,
        folds: &mut BTreeMap<EntityId, Folding>,
    ) -> Result<u64, Failure> {
        let before = partition.checked_sub(1).and_then(|before| Some((before, EntityId::new(LAST_ID).ok()?)));
        let rows = self.log.instances(self.entity.id, before, limit).map_err(|fault| unreadable(&fault))?;
        let mut events = 0;
        for row in rows.into_iter().filter(|row| row.partition == partition) {
            let key = EntityKey { entity: self.entity.id, id: row.id.clone() };
            let mut from = 1;
            loop {
                let page = self.log.history(&key, from, PAGE).map_err(|fault| unreadable(&fault))?;
                let Some(last) = page.last() else { break };
                from = last.record.seq + 1;
                events += page.len() as u64;
                let fold = folds.entry(row.id.clone()).or_insert_with(Folding::new);
                fold.pending.extend(page.into_iter().map(|event| event.record));
                if fold.pending.len() >= STEPS {
                    self.apply(folds).await?;
                }
            }
        }
        Ok(events)
    }

    /// Finds the first event after which replay and log differ.
    async fn locate(&self, key: &EntityKey, last: &EventRecord) -> Result<Difference, Failure> {
        let (mut from, mut state) = (1, None);
        while from <= last.seq {
            let page = self.log.history(key, from, PAGE).map_err(|fault| unreadable(&fault))?;
            if page.is_empty() {
                break;
            }
            for event in page {
                let fold =
                    Folding { seq: event.record.seq - 1, state, pending: vec![event.record.clone()], last: None };
                let mut one = BTreeMap::from([(key.id.clone(), fold)]);
                self.apply(&mut one).await?;
                state = one.remove(&key.id).and_then(|fold| fold.state);
                let record = event.record;
                if state_digest(state.as_deref()) != record.state_digest {
                    let what = format!("after {} the state has another digest than the log recorded", record.type_name);
                    return Ok(Difference { id: key.id.clone(), seq: record.seq, what });
                }
                from = record.seq + 1;
            }
        }
        let what = "the stored state is not the one that the events lead to".to_owned();
        Ok(Difference { id: key.id.clone(), seq: last.seq, what })
    }

    /// Applies what is pending of all instances in one request per bound.
    async fn apply(&self, folds: &mut BTreeMap<EntityId, Folding>) -> Result<(), Failure> {
        let applier = self.applier()?.clone();
        let works_max = applier.function.works_max.clamp(1, 512) as usize;
        let mut works: Vec<(EntityId, Vec<Step>)> = Vec::new();
        for (id, fold) in folds.iter_mut() {
            let pending = std::mem::take(&mut fold.pending);
            let mut steps = Vec::with_capacity(pending.len());
            for event in pending {
                if let Some(plans) = applier.applies.get(&event.type_name) {
                    steps.push(step(plans.get(&event.schema), &event)?);
                }
                fold.seq = event.seq;
                fold.last = Some(event);
            }
            if !steps.is_empty() {
                works.push((id.clone(), steps));
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
            self.send(&applier, batch, folds).await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        applier: &Applier,
        batch: Vec<(EntityId, Vec<Step>)>,
        folds: &mut BTreeMap<EntityId, Folding>,
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
