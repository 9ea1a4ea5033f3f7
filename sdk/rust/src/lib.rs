//! Write Evento functions in Rust: two pure functions per entity, everything else is Evento's.
//!
//! - `evento gen rust` makes records with their codecs, and for each entity a trait with one method per command and
//!   one per event: that is what an author implements.
//! - [`serve`] answers discovery and both framings of the function protocol (feature `serve`, on by default).
//! - [`export!`] makes a WebAssembly module of the same function, which Evento runs in its own process.
//! - [`testing`] tests decisions as given-when-then, every value through its codec, without a server.
//!
//! The SDK knows nothing of storage, retries or Kafka, and depends on no other crate of Evento: it shares only
//! the protocol's bytes with it.

pub mod avro;
mod chance;
mod context;
mod function;
#[cfg(feature = "serve")]
mod identity;
mod manifest;
mod run;
#[cfg(feature = "serve")]
mod server;
#[cfg(feature = "serve")]
mod stream;
pub mod testing;
mod values;
#[doc(hidden)]
pub mod wasm;

pub use context::{ApplyContext, Context, Random};
#[doc(hidden)]
pub use function::host;
pub use function::{Answer, Decision, Encoded, Events, Failure, FailureKind, Function, all, many, one};
#[cfg(feature = "serve")]
pub use server::{ServeError, serve};
pub use values::{Date, Decimal, NotADecimal, NotAUuid, Timestamp, Uuid};

#[doc(hidden)]
pub use serde_json;
