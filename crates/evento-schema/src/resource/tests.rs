//! Documents in, findings with their places out.

mod arbitrary;

use std::collections::BTreeMap;

use evento_model::OnPark;
use serde_json::json;

use super::{
    ContainerSource, Finding, ImagePull, Kind, Resource, ResourceSet, Runtime, SourceFile, Spec, parse_set,
    referenced_files,
};

const BANK: &str = include_str!("tests/bank.yaml");
const ACCOUNT: &str = include_str!("tests/Account.avsc");

/// The bank of the interface reference, with one text replaced by another for each pair.
pub(crate) fn bank_with(replacements: &[(&str, &str)]) -> ResourceSet {
    let mut text = BANK.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "the bank has no {from}");
        text = text.replace(from, to);
    }
    let source = SourceFile { path: "bank/resources/account.yaml".to_owned(), folder: None, text };
    parse_set(&[source], &[("bank/schemas/Account.avsc".to_owned(), ACCOUNT.to_owned())].into()).unwrap()
}

/// The bank of the interface reference.
pub(crate) fn bank() -> ResourceSet {
    bank_with(&[])
}

/// Documents in block or flow form, as a set.
pub(crate) fn set(text: &str) -> ResourceSet {
    parse_set(&[file(text)], &BTreeMap::new()).unwrap()
}

/// Code, line, column and a part of the message of a finding.
type Told = (u16, u32, u32, &'static str);

fn file(text: &str) -> SourceFile {
    SourceFile { path: "r/a.yaml".to_owned(), folder: Some("/home/ada/r".to_owned()), text: text.to_owned() }
}

fn parse(text: &str) -> Result<Vec<Resource>, Vec<Finding>> {
    parse_set(&[file(text)], &BTreeMap::new()).map(|set| set.resources)
}

/// `EV2001 3:7 message`, one a finding.
pub(crate) fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {}:{} {}", f.code, f.line, f.column, f.message)).collect()
}

/// Checks that a text is refused with exactly these findings (code, line, column, part of the message).
fn refused(text: &str, expected: &[Told]) {
    let findings = parse(text).expect_err(text);
    let told = told(&findings);
    assert_eq!(findings.len(), expected.len(), "{text}\n{told:#?}");
    for (finding, (code, line, column, part)) in findings.iter().zip(expected) {
        assert_eq!((finding.code.0, finding.line, finding.column), (*code, *line, *column), "{text}\n{told:#?}");
        assert!(finding.message.contains(part), "{text}\n{told:#?}");
        assert_eq!(finding.file, "r/a.yaml");
    }
}

