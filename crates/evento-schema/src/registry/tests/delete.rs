//! Deleting, retiring and bringing back.

use serde_json::json;

use super::{Log, applied, are, bank_registry};
use crate::registry::{Action, NoUsage, Registry};
use crate::resource::Kind;
use crate::resource::tests::set;

const NOTED: &str = "{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: noted}, spec: {entity: account, schema: {type: record, name: Noted, namespace: bank, fields: []}}}";

fn with_noted() -> Registry {
    applied(&bank_registry(), &set(NOTED)).registry
}

#[test]
fn an_unknown_name_is_told_with_the_nearest() {
    let findings = bank_registry().plan_delete(Kind::Command, "withdraw-csh", false, false, &NoUsage).unwrap_err();
    are(&findings, &[(1001, "withdraw-csh", "", "there is no command withdraw-csh")]);
    assert_eq!(findings[0].help.as_deref(), Some("did you mean withdraw-cash?"));
}

#[test]
fn what_has_no_history_is_gone_and_its_ids_are_never_used_again() {
    let registry = with_noted();
    let change = registry.plan_delete(Kind::Event, "noted", false, false, &NoUsage).unwrap();
    assert_eq!(change.differences[0].action, Action::Deleted);
    assert!(change.registry.get(Kind::Event, "noted").is_none());
    let gone: Vec<_> = change.meta.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| &key[..]).collect();
    assert_eq!(gone, [b"registry/resource/event/noted"]);
    let other = NOTED.replace("noted", "marked").replace("Noted", "Marked");
    let next = applied(&change.registry, &set(&other)).registry;
    let id = next.get(Kind::Event, "marked").unwrap().schema.unwrap();
    assert!(registry.schema(id).is_none(), "a new id");
}

#[test]
fn what_has_history_is_retired_and_comes_back_when_applied_again() {
    let registry = with_noted();
    let log = Log { records: [("bank.Noted", 3)].into(), ..Log::default() };
    let change = registry.plan_delete(Kind::Event, "noted", false, false, &log).unwrap();
    assert_eq!(change.differences[0].action, Action::Retired);
    let stored = change.registry.get(Kind::Event, "noted").unwrap();
    assert!(stored.is_retired());
    assert_eq!(stored.versions.len(), 1);
    // What `evento get` shows keeps it retired.
    let shown = change.registry.resource(Kind::Event, "noted").unwrap();
    assert_eq!(shown["spec"]["retired"], json!(true));
    assert!(applied(&change.registry, &set(&shown.to_string())).is_empty());
    let back = applied(&change.registry, &set(NOTED)).registry;
    assert!(!back.get(Kind::Event, "noted").unwrap().is_retired());
}

#[test]
fn what_others_name_is_not_deleted_under_them() {
    let registry = bank_registry();
    let findings = registry.plan_delete(Kind::Event, "cash-withdrawn", false, false, &NoUsage).unwrap_err();
    are(&findings, &[(2005, "withdraw-cash", "/spec/emits/0", "there is no event cash-withdrawn")]);
    let log = Log { records: [("bank.CashWithdrawn", 3)].into(), ..Log::default() };
    let findings = registry.plan_delete(Kind::Event, "cash-withdrawn", false, false, &log).unwrap_err();
    are(&findings, &[(2005, "withdraw-cash", "/spec/emits/0", "event cash-withdrawn is retired")]);
    let findings = registry.plan_delete(Kind::Command, "withdraw-cash", false, false, &NoUsage).unwrap_err();
    are(&findings, &[(2005, "accounts", "/spec/handles/2", "there is no command withdraw-cash")]);
}

#[test]
fn an_entity_with_instances_goes_only_with_its_data() {
    let registry = bank_registry().plan_delete(Kind::Function, "accounts", false, false, &NoUsage).unwrap().registry;
    let log = Log { instances: 2, ..Log::default() };
    let findings = registry.plan_delete(Kind::Entity, "account", false, false, &log).unwrap_err();
    are(&findings, &[(2401, "account", "", "account has 2 instances")]);
    let number = registry.get(Kind::Entity, "account").unwrap().entity.unwrap();
    let change = registry.plan_delete(Kind::Entity, "account", false, true, &log).unwrap();
    assert_eq!(change.purged, [number]);
    assert_eq!(change.differences.len(), 10, "its commands and events go with it");
    assert_eq!(Kind::ALL.map(|kind| change.registry.all(kind).count()), [0, 0, 0, 0]);
    let again = "{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {name: account}, spec: {schema: {type: record, name: Account, namespace: bank, fields: []}}}";
    let next = applied(&change.registry, &set(again)).registry;
    assert_ne!(next.get(Kind::Entity, "account").unwrap().entity.unwrap(), number, "numbers are never reused");
}
