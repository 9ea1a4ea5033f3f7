//! Declarations in, what serves or findings out.

use std::sync::Arc;

use evento_model::{Digest, FullName, ResourceName, Revision, SchemaId};
use serde_json::{Value, json};

use super::{Bound, Declaration, Limits, bind, catalog, findings, parse_schema_list, pinned};
use crate::avro::Schema;
use crate::catalog::Catalog;
use crate::registry::{NoUsage, Registry};
use crate::resource::tests::{bank, bank_with, set, told};
use crate::resource::{Finding, Kind, ResourceSet, Severity};

fn registry(set: &ResourceSet) -> Registry {
    then(&Registry::default(), set)
}

fn then(registry: &Registry, set: &ResourceSet) -> Registry {
    registry.plan(set, &NoUsage).unwrap_or_else(|findings| panic!("{:#?}", told(&findings))).registry
}

fn full(name: &str) -> FullName {
    FullName::new(name).unwrap()
}

const REVISION: Revision = Revision(Digest([7; 32]));

/// What the bank's function declares when it declares exactly what is registered.
fn declaration(registry: &Registry) -> Declaration {
    pinned(registry, &ResourceName::new("accounts").unwrap(), REVISION, Limits::default()).unwrap()
}

fn schema(json: Value) -> Schema {
    Schema::parse(&json.to_string()).unwrap()
}

fn record(name: &str, fields: Value) -> Schema {
    schema(json!({"type": "record", "name": name, "namespace": "bank", "fields": fields}))
}

fn bank_catalog(registry: &Registry, bound: Bound) -> Catalog {
    catalog(registry, 1, &[Arc::new(bound)])
}

/// Checks that a change of the bank's declaration is refused with exactly these codes and parts of messages.
fn refused(change: impl FnOnce(&mut Declaration), expected: &[(u16, &str)]) -> Vec<Finding> {
    let registry = registry(&bank());
    let mut declared = declaration(&registry);
    change(&mut declared);
    let found = bind(&registry, &declared).expect_err("refused");
    assert_eq!(
        found.iter().map(|f| f.code.0).collect::<Vec<_>>(),
        expected.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        "{:#?}",
        told(&found)
    );
    for (finding, (_, part)) in found.iter().zip(expected) {
        assert!(finding.message.contains(part), "{}", finding.message);
        assert_eq!(finding.name.as_deref(), Some("accounts"));
    }
    found
}

#[test]
fn a_function_that_declares_what_is_registered_serves_everything() {
    let registry = registry(&bank());
    let bound = bind(&registry, &declaration(&registry)).unwrap();
    assert_eq!((bound.warnings.len(), bound.unused.len()), (0, 0));
    assert_eq!((bound.serving.concurrency, bound.serving.timeout_ms, bound.serving.works_max), (8, 5_000, 512));
    let one = Arc::new(bound);
    assert_eq!(findings(&registry, std::slice::from_ref(&one)), []);
    let catalog = catalog(&registry, 3, &[one]);
    let account = catalog.find_entity("account").unwrap();
    assert_eq!((catalog.version, account.partitions, account.events.len(), account.commands.len()), (3, 12, 6, 3));
    let withdraw = account.find_command("WithdrawCash").unwrap();
    let handler = withdraw.handler.as_ref().unwrap();
    assert!(handler.plans[&withdraw.newest().id].is_identity());
    let rejected = &handler.emits[&full("bank.WithdrawalRejected")];
    assert!(rejected.rejection && rejected.plan.is_identity());
    assert_eq!(
        Some(rejected.registered),
        account.event(&full("bank.WithdrawalRejected")).map(|event| event.newest().id)
    );
    let applier = account.applier.as_ref().unwrap();
    assert_eq!((applier.applies.len(), applier.state_version), (3, 1));
    assert_eq!(catalog.schema(SchemaId(1)).and_then(Schema::full_name), Some("evento.CommandAbandoned"));
    assert_eq!(catalog.schema(account.schema.id), Some(&account.schema.schema));
    let ready = registry.describe(Kind::Command, "withdraw-cash", &catalog, &NoUsage).unwrap();
    assert_eq!(ready["status"]["conditions"][0]["status"], json!("True"));
}

