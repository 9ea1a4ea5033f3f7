//! The instances of a partition while their events go by: what is known of each, and what is not applied yet.
//!
//! Between the log and the function: events in, requests out, states in. It neither reads nor calls.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use evento_function::{Failure, FailureClass, RunResponse, Step, StepKind, Want, Work};
use evento_log::codec::EventBrief;
use evento_model::{Code, Digest, EntityId, FullName, SchemaId, Sequence, Timestamp};
use evento_schema::avro::{Checked, Plan, check};
use evento_schema::catalog::Applier;
use rustc_hash::FxHashMap;

/// One instance while its events go by.
pub(super) struct Folding {
    pub(super) id: EntityId,
    pub(super) state: Option<Bytes>,
    /// What was recorded with its last event.
    pub(super) last: Option<Last>,
    /// What is not applied yet, and the events' numbers.
    steps: Vec<Step>,
    numbers: Vec<Sequence>,
}

/// What is kept of an instance's last event.
#[derive(Clone, Copy)]
pub(super) struct Last {
    pub(super) seq: Sequence,
    pub(super) time: Timestamp,
    pub(super) state_digest: Digest,
}

/// An event type in one of its schemas, and how it becomes what the function reads.
struct Kind {
    type_name: FullName,
    schema: SchemaId,
    /// `None`: the function does not apply it. `Some(None)`: it cannot read it.
    plan: Option<Option<Plan>>,
}

/// All instances of a partition while their events go by, and what is not applied yet.
pub(super) struct Folds {
    pub(super) applier: Arc<Applier>,
    /// Where each instance is in `all`. Bound: the instances of one partition.
    places: FxHashMap<EntityId, usize>,
    pub(super) all: Vec<Folding>,
    /// Where instances with steps are.
    pub(super) waiting: Vec<usize>,
    /// Steps that are not applied. Bound: `STEPS` and the events of one read.
    pub(super) steps: usize,
    /// Bound: the schemas of the entity's events.
    kinds: Vec<Kind>,
    /// The id of every step: replay names none.
    no_id: Arc<str>,
}

impl Folds {
    pub(super) fn new(applier: &Arc<Applier>) -> Folds {
        Folds {
            applier: applier.clone(),
            places: FxHashMap::default(),
            all: Vec::new(),
            waiting: Vec::new(),
            steps: 0,
            kinds: Vec::new(),
            no_id: "".into(),
        }
    }

    /// Where an instance is; new ones begin without a state.
    pub(super) fn place(&mut self, id: &str) -> Result<usize, Failure> {
        if let Some(place) = self.places.get(id) {
            return Ok(*place);
        }
        let id = EntityId::new(id).map_err(|error| unreadable(&error.to_string(), id, 0))?;
        self.places.insert(id.clone(), self.all.len());
        self.all.push(Folding { id, state: None, last: None, steps: Vec::new(), numbers: Vec::new() });
        Ok(self.all.len() - 1)
    }

    /// How events of a type and schema are read.
    fn kind(&mut self, event: &EventBrief<'_>) -> Result<usize, Failure> {
        let same = |kind: &Kind| kind.schema == event.schema && kind.type_name.as_str() == event.type_name;
        if let Some(found) = self.kinds.iter().position(same) {
            return Ok(found);
        }
        let plans = self.applier.applies.get(event.type_name);
        let plan = plans.map(|plans| plans.get(&event.schema).cloned());
        let type_name =
            FullName::new(event.type_name).map_err(|error| unreadable(&error.message, event.id, event.seq))?;
        self.kinds.push(Kind { type_name, schema: event.schema, plan });
        Ok(self.kinds.len() - 1)
    }

    /// An event that is to be applied.
    pub(super) fn push(&mut self, event: EventBrief<'_>) -> Result<(), Failure> {
        let (kind, place) = (self.kind(&event)?, self.place(event.id)?);
        let (kind, fold) = (&self.kinds[kind], &mut self.all[place]);
        fold.last = Some(Last { seq: event.seq, time: event.time, state_digest: event.state_digest });
        let Some(plan) = &kind.plan else { return Ok(()) };
        let not = |why: &str| unreadable(why, event.id, event.seq);
        let plan = plan.as_ref().ok_or_else(|| not(&format!("schema {} is not known to it", event.schema.0)))?;
        let payload = match plan.run(&event.payload).map_err(|error| not(&error.message))? {
            Cow::Borrowed(_) => event.payload,
            Cow::Owned(bytes) => bytes.into(),
        };
        if fold.steps.is_empty() {
            self.waiting.push(place);
        }
        let (type_name, id) = (kind.type_name.clone(), self.no_id.clone());
        fold.numbers.push(event.seq);
        fold.steps.push(Step { type_name, payload, id, time: event.time, seed: None, attempt: 1, traceparent: None });
        self.steps += 1;
        Ok(())
    }

    /// As much of what waits as one request may have, and where its instances are. A long history goes in several.
    pub(super) fn request(&mut self, works_max: usize, mut room: usize) -> (Vec<usize>, Vec<Work>) {
        let (mut places, mut work, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for place in std::mem::take(&mut self.waiting) {
            let fold = &mut self.all[place];
            if work.len() >= works_max || room == 0 {
                rest.push(place);
                continue;
            }
            let mut steps = std::mem::take(&mut fold.steps);
            let seq = fold.numbers.first().map_or(0, |first| first - 1);
            if steps.len() > room {
                fold.steps = steps.split_off(room);
                rest.push(place);
            }
            fold.numbers.drain(..steps.len());
            room -= steps.len();
            self.steps -= steps.len();
            places.push(place);
            work.push(Work {
                reference: work.len() as i32,
                entity_id: fold.id.clone(),
                seq,
                state: fold.state.clone(),
                kind: StepKind::Event,
                want: Want::Final,
                steps,
            });
        }
        self.waiting = rest;
        (places, work)
    }

    /// Takes what a request came to.
    pub(super) fn take(&mut self, places: Vec<usize>, work: Vec<Work>, response: RunResponse) -> Result<(), Failure> {
        for ((place, work), result) in places.into_iter().zip(work).zip(response.results) {
            if let Some(failed) = result.failure {
                return Err(failed.failure);
            }
            let fold = &mut self.all[place];
            let state = result.outcomes.into_iter().next_back().and_then(|outcome| outcome.states.into_iter().next());
            fold.state = match state.flatten() {
                None => None,
                Some(bytes) => match check(&self.applier.state.schema, &bytes) {
                    Ok(Checked::Canonical(_)) => Some(bytes),
                    Ok(Checked::Rewritten(bytes)) => Some(bytes.into()),
                    Err(error) => {
                        let detail = format!("{}: {}", error.path, error.message);
                        let title = format!("apply gave {} a state that is none", fold.id.as_str());
                        return Err(Failure::new(FailureClass::Contract, Code(3009), title, detail));
                    }
                },
            };
            if fold.steps.is_empty() {
                // Its room is used again.
                fold.steps = work.steps;
                fold.steps.clear();
            }
        }
        Ok(())
    }

    /// The one instance there is.
    pub(super) fn only(self) -> Option<Folding> {
        self.all.into_iter().next()
    }
}

/// An event that this revision cannot read.
fn unreadable(why: &str, id: &str, seq: Sequence) -> Failure {
    Failure::new(
        FailureClass::Contract,
        Code(2204),
        format!("event {seq} of {id} cannot be read by this revision"),
        why,
    )
}
