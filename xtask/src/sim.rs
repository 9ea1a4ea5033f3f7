//! `cargo xtask sim`: builds the simulation with its planted bugs and counters, and runs it.

use std::process::Command;

/// Hands all further words to the simulation; its exit code is ours.
pub fn run(words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "-p", "evento-testkit", "--features", "proving", "--bin", "sim", "--"])
        .args(words)
        .current_dir(crate::tidy::root())
        .status()?;
    std::process::exit(status.code().unwrap_or(1));
}
