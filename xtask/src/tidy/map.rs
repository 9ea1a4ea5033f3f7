//! The map is true: every crate is named in ARCHITECTURE.md, and every relative link in Markdown resolves.

use std::path::Path;

use walkdir::WalkDir;

/// Crates missing from the map, and links that lead nowhere.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    for entry in std::fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !map.contains(&format!("`{name}`")) {
            findings.push(format!("ARCHITECTURE.md does not name the crate `{name}`"));
        }
    }
    let hidden = |name: &str| (name.starts_with('.') && name != ".") || ["target", "node_modules"].contains(&name);
    for entry in
        WalkDir::new(root).into_iter().filter_entry(|e| e.depth() == 0 || !hidden(&e.file_name().to_string_lossy()))
    {
        let entry = entry?;
        if entry.path().extension().is_some_and(|e| e == "md") {
            findings.extend(dead_links(root, entry.path())?);
        }
    }
    Ok(findings)
}

fn dead_links(root: &Path, page: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(page)?;
    let folder = page.parent().unwrap_or(root);
    let mut findings = Vec::new();
    for rest in text.split("](").skip(1) {
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        let file = target.split('#').next().unwrap_or_default();
        let outside = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
        if !outside && !folder.join(file).exists() {
            findings.push(format!("{}: the link to {target} leads nowhere", page.strip_prefix(root)?.display()));
        }
    }
    Ok(findings)
}
