//! Write Evento functions in Rust: two pure functions per entity, everything else is Evento's.
//!
//! - [`record!`] declares Avro records with their codecs, [`entity!`] an entity with its commands and events.
//! - [`serve`] answers discovery and both framings of the function protocol (feature `serve`, on by default).
//! - [`export!`] makes a WebAssembly module of the same function, which Evento runs in its own process.
//! - [`testing`] tests decisions as given-when-then, every value through its codec, without a server.
//!
//! The SDK knows nothing of storage, retries or Kafka, and depends on no other crate of Evento: it shares only
//! the protocol's bytes with it. The code generator (`evento gen rust`) will come on top of these traits.

pub mod avro;
mod context;
mod function;
mod macros;
mod manifest;
mod run;
#[cfg(feature = "serve")]
mod server;
pub mod testing;
#[doc(hidden)]
pub mod wasm;

pub use context::{ApplyContext, Context};
pub use function::{Encoded, Events, Failure, FailureKind, Function, many, one};
#[cfg(feature = "serve")]
pub use server::{ServeError, serve};

#[doc(hidden)]
pub use serde_json;
