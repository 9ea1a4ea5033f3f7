//! What resources must be to each other, and what a change means.

use serde_json::json;

use super::{Log, applied, are, bank_registry};
use crate::registry::{Action, NoUsage, Registry};
use crate::resource::Kind;
use crate::resource::tests::{bank, bank_with, set, told};

/// A document of a kind in flow form.
fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("{{apiVersion: evento.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {{{spec}}}}}\n")
}

fn refused(texts: &[String], expected: &[(u16, &str, &str, &str)]) {
    let findings = bank_registry().plan(&set(&texts.join("---\n")), &NoUsage).expect_err("refused");
    are(&findings, expected);
    assert!(findings.iter().all(|finding| finding.line > 0 && !finding.file.is_empty()), "{:#?}", told(&findings));
}

#[test]
fn the_bank_is_taken_and_every_resource_gets_its_numbers() {
    let change = applied(&Registry::default(), &bank());
    assert_eq!(change.warnings, []);
    assert_eq!(change.differences.len(), 11);
    assert!(change.differences.iter().all(|difference| difference.action == Action::Created));
    assert_eq!(change.functions_changed.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["accounts"]);
    let account = change.registry.resource(Kind::Entity, "account").unwrap();
    assert_eq!(account["status"]["schemaIds"], json!([17]));
    assert_eq!(account["status"]["topics"], json!(["account.commands", "account.events"]));
    assert_eq!(account["metadata"]["generation"], json!(1));
    assert_eq!(change.registry.version(), 1);
}

#[test]
fn the_same_set_again_changes_nothing() {
    let registry = bank_registry();
    let change = applied(&registry, &bank());
    assert!(change.is_empty());
    assert!(change.differences.iter().all(|difference| difference.action == Action::Unchanged));
    assert_eq!(change.registry.version(), registry.version());
    assert_eq!(change.functions_changed, []);
}

#[test]
fn changes_are_told_in_words() {
    let set = bank_with(&[
        ("timeout: 5s", "timeout: 7s"),
        (
            "name: DepositRejected, namespace: bank, fields: [{name: amount, type: long}, {name: reason, type: string}]",
            "name: DepositRejected, namespace: bank, fields: [{name: amount, type: long}, {name: reason, type: string, default: none}, {name: code, type: int, default: 0}]",
        ),
        ("onPark: continue ", "onPark: block "),
    ]);
    let log = Log { instances: 7, ..Log::default() };
    let change = bank_registry().plan(&set, &log).unwrap();
    let told: Vec<String> = change
        .differences
        .iter()
        .filter(|difference| difference.action == Action::Changed)
        .flat_map(|difference| difference.changes.iter().map(|field| format!("{}: {}", difference.name, field.words)))
        .collect();
    assert_eq!(
        told,
        [
            "account: spec.onPark: \"continue\" → \"block\"",
            "deposit-rejected: field reason: default nothing → \"none\"",
            "deposit-rejected: field code added with default 0",
            "accounts: spec.timeout: \"5s\" → \"7s\"",
        ]
    );
    assert_eq!(change.differences[0].rebuilds, 0, "its schema is the same");
    let affected: Vec<&str> = change.differences[0].affects.iter().map(|name| name.as_str()).collect();
    assert_eq!(affected, ["accounts"]);
}

#[test]
fn names_that_lead_nowhere_are_refused_with_the_nearest() {
    let schema = "schema: {type: record, name: CloseAccount, namespace: bank, fields: []}";
    let close = document(
        "Command",
        "close-account",
        &format!("entity: acount, emits: [account-closed, cash-withdrawn], {schema}"),
    );
    refused(
        &[close],
        &[
            (2005, "close-account", "/spec/entity", "there is no entity acount"),
            (2005, "close-account", "/spec/emits/0", "there is no event account-closed"),
            (
                2005,
                "close-account",
                "/spec/emits/1",
                "cash-withdrawn is an event of account, close-account targets acount",
            ),
        ],
    );
    let closed = "entity: ledger, schema: {type: record, name: AccountClosed, namespace: bank, fields: []}";
    refused(
        &[document("Event", "account-closed", closed)],
        &[(2005, "account-closed", "/spec/entity", "no entity ledger")],
    );
    let function = "handles: [withdraw-cahs], applies: [account], runtime: process, process: {command: [a]}";
    let findings = bank_registry().plan(&set(&document("Function", "more", function)), &NoUsage).unwrap_err();
    are(
        &findings,
        &[
            (2005, "more", "/spec/handles/0", "withdraw-cahs"),
            (2201, "more", "/spec/applies/0", "applies of accounts already"),
        ],
    );
    assert_eq!(findings[0].help.as_deref(), Some("did you mean withdraw-cash?"));
}

