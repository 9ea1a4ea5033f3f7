//! Stage 4: the function evolves. An event that apply cannot take never enters the log.
//!
//! A rejection that the applier does not list leaves the state as it is, and apply is not called for it.

use bytes::Bytes;
use evento_function::{Failure, FailureClass, WorkResult};
use evento_log::unit::state_digest;
use evento_model::{Code, Digest, Revision, SchemaId};
use evento_schema::catalog::{Applier, EntityType};

use crate::command::handle::canonical;
use crate::command::{Call, Decided, Evolved};
use crate::engine::Engine;
use crate::instance::InstanceNo;

/// States after each event with their digests, and who applied.
type States = (Vec<(Option<Bytes>, Digest)>, Option<(Revision, SchemaId)>);

impl Engine {
    /// After a decision: commit at once when nothing has to be applied, else on to the applier.
    pub(crate) fn apply_or_advance(&mut self, no: InstanceNo, entity: &EntityType) {
        let busy = self.table.get_mut(no).busy();
        let applier = entity.applier.as_ref();
        let to_apply = |decided: &Decided| {
            decided.events.iter().any(|event| applier.is_some_and(|a| a.applies.contains_key(&event.type_name)))
        };
        if let Some(decided) = busy.decided.take_if(|decided| !to_apply(decided)) {
            let current = &self.table.get(no).current;
            let states = vec![(current.state.clone(), current.digest); decided.events.len()];
            self.commit(no, entity, vec![Evolved { decided, states, applied_by: None }]);
        }
        self.advance(no);
    }

    /// The rules for states (function-protocol 8.3, row 8). `states` has one entry per event.
    pub(crate) fn judge_states(
        &self,
        applier: &Applier,
        revision: Revision,
        decided: &Decided,
        states: Vec<Option<Bytes>>,
        before: &(Option<Bytes>, Digest),
    ) -> Result<States, Failure> {
        if states.len() != decided.events.len() {
            return Err(miscounted(states.len(), decided.events.len()));
        }
        let mut before = before.clone();
        let mut judged = Vec::with_capacity(states.len());
        let mut applied_by = None;
        for (event, state) in decided.events.iter().zip(states) {
            if applier.applies.contains_key(&event.type_name) {
                if state != before.0 {
                    before = self.judge_state(applier, state)?;
                }
                applied_by = Some((revision, applier.state.id));
            } else if !event.rejection {
                let title = format!("apply does not cover {}", event.type_name);
                return Err(Failure::new(FailureClass::Contract, Code(2202), title, ""));
            }
            judged.push(before.clone());
        }
        Ok((judged, applied_by))
    }

    /// The answer of an applier that did not decide itself: one outcome per event that was sent.
    pub(crate) fn judge_applied(
        &self,
        no: InstanceNo,
        call: &Call,
        decided: Decided,
        result: WorkResult,
    ) -> Result<Evolved, Failure> {
        if let Some(failed) = result.failure {
            return Err(failed.failure);
        }
        let applier = call.entity.applier.as_ref().ok_or_else(|| miscounted(0, 1))?;
        let current = &self.table.get(no).current;
        let mut before = (current.state.clone(), current.digest);
        let mut answers = result.outcomes.into_iter();
        let mut states = Vec::with_capacity(decided.events.len());
        for event in &decided.events {
            if applier.applies.contains_key(&event.type_name) {
                let answer = answers.next().map(|outcome| outcome.states).unwrap_or_default();
                let [state] = <[Option<Bytes>; 1]>::try_from(answer).map_err(|states| miscounted(states.len(), 1))?;
                if state != before.0 {
                    before = self.judge_state(applier, state)?;
                }
            }
            states.push(before.clone());
        }
        Ok(Evolved { decided, states, applied_by: Some((call.revision, applier.state.id)) })
    }

    fn judge_state(&self, applier: &Applier, state: Option<Bytes>) -> Result<(Option<Bytes>, Digest), Failure> {
        let name = applier.state.schema.full_name().unwrap_or("the state");
        let state = match state {
            Some(bytes) => Some(canonical(&applier.state.schema, bytes, self.config.state_bytes_max, name)?),
            None => None,
        };
        let digest = state_digest(state.as_deref());
        Ok((state, digest))
    }
}

fn miscounted(states: usize, wanted: usize) -> Failure {
    let detail = format!("{wanted} states were asked for, {states} came back");
    Failure::new(FailureClass::Contract, Code(3009), "apply answered the wrong number of states", detail)
}
