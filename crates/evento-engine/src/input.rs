//! What comes back to the engine: a closed set of plain values.

use std::sync::Arc;

use evento_function::{Failure, RunResponse};
use evento_log::intake::{Ask, Done};
use evento_log::unit::Committed;
use evento_log::view::StoredState;
use evento_model::{Code, Digest, ResourceName, Revision, Timestamp};
use evento_schema::catalog::Catalog;

use crate::{CallNo, LoadNo, UnitNo, WaiterId};

/// The time, handed in with every step.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic, in milliseconds; delays and deadlines are measured on it.
    pub monotonic: Timestamp,
    /// Wall clock; only ever shown to people, never compared.
    pub wall: Timestamp,
}

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// Somebody asks something and waits for the answer.
    Asked(WaiterId, Ask),
    /// A look-up came back.
    Loaded(LoadNo, Result<Looked, Code>),
    /// A function answered, or the call as a whole failed.
    Answered(CallNo, Result<RunResponse, Failure>),
    /// A unit is durable; units come back in their order.
    Committed(UnitNo, Committed),
    /// The log is closed for good. Nothing may be acknowledged any more.
    LogFailed(Code),
    /// Other resources or other serving revisions.
    Catalog(Arc<Catalog>),
    /// The supervisor saw the function's process or endpoint come back.
    FunctionUp(ResourceName),
    /// The supervisor saw the process of this revision end, or its endpoint go away.
    FunctionDown(ResourceName, Revision, Box<Failure>),
}

/// What the log knows of an instance and, if asked, of a command.
#[derive(Debug)]
pub struct Looked {
    /// The instance's state; `None` when it has no events.
    pub state: Option<StoredState>,
    /// The command's outcome, with the digest of the content it was sent with.
    pub done: Option<(Arc<Done>, Digest)>,
}
