//! Avro schemas, compatibility, transcoding, plain JSON, resource documents and the catalogue made of them.
//!
//! Everything here is a pure function of its arguments: no file, no socket, no clock.

pub mod avro;
