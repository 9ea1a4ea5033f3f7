//! Images `FROM scratch`: the bank's function with the libraries it is linked to, and the program that misbehaves.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engine::Engine;
use crate::server::{bank_function, root};

/// The image that everything here runs: `/bank-function`, `/misfit`.
pub const BANK: &str = "evento-test/bank";

/// Builds the bank's image, whose program is the bank's function.
pub fn build(engine: &Engine, folder: &Path) {
    context(folder, "ENTRYPOINT [\"/bank-function\"]\n");
    engine.build(BANK, folder);
}

/// Builds an image of the same files with other last lines.
pub fn variant(engine: &Engine, name: &str, folder: &Path, lines: &str) {
    dockerfile(folder, lines);
    engine.build(name, folder);
}

/// A folder with a Dockerfile and everything it copies.
pub fn context(folder: &Path, lines: &str) {
    let root_folder = folder.join("root");
    for file in linked(bank_function()) {
        let inside = root_folder.join(file.strip_prefix("/").expect("absolute"));
        std::fs::create_dir_all(inside.parent().expect("a folder")).expect("made");
        std::fs::copy(&file, inside).expect("copied");
    }
    // Without its debug information it is a tenth, and engines copy a lot.
    let stripped = Command::new("strip").arg("-o").arg(root_folder.join("bank-function")).arg(bank_function()).status();
    assert!(stripped.expect("strip runs").success(), "the bank's function was not copied");
    let misfit = root().join("crates/evento/tests/containers/misfit.c");
    let built = Command::new("cc").args(["-static", "-O1", "-o"]).arg(root_folder.join("misfit")).arg(misfit).status();
    assert!(built.expect("cc runs").success(), "misfit.c does not build");
    dockerfile(folder, lines);
}

fn dockerfile(folder: &Path, lines: &str) {
    std::fs::write(folder.join("Dockerfile"), format!("FROM scratch\nCOPY root /\n{lines}")).expect("written");
}

/// The loader and the libraries that a program needs, as `ldd` tells them.
fn linked(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
