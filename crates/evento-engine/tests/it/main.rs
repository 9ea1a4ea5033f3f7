//! Scenarios of the command path, in a world without I/O: each test tells one promise.

mod chaos;
mod faults;
mod operators;
mod path;
mod world;
