//! What goes wrong with an engine, for people: what, where, why, and what to do next.

use evento_model::Code;

/// Why an engine did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// How it is to be judged.
    pub kind: ErrorKind,
    /// One line for people.
    pub message: String,
    /// What else is known, and what to do next.
    pub next: Option<String>,
}

/// Kinds of errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// No engine listens, it may not be used, it is too old, or it gave no answer in time.
    Engine,
    /// There is no such image or container.
    Missing,
    /// The image cannot be had, built or run.
    Image,
    /// The engine refused something else.
    Refused,
}

impl EngineError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> EngineError {
        EngineError { kind, message: message.into(), next: None }
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> EngineError {
        self.next = Some(next.into());
        self
    }

    /// EV2309 for the engine, EV2308 for the image, else EV2301.
    pub fn code(&self) -> Code {
        match self.kind {
            ErrorKind::Engine => Code(2309),
            ErrorKind::Missing | ErrorKind::Image => Code(2308),
            ErrorKind::Refused => Code(2301),
        }
    }
}
