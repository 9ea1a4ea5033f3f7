//! `init`: what a person gets, and that nothing of theirs is lost.

use expect_test::expect;

use crate::server::run_in;

#[test]
fn a_new_project_is_complete_and_passes_its_checks() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    run("init bank").check(&expect![[r#"
        bank: 51 files, a bank account in Python on the SDK
        --- stderr
        next:
          cd bank && evento dev
          evento send account/alice OpenAccount owner=Ada
        --- exit 0
    "#]]);
    let check = run("schema check -f bank/resources");
    assert_eq!((check.code, check.stdout.as_str()), (0, "17 resources are fine by themselves\n"), "{}", check.stderr);
    let read = |path: &str| std::fs::read_to_string(folder.path().join("bank").join(path)).expect("it was written");
    assert!(read("README.md").starts_with("# bank\n"));
    assert!(read(".gitignore").contains(".evento/"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            std::fs::metadata(folder.path().join("bank/run-function")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
    }
    let view = run_in(&folder.path().join("bank"), &[], "config view --origins", "");
    assert!(view.stdout.contains(".evento         evento.toml:"), "{}", view.stdout);
}

#[test]
fn files_that_are_there_are_not_touched() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    std::fs::write(folder.path().join("README.md"), "mine").expect("it can be written");
    run("init .").check(&expect![[r#"
        --- stderr
        error: . has files that would be written over
           README.md
           next  choose another folder, or write over them with --force
        --- exit 1
    "#]]);
    let entries = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(entries, 1, "nothing was written");
    assert_eq!(run("init . --force").code, 0);
    assert_ne!(std::fs::read_to_string(folder.path().join("README.md")).expect("it is there"), "mine");
    assert_eq!(run("init x --template cobol").code, 2);
}

#[test]
fn a_project_in_go_brings_the_code_that_evento_gen_makes() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = |line: &str| run_in(folder.path(), &[], line, "");
    assert_eq!(run("init bank --template go").code, 0);
    run("gen go --check --resources bank/resources --out bank").check(&expect![[r#"
        all 2 files are as they should be
        --- exit 0
    "#]]);
    let module = std::fs::read_to_string(folder.path().join("bank/go.mod")).expect("it was written");
    assert!(module.contains("replace evento.dev/sdk/go => ./evento-sdk-go\n"), "{module}");
}
