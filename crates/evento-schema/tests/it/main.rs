//! Behaviour of the schema crate through its public API.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

mod json;
mod plan;
mod schema;
mod wire;