#[test]
fn names_lead_to_types_in_the_order_of_the_reference() {
    let registry = registry(&bank());
    let catalog = catalog(&registry, 1, &[]);
    for name in ["account", "bank.Account", "Account"] {
        assert_eq!(catalog.find_entity(name).map(|entity| entity.name.as_str()), Ok("account"), "{name}");
    }
    let unknown = catalog.find_entity("acount").unwrap_err();
    assert_eq!((unknown.code.0, unknown.candidates), (1001, vec!["account".to_owned()]));
    let account = catalog.find_entity("account").unwrap();
    assert_eq!(account.find_command("withdraw-csh").unwrap_err().candidates, ["withdraw-cash"]);
}

#[test]
fn a_manifest_that_says_other_things_than_the_resources_is_refused() {
    refused(
        |declared| declared.entities[0].handles[2].1.retain(|event| event.short() != "WithdrawalRejected"),
        &[(2203, "emits of withdraw-cash: the manifest of accounts lacks bank.WithdrawalRejected")],
    );
    let found = refused(
        |declared| declared.entities[0].handles[2].1[1] = full("bank.WithdrawalRejectd"),
        &[(2203, "lacks bank.WithdrawalRejected"), (2203, "has bank.WithdrawalRejectd, no resource does")],
    );
    assert_eq!(found[0].help.as_deref(), Some("did you mean bank.WithdrawalRejectd?"));
    refused(
        |declared| declared.entities[0].rejections.push(full("bank.CashWithdrawn")),
        &[(2203, "rejections of account: the manifest of accounts has bank.CashWithdrawn")],
    );
    refused(
        |declared| declared.entities[0].rejections.retain(|event| event.short() != "WithdrawalRejected"),
        &[(2203, "rejections of account: the manifest of accounts lacks bank.WithdrawalRejected")],
    );
    refused(
        |declared| declared.entities[0].applies.retain(|event| event.short() != "CashWithdrawn"),
        &[(2202, "apply of bank.Account does not cover bank.CashWithdrawn")],
    );
    refused(
        |declared| declared.entities[0].applies.push(full("bank.CashWithdrawnn")),
        &[(2005, "names bank.CashWithdrawnn, no event of this entity is called so")],
    );
    refused(
        |declared| declared.entities[0].applies.push(full("evento.CommandAbandoned")),
        &[(2005, "evento.CommandAbandoned")],
    );
    refused(
        |declared| {
            declared.entities[0].handles.retain(|(command, _)| command.short() != "WithdrawCash");
        },
        &[(2302, "the manifest of accounts does not handle bank.WithdrawCash")],
    );
    refused(
        |declared| declared.entities[0].name = full("bank.Acount"),
        &[(2302, "does not apply bank.Account"), (2005, "names bank.Acount, no entity")],
    );
    refused(
        |declared| declared.entities.push(declared.entities[0].clone()),
        &[(2302, "the manifest lists bank.Account twice")],
    );
    refused(
        |declared| drop(declared.schemas.remove("bank.CashWithdrawn")),
        &[(2302, "names bank.CashWithdrawn and has no schema for it")],
    );
}

#[test]
fn schemas_that_do_not_resolve_are_refused_with_their_path() {
    let with = |name: &'static str, fields: Value| {
        move |declared: &mut Declaration| drop(declared.schemas.insert(full(name), record(full(name).short(), fields)))
    };
    let amount = |kind: &str| json!([{"name": "amount", "type": kind}, {"name": "reference", "type": "string"}]);
    // A command is read: long does not fit int.
    refused(with("bank.WithdrawCash", amount("int")), &[(2204, "bank.WithdrawCash.amount")]);
    // An event that is only emitted is written: long does not fit int, int fits long.
    let rejected = |kind: &str| json!([{"name": "amount", "type": kind}, {"name": "reason", "type": "string"}]);
    refused(with("bank.WithdrawalRejected", rejected("double")), &[(2204, "bank.WithdrawalRejected.amount")]);
    // An event that is emitted and applied goes both ways.
    refused(
        with("bank.CashWithdrawn", amount("int")),
        &[(2204, "bridged"), (2204, "bank.CashWithdrawn.amount: long -> int (version 1 of cash-withdrawn)")],
    );
    refused(
        with("bank.CashWithdrawn", amount("double")),
        &[(2204, "bank.CashWithdrawn.amount: double -> long (from what the function emits"), (2204, "bridged")],
    );
    // A state is never transcoded, not even where it could be.
    let account = |deposits: &str| json!([{"name": "owner", "type": "string"}, {"name": "currency", "type": "string"}, {"name": "balance", "type": "long"}, {"name": "deposits", "type": deposits}]);
    refused(with("bank.Account", account("long")), &[(2204, "another layout")]);
    refused(with("bank.Account", account("string")), &[(2204, "bank.Account.deposits")]);
}

