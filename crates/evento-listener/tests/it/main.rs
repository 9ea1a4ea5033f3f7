//! The listener and the schema registry, each on a real log, asked as clients ask them.

// The tests of shapes use all of it, those here what is filled rightly.
#[allow(dead_code)]
#[path = "../common/fill.rs"]
#[expect(dead_code, reason = "the tests of shapes also fill requests wrongly")]
mod fill;
mod groups;
mod registry;
mod sasl;
mod throttle;
mod transactions;
mod versions;
