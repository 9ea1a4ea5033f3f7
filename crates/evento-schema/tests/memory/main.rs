//! What hostile bytes may cost in memory, measured by an allocator that counts.
//!
//! One test only: the counters belong to the whole process.

#![allow(unsafe_code, reason = "an allocator is an unsafe trait; this one only counts and passes on")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

#[path = "../common/generate.rs"]
#[allow(dead_code, reason = "shared with the other test binaries, which use all of it")]
mod generate;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use evento_schema::avro::{Checked, JsonOptions, Plan, Schema, check, from_json, to_json};
use generate::{Chance, datum, evolve, schema};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes that were allocated on top, and the number of allocations, while something ran.
fn cost<T>(run: impl FnOnce() -> T) -> (usize, usize) {
    let (before, calls) = (NOW.load(Ordering::Relaxed), CALLS.load(Ordering::Relaxed));
    PEAK.store(before, Ordering::Relaxed);
    drop(run());
    (PEAK.load(Ordering::Relaxed) - before, CALLS.load(Ordering::Relaxed) - calls)
}

#[test]
fn hostile_bytes_cost_no_more_than_they_are_and_canonical_bytes_cost_nothing() {
    let inner = r#"{"type":"array","items":"null"}"#;
    let schemas = [
        "\"bytes\"".to_owned(),
        "\"string\"".to_owned(),
        r#"{"type":"array","items":"int"}"#.to_owned(),
        inner.to_owned(),
        format!(r#"{{"type":"array","items":{inner}}}"#),
        format!(r#"{{"type":"map","values":{inner}}}"#),
        r#"{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"a","type":"null"}]}}"#.to_owned(),
        r#"{"type":"map","values":"double"}"#.to_owned(),
        r#"{"type":"bytes","logicalType":"big-decimal"}"#.to_owned(),
        r#"{"type":"record","name":"L","fields":[{"name":"n","type":{"type":"array","items":"L"}}]}"#.to_owned(),
    ];
    // Counts and lengths from small to absurd, plain and as a block with its size.
    let mut hostile: Vec<Vec<u8>> = Vec::new();
    for head in [
        &[0xfe, 0xff, 0xff, 0xff, 0x0f][..],
        &[0x80, 0x80, 0x08],
        &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ] {
        for tail in [&[][..], &[0], &[2, 0, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]] {
            hostile.push([head, tail].concat());
            hostile.push([head, head, tail].concat());
            hostile.push([&[0x01, 0x04], head, tail].concat());
        }
    }
    hostile.push(vec![2; 1000]);
    for json in &schemas {
        let schema = Schema::parse(json).unwrap();
        let wider = json.replace("\"int\"", "\"double\"").replace("\"null\"", "[\"int\",\"null\"]");
        let plan = Plan::compile(&schema, &Schema::parse(&wider).unwrap()).unwrap();
        for bytes in &hostile {
            let (checked, _) = cost(|| check(&schema, bytes));
            assert!(checked < 16 * 1024, "check: {checked} bytes for {bytes:02x?} under {json}");
            // At most 65,536 values of no byte may become text or two bytes each.
            let (planned, _) = cost(|| plan.run(bytes).map(|result| result.len()));
            assert!(planned < 1 << 20, "plan: {planned} bytes for {bytes:02x?} under {json}");
            let mut out = Vec::new();
            let (written, _) = cost(|| to_json(&schema, bytes, &JsonOptions::default(), &mut out));
            assert!(written < 4 << 20, "to_json: {written} bytes for {bytes:02x?} under {json}");
        }
        for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("[{}]", "null,".repeat(100_000))] {
            let (read, _) = cost(|| from_json(&schema, text.as_bytes()).is_ok());
            assert!(read < 2 << 20, "from_json: {read} bytes for {} under {json}", &text[..10]);
        }
    }
    for seed in 0..300 {
        let chance = &mut Chance(seed);
        let json = schema(chance);
        let schema = Schema::parse(&json.to_string()).unwrap();
        let canonical = check(&schema, &datum(chance, &json)).unwrap().into_bytes();
        let (bytes, calls) = cost(|| assert!(matches!(check(&schema, &canonical), Ok(Checked::Canonical(_)))));
        assert_eq!((bytes, calls), (0, 0), "a canonical datum is checked in place");
        let reader = Schema::parse(&evolve(chance, &json).to_string()).unwrap();
        if let Ok(plan) = Plan::compile(&schema, &reader) {
            let (bytes, _) = cost(|| plan.run(&canonical).map(|result| result.len()));
            assert!(bytes < 8 * canonical.len() + 2048, "{bytes} bytes to transcode {}", canonical.len());
        }
    }
}
