//! The Kafka protocol and a Confluent-compatible schema registry, on Evento's own log.
//!
//! It reads the log and asks the running node ([`node::Node`]) as the HTTP gateway does; it does not know that an
//! engine exists, and it stores no record itself: what a client produces becomes a command or is refused.
//! Reading order: `broker` (what a listener is made of), `connection` (bytes in, bytes out), `shape` (what is
//! checked before the codec sees a request), `api` (which requests are served, and who answers them), `topic`
//! (names, ids and partitions), then `fetch`, `produce`, `group`, `transaction`; `registry` stands beside them.

pub mod broker;
pub mod node;
pub mod shape;

#[cfg(fuzzing)]
pub mod fuzzing;

mod api;
mod connection;
mod fetch;
mod produce;
mod tails;
mod topic;

pub use broker::{Broker, Limits};
pub use connection::serve;
