//! The real program end to end: started, loaded, killed, started again, asked what it knows.

mod addressed;
mod backup;
mod bad_input;
mod bench;
mod conformance;
mod drills;
mod failed_write;
mod full_disk;
mod gate;
mod hostile;
mod kafka_batch;
mod kafka_hostile;
mod kafka_wire;
mod kill;
mod openapi;
mod peer;
mod processes;
mod regressions;
mod resources;
mod server;
mod stream;
mod torture;
mod twins;
mod verify;
#[cfg(feature = "wasm")]
mod wasm;