#[test]
fn schemas_that_can_be_bridged_serve_with_a_warning() {
    let registry = registry(&bank());
    let mut declared = declaration(&registry);
    declared
        .schemas
        .insert(full("bank.WithdrawCash"), record("WithdrawCash", json!([{"name": "amount", "type": "double"}])));
    declared.schemas.insert(
        full("bank.WithdrawalRejected"),
        record("WithdrawalRejected", json!([{"name": "amount", "type": "int"}, {"name": "reason", "type": "string"}])),
    );
    let bound = bind(&registry, &declared).unwrap();
    assert_eq!(bound.warnings.len(), 2);
    for warning in &bound.warnings {
        assert_eq!((warning.code.0, warning.severity), (2204, Severity::Warning));
    }
    let catalog = bank_catalog(&registry, bound);
    let account = catalog.find_entity("account").unwrap();
    let withdraw = account.find_command("withdraw-cash").unwrap();
    let handler = withdraw.handler.as_ref().unwrap();
    // {amount: 3, reference: ""} becomes {amount: 3.0}.
    let datum = handler.plans[&withdraw.newest().id].run(&[6, 0]).unwrap().into_owned();
    assert_eq!(datum, 3.0_f64.to_le_bytes());
    let rejected = &handler.emits[&full("bank.WithdrawalRejected")];
    assert_eq!(
        Some(rejected.registered),
        account.event(&full("bank.WithdrawalRejected")).map(|event| event.newest().id)
    );
    assert_eq!(rejected.plan.run(&[6, 2, b'x']).unwrap().into_owned(), [6, 2, b'x']);
}

#[test]
fn docs_and_a_default_in_the_state_make_no_difference() {
    let registry = registry(&bank());
    let mut declared = declaration(&registry);
    let fields = json!([{"name": "owner", "type": "string"}, {"name": "currency", "type": "string"}, {"name": "balance", "type": "long"}, {"name": "deposits", "type": "int"}]);
    declared.schemas.insert(full("bank.Account"), record("Account", fields));
    let bound = bind(&registry, &declared).unwrap();
    assert_eq!(bound.warnings, []);
    let catalog = bank_catalog(&registry, bound);
    let account = catalog.find_entity("account").unwrap();
    assert_eq!(account.applier.as_ref().map(|applier| applier.state.id), Some(account.schema.id));
}

#[test]
fn every_registered_version_leads_to_the_declared_schema() {
    let longer = bank_with(&[(
        "fields: [{name: amount, type: long}, {name: reference, type: string}]}}}\n---\n{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: deposit-received}",
        "fields: [{name: amount, type: long}, {name: reference, type: string}, {name: fee, type: int, default: 5}]}}}\n---\n{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: deposit-received}",
    )]);
    let first = registry(&bank());
    let second = then(&first, &longer);
    // The function still declares the first version: what it emits is logged in that one.
    let bound = bind(&second, &declaration(&first)).unwrap();
    assert_eq!(bound.warnings, []);
    let catalog = bank_catalog(&second, bound);
    let account = catalog.find_entity("account").unwrap();
    let event = account.event(&full("bank.CashWithdrawn")).unwrap();
    assert_eq!(event.versions.len(), 2);
    let emitted = &account.find_command("withdraw-cash").unwrap().handler.as_ref().unwrap().emits[&event.full_name];
    assert_eq!(emitted.registered, event.versions[0].id);
    let plans = &account.applier.as_ref().unwrap().applies[&event.full_name];
    assert!(plans[&event.versions[0].id].is_identity());
    assert_eq!(plans[&event.versions[1].id].run(&[6, 0, 10]).unwrap().into_owned(), [6, 0]);
    // With the new version declared, old events get the default.
    let catalog = bank_catalog(&second, bind(&second, &declaration(&second)).unwrap());
    let account = catalog.find_entity("account").unwrap();
    let plans = &account.applier.as_ref().unwrap().applies[&event.full_name];
    assert_eq!(plans[&event.versions[0].id].run(&[6, 0]).unwrap().into_owned(), [6, 0, 10]);
}

