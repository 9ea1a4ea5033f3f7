//! Our codec against Apache Avro for Java and Python's fastavro, on generated schemas and data.
//!
//! Each case is a writer and a reader schema with data, some of it damaged. Peers say whether they accept the bytes
//! and whether what they read equals what they read from our canonical or transcoded bytes; Java also says whether
//! the schemas are compatible. Every difference must be in the table of [`JUSTIFIED`] with its reason.
//! The peers are fetched by `scripts/setup-avro-peers` on the first run.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

#[path = "../common/generate.rs"]
#[allow(dead_code, reason = "shared with the other test binaries, which use all of it")]
mod generate;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use evento_schema::avro::{Plan, Schema, check};
use generate::{Chance, damage, datum, evolve, schema};
use serde_json::{Value, json};

const CASES: u64 = 6_000;

/// A difference that is meant: who, which question, a part of what we said, a part of what the peer said, why.
struct Justified {
    peer: &'static str,
    question: &'static str,
    ours: &'static str,
    theirs: &'static str,
    reason: &'static str,
}

const JUSTIFIED: &[Justified] = &[
    Justified {
        peer: "both",
        question: "valid",
        ours: "a boolean is 0 or 1",
        theirs: "accepted",
        reason: "a byte other than 1 is read as false or true; we take 0 and 1 only",
    },
    Justified {
        peer: "java",
        question: "valid",
        ours: "is not UTF-8",
        theirs: "accepted",
        reason: "Java replaces what is not UTF-8; the bytes would change on the way",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "a uuid must look like",
        theirs: "accepted",
        reason: "uuids are read as any string; ours must be well formed (function protocol 8.3)",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "a decimal has more than",
        theirs: "accepted",
        reason: "decimals may exceed their precision there; ours must not (function protocol 8.3)",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "does not fit 64 bits",
        theirs: "accepted",
        reason: "bits beyond 64 are dropped there",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "does not fit an int of 32 bits",
        theirs: "accepted",
        reason: "bits beyond 32 are dropped by Java and kept by Python",
    },
    Justified {
        peer: "python",
        question: "valid",
        ours: "a number has more than",
        theirs: "accepted",
        reason: "Python takes numbers of any length",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "a key is there twice",
        theirs: "accepted",
        reason: "the last of two equal keys wins there; ours must be unique",
    },
    Justified {
        peer: "both",
        question: "valid",
        ours: "a block ends at byte",
        theirs: "accepted",
        reason: "a wrong block size is ignored there; who skips by it would read something else",
    },
    Justified {
        peer: "java",
        question: "resolved",
        ours: "is not UTF-8",
        theirs: "accepted",
        reason: "bytes that become a string must be UTF-8; Java replaces what is not",
    },
    Justified {
        peer: "python",
        question: "valid",
        ours: "symbol -",
        theirs: "accepted",
        reason: "a negative index counts from the end in Python",
    },
    Justified {
        peer: "python",
        question: "valid",
        ours: "branch -",
        theirs: "accepted",
        reason: "a negative index counts from the end in Python",
    },
    Justified {
        peer: "java",
        question: "compatible",
        ours: "(string)",
        theirs: "true",
        reason: "a logical type comes and goes on the same base type only (function protocol 8.2)",
    },
    Justified {
        peer: "java",
        question: "compatible",
        ours: "(bytes)",
        theirs: "true",
        reason: "a logical type comes and goes on the same base type only (function protocol 8.2)",
    },
    Justified {
        peer: "java",
        question: "compatible",
        ours: "(long)",
        theirs: "true",
        reason: "a logical type comes and goes on the same base type only (function protocol 8.2)",
    },
    Justified {
        peer: "java",
        question: "compatible",
        ours: "(int)",
        theirs: "true",
        reason: "a logical type comes and goes on the same base type only (function protocol 8.2)",
    },
    Justified {
        peer: "java",
        question: "valid",
        ours: "accepted",
        theirs: "Zero length BigInteger",
        reason: "a decimal of no bytes is 0 and is rewritten; Java cannot read it",
    },
    Justified {
        peer: "java",
        question: "resolved",
        ours: "accepted",
        theirs: "Zero length BigInteger",
        reason: "a decimal of no bytes is 0 and is rewritten; Java cannot read it",
    },
];

struct Case {
    writer: Schema,
    reader: Schema,
    verdict: String,
    data: Vec<Datum>,
}

struct Datum {
    bytes: Vec<u8>,
    valid: Result<Vec<u8>, String>,
    /// Nothing where the schemas are incompatible: peers find that out only when a value is bad.
    resolved: Option<Result<Vec<u8>, String>>,
}

fn case(seed: u64) -> Case {
    let chance = &mut Chance(seed);
    let json = schema(chance);
    let changed = if chance.one_in(10) { schema(chance) } else { evolve(chance, &json) };
    let writer = Schema::parse(&json.to_string()).unwrap();
    let reader = Schema::parse(&changed.to_string()).unwrap();
    let plan = Plan::compile(&writer, &reader);
    let data = (0..6).map(|index| {
        let mut bytes = datum(chance, &json);
        if index > 2 {
            bytes = damage(chance, &bytes);
        }
        let valid = check(&writer, &bytes).map(|checked| checked.into_bytes()).map_err(|error| error.to_string());
        let resolved = plan.as_ref().ok().map(|plan| match plan.is_identity() {
            true => valid.clone(),
            false => plan.run(&bytes).map(|bytes| bytes.into_owned()).map_err(|error| error.to_string()),
        });
        Datum { bytes, valid, resolved }
    });
    let data = data.filter(|datum| !hangs_peers(datum)).collect();
    let verdict = plan.map_or_else(|violations| violations[0].to_string(), |_| "compatible".to_owned());
    Case { writer, reader, verdict, data }
}

