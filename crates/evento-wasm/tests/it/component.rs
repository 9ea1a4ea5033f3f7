//! The component form: the same bytes through `run: func(list<u8>) -> list<u8>`.

use evento_function::FailureClass;

use crate::guest::{answer, answers, call, escaped, load, refusal, settings};

/// A component around a core module; `bad` is what it does for the instance `b-1`.
fn component(head: &str, bad: &str, export: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          {head}
          (core module $module
            (memory (export "memory") 2)
            (data (i32.const 8) "\10\00\00\00\34\00\00\00")
            (data (i32.const 16) "{answer}")
            (data (i32.const 512) "\00\00\00\00\01\00\00\01")
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "run") (param $at i32) (param $length i32) (result i32)
              (if (result i32) (i32.eq (i32.load8_u (i32.add (local.get $at) (i32.const 16))) (i32.const 98))
                (then {bad})
                (else (i32.const 8)))))
          (core instance $it (instantiate $module))
          (alias core export $it "memory" (core memory $memory))
          (alias core export $it "realloc" (core func $realloc))
          (alias core export $it "run" (core func $run))
          (func $lifted (param "request" (list u8)) (result (list u8))
            (canon lift (core func $run) (memory $memory) (realloc $realloc)))
          (export "{export}" (func $lifted)))"#,
        answer = escaped(&answer()),
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[tokio::test]
async fn a_component_is_called_as_a_module_is_and_a_trap_ends_one_call_only() {
    let table = [
        ("(unreachable)", FailureClass::Crash, 3004, "trapped"),
        ("(loop $l (br $l)) (unreachable)", FailureClass::Timeout, 3002, "no answer"),
        ("(drop (memory.grow (i32.const 1000))) (i32.const 8)", FailureClass::Crash, 3012, "16 MiB"),
        ("(i32.const 512)", FailureClass::Crash, 3004, "trapped"),
    ];
    for (bad, class, code, title) in table {
        for reuse in [false, true] {
            let settings = evento_wasm::Settings { reuse, ..settings() };
            let function = load(&component("", bad, "run"), settings).function;
            answers(&function).await;
            let failure = call(&function, "b-1").await.expect_err(bad);
            assert_eq!((failure.class, failure.code.0), (class, code), "{bad}: {failure:?}");
            assert!(failure.title.contains(title), "{bad}: {}", failure.title);
            answers(&function).await;
        }
    }
}

#[test]
fn a_component_with_imports_or_another_world_is_refused() {
    let imports = r#"(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func))))"#;
    let refused = refusal(&component(imports, "(unreachable)", "run"), settings());
    assert!(refused.message.contains("imports wasi:clocks/wall-clock@0.2.0"), "{refused}");
    let refused = refusal(&component("", "(unreachable)", "handle"), settings());
    assert!(refused.message.contains("does not export run"), "{refused}");
    assert_eq!(refused.code.0, 2306);
}
