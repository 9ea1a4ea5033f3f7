//! Evento's binary as a library: the command line, the client it speaks with, configuration and output.
//!
//! Only this crate reads flags, environment variables and configuration files. It holds no business rules: it
//! connects the other crates and shows what they answer.

pub mod bench;
pub mod check;
pub mod cli;
pub mod client;
pub mod config;
pub mod explain;
pub mod init;
pub mod node;
pub mod output;
mod processes;
pub mod torture;
