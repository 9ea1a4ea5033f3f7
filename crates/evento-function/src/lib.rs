//! How a function is called: the call as values, its framings, its manifest and revision, and the hosts.
//!
//! One call in, one answer or one failure out. Nothing here retries, queues, or knows a schema's meaning.
//! Without features there are the values only; `http` adds the client, `process` the driver of local processes.

pub mod call;
pub mod envelope;
pub mod failure;
#[cfg(feature = "http")]
pub mod http;
pub mod manifest;
#[cfg(feature = "process")]
pub mod process;

pub use call::{Emitted, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkFailure, WorkResult};
pub use failure::{Failure, FailureClass};
