//! The conformance kit: asks a function whether it keeps every rule of the function protocol.
//!
//! F rules are for any function, with values generated from its schemas; S rules are for the reference function of an
//! SDK (`sdk/conformance`). The kit starts the function or is given an address, and makes a [`Report`] that a third
//! party can publish. It knows nothing of logs and engines: it stands where Evento stands when it calls a function.
//! Source: function-protocol 16.

mod answer;
mod generate;
mod kit;
mod probe;
mod raw;
mod report;
mod rules;
mod start;
mod subject;
mod wire;

pub use kit::{Given, Options, Target, Told, read_manifest, run};
pub use report::{Fault, Header, Report, RuleResult, Verdict};
pub use rules::{RULES, Rule};
pub use start::Launch;
pub use subject::Mode;
pub use wire::{Answering, Module, Place};
