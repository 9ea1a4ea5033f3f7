//! The program as scripts and people meet it: its output, its errors and its exit codes, word for word, against a
//! server of canned answers.

mod commands;
mod events;
mod generating;
mod help;
mod resources;
mod sending;
mod server;
mod starting;
mod starting_project;
