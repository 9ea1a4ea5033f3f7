//! What a function answered, judged by the tables of function-protocol 6 and 10.1.

use std::fmt;

use bytes::Bytes;
use evento_model::FullName;

use crate::wire::Reply;

/// An answer to one command or event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// What handle decided, with the states that were asked for.
    Events { events: Vec<Event>, states: Vec<Option<Vec<u8>>> },
    /// What apply made.
    State(Option<Vec<u8>>),
    /// Neither.
    Failed(Failed),
}

/// An event that is among those declared, and of its schema.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: FullName,
    /// As it came.
    pub(crate) raw: Bytes,
    /// Canonical.
    pub(crate) payload: Vec<u8>,
}

/// Equal in meaning: the way the bytes were written makes no difference.
impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.name == other.name && self.payload == other.payload
    }
}

impl Eq for Event {}

/// A failure that the protocol has a word for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failed {
    pub(crate) kind: Kind,
    /// The HTTP status; 200 for a failure in a batch.
    pub(crate) status: u16,
    pub(crate) title: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Retry,
    Poison,
    Contract,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            Kind::Retry => "RETRY",
            Kind::Poison => "POISON",
            Kind::Contract => "CONTRACT",
        };
        match self.status {
            200 => write!(f, "{word} {:?}", self.title),
            status => write!(f, "{status} ({word}) {:?}", self.title),
        }
    }
}

impl Answer {
    /// In a few words, for a report.
    pub(crate) fn words(&self) -> String {
        match self {
            Answer::Events { events, .. } => {
                let names = events.iter().take(3).map(|event| event.name.as_str()).collect::<Vec<_>>().join(", ");
                match events.len() {
                    1 => format!("the event {names}"),
                    n => format!("{n} events ({names}{})", if n > 3 { ", …" } else { "" }),
                }
            }
            Answer::State(None) => "no state".to_owned(),
            Answer::State(Some(state)) => format!("a state of {} bytes", state.len()),
            Answer::Failed(failed) => failed.to_string(),
        }
    }

    pub(crate) fn failed(&self) -> Option<&Failed> {
        match self {
            Answer::Failed(failed) => Some(failed),
            _ => None,
        }
    }

    pub(crate) fn is_failed(&self, kind: Kind) -> bool {
        self.failed().is_some_and(|failed| failed.kind == kind)
    }

    /// The same without what only people read.
    pub(crate) fn bare(mut self) -> Answer {
        if let Answer::Failed(failed) = &mut self {
            failed.title.clear();
            failed.status = 200;
        }
        self
    }
}

/// What a status that is no success means; the error is one that the protocol has no place for.
pub(crate) fn judge_status(reply: &Reply) -> Result<Failed, String> {
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let title = problem["title"].as_str().unwrap_or_default().to_owned();
    let kind = match reply.status {
        422 => Kind::Poison,
        _ if problem["evento-retry"] == false => Kind::Poison,
        400 | 404 | 405 | 413 | 415 => Kind::Contract,
        500..=599 => Kind::Retry,
        status => return Err(format!("status {status}, which is no answer to this call ({title})")),
    };
    Ok(Failed { kind, status: reply.status, title })
}
