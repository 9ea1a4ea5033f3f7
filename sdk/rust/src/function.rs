//! A function as the server and the test kit see it: names and bytes in, names and bytes out.

use crate::avro::{Malformed, Record};
use crate::{ApplyContext, Context};

/// An entity's two functions over bytes. Made by [`entity!`](crate::entity); seldom written by hand.
pub trait Function: Send + Sync + 'static {
    /// Full name of the entity.
    fn entity(&self) -> &'static str;
    /// Schemas and entities of the discovery manifest; the server adds the rest.
    fn manifest(&self) -> serde_json::Value;
    /// How many bytes at the beginning of a plain request's body are the command, or else the event; the rest is the
    /// state. `None` for a name that it does not have.
    fn payload_length(&self, name: &str, command: bool, body: &[u8]) -> Option<Result<usize, Malformed>>;
    /// Whether an event goes through apply.
    fn applies(&self, event: &str) -> bool;
    /// Decides.
    fn handle(
        &self,
        command: &str,
        payload: &[u8],
        state: Option<&[u8]>,
        context: &Context,
    ) -> Result<Vec<Encoded>, Failure>;
    /// Evolves.
    fn apply(
        &self,
        event: &str,
        payload: &[u8],
        state: Option<&[u8]>,
        context: &ApplyContext,
    ) -> Result<Option<Vec<u8>>, Failure>;
}

/// An event as it goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// Full name of its type.
    pub type_name: &'static str,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Encoded {
    /// An event's name and bytes.
    pub fn of<E: Record>(event: &E) -> Encoded {
        Encoded { type_name: E::NAME, payload: event.encode() }
    }
}

/// One or more events; none cannot be said.
#[derive(Clone, PartialEq, Debug)]
pub struct Events<R> {
    first: R,
    rest: Vec<R>,
}

impl<R> Events<R> {
    /// All of them, in order.
    pub fn into_vec(self) -> Vec<R> {
        std::iter::once(self.first).chain(self.rest).collect()
    }
}

/// Answers one event.
pub fn one<R>(event: impl Into<R>) -> Result<Events<R>, Failure> {
    Ok(Events { first: event.into(), rest: Vec::new() })
}

/// Answers several events that commit together, in order.
pub fn many<R>(first: impl Into<R>, rest: impl IntoIterator<Item = R>) -> Result<Events<R>, Failure> {
    Ok(Events { first: first.into(), rest: rest.into_iter().collect() })
}

/// Answers the events of a list, in order. A list without events is no answer: it becomes a failure of the contract.
pub fn all<R>(events: impl IntoIterator<Item = impl Into<R>>) -> Result<Events<R>, Failure> {
    let mut events = events.into_iter().map(Into::into);
    match events.next() {
        Some(first) => Ok(Events { first, rest: events.collect() }),
        None => Err(Failure {
            kind: FailureKind::Contract,
            title: "handle answered no event".to_owned(),
            detail: "a decision is at least one event; a refusal is an event, too".to_owned(),
        }),
    }
}

/// A technical failure: the business has not spoken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What Evento shall do about it.
    pub kind: FailureKind,
    /// One line.
    pub title: String,
    /// More.
    pub detail: String,
}

/// What a failure asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// Try again later.
    Retry,
    /// Never: park it.
    Poison,
    /// The request breaks the protocol.
    Contract,
}

impl Failure {
    /// Try again later.
    pub fn retry(title: impl Into<String>) -> Failure {
        Failure { kind: FailureKind::Retry, title: title.into(), detail: String::new() }
    }

    /// This command can never be handled.
    pub fn poison(title: impl Into<String>) -> Failure {
        Failure { kind: FailureKind::Poison, title: title.into(), detail: String::new() }
    }

    /// Bytes that are not of the declared schema.
    pub fn undecodable(error: Malformed) -> Failure {
        Failure { kind: FailureKind::Contract, title: "undecodable payload".to_owned(), detail: error.0 }
    }

    /// A name this function does not have.
    pub fn unknown(what: &str, name: &str) -> Failure {
        Failure { kind: FailureKind::Contract, title: format!("unknown {what} {name}"), detail: String::new() }
    }
}
