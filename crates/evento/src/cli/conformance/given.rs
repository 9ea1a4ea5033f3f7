//! What resources say of a function that answers no discovery: its manifest, made of them.

use std::collections::HashMap;

use evento_conformance::Given;
use evento_function::manifest::{Manifest, ManifestEntity, ManifestLimits, sorted_digest};
use evento_model::{FullName, ResourceName};
use evento_schema::avro::Schema;
use evento_schema::resource::{FunctionSpec, ResourceSet, Spec};
use serde_json::json;

/// The Function with this name.
pub(super) fn function(set: &ResourceSet, name: &str) -> Option<FunctionSpec> {
    set.resources.iter().find_map(|resource| match &resource.spec {
        Spec::Function(spec) if resource.name.as_str() == name => Some(FunctionSpec::clone(spec)),
        _ => None,
    })
}

/// The Function, if there is exactly one.
pub(super) fn only_function(set: &ResourceSet) -> Option<FunctionSpec> {
    let mut functions = set.resources.iter().filter_map(|resource| match &resource.spec {
        Spec::Function(spec) => Some(FunctionSpec::clone(spec)),
        _ => None,
    });
    functions.next().filter(|_| functions.next().is_none())
}

/// What it handles and applies: what its resource names, else everything in the set.
pub(super) fn from_resources(set: &ResourceSet, function: Option<&FunctionSpec>) -> Given {
    let mut schemas: HashMap<FullName, Schema> = HashMap::new();
    for (name, schema) in set.resources.iter().filter_map(|resource| resource.spec.named_schema()) {
        schemas.insert(name.clone(), schema.clone());
    }
    let names =
        |chosen: fn(&FunctionSpec) -> &Option<Vec<ResourceName>>| function.and_then(|spec| chosen(spec).clone());
    let (handles, applies) = (names(|spec| &spec.handles), names(|spec| &spec.applies));
    let named = handles.is_some() || applies.is_some();
    let is_in = |list: &Option<Vec<ResourceName>>, name: &ResourceName| match list {
        Some(list) => list.contains(name),
        None => !named,
    };
    let mut entities = Vec::new();
    for resource in &set.resources {
        let Spec::Entity(entity) = &resource.spec else { continue };
        let events: Vec<_> = set
            .resources
            .iter()
            .filter_map(|of| match &of.spec {
                Spec::Event(spec) if spec.entity == resource.name => Some((of.name.clone(), spec)),
                _ => None,
            })
            .collect();
        let commands = set.resources.iter().filter_map(|of| match &of.spec {
            Spec::Command(spec) if spec.entity == resource.name && is_in(&handles, &of.name) => Some(spec),
            _ => None,
        });
        let handled: Vec<_> = commands
            .map(|spec| {
                let emits = events.iter().filter(|(name, _)| spec.emits.contains(name));
                (spec.schema.full_name.clone(), emits.map(|(_, event)| event.schema.full_name.clone()).collect())
            })
            .collect();
        let of = |rejection: bool| -> Vec<FullName> {
            let chosen = events.iter().filter(|(_, event)| event.rejection == rejection);
            chosen.map(|(_, event)| event.schema.full_name.clone()).collect()
        };
        entities.push(ManifestEntity {
            name: entity.schema.full_name.clone(),
            handles: handled,
            applies: if is_in(&applies, &resource.name) { of(false) } else { Vec::new() },
            rejections: of(true),
            state_version: 1,
        });
    }
    let mut known: Vec<String> = schemas.iter().map(|(name, schema)| format!("{name}={}", schema.digest())).collect();
    known.sort();
    let spoken = |mode: &str| function.is_some_and(|spec| spec.modes.iter().any(|one| one == mode));
    let manifest = Manifest {
        label: "(from its resources)".to_owned(),
        batch: spoken("run"),
        plain: spoken("plain") || !spoken("run"),
        http2: false,
        schemas: Vec::new(),
        entities,
        limits: ManifestLimits { timeout_ms: function.and_then(|spec| spec.timeout_ms), ..ManifestLimits::default() },
        digest: sorted_digest(&json!(known)),
        served: None,
    };
    (manifest, schemas)
}
