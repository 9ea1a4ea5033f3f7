//! The tidy checks: dependency direction, the map of the code, module docs, links in Markdown.

mod edges;
mod map;
mod modules;

use std::path::PathBuf;

/// Runs every check and prints all findings; an error when there is any.
pub fn run() -> anyhow::Result<()> {
    let root = root();
    let mut findings = edges::check(&root)?;
    findings.extend(modules::check(&root)?);
    findings.extend(map::check(&root)?);
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    anyhow::ensure!(findings.is_empty(), "{} finding(s)", findings.len());
    println!("tidy: all facts hold");
    Ok(())
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .parent()
        .expect("xtask lies inside the workspace")
        .to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        super::run().expect("see the findings above");
    }
}
