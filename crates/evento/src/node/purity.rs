//! Whether `apply` is pure, found out on a sample: the same events on the same state a second time must give the same
//! bytes. Every call is checked in development, one in a hundred else.
//!
//! Source: function-protocol 8.3 row 9, guarantees F12. States are compared in canonical bytes, so that a library's
//! order of map entries is not taken for chance. What follows from a difference is the caller's business.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use evento_function::{Failure, FailureClass, RunRequest, RunResponse, Step, StepKind, Want, Work};
use evento_model::{Code, FullName};
use evento_schema::avro::{Checked, JsonOptions, Schema, check, to_json};
use evento_schema::binding::Declaration;
use evento_schema::resource::Purity;
use parking_lot::RwLock;
use serde_json::Value;

use crate::output::value::changes;

/// Most steps of a call that is made a second time.
const STEPS_MAX: usize = 5_000;

/// What is known of the purity of one revision.
pub struct Watch {
    /// One call in so many is checked; 0 is none.
    every: u64,
    policy: Purity,
    /// Schemas of the states, by entity.
    states: HashMap<FullName, Schema>,
    /// What its apply covers, by entity.
    applies: HashMap<FullName, HashSet<FullName>>,
    calls: AtomicU64,
    /// The difference that was found.
    impure: RwLock<Option<Failure>>,
}

/// The second request, and the states it must give.
pub struct Again {
    /// What is asked.
    pub request: RunRequest,
    expected: Vec<Vec<Option<Bytes>>>,
}

impl Watch {
    /// Of a revision that says this of itself; every call is checked.
    pub fn new(declaration: &Declaration, policy: Purity, development: bool) -> Watch {
        let applying = || declaration.entities.iter().filter(|entity| !entity.applies.is_empty());
        let state = |name: &FullName| Some((name.clone(), declaration.schemas.get(name)?.clone()));
        Watch {
            every: 1,
            policy: if development { Purity::Warn } else { policy },
            states: applying().filter_map(|entity| state(&entity.name)).collect(),
            applies: applying().map(|e| (e.name.clone(), e.applies.iter().cloned().collect())).collect(),
            calls: AtomicU64::new(0),
            impure: RwLock::new(None),
        }
    }

    /// The same, with one call in so many checked; 0 is none.
    pub fn sampled(self, every: u64) -> Watch {
        Watch { every, ..self }
    }

    /// Whether any call is looked at.
    pub fn looks(&self) -> bool {
        self.every != 0
    }

    /// Why nothing of this revision is taken any more, if so.
    pub fn refusal(&self) -> Option<Failure> {
        if self.policy == Purity::Refuse { self.impure.read().clone() } else { None }
    }

    /// What is to be asked a second time, if this answer is one of the sample and brought states.
    pub fn again(&self, request: &RunRequest, answer: &RunResponse) -> Option<Again> {
        if self.every == 0 || !self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every) {
            return None;
        }
        let applies = self.applies.get(&request.entity)?;
        let (mut works, mut expected) = (Vec::new(), Vec::new());
        for (work, result) in request.work.iter().zip(&answer.results).filter(|(work, _)| work.want == Want::Each) {
            let (steps, states) = applied(work, result, applies)?;
            if !steps.is_empty() {
                works.push(Work { kind: StepKind::Event, steps, ..work.clone() });
                expected.push(states);
            }
        }
        let steps: usize = works.iter().map(|work| work.steps.len()).sum();
        let request = RunRequest { entity: request.entity.clone(), work: works };
        (1..=STEPS_MAX).contains(&steps).then_some(Again { request, expected })
    }

    /// Compares the second answer with the first. A difference is returned the first time it is found.
    pub fn compare(&self, again: &Again, answer: &RunResponse) -> Option<Failure> {
        let entity = &again.request.entity;
        let schema = self.states.get(entity)?;
        let works = again.request.work.iter().zip(&again.expected).zip(&answer.results);
        let found = works.into_iter().find_map(|((work, expected), result)| {
            let given = result.outcomes.iter().filter_map(|outcome| outcome.states.first());
            let pairs = work.steps.iter().zip(expected.iter().zip(given));
            let (step, (first, second)) = pairs.into_iter().find(|(_, (a, b))| differ(schema, a, b))?;
            let id = work.entity_id.as_str();
            let title = format!("apply is not deterministic: {} gave {entity} two different states", step.type_name);
            let detail = format!("{id}: {}", changes(&shown(schema, first), &shown(schema, second)).join(", "));
            Some(Failure::new(FailureClass::Outage, Code(3010), title, detail))
        })?;
        let mut impure = self.impure.write();
        let first = impure.is_none();
        *impure = Some(found.clone());
        first.then_some(found)
    }
}

/// The events of a work that apply was called for, with the states it gave.
fn applied(
    work: &Work,
    result: &evento_function::WorkResult,
    applies: &HashSet<FullName>,
) -> Option<(Vec<Step>, Vec<Option<Bytes>>)> {
    let (mut steps, mut states) = (Vec::new(), Vec::new());
    for (step, outcome) in work.steps.iter().zip(&result.outcomes) {
        if work.kind == StepKind::Event {
            steps.push(step.clone());
            states.push(outcome.states.first()?.clone());
            continue;
        }
        for (event, state) in outcome.events.iter().zip(&outcome.states) {
            let type_name = FullName::new(&event.type_name).ok()?;
            if !applies.contains(&type_name) {
                continue;
            }
            let (payload, id) = (event.payload.clone(), Arc::from(""));
            steps.push(Step { type_name, payload, id, time: step.time, seed: None, attempt: 1, traceparent: None });
            states.push(state.clone());
        }
    }
    Some((steps, states))
}

fn differ(schema: &Schema, first: &Option<Bytes>, second: &Option<Bytes>) -> bool {
    first != second && canonical(schema, first) != canonical(schema, second)
}

/// The bytes that would be stored; what is no state is compared as it is.
fn canonical(schema: &Schema, state: &Option<Bytes>) -> Option<Bytes> {
    let bytes = state.as_ref()?;
    match check(schema, bytes) {
        Ok(Checked::Rewritten(rewritten)) => Some(rewritten.into()),
        _ => Some(bytes.clone()),
    }
}

fn shown(schema: &Schema, state: &Option<Bytes>) -> Value {
    let mut out = Vec::new();
    let written = state.as_ref().map(|bytes| to_json(schema, bytes, &JsonOptions { long_as_string: false }, &mut out));
    match written {
        Some(Ok(())) => serde_json::from_slice(&out).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

#[cfg(test)]
#[path = "purity_tests.rs"]
mod tests;
