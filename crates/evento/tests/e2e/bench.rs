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
