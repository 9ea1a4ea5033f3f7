//! The command path: commands in, one atomic commit of events, state and outcome out.
//!
//! The engine is a deterministic state machine: `step(now, inputs) -> effects`. It has no clock, no randomness,
//! no thread, socket, file or runtime; time, chance, the log and the functions are handed in as values. Whoever
//! drives it carries out the effects and brings back what came of them as the next inputs: the server, the
//! simulator, replay and tests are such drivers.
//!
//! Reading order: `engine` (the step), `command` (the path, stage by stage), `failing` (what follows from a
//! failure), `line` (one function: batches, breaker, limits), `instance` (one entity instance: mailbox and
//! state), `operator` and `rollout` (what people change).

pub mod chance;
pub mod config;
pub mod effect;
pub mod engine;
pub mod input;

mod command;
mod failing;
mod instance;
mod line;
mod mark;
mod operator;
mod rollout;
mod status;
mod table;

pub use chance::Chance;
pub use config::Config;
pub use effect::{Draft, Effect, Notice};
pub use engine::Engine;
pub use input::{Input, Looked, Now};

/// Stands for somebody who waits for an answer; the driver knows who.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaiterId(pub u64);

/// Number of a call to a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallNo(pub u64);

/// Number of a look-up in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LoadNo(pub u64);

/// Number of a commit unit; units become durable in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitNo(pub u64);
