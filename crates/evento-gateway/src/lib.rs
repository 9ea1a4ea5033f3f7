//! The HTTP API: commands in, outcomes, states and events out, resources and functions looked after.
//!
//! It reads the log and asks the running node ([`node::Node`]); it does not know that an engine exists.
//! Reading order: `routes`, then `send` (the hot path), `read`, `tail`, `commands`, `admin`; `document` is how
//! things look in JSON, `problem` how errors do.

pub mod node;
pub mod problem;

#[cfg(fuzzing)]
pub mod fuzzing;

mod admin;
mod backup;
mod bulk;
mod commands;
mod document;
mod openapi;
mod preference;
mod read;
mod routes;
mod send;
mod serve;
mod tail;

pub use routes::{Limits, paths, router};
pub use serve::serve;
