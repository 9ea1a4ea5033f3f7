//! Each code of the source has a page, and each page a known code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evento_model::Code;

use super::{PAGES, page, title};

#[test]
fn every_page_has_title_meaning_example_and_advice() {
    for (code, page) in PAGES {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(!title(page).is_empty(), "{code}");
        for part in ["\n## Example\n", "\n## What to do\n"] {
            assert!(page.contains(part), "{code} lacks {part}");
        }
    }
}

#[test]
fn the_table_holds_exactly_the_pages_of_the_folder() {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("errors");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder is part of the source")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    let table: BTreeSet<String> = PAGES.iter().map(|(code, _)| format!("{code}.md")).collect();
    assert_eq!(files, table);
    assert_eq!(table.len(), PAGES.len(), "a code stands twice in the table");
}

#[test]
fn every_code_in_the_source_has_a_page() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it");
    let root = Path::new(&folder).ancestors().nth(2).expect("the crate lies in the workspace");
    let mut unknown = BTreeSet::new();
    for file in sources(&root.join("crates")) {
        let text = std::fs::read_to_string(&file).expect("sources are text");
        for code in codes(&text).filter(|code| page(*code).is_none()) {
            unknown.insert(format!("{code} in {}", file.strip_prefix(root).unwrap_or(&file).display()));
        }
    }
    assert!(unknown.is_empty(), "codes without a page: {unknown:#?}");
}

/// Codes as `EV1234` in text or `Code(1234)`, `error(1234, …`, `Problem::new(1234, …` in code, outside of tests.
fn codes(text: &str) -> impl Iterator<Item = Code> {
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    ["EV", "Code(", "error(", "::new("].into_iter().flat_map(move |lead| {
        product.match_indices(lead).filter_map(move |(at, _)| {
            let rest = &product[at + lead.len()..];
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Code::parse(&format!("EV{digits}"))
        })
    })
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "target", "errors"].contains(&name.as_str()) {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !name.contains("test") {
            found.push(path);
        }
    }
    found
}
