//! Behaviour of the schema crate through its public API.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

#[path = "../common/generate.rs"]
mod generate;
mod json;
mod plan;
mod property;
mod schema;
mod wire;
