//! What may become of a schema once it is registered.

use serde_json::json;

use super::{Log, applied, are, bank_registry};
use crate::registry::{Change, NoUsage, Registry};
use crate::resource::tests::{bank_with, set};
use crate::resource::{Finding, Kind, ResourceSet};

/// An event `noted` of the bank with these fields.
fn noted(fields: &str, more: &str) -> ResourceSet {
    set(&format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {{name: noted}}\nspec:\n  entity: account\n  {more}\n  schema:\n    {{type: record, name: Noted, namespace: bank, fields: [\n      {fields}]}}\n"
    ))
}

/// The change from some versions to the last one.
fn evolve(versions: &[&str], last: &str, more: &str) -> Result<Change, Vec<Finding>> {
    let registry =
        versions.iter().fold(bank_registry(), |registry, fields| applied(&registry, &noted(fields, more)).registry);
    registry.plan(&noted(last, more), &NoUsage)
}

const A_LONG: &str = "{name: a, type: long}";
const A_INT: &str = "{name: a, type: int}";

#[test]
fn every_version_ever_registered_stays_readable() {
    /// Versions, the next one, and the pointer and message with which it is refused.
    type Row = (&'static [&'static str], &'static str, Option<(&'static str, &'static str)>);
    let table: &[Row] = &[
        (&[A_INT], A_LONG, None),
        (&[A_LONG], A_INT, Some(("/spec/schema/fields/0/type", "can no longer read its version 1: bank.Noted.a"))),
        (&[A_LONG], "", None),
        (&[""], "{name: b, type: int, default: 0}", None),
        (&[""], "{name: b, type: int}", Some(("/spec/schema/fields/0/type", "version 1: bank.Noted.b"))),
        (&[A_INT, A_LONG], "{name: a, type: double}", None),
        // The newest version alone would do; the first one does not.
        (
            &[A_LONG, ""],
            "{name: a, type: string, default: x}",
            Some(("/spec/schema/fields/0/type", "version 1: bank.Noted.a")),
        ),
        (
            &["{name: a, type: {type: enum, name: E, symbols: [X, Y]}}"],
            "{name: a, type: {type: enum, name: E, symbols: [X]}}",
            Some(("/spec/schema/fields/0/type", "bank.Noted.a")),
        ),
        (&["{name: a, type: int}"], "{name: b, type: int, aliases: [a]}", None),
    ];
    for (versions, last, broken) in table {
        match (evolve(versions, last, "rejection: false"), broken) {
            (Ok(_), None) => {}
            (Err(findings), Some((pointer, part))) => {
                are(&findings, &[(2104, "noted", pointer, part)]);
                assert_eq!(findings[0].line, 9, "{last}");
            }
            (Ok(_), Some(_)) => panic!("{versions:?} to {last} is taken"),
            (Err(findings), None) => panic!("{versions:?} to {last}: {findings:#?}"),
        }
    }
}

#[test]
fn a_violation_names_all_versions_that_have_it() {
    let second = "{name: a, type: long}, {name: b, type: int, default: 0}";
    let findings = evolve(&[A_LONG, second], A_INT, "rejection: false").unwrap_err();
    are(
        &findings,
        &[(2104, "noted", "/spec/schema/fields/0/type", "can no longer read its versions 1 to 2: bank.Noted.a")],
    );
    assert_eq!(findings[0].column, 23);
}

#[test]
fn full_compatibility_keeps_old_readers() {
    let full = "compatibility: full";
    let with_default = "{name: a, type: long}, {name: b, type: int, default: 0}";
    assert!(evolve(&[A_LONG], with_default, full).is_ok());
    assert!(evolve(&[with_default], A_LONG, full).is_ok());
    let findings = evolve(&[A_INT], A_LONG, full).unwrap_err();
    are(
        &findings,
        &[(
            2105,
            "noted",
            "/spec/schema/fields/0/type",
            "readers of version 1 cannot read the new schema: bank.Noted.a",
        )],
    );
    let findings = evolve(&[A_LONG], "", full).unwrap_err();
    are(&findings, &[(2105, "noted", "/spec/schema", "bank.Noted.a")]);
}

