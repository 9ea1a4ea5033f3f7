//! The real program end to end: started, loaded, killed, started again, asked what it knows.

mod bad_input;
mod failed_write;
mod full_disk;
mod hostile;
mod kill;
mod openapi;
mod resources;
mod server;
mod twins;
mod verify;
