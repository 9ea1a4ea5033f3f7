//! The judge: what clients were told and readers saw, against what the log holds in the end.
//!
//! Reading order: `history` (what a harness writes down), `view` (what the log holds), `rule` (the table C0 to
//! C16), `check` (the pass over both), `verdict` (what comes out). Simulation, torture and `evento check` use this
//! one implementation. Only `reader` touches a log; nothing here opens a file, and nothing searches for an
//! order: events carry sequence and command id, so that the pass is linear.

pub mod check;
pub mod history;
pub mod reader;
pub mod rule;
pub mod verdict;
pub mod view;

mod words;

pub use check::{Hooks, check, judge};
pub use history::{Line, Recorded, What};
pub use reader::{Named, view_of};
pub use verdict::{Finding, Ruling, Summary, Verdict, Violation};
pub use view::{CommandView, EntityView, EventView, InstanceView, LogView, PartitionView, Standing};
