//! The simulation: engine, log, function, clients and everything that goes wrong, under one seed.
//!
//! Reading order: `plan` (what a run is), `world` (what happens next), `node` (one life of the process), `host` (the
//! function), `clients`, `readers`, `people` and `nemesis` (who acts), `verdict` (the judge), `shrink` (a failed run
//! made small), `campaign` (many runs). One run is one thread: the same seed gives the same run.

pub mod campaign;
pub mod plan;
pub mod planted;
pub mod shrink;
pub mod verdict;

mod clients;
mod host;
mod nemesis;
mod node;
mod people;
mod readers;
mod record;
mod world;

pub use plan::Plan;
pub use verdict::{Outcome, run};
pub use world::Broken;
