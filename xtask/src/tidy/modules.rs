//! Every source file says at its top what it is.

use std::path::Path;

use walkdir::WalkDir;

/// Rust files under `crates/`, `sdk/` and `xtask/` that do not open with `//!`.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for folder in ["crates", "sdk", "xtask"].map(|f| root.join(f)) {
        if !folder.is_dir() {
            continue;
        }
        for entry in WalkDir::new(folder) {
            let entry = entry?;
            let path = entry.path();
            let relative = path.strip_prefix(root)?;
            let source = path.extension().is_some_and(|e| e == "rs") && !relative.iter().any(|p| p == "target");
            if source && !std::fs::read_to_string(path)?.starts_with("//!") {
                findings
                    .push(format!("{} does not open with //! (what it is, what it does not do)", relative.display()));
            }
        }
    }
    Ok(findings)
}