/// Sizes that we refuse because the bytes cannot hold them; the peers would try.
fn hangs_peers(datum: &Datum) -> bool {
    let told = datum.valid.as_ref().err().map(String::as_str).unwrap_or_default();
    ["are left", "without any byte", "block count out of range"].iter().any(|part| told.contains(part))
        && !told.contains("left over")
}

fn lines(cases: &[Case]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |case: &Case| {
        let data = case.data.iter().map(|datum| {
            json!({"bytes": hex(&datum.bytes), "canonical": datum.valid.as_ref().ok().map(|bytes| hex(bytes)),
                "resolved": datum.resolved.as_ref().and_then(|resolved| resolved.as_ref().ok()).map(|bytes| hex(bytes))})
        });
        let data: Vec<Value> = data.collect();
        format!("{}\n", json!({"writer": case.writer.json(), "reader": case.reader.json(), "data": data}))
    };
    cases.iter().map(line).collect()
}

/// Runs a peer over all cases and reads one answer for each.
fn ask(command: &mut Command, input: &str) -> Vec<Value> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer ended with {}", output.status);
    feeder.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder(relative: &str) -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join(relative)
}

#[derive(Default)]
struct Report {
    questions: usize,
    unexplained: Vec<String>,
    explained: BTreeMap<&'static str, usize>,
}

impl Report {
    fn compare(&mut self, peer: &'static str, question: &'static str, ours: &str, theirs: &str, place: &str) {
        self.questions += 1;
        let agree = match ours {
            "accepted" => theirs == "equal",
            "compatible" => theirs == "true",
            _ => theirs.starts_with("refused") || theirs == "false",
        };
        if agree {
            return;
        }
        let justified = JUSTIFIED.iter().find(|known| {
            (known.peer == peer || known.peer == "both")
                && known.question == question
                && ours.contains(known.ours)
                && theirs.contains(known.theirs)
        });
        match justified {
            Some(known) => *self.explained.entry(known.reason).or_default() += 1,
            None => self.unexplained.push(format!("{peer} {question}: ours {ours}; theirs {theirs}; {place}")),
        }
    }
}

#[test]
fn java_and_python_agree_with_us_but_for_known_reasons() {
    let setup = Command::new(folder("../../scripts/setup-avro-peers")).output().unwrap();
    assert!(setup.status.success(), "setup-avro-peers: {}", String::from_utf8_lossy(&setup.stderr));
    let stdout = String::from_utf8(setup.stdout).unwrap();
    let peers = Path::new(stdout.lines().last().unwrap());
    let cases: Vec<Case> = (0..CASES).map(case).collect();
    let input = lines(&cases);
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-Dorg.apache.avro.limits.collectionItems.maxLength=100000", "-cp"])
        .arg(format!("{}/*", peers.join("jars").display()))
        .arg(folder("tests/differential/Peer.java"));
    let mut python = Command::new(peers.join("venv/bin/python"));
    python.arg(folder("tests/differential/peer.py"));

    let mut report = Report::default();
    for (peer, command) in [("java", &mut java), ("python", &mut python)] {
        let answers = ask(command, &input);
        assert_eq!(answers.len(), cases.len());
        for (case, answer) in cases.iter().zip(&answers) {
            let place = format!("writer {} reader {}", case.writer.normal_form(), case.reader.normal_form());
            assert_eq!(answer["error"], Value::Null, "{peer} refuses a schema: {place}");
            assert_eq!(answer["canonical"], case.writer.canonical_form(), "{peer}");
            if let Some(compatible) = answer["compatible"].as_bool() {
                report.compare(peer, "compatible", &case.verdict, &compatible.to_string(), &place);
            }
            for (datum, told) in case.data.iter().zip(answer["data"].as_array().unwrap()) {
                let place = format!("bytes {:02x?} {place}", datum.bytes);
                let ours = |result: &Result<Vec<u8>, String>| result.clone().err().unwrap_or("accepted".to_owned());
                let (valid, resolved) = (&told["valid"], &told["resolved"]);
                report.compare(peer, "valid", &ours(&datum.valid), valid.as_str().unwrap(), &place);
                if let (Ok(_), Some(result)) = (&datum.valid, &datum.resolved) {
                    report.compare(peer, "resolved", &ours(result), resolved.as_str().unwrap(), &place);
                }
            }
        }
    }
    println!("{} questions; {:#?}", report.questions, report.explained);
    let shown: Vec<String> = report.unexplained.iter().take(12).map(|text| text.chars().take(600).collect()).collect();
    assert!(shown.is_empty(), "{} unexplained differences, such as {shown:#?}", report.unexplained.len());
    assert!(report.questions > CASES as usize * 10);
}
