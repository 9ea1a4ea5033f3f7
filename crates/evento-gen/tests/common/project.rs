//! The projects that code is made for in tests: the bank of the examples, and one with everything in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evento_gen::Ir;
use evento_schema::resource::{ResourceSet, SourceFile, attachment_key, parse_set, referenced_files};

/// What generators are given for a project.
pub fn ir(project: &str) -> Ir {
    Ir::build(&set(project), &[]).expect("the project is fine")
}

/// The resources of a project, with paths relative to it, so that no path of this machine gets into a message.
pub fn set(project: &str) -> ResourceSet {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = match project {
        "bank" => crate_folder.join("../../examples/bank"),
        "conformance" => crate_folder.join("../../sdk/conformance"),
        "torture" => crate_folder.join("../evento/src/torture"),
        project => crate_folder.join("tests/projects").join(project),
    };
    let mut paths = Vec::new();
    match project {
        "torture" => paths.push(root.join("bank.yaml")),
        _ => walk(&root.join("resources"), &mut paths),
    }
    paths.sort();
    let mut attachments = BTreeMap::new();
    let mut files = Vec::new();
    for path in paths {
        let shown = path.strip_prefix(&root).expect("below the project").display().to_string();
        let text = std::fs::read_to_string(&path).expect("a resource file");
        let file = SourceFile { path: shown, folder: None, text };
        for written in referenced_files(&file) {
            let key = attachment_key(&file.path, &written);
            let text = std::fs::read_to_string(root.join(&key)).expect("a schema file");
            attachments.insert(key, text);
        }
        files.push(file);
    }
    parse_set(&files, &attachments).expect("the documents are fine")
}

/// Every file below a folder.
pub fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
