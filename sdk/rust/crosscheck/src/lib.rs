//! Generated code for a schema with everything in it, compiled, so that tests can hold it against another library.
//!
//! The files are the golden ones of the generator: what is checked here is what `evento gen rust` makes.

#[path = "../../../../crates/evento-gen/tests/golden/rust/everything/mod.rs"]
pub mod everything;
