//! Chores of the repository. `cargo xtask tidy` checks facts that would otherwise rot; it never judges sizes.
//! `cargo xtask sim` runs the simulation.

mod sim;
mod tidy;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("sim") => sim::run(std::env::args().skip(2)),
        Some("tidy") => tidy::run(),
        other => anyhow::bail!("usage: cargo xtask tidy | sim (given: {})", other.unwrap_or("nothing")),
    }
}