#[test]
fn a_changed_state_schema_needs_a_raised_state_version() {
    let first = registry(&bank());
    let bound = bind(&first, &declaration(&first)).unwrap();
    let served = first.activate(&bound, 12, None);
    assert_eq!(served.registry.resource(Kind::Function, "accounts").unwrap()["status"]["verifiedEvents"], json!(12));
    assert!(served.registry.activate(&bound, 12, None).is_empty());
    let account = "{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {name: account}, spec: {schema: {type: record, name: Account, namespace: bank, fields: [{name: balance, type: long}]}}}";
    let second = then(&served.registry, &set(account));
    let mut declared = declaration(&second);
    assert_eq!(declared.entities[0].state_version, 2, "raised for a function without manifest");
    declared.entities[0].state_version = 1;
    let found = bind(&second, &declared).unwrap_err();
    assert_eq!(told(&found), ["EV2109 52:3 the schema of account changed and stateVersion is still 1"]);
    declared.entities[0].state_version = 2;
    let bound = bind(&second, &declared).unwrap();
    let third = second.activate(&bound, 0, None).registry;
    assert_eq!(declaration(&third).entities[0].state_version, 2);
    // The old function declares the old state.
    let found = bind(&second, &declaration(&first)).unwrap_err();
    assert!(found.iter().any(|finding| finding.code.0 == 2204), "{:#?}", told(&found));
}

#[test]
fn a_change_and_its_activation_are_one_commit() {
    let change = Registry::default().plan(&bank(), &NoUsage).unwrap();
    let bound = bind(&change.registry, &declaration(&change.registry)).unwrap();
    let activation = change.registry.activate(&bound, 0, None);
    let both = change.then(activation);
    let mut keys: Vec<_> = both.meta.iter().map(|(key, _)| key.clone()).collect();
    keys.sort();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count, "each key once");
    let entries: Vec<_> =
        both.meta.iter().filter_map(|(key, value)| Some((key.to_vec(), value.as_ref()?.to_vec()))).collect();
    let loaded = Registry::load(&entries).unwrap();
    assert_eq!(loaded.version(), 2);
    assert_eq!(loaded.resources(Kind::Function), both.registry.resources(Kind::Function));
    assert_eq!(loaded.get(Kind::Entity, "account").unwrap().applied.map(|applied| applied.state_version), Some(1));
}

#[test]
fn more_than_the_resource_takes_is_not_used() {
    let less = bank_with(&[
        ("handles: [open-account, receive-deposit, withdraw-cash]", "handles: [withdraw-cash]"),
        ("applies: [account] ", "applies: [] "),
    ]);
    let everything = declaration(&registry(&bank()));
    let registry = registry(&less);
    let bound = bind(&registry, &everything).unwrap();
    assert_eq!(
        bound.unused,
        ["handles bank.OpenAccount", "handles bank.ReceiveDeposit", "applies the events of bank.Account"]
    );
    assert_eq!((bound.entities[0].handles.len(), bound.entities[0].applies.is_none()), (1, true));
    let bound = Arc::new(bound);
    let found = findings(&registry, &[bound]);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|finding| finding.code.0 == 2210 && finding.severity == Severity::Warning));
    assert!(found[2].message.contains("no function applies the events of account"));
}

#[test]
fn two_functions_for_one_thing_are_found_over_all_that_serve() {
    let text = "{apiVersion: evento.dev/v1alpha1, kind: Function, metadata: {name: more}, spec: {runtime: process, process: {command: [a]}}}";
    let registry = then(&registry(&bank()), &set(text));
    let one = bind(&registry, &declaration(&registry)).unwrap();
    let mut other = declaration(&registry);
    other.function = ResourceName::new("more").unwrap();
    let other = bind(&registry, &other).unwrap();
    let found = findings(&registry, &[Arc::new(one), Arc::new(other)]);
    assert_eq!(found.iter().filter(|finding| finding.code.0 == 2201).count(), 4);
    assert!(found[0].message.contains("more and accounts both"), "{}", found[0].message);
}

