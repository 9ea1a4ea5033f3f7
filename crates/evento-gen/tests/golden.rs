//! The text that is generated, compared with golden files: `golden/LANGUAGE/…` for the project that has everything,
//! and the code of this repository that is generated and used.
//!
//! `UPDATE_EXPECT=1 cargo test -p evento-gen --test golden` writes them anew; files that are no longer made are
//! deleted by hand.

#[path = "common/project.rs"]
mod project;

use std::path::{Path, PathBuf};

use evento_gen::{Language, Options, generate};

/// Compares what is made of a project with the files of a folder, and the list of files with what is there, in `only`
/// if other files lie beside it.
fn compare(folder: &Path, only: &str, language: Language, project: &str) {
    let ir = project::ir(project);
    let files = generate(&ir, language, &Options::default()).expect("code is made");
    assert_eq!(files, generate(&ir, language, &Options::default()).expect("again"), "not the same text twice");
    let mut wanted: Vec<PathBuf> = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            std::fs::write(&path, &file.text).expect("writable");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some((n, (ours, theirs))) = first_difference(&file.text, &golden) {
            panic!("{} differs in line {n}:\n  made:   {ours}\n  golden: {theirs}\n{HINT}", path.display());
        }
        wanted.push(path);
    }
    let mut there = Vec::new();
    project::walk(&folder.join(only), &mut there);
    // What Python makes of them when they are used.
    there.retain(|path| !path.components().any(|part| part.as_os_str() == "__pycache__"));
    there.sort();
    wanted.sort();
    assert_eq!(there, wanted, "files that are not made any more");
}

const HINT: &str = "UPDATE_EXPECT=1 writes the golden files anew";

fn first_difference<'a>(ours: &'a str, theirs: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    if ours == theirs {
        return None;
    }
    let longer = ours.lines().count().max(theirs.lines().count());
    let line = |text: &'a str, n: usize| text.lines().nth(n).unwrap_or("(nothing)");
    let differing = (0..longer).map(|n| (n + 1, (line(ours, n), line(theirs, n))));
    Some(differing.into_iter().find(|(_, (ours, theirs))| ours != theirs).unwrap_or((longer, ("line ends", "differ"))))
}

/// Code of this repository that `evento gen` made: from what project, and where.
#[test]
fn generated_code_of_this_repository_is_what_is_made_now() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [
        (Language::Rust, "bank", "examples/bank/function/src/bank", ""),
        (Language::Rust, "conformance", "sdk/rust/probe/src/conformance", ""),
        (Language::Rust, "torture", "crates/evento/src/torture/domain", ""),
        (Language::Python, "bank", "examples/bank-python-typed", "bank"),
        (Language::TypeScript, "bank", "examples/bank-typescript/src/generated", ""),
        (Language::Java, "bank", "examples/bank-java/generated", ""),
        (Language::Go, "bank", "examples/bank-go", "bank"),
    ];
    for (language, project, folder, only) in places {
        compare(&root.join(folder), only, language, project);
    }
}

macro_rules! golden {
    ($($name:ident: $language:ident;)*) => {$(
        #[test]
        fn $name() {
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(Language::$language.word());
            compare(&golden.join("everything"), "", Language::$language, "everything");
        }
    )*};
}

golden! {
    rust_everything: Rust;
    python_everything: Python;
    typescript_everything: TypeScript;
    java_everything: Java;
    go_everything: Go;
}
