//! The declaration of a function that does not answer discovery: what its resource names, as registered now.

use std::collections::HashMap;

use evento_model::{FullName, ResourceName, Revision};

use super::bind::full_name;
use super::{Declaration, DeclaredEntity, Limits};
use crate::registry::{Applied, Registry, Stored};
use crate::resource::{Finding, Kind, Place};

/// The declaration of a function without a manifest: it handles and applies exactly what its resource names, in the
/// schemas in force. The state version is raised whenever the entity's schema is another than that of its states.
///
/// # Errors
///
/// `EV2302` when the resource names nothing, `EV2005` when there is no such function.
pub fn pinned(
    registry: &Registry,
    function: &ResourceName,
    revision: Revision,
    limits: Limits,
) -> Result<Declaration, Vec<Finding>> {
    let Some((stored, spec)) = registry.function(function) else {
        let finding = Finding::error(2005, &Place::nowhere(), "", format!("there is no function {function}"));
        return Err(vec![finding.about(Kind::Function, function.as_str())]);
    };
    let (handles, applies) = (spec.handles.as_deref().unwrap_or(&[]), spec.applies.as_deref().unwrap_or(&[]));
    if handles.is_empty() && applies.is_empty() {
        let finding = stored.resource.error(2302, "/spec", format!("{function} has no manifest and names nothing"));
        return Err(vec![finding.help("name what it does in handles and applies, or give it a manifest")]);
    }
    let mut schemas = HashMap::new();
    let mut entities = Vec::new();
    for (entity, _) in registry.entities() {
        let name = &entity.resource.name;
        let commands: Vec<_> = registry
            .commands()
            .filter(|(stored, spec)| spec.entity == *name && handles.contains(&stored.resource.name))
            .collect();
        let applied = applies.contains(name);
        if commands.is_empty() && !applied {
            continue;
        }
        let events: Vec<_> = registry.events().filter(|(_, spec)| spec.entity == *name).collect();
        let of_entity = std::iter::once(entity);
        let stored =
            of_entity.chain(commands.iter().map(|(stored, _)| *stored)).chain(events.iter().map(|(stored, _)| *stored));
        for (name, schema) in stored.filter_map(|stored| stored.resource.spec.named_schema()) {
            schemas.insert(name.clone(), schema.clone());
        }
        let handles = commands.iter().map(|(_, spec)| {
            let emits = spec.emits.iter().filter_map(|event| full_name(registry, Kind::Event, event));
            (spec.schema.full_name.clone(), emits.collect::<Vec<_>>())
        });
        let names = |rejection: bool| -> Vec<FullName> {
            let chosen = events.iter().filter(|(_, spec)| spec.rejection == rejection);
            chosen.map(|(_, spec)| spec.schema.full_name.clone()).collect()
        };
        let Some((full_name, _)) = entity.resource.spec.named_schema() else { continue };
        entities.push(DeclaredEntity {
            name: full_name.clone(),
            handles: handles.collect(),
            applies: if applied { names(false) } else { Vec::new() },
            rejections: names(true),
            state_version: state_version(entity),
        });
    }
    Ok(Declaration { function: function.clone(), revision, schemas, entities, limits })
}

fn state_version(entity: &Stored) -> u32 {
    match entity.applied {
        Some(Applied { state_version, schema }) if Some(schema) == entity.schema => state_version,
        Some(Applied { state_version, .. }) => state_version + 1,
        None => 1,
    }
}
