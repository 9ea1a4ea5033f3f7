//! A file of resources, as YAML and as JSON: it ends with resources or with findings.

#![no_main]

use std::collections::BTreeMap;

use evento_schema::resource::{FINDINGS_MAX, Resource, SourceFile, parse_set, referenced_files};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for path in ["a.yaml", "a.json"] {
        let file = SourceFile { path: path.to_owned(), folder: None, text: text.to_owned() };
        let _ = referenced_files(&file);
        match parse_set(&[file], &BTreeMap::new()) {
            Ok(set) => set.resources.iter().for_each(|resource| {
                Resource::from_document(&resource.document).expect("a document that was read reads again");
            }),
            Err(findings) => assert!(!findings.is_empty() && findings.len() <= FINDINGS_MAX),
        }
    }
});
