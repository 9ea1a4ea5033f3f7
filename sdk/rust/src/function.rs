//! A function as the server and the test kit see it: names and bytes in, names and bytes out.

use crate::avro::{Malformed, Reader, Record};
use crate::{ApplyContext, Context};

/// An entity's two functions over bytes. Made by `evento gen rust`; seldom written by hand.
pub trait Function: Send + Sync + 'static {
    /// Full name of the entity.
    fn entity(&self) -> &'static str;
    /// Schemas and entities of the discovery manifest; the server adds the rest.
    fn manifest(&self) -> serde_json::Value;
    /// Whether an event goes through apply.
    fn applies(&self, event: &str) -> bool;
    /// Whether an event tells that the business said no.
    fn rejects(&self, event: &str) -> bool;
    /// How many bytes the value of this command or event takes at the beginning of a body.
    ///
    /// # Errors
    ///
    /// An unknown name, or bytes that are not of its schema.
    fn length(&self, type_name: &str, body: &[u8]) -> Result<usize, Failure>;
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
    ///
    /// # Errors
    ///
    /// A value that the schema cannot hold.
    pub fn of<E: Record>(event: &E) -> Result<Encoded, Malformed> {
        Ok(Encoded { type_name: E::NAME, payload: event.encode()? })
    }
}

/// What a command may answer: one of its events. Implemented by generated code.
pub trait Answer {
    /// The event's name and bytes.
    ///
    /// # Errors
    ///
    /// A value that the schema cannot hold.
    fn encode(&self) -> Result<Encoded, Malformed>;
}

/// What a command came to: its events, or a technical failure.
pub type Decision<R> = Result<Events<R>, Failure>;

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

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// Answers one event.
pub fn one<R>(event: impl Into<R>) -> Decision<R> {
    Ok(Events { first: event.into(), rest: Vec::new() })
}

/// Answers several events that commit together, in order.
pub fn many<R>(first: impl Into<R>, rest: impl IntoIterator<Item = R>) -> Decision<R> {
    Ok(Events { first: first.into(), rest: rest.into_iter().collect() })
}

/// Answers as many events as there are, in order.
///
/// # Errors
///
/// When there is none: every command has an answer.
pub fn all<R>(events: impl IntoIterator<Item = impl Into<R>>) -> Decision<R> {
    let mut events = events.into_iter().map(Into::into);
    match events.next() {
        Some(first) => Ok(Events { first, rest: events.collect() }),
        None => Err(Failure::contract("the answer has no event", "every command has at least one")),
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

    /// Request or answer break the protocol.
    pub(crate) fn contract(title: impl Into<String>, detail: impl Into<String>) -> Failure {
        Failure { kind: FailureKind::Contract, title: title.into(), detail: detail.into() }
    }

    /// Bytes that are not of the declared schema.
    pub fn undecodable(error: Malformed) -> Failure {
        Failure::contract("undecodable payload", error.0)
    }

    /// A value that the declared schema cannot hold.
    pub fn unencodable(error: Malformed) -> Failure {
        Failure::contract("a value that its schema cannot hold", error.0)
    }

    /// A name this function does not have.
    pub fn unknown(what: &str, name: &str) -> Failure {
        Failure::contract(format!("unknown {what} {name}"), "")
    }

    /// With more to read for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Failure {
        self.detail = detail.into();
        self
    }
}

/// What generated hosts are made of.
#[doc(hidden)]
pub mod host {
    use super::*;

    /// The manifest's part of the schemas, with the author's state version.
    pub fn manifest(text: &str, state_version: u32) -> serde_json::Value {
        let mut manifest: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        manifest["entities"][0]["stateVersion"] = state_version.into();
        manifest
    }

    /// The state of an instance that has one.
    pub fn state<S: Record>(bytes: Option<&[u8]>) -> Result<Option<S>, Failure> {
        bytes.map(S::decode).transpose().map_err(Failure::undecodable)
    }

    /// Bytes of a value at the beginning of a body.
    pub fn length<T: Record>(body: &[u8]) -> Result<usize, Failure> {
        let mut reader = Reader::over(body);
        T::read(&mut reader).map_err(Failure::undecodable)?;
        Ok(body.len() - reader.left())
    }

    /// Reads a command, decides, writes the events.
    pub fn decide<C: Record, R: Answer>(
        payload: &[u8],
        decide: impl FnOnce(C) -> Decision<R>,
    ) -> Result<Vec<Encoded>, Failure> {
        let events = decide(C::decode(payload).map_err(Failure::undecodable)?)?;
        events.iter().map(Answer::encode).collect::<Result<_, _>>().map_err(Failure::unencodable)
    }

    /// Reads an event, evolves, writes the state.
    pub fn evolve<E: Record, S: Record>(
        payload: &[u8],
        evolve: impl FnOnce(E) -> Option<S>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let state = evolve(E::decode(payload).map_err(Failure::undecodable)?);
        state.map(|state| state.encode()).transpose().map_err(Failure::unencodable)
    }
}
