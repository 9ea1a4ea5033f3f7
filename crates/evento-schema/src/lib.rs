//! Avro schemas, compatibility, transcoding, plain JSON, resource documents and the catalogue made of them.
//!
//! Everything here is a pure function of its arguments: no file, no socket, no clock.

pub mod avro;
pub mod binding;
pub mod catalog;
pub mod platform;
pub mod registry;
pub mod resource;
