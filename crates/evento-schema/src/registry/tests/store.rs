//! What is kept reads back as it was.

use std::collections::BTreeMap;

use super::{applied, bank_registry};
use crate::registry::{Change, NoUsage, Registry};
use crate::resource::Kind;
use crate::resource::tests::{bank, bank_with};

/// A store that takes the entries of changes.
#[derive(Default)]
struct Meta(BTreeMap<Vec<u8>, Vec<u8>>);

impl Meta {
    fn take(&mut self, change: &Change) {
        for (key, value) in &change.meta {
            match value {
                Some(value) => self.0.insert(key.to_vec(), value.to_vec()),
                None => self.0.remove(&key[..]),
            };
        }
    }

    fn load(&self) -> Result<Registry, String> {
        Registry::load(&self.0.clone().into_iter().collect::<Vec<_>>())
    }
}

fn same(one: &Registry, other: &Registry) {
    assert_eq!(one.version(), other.version());
    for kind in Kind::ALL {
        assert_eq!(one.resources(kind), other.resources(kind));
    }
    let texts =
        |registry: &Registry| registry.schemas().map(|(id, schema)| (id, schema.json().to_owned())).collect::<Vec<_>>();
    assert_eq!(texts(one), texts(other));
}

#[test]
fn every_change_reads_back_from_its_keys() {
    let mut meta = Meta::default();
    same(&meta.load().unwrap(), &Registry::default());
    let first = applied(&Registry::default(), &bank());
    meta.take(&first);
    same(&meta.load().unwrap(), &first.registry);
    let second = applied(
        &first.registry,
        &bank_with(&[("rejection: true", "rejection: false"), ("timeout: 5s", "timeout: 6s")]),
    );
    meta.take(&second);
    let third = second.registry.plan_delete(Kind::Function, "accounts", false, false, &NoUsage).unwrap();
    meta.take(&third);
    let loaded = meta.load().unwrap();
    same(&loaded, &third.registry);
    assert!(applied(&loaded, &bank_with(&[("rejection: true", "rejection: false")])).functions_changed.len() == 1);
    // Numbers go on where they were.
    assert_eq!(applied(&loaded, &bank()).meta, applied(&third.registry, &bank()).meta);
}

#[test]
fn other_keys_are_passed_over_and_damage_is_named() {
    let mut meta = Meta::default();
    meta.take(&applied(&Registry::default(), &bank()));
    meta.0.insert(b"groups/x".to_vec(), vec![1]);
    assert!(meta.load().is_ok());
    let breaking: &[(&str, Option<&str>, &str)] = &[
        ("registry/head", None, "registry/head is missing"),
        ("registry/head", Some("{\"v\":9,\"version\":1,\"schema_next\":1,\"entity_next\":1}"), "format 9"),
        ("registry/schema/0000000017", None, "names a schema that is not stored"),
        ("registry/schema/0000000017", Some("{"), "registry/schema/0000000017"),
        (
            "registry/resource/entity/account",
            Some("{\"v\":1,\"generation\":1,\"document\":{}}"),
            "apiVersion is missing",
        ),
    ];
    for (key, value, part) in breaking {
        let mut broken = Meta(meta.0.clone());
        match value {
            Some(value) => broken.0.insert(key.as_bytes().to_vec(), value.as_bytes().to_vec()),
            None => broken.0.remove(key.as_bytes()),
        };
        let error = broken.load().unwrap_err();
        assert!(error.contains(part), "{key}: {error}");
    }
}

#[test]
fn a_bank_of_many_resources_is_planned_in_reasonable_time() {
    // 1,000 documents are what one file may hold; planning them must not cost their square in schema work.
    let event = |n: usize| {
        format!(
            "{{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {{name: e{n}}}, spec: {{entity: account, schema: {{type: record, name: E{n}, namespace: bank, fields: []}}}}}}\n"
        )
    };
    let text: Vec<String> = (0..999).map(event).collect();
    let change = applied(&bank_registry(), &crate::resource::tests::set(&text.join("---\n")));
    assert_eq!(change.registry.all(Kind::Event).count(), 999 + 6);
}
