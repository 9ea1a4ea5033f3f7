//! The durable truth: record format, commit log, topics and a disposable state store.
//!
//! Reading order: `record` and `unit` (what is written), `view` (what is read), `intake` (what the edges ask
//! of the command path), `codec` (the record format), `frame` and `embedded` (how it becomes durable). This
//! crate never looks inside a payload.

#[cfg(feature = "embedded")]
pub mod codec;
#[cfg(feature = "embedded")]
pub mod disk;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "embedded")]
pub mod failpoint;
pub mod intake;
pub mod record;
#[cfg(feature = "embedded")]
pub mod shelf;
pub mod unit;
pub mod view;

#[cfg(fuzzing)]
pub mod fuzzing;

#[cfg(feature = "embedded")]
mod fault;
#[cfg(feature = "embedded")]
mod frame;
#[cfg(feature = "embedded")]
mod wire;
