//! The durable truth: record format, commit log, topics and a disposable state store.
//!
//! Reading order: `record` and `unit` (what is written), `view` (what is read), `intake` (what the edges ask
//! of the command path). This crate never looks inside a payload.

pub mod intake;
pub mod record;
pub mod unit;
pub mod view;
