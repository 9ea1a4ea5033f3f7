//! `evento torture` and `evento check` as a user runs them: small runs of each fault, and verdicts that fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs a verb: exit code, stdout, stderr.
fn evento(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_evento")).args(arguments).output().expect("evento runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A run that must pass; its document. What this user or machine cannot do is skipped.
fn passes(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = evento(&[&["torture", "-o", "json"], arguments].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("a document");
    assert_eq!(report["failed"], 0, "{report:#}");
    report
}

fn acknowledged(report: &Value) -> u64 {
    report["runs"].as_array().expect("runs").iter().filter_map(|run| run["acknowledged"].as_u64()).sum()
}

/// NATS JetStream 2.12.1 acknowledged what a power cut lost.
#[test]
fn b01_nothing_that_was_acknowledged_or_shown_is_missing_after_power_cuts() {
    let report = passes(&["--power-cuts", "6", "--seed", "11"]);
    let runs = report["runs"].as_array().expect("runs").len();
    assert!(runs == 0 || acknowledged(&report) > 50, "{report:#}");
    assert!(runs == 2 || !report["skipped"].as_array().expect("a list").is_empty(), "{report:#}");
}

/// NATS 2.10.20 lost streams by plain kills amid snapshots.
#[test]
fn b03_kills_amid_checkpoints_renames_and_segment_changes_lose_nothing() {
    let points = "checkpoint-write-after,checkpoint-sync-after,checkpoint-rename-before,checkpoint-rename-after,\
                  store-write-before,store-write-after,topic-write-after,topic-sync-after,segment-rename-before,\
                  segment-rename-after,folder-sync-before,folder-sync-after";
    let report = passes(&["--kills", "12", "--at", points, "--seed", "3"]);
    assert!(acknowledged(&report) > 100, "{report:#}");
    assert!(report["runs"][0]["restarts"].as_u64() >= Some(12), "{report:#}");
}

/// Bufstream 0.1.0 lost writes in a cluster without any fault.
#[test]
fn b07_a_healthy_server_keeps_every_promise_too() {
    let report = passes(&["--calm", "10", "--clients", "16"]);
    assert!(acknowledged(&report) > 100, "{report:#}");
    assert_eq!(report["runs"][0]["restarts"], 0);
}

#[test]
fn stops_function_kills_and_full_disks_lose_nothing() {
    let report = passes(&["--stops", "2", "--function-kills", "3", "--disk-full", "3"]);
    assert!(acknowledged(&report) > 100, "{report:#}");
}

/// Found by torture: a worker of the state store that met a full disk gave up for good, and took the server along
/// at the next checkpoint. Whether a run meets that is a matter of moments; a few of them nearly always do.
#[test]
fn e5_a_state_store_whose_worker_died_of_a_full_disk_is_opened_again() {
    for seed in ["1", "3", "6"] {
        let report = passes(&["--disk-full", "12", "--seed", seed]);
        assert!(acknowledged(&report) > 100 || report["runs"] == serde_json::json!([]), "{report:#}");
    }
}

#[test]
fn a_sync_that_is_a_lie_is_found_by_cutting_the_power() {
    let (code, stdout, stderr) = evento(&["torture", "--planted"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let last = stdout.lines().last().expect("a verdict");
    assert!(last == "2 passed, 0 failed" || last.contains("skipped: P1"), "{stdout}");
}

/// A kept run: its history and its data directory.
fn kept(folder: &Path) -> (PathBuf, PathBuf) {
    passes(&["--kills", "2", "--keep", "--scratch", &folder.display().to_string()]);
    let scratch = std::fs::read_dir(folder).expect("listed").flatten().next().expect("a run").path();
    (scratch.join("history-plain.jsonl"), scratch.join("data"))
}

#[test]
fn a_history_is_checked_again_and_every_altered_line_is_told_with_its_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let (history, data) = kept(folder.path());
    let violation = folder.path().join("violation.json");
    let check = |history: &Path| {
        let paths = [history, &data, &violation].map(|path| path.display().to_string());
        evento(&["check", &paths[0], "--log", &paths[1], "--violation", &paths[2]])
    };
    let (code, stdout, stderr) = check(&history);
    assert!(code == 0 && stdout.contains(" 0 failed") && !violation.exists(), "{code}: {stdout}{stderr}");

    let text = std::fs::read_to_string(&history).expect("read");
    let done = text.lines().position(|line| line.contains("\"e\":\"done\"")).expect("an outcome");
    let seen = text.lines().position(|line| line.contains("\"e\":\"seen\"")).expect("an event");
    let alter = |at: usize, change: &dyn Fn(&str) -> String| {
        let lines =
            text.lines().enumerate().map(|(n, line)| if n == at { change(line) } else { line.to_owned() + "\n" });
        let path = folder.path().join("altered.jsonl");
        std::fs::write(&path, lines.collect::<String>()).expect("written");
        path
    };
    type Change<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(&str, usize, Change<'_>); 3] = [
        ("C1", done, &|line| line.replace("\"last\":", "\"last\":7") + "\n"),
        ("C0", done, &|_| String::new()),
        ("C9", seen, &|line| line.replace("\"pos\":\"account.events/", "\"pos\":\"account.events/9") + "\n"),
    ];
    for (rule, at, change) in cases {
        let (code, stdout, stderr) = check(&alter(at, change));
        assert_eq!(code, 9, "{rule}: {stdout}{stderr}");
        let document: Value = serde_json::from_slice(&std::fs::read(&violation).expect("written")).expect("a document");
        assert_eq!(document["rule"], rule, "{document:#}");
        assert!(!document["history"].as_array().expect("its life").is_empty() || rule == "C0", "{document:#}");
        assert!(stdout.contains(&format!("{rule}: ")) && stdout.contains(" failed"), "{stdout}");
    }
}

#[test]
fn a_log_is_checked_by_itself_and_what_is_no_history_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, data) = kept(folder.path());
    let data = data.display().to_string();
    let (code, stdout, stderr) = evento(&["check", "--log", &data]);
    assert!(code == 0 && stdout.contains("there is no history"), "{code}: {stdout}{stderr}");
    let broken = folder.path().join("broken.jsonl");
    std::fs::write(&broken, "{\"t\":1,\"e\":\"calm\"}\n{\"t\":2}\n").expect("written");
    let (code, _, stderr) = evento(&["check", &broken.display().to_string(), "--log", &data]);
    assert!(code == 2 && stderr.contains("line 2"), "{code}: {stderr}");
    let (code, _, stderr) = evento(&["check", "--log", &folder.path().display().to_string()]);
    assert!(code == 2 && stderr.contains("is no data directory"), "{code}: {stderr}");
}

#[test]
fn wrong_numbers_and_unknown_points_are_refused_before_anything_starts() {
    for (arguments, wanted) in [
        (&["torture", "--clients", "0"][..], "--clients"),
        (&["torture", "--kills", "1000000"], "at most"),
        (&["torture", "--kills", "1", "--at", "nowhere"], "no named point"),
    ] {
        let (code, _, stderr) = evento(arguments);
        assert!(code == 2 && stderr.contains(wanted), "{arguments:?}: {code}: {stderr}");
    }
}