#[test]
fn two_functions_for_one_command_are_refused() {
    let function = "handles: [withdraw-cash], runtime: process, process: {command: [a]}";
    refused(
        &[document("Function", "more", function)],
        &[(2201, "more", "/spec/handles/0", "withdraw-cash is in handles of accounts already")],
    );
}

#[test]
fn names_are_unique_and_full_names_have_one_owner() {
    let event = |name: &str, record: &str| {
        let schema = format!("entity: account, schema: {{type: record, name: {record}, namespace: bank, fields: []}}");
        document("Event", name, &schema)
    };
    refused(&[event("noted", "Noted"), event("noted", "Noted")], &[(2003, "noted", "/metadata/name", "twice")]);
    refused(
        &[event("noted", "Noted"), event("also-noted", "Noted")],
        &[
            (2003, "also-noted", "/spec/schema/name", "bank.Noted is taken by Event noted"),
            (2006, "also-noted", "/metadata/name", "also-noted is not noted"),
        ],
    );
    refused(
        &[event("withdraw-cash", "WithdrawCash")],
        &[(2003, "withdraw-cash", "/spec/schema/name", "taken by Command withdraw-cash")],
    );
}

#[test]
fn a_name_that_is_not_the_kebab_form_is_a_warning() {
    let spec = "entity: account, schema: {type: record, name: AccountNoted, namespace: bank, fields: []}";
    let change = applied(&bank_registry(), &set(&document("Event", "noted", spec)));
    are(
        &change.warnings,
        &[(2006, "noted", "/metadata/name", "noted is not account-noted, the kebab form of AccountNoted")],
    );
    assert!(change.registry.get(Kind::Event, "noted").is_some());
}

#[test]
fn a_shared_type_has_one_definition_everywhere() {
    let event = |name: &str, record: &str, iban: &str| {
        document(
            "Event",
            name,
            &format!(
                "entity: account, references: [{{name: bank.Iban, schema: {{type: record, name: Iban, namespace: bank, fields: [{iban}]}}}}], schema: {{type: record, name: {record}, namespace: bank, fields: [{{name: iban, type: bank.Iban}}]}}"
            ),
        )
    };
    let (text, parts) = ("{name: text, type: string}", "{name: country, type: string}");
    let both = [event("noted", "Noted", text), event("checked", "Checked", text)];
    let registry = applied(&bank_registry(), &set(&both.join("---\n"))).registry;
    let one = set(&event("noted", "Noted", &format!("{text}, {{name: bic, type: string, default: ''}}")));
    let findings = registry.plan(&one, &NoUsage).unwrap_err();
    are(&findings, &[(2107, "noted", "/spec/references/0", "bank.Iban is defined differently in Event checked")]);
    refused(
        &[event("noted", "Noted", text), event("checked", "Checked", parts)],
        &[(2107, "noted", "/spec/references/0", "bank.Iban is defined differently in Event checked")],
    );
    let longer = format!("{text}, {{name: bic, type: string, default: ''}}");
    let both = [event("noted", "Noted", &longer), event("checked", "Checked", &longer)];
    assert!(registry.plan(&set(&both.join("---\n")), &NoUsage).is_ok(), "one set may change it everywhere");
}

#[test]
fn retired_is_not_for_people_to_set() {
    let spec = "entity: account, retired: true, schema: {type: record, name: Noted, namespace: bank, fields: []}";
    refused(&[document("Event", "noted", spec)], &[(2001, "noted", "/spec/retired", "retired is set by Evento")]);
}
