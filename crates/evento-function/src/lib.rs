//! How a function is called: the call as values, its framings, its manifest and revision, and the hosts.
//!
//! One call in, one answer or one failure out. Nothing here retries, queues, or knows a schema's meaning.

pub mod call;
pub mod failure;

pub use call::{Emitted, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkFailure, WorkResult};
pub use failure::{Failure, FailureClass};