const COMMAND: &str = "apiVersion: evento.dev/v1alpha1
kind: Command
metadata: {name: withdraw-cash}
spec:
  entity: account
  emits: [cash-withdrawn, withdrawal-rejected]
  schema:
    type: record
    name: WithdrawCash
    namespace: bank
    fields:
      - {name: amount, type: long}
      - {name: reference, type: string, default: \"\"}
";

#[test]
fn block_flow_and_json_form_say_the_same() {
    let block = parse(COMMAND).unwrap().remove(0);
    let flow = parse(
        "{apiVersion: evento.dev/v1alpha1, kind: Command, metadata: {name: withdraw-cash}, spec: {entity: account, emits: [cash-withdrawn, withdrawal-rejected], schema: {type: record, name: WithdrawCash, namespace: bank, fields: [{name: amount, type: long}, {name: reference, type: string, default: \"\"}]}}}",
    )
    .unwrap()
    .remove(0);
    let json = SourceFile { path: "a.json".to_owned(), folder: None, text: block.document.to_string() };
    let json = parse_set(&[json], &BTreeMap::new()).unwrap().resources.remove(0);
    assert_eq!(block.document, flow.document);
    assert_eq!(block.document, json.document);
    let stored = Resource::from_document(&block.document).unwrap();
    assert_eq!(stored.document, block.document);
    let Spec::Command(command) = &block.spec else { panic!("a command") };
    assert_eq!(command.schema.full_name.as_str(), "bank.WithdrawCash");
    assert_eq!(command.emits.len(), 2);
    assert_eq!((block.kind, block.name.as_str(), block.place.line), (Kind::Command, "withdraw-cash", 2));
}

#[test]
fn the_bank_of_the_reference_reads() {
    let bank = bank();
    let count = |kind| bank.resources.iter().filter(|resource| resource.kind == kind).count();
    assert_eq!(Kind::ALL.map(count), [1, 3, 6, 1]);
    let Spec::Entity(account) = &bank.resources[0].spec else { panic!("an entity") };
    assert_eq!(
        account.schema.schema.fields().map(|field| field.name).collect::<Vec<_>>(),
        ["owner", "currency", "balance", "deposits"]
    );
}

#[test]
fn defaults_are_those_of_the_reference() {
    let text = "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {name: account}\nspec: {schema: {type: record, name: Account, namespace: bank, fields: []}}\n---\napiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {name: accounts}\nspec: {runtime: process, process: {command: [python, accounts.py]}}\n";
    let resources = parse(text).unwrap();
    let Spec::Entity(entity) = &resources[0].spec else { panic!("an entity") };
    assert_eq!((entity.partitions, entity.on_park), (12, OnPark::Continue));
    assert_eq!(
        (entity.retry.attempts_max, entity.retry.delay_ms_initial, entity.retry.delay_ms_max),
        (10, 100, 30_000)
    );
    let Spec::Function(function) = &resources[1].spec else { panic!("a function") };
    assert_eq!((function.timeout_ms, function.start_timeout_ms, function.concurrency), (None, 30_000, None));
    let Runtime::Process(process) = &function.runtime else { panic!("a process") };
    assert_eq!(process.working_dir.as_deref(), Some("/home/ada/r"));
    assert_eq!(resources[1].document.pointer("/spec/process/workingDir"), Some(&json!("/home/ada/r")));
}

#[test]
fn every_field_of_a_function_is_read() {
    let text = "apiVersion: evento.dev/v1alpha1
kind: Function
metadata: {name: accounts, labels: {team: core}}
spec:
  handles: [open-account]
  applies: [account]
  runtime: process
  process: {command: [python, accounts.py], workingDir: .., env: {A: b, N: 'no'}, watch: [accounts.py, ../schemas]}
  timeout: 1m30s
  startTimeout: 10s
  concurrency: 4
  purity: warn
  gate: {replay: sample, instances: 50, backtest: 10, backtestMustMatch: true}
---
apiVersion: evento.dev/v1alpha1
kind: Function
metadata: {name: remote}
spec:
  runtime: url
  protocol: {modes: [plain, run]}
  url: {address: 'http://127.0.0.1:9000', rediscover: 5s, manifest: {manifestVersion: 1}, caPem: x, artifactDigest: 'sha256:0000000000000000000000000000000000000000000000000000000000000001'}
";
    let resources = parse(text).unwrap();
    let Spec::Function(local) = &resources[0].spec else { panic!("a function") };
    let Runtime::Process(process) = &local.runtime else { panic!("a process") };
    assert_eq!(process.working_dir.as_deref(), Some("/home/ada"));
    assert_eq!(process.env.get("N").map(String::as_str), Some("no"));
    assert_eq!(process.watch, ["accounts.py", "../schemas"]);
    assert_eq!((local.timeout_ms, local.start_timeout_ms, local.concurrency), (Some(90_000), 10_000, Some(4)));
    assert_eq!((local.gate.instances, local.gate.backtest, local.gate.backtest_must_match), (Some(50), 10, true));
    let Spec::Function(remote) = &resources[1].spec else { panic!("a function") };
    let Runtime::Url(url) = &remote.runtime else { panic!("a url") };
    assert_eq!((url.rediscover_ms, url.address.as_str()), (5_000, "http://127.0.0.1:9000"));
    assert_eq!(remote.modes, ["plain", "run"]);
    assert_eq!(url.manifest, Some(json!({"manifestVersion": 1})));
}

#[test]
fn a_container_is_read_with_its_limits_and_its_build_folder_is_found_again() {
    let text = "apiVersion: evento.dev/v1alpha1
kind: Function
metadata: {name: accounts}
spec: {runtime: container, container: {image: 'bank/accounts:1', args: [--fast], memory: 64Mi, cpus: 0.5, pull: Never}}
---
apiVersion: evento.dev/v1alpha1
kind: Function
metadata: {name: orders}
spec: {runtime: container, container: {build: ../orders}}
";
    let resources = parse(text).unwrap();
    let container = |n: usize| match &resources[n].spec {
        Spec::Function(function) => match &function.runtime {
            Runtime::Container(container) => container.clone(),
            _ => panic!("a container"),
        },
        _ => panic!("a function"),
    };
    let named = container(0);
    assert_eq!(named.source, ContainerSource::Image { name: "bank/accounts:1".to_owned(), pull: ImagePull::Never });
    assert_eq!((named.args.join(" "), named.memory_bytes, named.cpus_milli), ("--fast".to_owned(), 64 << 20, 500));
    let built = container(1);
    assert_eq!(built.source, ContainerSource::Build("/home/ada/orders".to_owned()));
    assert_eq!((built.args.len(), built.memory_bytes, built.cpus_milli), (0, 256 << 20, 1_000));
    assert_eq!(resources[1].document.pointer("/spec/container/build"), Some(&json!("/home/ada/orders")));
}

#[test]
fn wrong_yaml_is_refused_with_its_place() {
    let table: &[(&str, &[Told])] = &[
        ("kind: [a", &[(2001, 2, 1, "not YAML")]),
        ("- a\n- b", &[(2001, 1, 1, "expected a map, found a list")]),
        ("just text", &[(2001, 1, 1, "expected a map, found a text")]),
        ("? [a]\n: b", &[(2001, 1, 3, "a key must be a text")]),
        (
            "a: !thing b",
            &[
                (2001, 1, 4, "the tag !thing is not taken"),
                (2001, 1, 1, "apiVersion"),
                (2001, 1, 1, "kind"),
                (2001, 1, 1, "metadata"),
                (2001, 1, 1, "spec"),
                (2002, 1, 1, "unknown field a"),
            ],
        ),
    ];
    for (text, expected) in table {
        refused(text, expected);
    }
}

#[test]
fn a_document_of_a_wrong_shape_is_refused_with_every_fault_at_once() {
    refused(
        "--- kind: Entity\n",
        &[(2001, 1, 5, "text after ---"), (2001, 1, 9, "not YAML"), (2001, 1, 5, "expected a map, found a text")],
    );
    refused(
        &format!("---\n{COMMAND}--- # a comment is fine\n{}", COMMAND.replace("emits:", "emit:")),
        &[(2001, 20, 3, "spec.emits is missing"), (2002, 21, 3, "unknown field emit")],
    );
    refused(
        &COMMAND.replace("entity: account", "entity: account\n  entity: other"),
        &[(2001, 6, 3, "first on line 5")],
    );
    refused(&COMMAND.replace("entity: account", "entity: &a account"), &[(2001, 5, 11, "anchors")]);
    let Spec::Command(command) = parse(&COMMAND.replace("entity: account", "entity: no")).unwrap().remove(0).spec
    else {
        panic!("a command")
    };
    assert_eq!(command.entity.as_str(), "no");
}

#[test]
fn fields_of_a_wrong_type_or_out_of_bounds_are_refused() {
    let entity = |fields: &str| {
        format!(
            "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {{name: account}}\nspec:\n  schema: {{type: record, name: A, namespace: b, fields: []}}\n  {fields}\n"
        )
    };
    let table: &[(&str, Told)] = &[
        ("partitions: many", (2001, 6, 15, "expected a whole number, found a text")),
        ("partitions: 0", (2001, 6, 15, "0 is not between 1 and 1024")),
        ("partitions: 1.5", (2001, 6, 15, "1.5 is not between")),
        ("onPark: wait", (2001, 6, 11, "\"wait\" is not one of continue, block")),
        ("onPark: true", (2001, 6, 11, "expected a text, found a boolean")),
        ("retry: {maxAttempts: 1}", (2001, 6, 24, "1 is not between 2 and")),
        ("retry: {initialDelay: 5}", (2001, 6, 25, "expected a duration")),
        ("retry: {initialDelay: 5 s}", (2001, 6, 25, "\"5 s\" is not a duration")),
        ("retry: {initialDelay: 1m, maxDelay: 30s}", (2001, 6, 39, "30s is not between 1m and 24h")),
        ("retry: {maxDelays: 30s}", (2002, 6, 11, "unknown field maxDelays")),
        ("partition: 3", (2002, 6, 3, "unknown field partition")),
    ];
    for (fields, expected) in table {
        refused(&entity(fields), &[*expected]);
    }
    let findings = parse(&entity("partition: 3")).unwrap_err();
    assert_eq!(findings[0].help.as_deref(), Some("did you mean partitions?"));
    assert_eq!((findings[0].kind, findings[0].name.as_deref()), (Some(Kind::Entity), Some("account")));
    assert_eq!(findings[0].pointer, "/spec/partition");
}

#[test]
fn headers_are_checked() {
    let table: &[(&str, &str, Told)] = &[
        ("evento.dev/v1alpha1", "v1", (2001, 1, 13, "unknown apiVersion v1")),
        ("kind: Command", "kind: Comand", (2001, 2, 7, "unknown kind Comand")),
        ("kind: Command", "kind: Saga", (2004, 2, 7, "reserved")),
        ("name: withdraw-cash", "name: WithdrawCash", (2001, 3, 18, "not a resource name")),
        (
            "name: withdraw-cash",
            "name: withdraw-cash, labels: {a: 1}",
            (2001, 3, 45, "expected a text, found a number"),
        ),
        ("namespace: bank", "namespace: evento.bank", (2004, 10, 16, "reserved")),
    ];
    for (from, to, expected) in table {
        refused(&COMMAND.replacen(from, to, 1), &[*expected]);
    }
}

#[test]
fn a_runtime_has_exactly_its_block() {
    let function = |spec: &str| {
        format!("apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: f}}\nspec:\n  {spec}\n")
    };
    let table: &[(&str, &[Told])] = &[
        ("handles: []", &[(2001, 5, 3, "spec.runtime is missing")]),
        ("runtime: docker", &[(2001, 5, 12, "not one of process, container, url, wasm")]),
        ("runtime: process", &[(2001, 5, 3, "spec.process is missing")]),
        ("runtime: process\n  process: {command: []}", &[(2001, 6, 22, "names no program")]),
        (
            "runtime: process\n  process: {command: [a]}\n  url: {address: x}",
            &[(2001, 7, 8, "there must be no block url")],
        ),
        ("runtime: process\n  process: {command: [a], env: {A: no, B: 1}}", &[(2001, 6, 43, "found a number")]),
        ("runtime: url\n  url: {address: ftp://x}", &[(2001, 6, 18, "is not an address")]),
        ("runtime: url\n  url: {address: 'http://x', caFile: ca.pem}", &[(2007, 6, 38, "ca.pem was not sent along")]),
        ("runtime: wasm\n  wasm: {memory: 16Mi}", &[(2001, 6, 9, "file is missing")]),
        ("runtime: wasm\n  wasm: {oci: registry/accounts}", &[(2305, 6, 15, "not yet served by this build")]),
        ("runtime: wasm\n  wasm: {file: a.wasm, memory: 2Gi}", &[(2001, 6, 32, "between 64Ki and 1Gi")]),
        ("runtime: wasm\n  wasm: {file: a.wasm, memory: lots}", &[(2001, 6, 32, "not an amount of memory")]),
        ("runtime: wasm\n  wasm: {file: a.wasm, reuse: 1}", &[(2001, 6, 31, "true or false")]),
        ("runtime: container\n  container: {image: x, cpus: 1.0, gpus: 1}", &[(2002, 6, 36, "unknown field gpus")]),
        ("runtime: container\n  container: {memory: 64Mi}", &[(2001, 6, 14, "neither image nor build")]),
        ("runtime: container\n  container: {image: x, build: y}", &[(2001, 6, 32, "both image and build")]),
        ("runtime: container\n  container: {build: y, pull: Never}", &[(2001, 6, 31, "leave pull out")]),
        ("runtime: container\n  container: {image: x, pull: Sometimes}", &[(2001, 6, 31, "IfNotPresent, Never")]),
        ("runtime: container\n  container: {image: ../containers}", &[(2001, 6, 22, "no name of an image")]),
        ("runtime: container\n  container: {image: 'a b'}", &[(2001, 6, 22, "no name of an image")]),
        ("runtime: container\n  container: {image: x, memory: 1Mi}", &[(2001, 6, 33, "between 6Mi and 64Gi")]),
        ("runtime: container\n  container: {image: x, memory: 64}", &[(2001, 6, 33, "found a number")]),
        ("runtime: container\n  container: {image: x, cpus: none}", &[(2001, 6, 31, "number of processors")]),
        ("runtime: container\n  container: {image: x, cpus: 1000}", &[(2001, 6, 31, "between 0.01 and 256")]),
        ("runtime: container\n  container: {image: x, args: a}", &[(2001, 6, 31, "expected a list")]),
        ("runtime: process\n  process: {command: [a]}\n  handles: [a, a]", &[(2001, 7, 16, "a stands here twice")]),
        ("runtime: process\n  process: {command: [a]}\n  gate: {replay: some}", &[(2001, 7, 18, "none, sample, all")]),
    ];
    for (spec, expected) in table {
        refused(&function(spec), expected);
    }
}

#[test]
fn schemas_are_checked_where_they_are_written() {
    let schema = |fields: &str| {
        format!(
            "apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {{name: x}}\nspec:\n  entity: account\n  schema:\n    type: record\n    name: X\n    namespace: bank\n    fields:\n    - {fields}\n"
        )
    };
    let table: &[(&str, Told)] = &[
        ("{name: a, type: bank.Nowhere}", (2101, 11, 23, "bank.Nowhere")),
        ("{name: a, type: long, default: x}", (2101, 11, 23, "bank.X.a")),
        ("{name: a, type: [int, long]}", (2106, 11, 23, "look alike")),
        ("{name: a, type: {type: array, items: [string, bytes]}}", (2106, 11, 44, "look alike")),
    ];
    for (fields, expected) in table {
        refused(&schema(fields), &[*expected]);
    }
    refused(&schema("{name: a, type: long}").replace("    namespace: bank\n", ""), &[(2101, 8, 11, "no namespace")]);
    refused(
        "apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {name: x}\nspec:\n  entity: account\n  schema: {type: enum, name: E, namespace: b, symbols: [A]}\n",
        &[(2101, 6, 11, "must be an Avro record")],
    );
    refused(
        "apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {name: x}\nspec:\n  entity: account\n",
        &[(2001, 5, 3, "spec.schema or spec.schemaFile is missing")],
    );
}

#[test]
fn files_are_put_in_their_place_and_keep_their_own_places() {
    let text = "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {name: account}\nspec:\n  schemaFile: ../schemas/Account.avsc\n  references:\n  - {name: bank.Iban, schemaFile: iban.avsc}\n";
    let source = file(text);
    assert_eq!(referenced_files(&source), ["../schemas/Account.avsc", "iban.avsc"]);
    let iban =
        r#"{"type": "record", "name": "Iban", "namespace": "bank", "fields": [{"name": "text", "type": "string"}]}"#;
    let account = |iban: &str| {
        format!(
            "{{\"type\": \"record\", \"name\": \"Account\", \"namespace\": \"bank\",\n\t\"fields\": [\n\t\t{{\"name\": \"iban\", \"type\": \"{iban}\"}}]}}"
        )
    };
    let with = |account: String| {
        let attachments = [("schemas/Account.avsc".to_owned(), account), ("r/iban.avsc".to_owned(), iban.to_owned())];
        parse_set(std::slice::from_ref(&source), &attachments.into())
    };
    let set = with(account("bank.Iban")).unwrap();
    let document = &set.resources[0].document;
    assert_eq!(document.pointer("/spec/schema/name"), Some(&json!("Account")));
    assert_eq!(document.pointer("/spec/schemaFile"), None);
    assert_eq!(document.pointer("/spec/references/0/schema/name"), Some(&json!("Iban")));
    let place = set.resources[0].place_in_schema("bank.Account.iban").0;
    assert_eq!((&*place.file, place.line, place.column), ("schemas/Account.avsc", 3, 28));

    let findings = with(account("bank.Ibam")).unwrap_err();
    assert_eq!((findings[0].code.0, findings[0].file.as_str(), findings[0].line), (2101, "schemas/Account.avsc", 3));
    let findings = with("{".to_owned()).unwrap_err();
    assert_eq!(told(&findings), ["EV2001 1:2 not JSON: a key in double quotes is expected"]);
    let findings = parse_set(&[source], &BTreeMap::new()).unwrap_err();
    let missing = ["../schemas/Account.avsc", "iban.avsc"].map(|path| format!("the file {path} was not sent along"));
    assert_eq!(findings.iter().map(|f| &f.message).collect::<Vec<_>>(), missing.iter().collect::<Vec<_>>());
}

#[test]
fn references_may_use_those_before_and_are_defined_once() {
    let event = |references: &str| {
        format!(
            "apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {{name: x}}\nspec:\n  entity: account\n  references:\n{references}  schema: {{type: record, name: X, namespace: bank, fields: [{{name: a, type: Iban}}]}}\n"
        )
    };
    let text = "  - {name: bank.Text, schema: {type: record, name: Text, namespace: bank, fields: []}}\n";
    let iban =
        "  - {name: bank.Iban, schema: {type: record, name: Iban, namespace: bank, fields: [{name: t, type: Text}]}}\n";
    let Spec::Event(x) = parse(&event(&format!("{text}{iban}"))).unwrap().remove(0).spec else { panic!("an event") };
    assert!(x.schema.schema.canonical_form().contains("bank.Text"));
    assert_eq!(x.schema.references.len(), 2);
    refused(&event(&format!("{iban}{text}")), &[(2101, 7, 100, "bank.Text")]);
    refused(&event(&format!("{text}{iban}{text}")), &[(2107, 9, 31, "bank.Text is defined twice")]);
    refused(
        &event(&iban.replace("bank.Iban", "bank.Ibam").replace("Text", "int")),
        &[(2101, 7, 31, "is called bank.Ibam")],
    );
    let many: String = (0..5_000)
        .map(|n| {
            format!("  - {{name: bank.R{n}, schema: {{type: record, name: R{n}, namespace: bank, fields: []}}}}\n")
        })
        .collect();
    refused(&event(&many), &[(2101, 5_007, 77, "Iban")]);
}

#[test]
fn what_evento_shows_may_be_applied_again() {
    let mut document = parse(COMMAND).unwrap().remove(0).document;
    let written = document.clone();
    document["status"] = json!({"observedGeneration": 3});
    document["metadata"]["generation"] = json!(3);
    let shown = SourceFile { path: "a.json".to_owned(), folder: None, text: document.to_string() };
    assert_eq!(parse_set(&[shown], &BTreeMap::new()).unwrap().resources[0].document, written);
}

#[test]
fn hostile_files_are_refused_and_memory_stays_bounded() {
    let deep_flow = "[".repeat(70);
    let deep_block = "- ".repeat(20_000);
    let laughs = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    let many = "---\n{}\n".repeat(1_001);
    let large = " ".repeat((1 << 20) + 1);
    let part = |text: &str| parse(text).unwrap_err().iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("\n");
    assert!(part(&deep_flow).contains("64 levels"));
    assert!(part(&deep_block).contains("64 levels"));
    assert!(part(laughs).contains("aliases are not taken"));
    assert!(part(&many).contains("missing"));
    assert_eq!(parse(&many).unwrap_err().len(), super::FINDINGS_MAX);
    assert!(part(&large).contains("at most 1 MiB"));
}
