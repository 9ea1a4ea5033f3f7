//! `gen`: files of a language, what is told about them, and what is refused.

use expect_test::expect;

use crate::server::run_in;

/// A project of the Rust template in a folder of its own.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    assert_eq!(run_in(folder.path(), &[], "init . --template rust", "").code, 0);
    folder
}

#[test]
fn files_are_written_once_and_then_left_alone() {
    let folder = project();
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    run("gen rust --out src/bank --check").check(&expect![[r#"
        all 3 files are as they should be
        --- exit 0
    "#]]);
    run("gen rust --out made").check(&expect![[r#"
        made/account.rs created
        made/mod.rs created
        made/types.rs created
        --- exit 0
    "#]]);
    let path = folder.path().join("made/types.rs");
    let written = |path: &std::path::Path| path.metadata().and_then(|m| m.modified()).expect("it is there");
    let before = written(&path);
    run("gen rust --out made").check(&expect![[r#"
        all 3 files are as they should be
        --- exit 0
    "#]]);
    assert_eq!(written(&path), before);
}

#[test]
fn a_language_that_is_made_into_one_file_is_told_of_in_the_singular() {
    let folder = project();
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    run("gen python --out made").check(&expect![[r#"
        made/bank/__init__.py created
        --- exit 0
    "#]]);
    run("gen python --out made --check").check(&expect![[r#"
        1 file is as it should be
        --- exit 0
    "#]]);
}

#[test]
fn a_check_writes_nothing_and_names_what_would_change_and_what_is_left_over() {
    let folder = project();
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    let bank = folder.path().join("src/bank");
    let types = std::fs::read_to_string(bank.join("types.rs")).expect("it was made");
    std::fs::write(bank.join("types.rs"), "changed by hand").expect("it can be written");
    std::fs::remove_file(bank.join("mod.rs")).expect("it was made");
    std::fs::copy(bank.join("account.rs"), bank.join("former.rs")).expect("it can be copied");
    std::fs::write(bank.join("mine.rs"), "//! Mine.\n").expect("it can be written");
    run("gen rust --out src/bank --check").check(&expect![[r#"
        src/bank/mod.rs is missing
        src/bank/types.rs would change
        1 file unchanged
        --- stderr
        src/bank/former.rs is of an earlier run and not made any more: delete it
        the same without --check writes them
        --- exit 9
    "#]]);
    assert_eq!(std::fs::read_to_string(bank.join("types.rs")).expect("it is there"), "changed by hand");
    run("gen rust --out src/bank").check(&expect![[r#"
        src/bank/mod.rs created
        src/bank/types.rs changed
        1 file unchanged
        --- stderr
        src/bank/former.rs is of an earlier run and not made any more: delete it
        --- exit 0
    "#]]);
    assert_eq!(std::fs::read_to_string(bank.join("types.rs")).expect("it is there"), types);
    assert!(bank.join("former.rs").exists(), "nothing is ever deleted");
}

#[test]
fn what_cannot_be_made_is_refused_with_a_reason() {
    let folder = project();
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    run("gen rust --out made --entity acount").check(&expect![[r#"
        --- stderr
        error[EV1001]: there is no entity acount
           next  did you mean account?
           more  evento explain EV1001
        --- exit 3
    "#]]);
    run("gen rust --out made --package x").check(&expect![[r#"
        --- stderr
        error: Rust takes no --package: the module is named after the folder given with --out
        --- exit 2
    "#]]);
    run("gen rust --out made --resources nowhere").check(&expect![[r#"
        --- stderr
        error: nowhere is no folder
           next  run evento gen where evento init made a project, or name the folder with --resources
        --- exit 2
    "#]]);
    let unknown = run("gen cobol --out made");
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is rust, python, typescript, java, go"), "{}", unknown.stderr);
    assert!(!folder.path().join("made").exists(), "nothing was written");
}

#[test]
fn machines_are_told_of_every_file() {
    let folder = project();
    std::fs::remove_file(folder.path().join("src/bank/mod.rs")).expect("it was made");
    run_in(folder.path(), &[], "gen rust --out src/bank --check -o json", "").check(&expect![[r#"
        {
          "language": "rust",
          "files": [
            {
              "path": "account.rs",
              "is": "unchanged"
            },
            {
              "path": "mod.rs",
              "is": "is missing"
            },
            {
              "path": "types.rs",
              "is": "unchanged"
            }
          ],
          "leftovers": []
        }
        --- exit 9
    "#]]);
}
