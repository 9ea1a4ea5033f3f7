//! The listener and the schema registry, each on a real log, asked as clients ask them.

#[path = "../common/fill.rs"]
mod fill;
mod groups;
mod registry;
mod transactions;
mod versions;
