//! Compiled code is kept, found again, and never trusted when it is damaged.

use std::path::{Path, PathBuf};

use evento_wasm::Host;

use crate::guest::{Guest, answers, settings};

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("listed").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[tokio::test]
async fn a_second_start_finds_the_code_and_a_damaged_file_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("wasm-cache");
    let bytes = Guest::default().bytes();
    let start = || Host::new(Some(cache.clone())).expect("an engine").load_bytes(&bytes, settings()).expect("taken");
    assert!(!start().from_cache);
    let again = start();
    assert!(again.from_cache);
    answers(&again.function).await;
    let file = only_file(&cache);
    let whole = std::fs::read(&file).expect("readable");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let damages: [&[u8]; 4] = [&flipped, &whole[..whole.len() - 1], &[], b"#!/bin/sh"];
    for damage in damages {
        std::fs::write(&file, damage).expect("written");
        let loaded = start();
        assert!(!loaded.from_cache, "damaged code was taken");
        answers(&loaded.function).await;
        assert_eq!(std::fs::read(only_file(&cache)).expect("readable").len(), whole.len());
        assert!(start().from_cache);
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_costs_time_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wasm-cache");
    std::fs::write(&file, "not a folder").expect("written");
    let loaded = Host::new(Some(file)).expect("an engine").load_bytes(&Guest::default().bytes(), settings());
    answers(&loaded.expect("taken").function).await;
}

#[test]
fn what_is_refused_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::new(Some(folder.path().to_owned())).expect("an engine");
    let head = r#"(import "env" "now" (func))"#;
    assert!(host.load_bytes(&Guest { head, ..Guest::default() }.bytes(), settings()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
