//! The bench measures a real server, and tells the truth about it.

use std::process::Command;

use serde_json::Value;

use crate::server::{bank_function, bank_resources};

#[test]
fn the_bench_ends_with_the_truth_check_and_the_verdict_of_the_judge() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    for batch in ["1", "10"] {
        let output = Command::new(env!("CARGO_BIN_EXE_evento"))
            .args(["bench", "-c", "1,4", "-n", "40", "-d", "0.5", "-o", "json", "--batch", batch, "--resources"])
            .arg(&resources)
            .arg("--scratch")
            .arg(folder.path())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("a document");
        for row in told["items"].as_array().expect("rows") {
            assert!(row["commands"].as_u64() > Some(0), "{row}");
            assert_eq!((&row["truth"]["wrong"], &row["errors"]), (&Value::from(0), &Value::from(0)), "{row}");
        }
        let judge = &told["judge"];
        // Of each run of 40 instances two; each was opened, and most had deposits.
        assert_eq!((&judge["instances"], &judge["failed"]), (&Value::from(4), &Value::from(0)), "{judge}");
        assert!(judge["commands"].as_u64() > Some(4) && judge["passed"].as_u64() > Some(8), "{judge}");
    }
}

#[test]
fn functions_side_by_side_have_every_figure_and_their_logs_are_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let functions = format!("{},again={}", resources.display(), resources.display());
    let output = Command::new(env!("CARGO_BIN_EXE_evento"))
        .args(["bench", "--rounds", "2", "-n", "40", "-d", "0.3", "-o", "json", "--functions", &functions])
        .arg("--scratch")
        .arg(folder.path())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let items = told["items"].as_array().expect("one for each function");
    let first = folder.path().file_name().expect("named").to_string_lossy().into_owned();
    let names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, [first.as_str(), "again"]);
    for item in items {
        for figure in [
            "coldStartMs",
            "oneP50Ms",
            "oneP99Ms",
            "manyPerSecond",
            "eventoCpuMicros",
            "bulkPerSecond",
            "replayPerSecond",
        ] {
            let [low, median, high] = ["low", "median", "high"].map(|key| item[figure][key].as_f64().expect(figure));
            assert!(0.0 < low && low <= median && median <= high, "{figure}: {item}");
            assert!(item[figure]["ratio"].as_f64() > Some(0.0), "{figure}: {item}");
        }
        let clean = [&item["wrong"], &item["errors"], &item["judge"]["failed"]];
        assert_eq!(clean, [&Value::Null, &Value::from(0), &Value::from(0)], "{item}");
        assert_eq!(item["rounds"].as_array().map(Vec::len), Some(2), "{item}");
        // Each of the two logs is judged by the same rules.
        assert!(item["judge"]["passed"].as_u64() > Some(8), "{item}");
    }
}

#[test]
fn a_function_that_does_not_start_is_told_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), std::path::Path::new("/there/is/no/such/program"), "");
    let output = Command::new(env!("CARGO_BIN_EXE_evento"))
        .args(["bench", "-d", "0.3", "--functions", &format!("lost={}", resources.display()), "--scratch"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("lost") && told.contains("no/such/program"), "{told}");
}
