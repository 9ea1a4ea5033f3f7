//! `evento conformance` with the example functions, and what it says when nobody can be asked.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::server::{bank_function, root};

/// Exit code, stdout, stderr.
fn conformance(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
    let output = command.arg("conformance").args(arguments).current_dir(folder).output().expect("evento runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_bank_in_rust_keeps_every_rule() {
    let bank = bank_function().display().to_string();
    let (code, stdout, stderr) = conformance(&["--", &bank], &root());
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.ends_with("\n10 passed, 0 failed\n"), "{stdout}");
    assert!(stdout.starts_with("date      2"), "{stdout}");
}

#[test]
fn the_bank_in_python_keeps_every_rule_without_discovery() {
    let arguments = ["accounts", "-f", "examples/bank-python/resources", "-o", "json"];
    let (code, stdout, stderr) = conformance(&arguments, &root());
    let report: Value = serde_json::from_str(&stdout).unwrap_or_default();
    let passed = report["rules"].as_array().into_iter().flatten().filter(|rule| rule["verdict"] == "passed");
    let passed: Vec<&str> = passed.filter_map(|rule| rule["id"].as_str()).collect();
    // It has no discovery, and one framing.
    assert_eq!(passed, ["F02", "F03", "F04", "F05", "F06", "F09", "F10"], "{code} {stdout}{stderr}");
    assert_eq!((code, report["failed"].as_u64(), report["skipped"].as_u64()), (0, Some(0), Some(3)), "{stdout}");
}

#[test]
fn a_rule_that_does_not_hold_ends_with_9_and_build_servers_can_read_why() {
    // The bank is no probe.
    let bank = bank_function().display().to_string();
    let (code, stdout, stderr) =
        conformance(&["--sdk", "--rule", "S01", "--rule", "s02", "-o", "junit", "--", &bank], &root());
    assert_eq!(code, 9, "{stdout}{stderr}");
    assert!(stdout.contains("tests=\"2\" failures=\"1\" skipped=\"1\""), "{stdout}");
    assert!(stdout.contains("it has no entity evento.conformance.Probe"), "{stdout}");
}

/// What is told of a file that is not there: a build without WASM does not look.
const MODULE: (i32, &str) =
    if cfg!(feature = "wasm") { (7, "bank.wasm: No such file") } else { (2, "does not run WASM functions") };

#[test]
fn whoever_cannot_be_asked_is_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--", "false"], 7, "it ended before it answered"),
        (&["--", "/no/such/program"], 7, "EV7006"),
        (&["bank.wasm"], MODULE.0, MODULE.1),
        (&["https://example.org"], 2, "https is not spoken"),
        (&["--rule", "F99", "--", "true"], 2, "rules are F01 to F10 and S01 to S15"),
        (&[], 2, "COMMAND"),
    ];
    for (arguments, wanted, words) in cases {
        let (code, stdout, stderr) = conformance(arguments, folder.path());
        assert!(code == wanted && stderr.contains(words), "{arguments:?}: {code} {stdout}{stderr}");
    }
    // Nobody listens: discovery fails, and nothing else can be asked.
    let (code, stdout, stderr) = conformance(&["unix:/no/such.sock"], folder.path());
    assert!(code == 9 && stdout.ends_with("0 passed, 1 failed, 9 skipped\n"), "{code} {stdout}{stderr}");
}
