//! Write Evento functions in Rust: two pure functions per entity, everything else is Evento's.
//!
//! - [`record!`] declares Avro records with their codecs, [`entity!`] an entity with its commands and events.
//! - [`serve`] answers discovery and both framings of the function protocol.
//! - [`testing`] tests decisions as given-when-then, every value through its codec, without a server.
//!
//! The SDK knows nothing of storage, retries or Kafka, and depends on no other crate of Evento: it shares only
//! the protocol's bytes with it. The code generator (`evento gen rust`) will come on top of these traits.

pub mod avro;
mod context;
mod function;
mod identity;
mod macros;
mod random;
mod run;
mod server;
pub mod testing;

pub use context::{ApplyContext, Context};
pub use function::{Encoded, Events, Failure, FailureKind, Function, all, many, one};
pub use random::Random;
pub use server::{ServeError, serve};

#[doc(hidden)]
pub use serde_json;
