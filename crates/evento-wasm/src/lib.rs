//! Functions in process: WebAssembly modules and components, caged and deterministic.
//!
//! A [`Host`] holds the engine; [`Host::load`] compiles a file (or takes it precompiled from the cache in the data
//! directory) and gives a [`WasmFunction`], which is called like a function anywhere else: one request, one answer
//! or one failure. Each request gets a fresh instance from a pool, so that nothing survives between requests.
//! Source: function-protocol 12.
//!
//! Deliberately not here: WASI, any other import, fetching modules from somewhere, retries, and what the answer
//! means.

mod cache;
mod cage;
mod component;
mod engine;
mod failure;
mod file;
mod function;
mod load;
mod module;

pub use engine::Host;
pub use function::{Used, WasmFunction};
pub use load::{Loaded, Log, Refusal, Settings};