#[test]
fn what_no_longer_fits_serves_nothing() {
    let first = registry(&bank());
    let bound = Arc::new(bind(&first, &declaration(&first)).unwrap());
    let noted = "{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: noted}, spec: {entity: account, schema: {type: record, name: Noted, namespace: bank, fields: []}}}";
    let second = then(&first, &set(noted));
    let catalog = catalog(&second, 2, &[bound]);
    let account = catalog.find_entity("account").unwrap();
    assert!(account.applier.is_none(), "noted is not covered");
    assert!(account.find_command("withdraw-cash").unwrap().handler.is_some());
    let shown = second.describe(Kind::Entity, "account", &catalog, &NoUsage).unwrap();
    assert_eq!(shown["status"]["conditions"][0]["reason"], json!("NoApplier"));
}

#[test]
fn limits_are_the_smaller_of_manifest_and_resource() {
    let registry = registry(&bank());
    let mut declared = declaration(&registry);
    declared.limits =
        Limits { concurrency: Some(3), works_max: Some(9_999), steps_max: Some(10), timeout_ms: Some(60_000) };
    let serving = bind(&registry, &declared).unwrap().serving;
    assert_eq!((serving.concurrency, serving.works_max, serving.steps_max, serving.timeout_ms), (3, 512, 10, 5_000));
}

#[test]
fn a_function_without_manifest_must_name_what_it_does() {
    let text = "{apiVersion: evento.dev/v1alpha1, kind: Function, metadata: {name: more}, spec: {runtime: url, url: {address: 'http://x'}}}";
    let registry = then(&registry(&bank()), &set(text));
    let found = pinned(&registry, &ResourceName::new("more").unwrap(), REVISION, Limits::default()).unwrap_err();
    assert_eq!((found[0].code.0, found[0].message.as_str()), (2302, "more has no manifest and names nothing"));
}

#[test]
fn a_schema_list_may_use_what_it_defined_before() {
    let iban =
        json!({"type": "record", "name": "Iban", "namespace": "bank", "fields": [{"name": "text", "type": "string"}]});
    let user = json!({"type": "record", "name": "Moved", "namespace": "bank", "fields": [{"name": "from", "type": "bank.Iban"}, {"name": "to", "type": "Iban"}]});
    let schemas = parse_schema_list(&[iban.clone(), user.clone()]).unwrap();
    assert_eq!(schemas.len(), 2);
    assert!(schemas["bank.Moved"].canonical_form().contains("bank.Iban"));
    let told = |list: &[Value]| -> Vec<(u16, String)> {
        parse_schema_list(list).unwrap_err().into_iter().map(|finding| (finding.code.0, finding.pointer)).collect()
    };
    assert_eq!(told(&[user.clone(), iban.clone()]), [(2302, "/schemas/0".to_owned())]);
    assert_eq!(told(&[iban.clone(), iban.clone()]), [(2302, "/schemas/1".to_owned())]);
    // A name that is defined within another schema may be used too, and not be defined again.
    let enum_type = json!({"type": "enum", "name": "Coin", "symbols": ["EUR"]});
    let purse = json!({"type": "record", "name": "other.Purse", "fields": [{"name": "coins", "type": {"type": "array", "items": enum_type}}]});
    let price = json!({"type": "record", "name": "Price", "namespace": "bank", "fields": [{"name": "coin", "type": ["null", "other.Coin"]}]});
    assert_eq!(parse_schema_list(&[purse.clone(), price]).map(|schemas| schemas.len()), Ok(2));
    let coin = json!({"type": "enum", "name": "Coin", "namespace": "other", "symbols": ["USD"]});
    assert_eq!(told(&[purse, coin]), [(2302, "/schemas/1".to_owned())]);
    let many: Vec<Value> = (0..1_001)
        .map(|n| json!({"type": "record", "name": format!("R{n}"), "namespace": "bank", "fields": [{"name": "a", "type": "long"}]}))
        .collect();
    assert_eq!(parse_schema_list(&many[1..]).map(|schemas| schemas.len()), Ok(1_000));
    assert_eq!(told(&many), [(2302, "/schemas/1000".to_owned())]);
    assert_eq!(told(&[json!("string"), json!({"type": "record", "name": "X", "fields": []})]).len(), 2);
}
