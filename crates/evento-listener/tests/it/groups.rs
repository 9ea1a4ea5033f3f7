//! Groups, asked over a connection as clients ask: every answer in every served version, offsets across restarts,
//! and what a person is shown.

mod admin;
mod classic;
mod client;
mod consumer;
mod held;
mod offsets;
