//! Chores of the repository. `cargo xtask tidy` checks facts that would otherwise rot; it never judges sizes.

mod tidy;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(),
        other => anyhow::bail!("usage: cargo xtask tidy (given: {})", other.unwrap_or("nothing")),
    }
}
