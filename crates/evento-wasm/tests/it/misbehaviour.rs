//! What a function in process can do wrong: each has its class and code, and the next call is answered.

use std::time::{Duration, Instant};

use evento_function::FailureClass as Class;

use crate::guest::{ANSWER, Guest, answers, call, load, settings};

const LOOP: &str = "(loop $for_ever (br $for_ever)) (unreachable)";

#[tokio::test]
async fn every_misbehaviour_has_its_class_and_code_and_the_next_call_is_answered() {
    let deep = "(func $deep (param i64) (result i64) (i64.add (call $deep (local.get 0)) (i64.const 1)))";
    let grow = "(drop (memory.grow (i32.const 1000))) (i64.const 68719476788)";
    let words = r#"(data (i32.const 512) "division of labour") (func (export "evento_last_words") (result i64) (i64.const 2199023255570))"#;
    let table: &[(&str, Guest, Class, u16, &str)] = &[
        ("traps", bad("(unreachable)"), Class::Crash, 3004, "trapped: wasm `unreachable`"),
        ("divides by zero", bad("(i64.div_s (i64.const 1) (i64.const 0))"), Class::Crash, 3004, "divide by zero"),
        ("reads outside", bad("(i64.load (i32.const -8))"), Class::Crash, 3004, "out of bounds memory"),
        ("loops", bad(LOOP), Class::Timeout, 3002, "no answer within 300 ms"),
        ("grows", bad(grow), Class::Crash, 3012, "16 MiB"),
        (
            "recurses",
            Guest { head: deep, bad: "(call $deep (i64.const 0))", ..Guest::default() },
            Class::Crash,
            3004,
            "512 KiB of stack",
        ),
        (
            "panics",
            Guest { head: words, bad: "(unreachable)", ..Guest::default() },
            Class::Crash,
            3004,
            "panicked: division of labour",
        ),
        ("points outside", bad("(i64.const -4294967246)"), Class::Contract, 3005, "outside its memory"),
        ("answers too much", bad("(i64.const 68736253953)"), Class::Contract, 3005, "too large"),
        ("answers nothing", bad("(i64.const 0)"), Class::Contract, 3005, "cannot read the request"),
        ("answers rubbish", bad("(i64.const 4398046511114)"), Class::Contract, 3005, "no RunResponse"),
    ];
    for (name, guest, class, code, title) in table {
        let function = load(&guest.bytes(), settings()).function;
        answers(&function).await;
        let failure = call(&function, "b-1").await.expect_err(name);
        assert_eq!((failure.class, failure.code.0), (*class, *code), "{name}: {failure:?}");
        assert!(failure.title.contains(title), "{name}: {}", failure.title);
        answers(&function).await;
    }
}

fn bad(body: &str) -> Guest<'_> {
    Guest { bad: body, ..Guest::default() }
}

#[tokio::test]
async fn a_place_for_the_request_that_is_none_is_a_failure_of_the_call() {
    // The trial does not ask for memory, so these load.
    let table =
        [("(i32.const 0)", Class::Crash, 3004, "no memory"), ("(i32.const -16)", Class::Contract, 3005, "outside")];
    for (alloc, class, code, title) in table {
        let function = load(&Guest { alloc, ..Guest::default() }.bytes(), settings()).function;
        let failure = call(&function, "a-1").await.expect_err(alloc);
        assert_eq!((failure.class, failure.code.0), (class, code), "{failure:?}");
        assert!(failure.title.contains(title), "{}", failure.title);
    }
}

#[tokio::test]
async fn a_function_that_loops_keeps_nobody_else_waiting() {
    let function = load(&bad(LOOP).bytes(), settings()).function;
    let looping: Vec<_> = (0..16)
        .map(|_| {
            let function = function.clone();
            tokio::spawn(async move { function.run(&crate::guest::request("b-1"), Duration::from_secs(2)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let begun = Instant::now();
    // On busy machines a call among 16 that loop takes its time, but it does not wait for the end of one.
    function.run(&crate::guest::request("a-1"), Duration::from_secs(2)).await.expect("an answer");
    assert!(begun.elapsed() < Duration::from_millis(1_900), "{:?}", begun.elapsed());
    for task in looping {
        let failure = task.await.expect("no panic").expect_err("it loops");
        assert_eq!(failure.class, Class::Timeout);
    }
}

#[tokio::test]
async fn a_quick_function_that_loops_once_has_its_whole_time_and_is_quick_again() {
    let function = load(&bad(LOOP).bytes(), settings()).function;
    for _ in 0..3 {
        for _ in 0..3 {
            call(&function, "a-1").await.expect("an answer");
        }
        let begun = Instant::now();
        let failure = function.run(&crate::guest::request("b-1"), Duration::from_millis(300)).await;
        assert_eq!(failure.expect_err("it loops").class, Class::Timeout);
        assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
    }
}

const COUNTING: &str = "(global $calls (mut i32) (i32.const 0))";

/// Counts its calls for `b-1`, and traps when it can remember so many.
fn remembers(calls: u32) -> String {
    format!(
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (if (i32.gt_u (global.get $calls) (i32.const {calls})) (then (unreachable))) {ANSWER}"
    )
}

#[tokio::test]
async fn nothing_survives_from_one_request_to_the_next() {
    let bad = remembers(1);
    let guest = Guest { head: COUNTING, bad: &bad, ..Guest::default() };
    let function = load(&guest.bytes(), settings()).function;
    for _ in 0..10 {
        call(&function, "b-1").await.expect("a new instance each time");
    }
}

#[tokio::test]
async fn a_reused_instance_is_thrown_away_after_a_failure_and_after_a_thousand_requests() {
    let reuse = || evento_wasm::Settings { reuse: true, ..settings() };
    let bad = remembers(1);
    let guest = Guest { head: COUNTING, bad: &bad, ..Guest::default() };
    let function = load(&guest.bytes(), reuse()).function;
    call(&function, "b-1").await.expect("the first");
    assert_eq!(call(&function, "b-1").await.expect_err("it remembers").class, Class::Crash);
    call(&function, "b-1").await.expect("a new instance");
    let bad = remembers(1_000);
    let function = load(&Guest { head: COUNTING, bad: &bad, ..Guest::default() }.bytes(), reuse()).function;
    for n in 0..2_500 {
        call(&function, "b-1").await.unwrap_or_else(|failure| panic!("request {n}: {failure:?}"));
    }
}

#[tokio::test]
async fn what_is_not_a_number_has_one_form() {
    // 1 + a NaN with a payload gives the canonical NaN, whatever the processor would do.
    let bad = format!(
        "(if (i32.ne (i32.reinterpret_f32 (f32.add (f32.const 1) (f32.const nan:0x200001))) (i32.const 0x7fc00000))
           (then (unreachable))) {ANSWER}"
    );
    let function = load(&Guest { bad: &bad, ..Guest::default() }.bytes(), settings()).function;
    call(&function, "b-1").await.expect("canonical");
}
