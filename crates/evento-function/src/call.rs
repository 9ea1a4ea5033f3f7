//! One call to a function as values: a fold over steps, asked for many instances at once.
//!
//! Source: function-protocol 1, the fold. Framing (plain or batch) is chosen by the host, not by the caller.
//! No retry, no queue: one request in, one response or one failure out.

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{EntityId, FullName, Seed, Sequence, Stage, Timestamp};

use crate::failure::Failure;

/// Works for one entity type, for different instances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRequest {
    /// Full name of the entity type.
    pub entity: FullName,
    /// The works; at most one per instance.
    pub work: Vec<Work>,
}

/// A fold for one instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Work {
    /// Distinct within the request and hard to guess; the result carries it back.
    pub reference: i32,
    /// The instance.
    pub entity_id: EntityId,
    /// Number of the last event in `state`.
    pub seq: Sequence,
    /// The state, `None` when there is none.
    pub state: Option<Bytes>,
    /// What the steps are.
    pub kind: StepKind,
    /// Which states are wanted.
    pub want: Want,
    /// The steps, in order; at least one.
    pub steps: Vec<Step>,
}

/// What the steps of a work are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepKind {
    /// Commands to decide, each on the state the step before left.
    Command,
    /// Events to apply.
    Event,
}

/// Which states are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// None: the answer is events only.
    None,
    /// The last one.
    Final,
    /// One after each event.
    Each,
}

/// One command or event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Full name of its type.
    pub type_name: FullName,
    /// Avro bytes in the schema that the function declared.
    pub payload: Bytes,
    /// Command id or event id; may be empty in replays.
    pub id: Arc<str>,
    /// Acceptance time of the command.
    pub time: Timestamp,
    /// The command's seed; `None` for events.
    pub seed: Option<Seed>,
    /// Which attempt this is, from 1; for logs only.
    pub attempt: u32,
    /// W3C trace context; for traces only.
    pub traceparent: Option<Arc<str>>,
}

/// The answer to a whole request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunResponse {
    /// One result per work, in the order of the works.
    pub results: Vec<WorkResult>,
}

/// The answer to one work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkResult {
    /// One outcome per step that succeeded, in order.
    pub outcomes: Vec<StepOutcome>,
    /// Why the next step did not.
    pub failure: Option<WorkFailure>,
}

/// The answer to one step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepOutcome {
    /// Events decided; empty for event steps.
    pub events: Vec<Emitted>,
    /// States, as wanted; `None` entries mean "no state any more".
    pub states: Vec<Option<Bytes>>,
}

/// An event as a function answers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emitted {
    /// Its type, as the function spelled it: unchecked.
    pub type_name: Arc<str>,
    /// Its payload: unchecked.
    pub payload: Bytes,
}

/// A step that failed while the rest of the request stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkFailure {
    /// Index of the step; equal to the number of outcomes.
    pub step: u32,
    /// Where it failed: [`Stage::Handle`] or [`Stage::Apply`].
    pub stage: Stage,
    /// Why.
    pub failure: Failure,
}
