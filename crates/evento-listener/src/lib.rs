//! The Kafka protocol and a Confluent-compatible schema registry, on Evento's own log.
//!
//! It reads the log and asks the running node ([`node::Node`]) as the HTTP gateway does; it does not know that an
//! engine exists, and it stores no record itself: what a client produces becomes a command or is refused.
//! Reading order: `broker` (what a listener is made of), `connection` (bytes in, bytes out), `shape` (what is
//! checked before the codec sees a request), `api` (which requests are served, and who answers them), `topic`
//! (names, ids and partitions), then `fetch`, `produce`, `group`, `transaction`; `registry` stands beside them.

pub mod broker;
pub mod node;
pub mod registry;
pub mod shape;

#[cfg(fuzzing)]
pub mod fuzzing;

mod api;
mod connection;
mod fetch;
mod group;
mod overview;
mod produce;
mod producer;
mod quota;
mod refused;
mod reply;
mod tails;
mod throttle;
mod topic;
mod transaction;

pub use broker::{Broker, Limits};
pub use connection::serve;
pub use group::{GroupDetail, GroupLimits, GroupMember, GroupOffset, GroupOverview};
pub use overview::TopicOverview;
pub use quota::Quotas;
pub use refused::{RefusedBatch, RefusedRecord};
