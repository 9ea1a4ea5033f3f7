//! What is taken and what is refused when a function is loaded: each refusal says what, and has its code.

use std::sync::{Arc, Mutex};

use evento_wasm::Settings;

use crate::guest::{ANSWER, Guest, MANIFEST, answers, call, host, load, refusal, settings};

#[tokio::test]
async fn a_module_is_taken_with_what_it_says_of_itself() {
    let loaded = load(&Guest::default().bytes(), settings());
    let manifest = loaded.manifest.expect("its section");
    assert!(manifest.batch && manifest.entities.is_empty());
    assert!(!loaded.from_cache && !loaded.function.is_reused());
    answers(&loaded.function).await;
    let none = load(&Guest { manifest: None, ..Guest::default() }.bytes(), settings());
    assert_eq!(none.manifest, None);
}

#[test]
fn without_a_section_the_manifest_is_asked_of_an_export() {
    let head = format!(
        r#"(data (i32.const 2048) "{}") (func (export "evento_manifest") (result i64) (i64.const {}))"#,
        crate::guest::escaped(MANIFEST.as_bytes()),
        (2048_u64 << 32) | MANIFEST.len() as u64
    );
    let asked = load(&Guest { head: &head, manifest: None, ..Guest::default() }.bytes(), settings());
    let written = load(&Guest::default().bytes(), settings());
    assert_eq!(asked.manifest, written.manifest);
    assert_ne!(asked.artifact, written.artifact);
}

#[test]
fn what_may_not_run_is_refused_and_the_refusal_says_why() {
    let import = |name: &str| format!(r#"(import {name} (func))"#);
    let (wasi, more) = (
        import(r#""wasi_snapshot_preview1" "fd_write""#),
        (0..7).map(|n| import(&format!(r#""env" "f{n}""#))).collect::<String>(),
    );
    let guest = Guest::default;
    let table: Vec<(&str, Guest, u16, &str)> = vec![
        (
            "an import",
            Guest { head: &wasi, ..guest() },
            2306,
            "imports wasi_snapshot_preview1.fd_write; a function may",
        ),
        ("imports", Guest { head: &more, ..guest() }, 2306, "env.f4 and 2 more"),
        ("another ABI", Guest { version: 2, ..guest() }, 3011, "version 2 of the ABI; 1 is spoken"),
        ("a bad manifest", Guest { manifest: Some("{"), ..guest() }, 2302, "no JSON"),
        (
            "no memory export",
            Guest { memory: "(memory 2)", ..guest() },
            2306,
            "does not export a memory with the name memory",
        ),
        (
            "a memory that begins too large",
            Guest { memory: r#"(memory (export "memory") 300)"#, ..guest() },
            2306,
            "does not come up: the function asked for more than the 16 MiB",
        ),
        (
            "a start that traps",
            Guest { head: r#"(func (export "_initialize") unreachable)"#, ..guest() },
            2306,
            "does not come up: the function trapped",
        ),
        (
            "a start that loops",
            Guest { head: "(func $start (loop $l (br $l))) (start $start)", ..guest() },
            2306,
            "does not come up: no answer within 5000 ms",
        ),
        (
            "an export of another type",
            Guest { head: r#"(func (export "evento_last_words") (result i32) (i32.const 0))"#, ..guest() },
            2306,
            "the export evento_last_words is () -> i32; it must be () -> i64",
        ),
    ];
    for (name, guest, code, what) in table {
        let refused = refusal(&guest.bytes(), settings());
        assert_eq!(refused.code.0, code, "{name}: {refused}");
        assert!(refused.message.contains(what), "{name}: {}", refused.message);
    }
}

#[test]
fn what_could_make_two_runs_differ_does_not_compile() {
    let table = [
        ("threads", r#"(module (memory 1 1 shared))"#),
        ("64-bit memory", r#"(module (memory i64 1))"#),
        ("two memories", r#"(module (memory 1) (memory 1))"#),
        (
            "relaxed SIMD",
            r#"(module (func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))"#,
        ),
        ("exceptions", r#"(module (tag (param i32)))"#),
        ("garbage collection", r#"(module (type (struct (field i32))))"#),
    ];
    for (name, text) in table {
        let refused = refusal(&wat::parse_str(text).expect(name), settings());
        assert_eq!(refused.code.0, 2306, "{name}: {refused}");
        assert!(refused.message.contains("does not compile"), "{name}: {refused}");
    }
}

#[tokio::test]
async fn a_file_that_is_none_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = host().load(folder.path().join("accounts.wasm"), settings()).await.err().expect("not there");
    assert_eq!(missing.code.0, 2301, "{missing}");
    assert!(missing.message.contains("accounts.wasm"), "{missing}");
    let script = refusal(b"#!/bin/sh\n", settings());
    assert_eq!(script.code.0, 2306);
    assert!(script.message.contains("no WASM"), "{script}");
    let whole = Guest::default().bytes();
    assert!(refusal(&whole[..whole.len() - 40], settings()).message.contains("does not end"));
}

#[tokio::test]
async fn lines_are_logged_in_development_and_refused_elsewhere() {
    let bad = format!("(call $log (i32.const 512) (i32.const 5)) {ANSWER}");
    let head = r#"(import "evento" "log" (func $log (param i32 i32))) (data (i32.const 512) "a\nb\nc")"#;
    let bytes = Guest { head, bad: &bad, ..Guest::default() }.bytes();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = lines.clone();
    let log: evento_wasm::Log = Arc::new(move |line| seen.lock().unwrap().push(line.to_owned()));
    let function = load(&bytes, Settings { log: Some(log), ..settings() }).function;
    call(&function, "b-1").await.expect("an answer");
    assert_eq!(*lines.lock().unwrap(), ["a", "b", "c"]);
    let refused = refusal(&bytes, settings());
    assert!(refused.message.contains("evento.log, which is there in evento dev only"), "{refused}");
}