#[test]
fn a_schema_that_comes_back_is_in_force_under_its_old_id() {
    let registry = ["", "{name: a, type: int, default: 0}", ""]
        .iter()
        .fold(bank_registry(), |registry, fields| applied(&registry, &noted(fields, "rejection: false")).registry);
    let stored = registry.get(Kind::Event, "noted").unwrap();
    assert_eq!((stored.versions.len(), stored.schema, stored.generation), (2, Some(stored.versions[0]), 3));
}

#[test]
fn docs_alone_make_no_version() {
    let first = applied(&bank_registry(), &noted(A_INT, "rejection: false")).registry;
    let change = applied(&first, &noted("{name: a, type: int, doc: an a}", "rejection: false"));
    let stored = change.registry.get(Kind::Event, "noted").unwrap();
    assert_eq!((stored.versions.len(), stored.generation), (1, 2));
    assert_eq!(change.differences[0].changes[0].words, "field a: doc changed");
}

#[test]
fn the_same_schema_has_the_same_id_under_every_name() {
    let iban = "references: [{name: bank.Iban, schema: {type: record, name: Iban, namespace: bank, fields: []}}]";
    let registry = applied(&bank_registry(), &noted("{name: a, type: bank.Iban}", iban)).registry;
    let ids: Vec<u32> = registry.schemas().map(|(id, _)| id.0).collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(ids, unique);
    for (id, schema) in registry.schemas() {
        assert_eq!(registry.schema_id(schema), Some(id));
    }
}

#[test]
fn partitions_never_change() {
    let findings = bank_registry().plan(&bank_with(&[("partitions: 12", "partitions: 24")]), &NoUsage).unwrap_err();
    are(&findings, &[(2110, "account", "/spec/partitions", "partitions cannot change from 12 to 24")]);
    assert_eq!((findings[0].line, findings[0].column), (7, 15));
}

#[test]
fn a_state_schema_may_change_and_says_how_many_states_are_rebuilt() {
    let set = set(
        "{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {name: account}, spec: {schema: {type: record, name: Account, namespace: bank, fields: [{name: total, type: string}]}}}",
    );
    let change = bank_registry().plan(&set, &Log { instances: 7, ..Log::default() }).unwrap();
    assert_eq!(change.differences[0].rebuilds, 7);
    let shown = change.registry.resource(Kind::Entity, "account").unwrap();
    assert_eq!(shown["status"]["schemaIds"].as_array().unwrap().len(), 2);
    assert_eq!(shown["status"]["observedGeneration"], json!(2));
}

#[test]
fn with_history_a_type_stays_what_it_is() {
    let ledger = "{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {name: ledger}, spec: {schema: {type: record, name: Ledger, namespace: bank, fields: []}}}\n";
    let registry: Registry =
        applied(&applied(&bank_registry(), &noted(A_INT, "rejection: false")).registry, &set(ledger)).registry;
    let log = Log { records: [("bank.Noted", 3)].into(), ..Log::default() };
    let mut renamed = noted(A_INT, "rejection: false");
    let text = renamed.resources[0].document.to_string();
    let with = |from: &str, to: &str| set(&text.replace(from, to));
    renamed = with("\"name\":\"Noted\"", "\"name\":\"Remarked\"");
    let findings = registry.plan(&renamed, &log).unwrap_err();
    are(
        &findings,
        &[
            (2006, "noted", "/metadata/name", "kebab"),
            (2111, "noted", "/spec/schema/name", "noted cannot change its full name from bank.Noted"),
        ],
    );
    let moved = with("\"entity\":\"account\"", "\"entity\":\"ledger\"");
    are(
        &registry.plan(&moved, &log).unwrap_err(),
        &[(2111, "noted", "/spec/entity", "cannot move from account to ledger")],
    );
    // Without history both are fine, and the versions begin anew.
    for other in [&renamed, &moved] {
        let change = registry.plan(other, &NoUsage).unwrap();
        assert_eq!(change.registry.get(Kind::Event, "noted").unwrap().versions.len(), 1);
    }
}
