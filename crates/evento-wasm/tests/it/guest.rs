//! Modules as text, and the golden request they answer.

use std::time::Duration;

use bytes::Bytes;
use evento_function::{Failure, RunRequest, RunResponse, Step, StepKind, Want, Work};
use evento_model::{EntityId, FullName, Seed, Timestamp};
use evento_wasm::{Host, Loaded, Refusal, Settings, WasmFunction};

/// Where the golden answer lies in the memory of a guest, and its length, as `evento_run` answers it.
pub const ANSWER: &str = "(i64.const 68719476788)";
pub const MANIFEST: &str =
    r#"{"manifestVersion":1,"protocol":{"min":1,"max":1,"modes":["run"]},"schemas":[],"entities":[]}"#;

/// A core module, part by part.
pub struct Guest<'a> {
    pub head: &'a str,
    pub memory: &'a str,
    pub version: i32,
    pub alloc: &'a str,
    /// What it does for the instance `b-1`; every other is answered as it should be.
    pub bad: &'a str,
    pub manifest: Option<&'a str>,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Guest {
            head: "",
            memory: r#"(memory (export "memory") 2)"#,
            version: 1,
            alloc: "(i32.const 1024)",
            bad: ANSWER,
            manifest: Some(MANIFEST),
        }
    }
}

/// Bytes as a string of the text format.
pub fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

impl Guest<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let section =
            self.manifest.map(|text| format!("(@custom \"evento.manifest\" \"{}\")", escaped(text.as_bytes())));
        let text = format!(
            r#"(module
              {head}
              {memory}
              (data (i32.const 16) "{answer}")
              (func (export "evento_abi_version") (result i32) (i32.const {version}))
              (func (export "evento_alloc") (param $length i32) (result i32) {alloc})
              (func (export "evento_run") (param $at i32) (param $length i32) (result i64)
                (if (result i64) (i32.eq (i32.load8_u (i32.add (local.get $at) (i32.const 16))) (i32.const 98))
                  (then {bad})
                  (else {ANSWER})))
              {section})"#,
            head = self.head,
            memory = self.memory,
            answer = escaped(&answer()),
            version = self.version,
            alloc = self.alloc,
            bad = self.bad,
            section = section.unwrap_or_default(),
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).expect("digits"), 16).expect("digits")).collect()
}

/// The golden answer to the golden request.
pub fn answer() -> Vec<u8> {
    unhex(include_str!("../../../../sdk/conformance/golden/run-response.hex"))
}

/// The golden request, for an instance of this id.
pub fn request(id: &str) -> RunRequest {
    let name = |text| FullName::new(text).expect("a name");
    let step = Step {
        type_name: name("bank.DepositCash"),
        payload: Bytes::from_static(b"\xf0\x01\x08rent"),
        id: "c-9".into(),
        time: Timestamp(1_795_413_600_000),
        seed: Some(Seed(std::array::from_fn(|n| n as u8))),
        attempt: 1,
        traceparent: None,
    };
    let work = Work {
        reference: 7,
        entity_id: EntityId::new(id).expect("an id"),
        seq: 3,
        state: None,
        kind: StepKind::Command,
        want: Want::Each,
        steps: vec![step],
    };
    RunRequest { entity: name("bank.Account"), work: vec![work] }
}

pub fn settings() -> Settings {
    Settings { memory_bytes: 16 << 20, reuse: false, log: None }
}

pub fn host() -> Host {
    Host::new(None).expect("an engine")
}

pub fn load(bytes: &[u8], settings: Settings) -> Loaded {
    host().load_bytes(bytes, settings).unwrap_or_else(|refusal| panic!("{refusal} {:?}", refusal.next))
}

pub fn refusal(bytes: &[u8], settings: Settings) -> Refusal {
    match host().load_bytes(bytes, settings) {
        Ok(_) => panic!("it was taken"),
        Err(refusal) => refusal,
    }
}

pub async fn call(function: &WasmFunction, id: &str) -> Result<RunResponse, Failure> {
    function.run(&request(id), Duration::from_millis(300)).await
}

/// The golden request is answered as the golden files have it.
pub async fn answers(function: &WasmFunction) {
    let response = call(function, "a-1").await.expect("an answer");
    assert_eq!(&*response.results[0].outcomes[0].events[0].type_name, "bank.DepositReceived");
}
