//! What tests of several crates stand on: a simulated machine for the log, a function that counts, and the
//! simulation of engine, log, function and clients under one seed.
//!
//! Reading order: `disk` and `shelf` (a machine that forgets and fails), `counter` (entity type and
//! function), `sim`.
//! Nothing of this is in a release.

pub mod counter;
pub mod disk;
pub mod shelf;
pub mod sim;
