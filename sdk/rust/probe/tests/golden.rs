//! The golden files of the conformance kit, answered without a server.

use std::path::Path;

use evento_probe::{Echoed, Everything, Mapped, Noted, ProbeHost, Probes, RejectedAndCounted};
use evento_sdk::avro::Record;
use evento_sdk::{ApplyContext, Context, Encoded, Function, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
    digits.chunks(2).map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(name: &str) -> Value {
    serde_json::from_str(&golden(name)).expect("JSON")
}

/// S01.
#[test]
fn every_value_comes_out_as_it_goes_in() {
    for name in ["zero", "low", "high", "mixed", "special"] {
        let bytes = unhex(&golden(&format!("everything-{name}.hex")));
        let value = Everything::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex(&value.encode().expect("writable")), hex(&bytes), "{name}");
    }
    let loose = Everything::decode(&unhex(&golden("everything-mixed-loose.hex"))).expect("readable");
    assert_eq!(loose.encode().expect("writable"), unhex(&golden("everything-mixed.hex")));
}

#[test]
fn no_bytes_that_are_cut_or_changed_are_read_as_another_value() {
    let bytes = unhex(&golden("everything-mixed.hex"));
    for end in 0..bytes.len() {
        assert!(Everything::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Everything::decode(&[&bytes[..], &[0]].concat()).is_err());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        // What is read must be what is written; nothing may panic.
        if let Ok(value) = Everything::decode(&changed) {
            let written = value.encode().expect("writable");
            assert_eq!(Everything::decode(&written).expect("readable").encode(), Ok(written), "changed at {at}");
        }
    }
}

/// S07.
#[test]
fn ids_and_chance_are_those_of_every_language() {
    for vector in json("context.json")["vectors"].as_array().expect("vectors") {
        let text = |key: &str| vector[key].as_str().expect("a text");
        let seed = unhex(text("seed")).try_into().expect("16 bytes");
        let time = Timestamp::from_millis(vector["time"].as_i64().expect("a number"));
        let seq = text("seq").parse().expect("a number");
        let context = Context::new(text("entityId"), seq, text("commandId"), time, seed);
        let events = ProbeHost(Probes).handle("evento.conformance.Context", &[], None, &context).expect("an answer");
        assert_eq!(hex(&events[0].payload), text("contextSeen"));
    }
}

/// The event of number `i` (sdk/conformance/README.md, "Golden files"); none for `Ended`.
fn replayed(i: i64, zero: &[u8]) -> Encoded {
    let encoded = match i {
        4999 => Encoded::of(&evento_probe::Ended {}),
        i if i % 100 == 99 => {
            let mut value = Everything::decode(zero).expect("readable");
            value.an_int = i as i32;
            value.a_long = i << 32;
            value.a_string = format!("echo {i}");
            value.a_double = i as f64 / 4.0;
            value.longs = [("i".to_owned(), i)].into();
            for _ in 0..(i / 100) % 5 {
                value.list = Some(Box::new(evento_probe::Inner { name: "n".to_owned(), next: value.list.take() }));
            }
            Encoded::of(&Echoed { value })
        }
        i if i % 10 == 9 => Encoded::of(&Mapped { entries: (0..i % 7).map(|j| (format!("k{j}"), i * j)).collect() }),
        i if i % 10 == 4 => Encoded::of(&RejectedAndCounted { reason: format!("no {i}") }),
        i => Encoded::of(&Noted { number: (i * 7919 % 104_729) as i32, text: format!("event {i} é") }),
    };
    encoded.expect("writable")
}

/// S10.
#[test]
fn a_replay_ends_in_the_golden_state() {
    let (golden, zero) = (json("replay.json"), unhex(&self::golden("everything-zero.hex")));
    let context = ApplyContext { entity_id: "replay".to_owned(), time: Timestamp::default() };
    let mut state: Option<Vec<u8>> = None;
    for i in 0..10_000 {
        let event = replayed(i, &zero);
        state = ProbeHost(Probes).apply(event.type_name, &event.payload, state.as_deref(), &context).expect("applied");
        if let Some(wanted) = golden["states"].get((i + 1).to_string()) {
            assert_eq!(state.as_deref().map(hex), wanted.as_str().map(str::to_owned), "after {} events", i + 1);
        }
    }
    assert_eq!(Some(hex(&Sha256::digest(state.expect("a state"))).as_str()), golden["digest"].as_str());
}
