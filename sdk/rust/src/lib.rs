//! Write Evento functions in Rust: two pure functions per entity, everything else is Evento's.
//!
//! - `evento gen rust` makes records with their codecs, and for each entity a trait with one method per command and
//!   one per event: that is what an author implements.
//! - [`serve`] answers discovery and both framings of the function protocol.
//! - [`testing`] tests decisions as given-when-then, every value through its codec, without a server.
//!
//! The SDK knows nothing of storage, retries or Kafka, and depends on no other crate of Evento: it shares only
//! the protocol's bytes with it.

pub mod avro;
mod chance;
mod context;
mod function;
mod run;
mod server;
pub mod testing;
mod values;

pub use context::{ApplyContext, Context, Random};
#[doc(hidden)]
pub use function::host;
pub use function::{Answer, Decision, Encoded, Events, Failure, FailureKind, Function, all, many, one};
pub use server::{ServeError, serve};
pub use values::{Date, Decimal, NotADecimal, NotAUuid, Timestamp, Uuid};

#[doc(hidden)]
pub use serde_json;
