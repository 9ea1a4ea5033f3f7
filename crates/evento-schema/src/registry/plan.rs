//! Planning an apply: every static check of a set, and the registry after it.

use std::collections::HashSet;
use std::sync::Arc;

use evento_model::{EntityTypeId, ResourceName};

use super::check::{check_names, check_references, check_set, check_versions};
use super::difference::{Action, Difference, describe};
use super::{Change, Registry, Stored, Usage, entity_of};
use crate::resource::{Finding, Findings, FunctionSpec, Kind, Resource, ResourceSet, Spec};

impl Registry {
    /// Plans the apply of a set: all of it or nothing.
    ///
    /// What functions declare about themselves is not known here; [`bind`](crate::binding::bind) checks it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the set as a set and against what is stored, at most
    /// [`FINDINGS_MAX`](crate::resource::FINDINGS_MAX) findings, each with its place.
    pub fn plan(&self, set: &ResourceSet, usage: &dyn Usage) -> Result<Change, Vec<Finding>> {
        let mut findings = Findings::default();
        let mut after = self.clone();
        let mut changed: HashSet<(Kind, ResourceName)> = HashSet::new();
        let mut differences = Vec::new();
        check_names(self, set, &mut findings);
        for resource in &set.resources {
            let key = (resource.kind, resource.name.clone());
            if changed.contains(&key) {
                continue;
            }
            let former = self.stored.get(&key);
            check_retired(resource, former.map(|stored| &**stored), &mut findings);
            if former.is_some_and(|former| former.resource.document == resource.document) {
                differences.push(Difference::unchanged(resource));
                continue;
            }
            changed.insert(key.clone());
            if let Some(former) = former {
                check_versions(self, former, resource, usage, &mut findings);
            }
            let stored = after.next(former.map(|stored| &**stored), resource, self, usage);
            differences.push(difference(self, former.map(|stored| &**stored), resource, usage));
            after.stored.insert(key, Arc::new(stored));
        }
        // Order: references are compared after every resource of the set is in its place, so that one set may
        // change a shared type everywhere at once.
        check_references(&after, &changed, &mut findings);
        check_set(&after, set, &mut findings);
        let warnings = findings.verdict()?;
        Ok(Change::between(self, after, warnings, differences))
    }

    /// What is stored for a resource after the change; gives ids where they are missing.
    fn next(&mut self, former: Option<&Stored>, resource: &Resource, before: &Registry, usage: &dyn Usage) -> Stored {
        let schema = resource.spec.named_schema().map(|(_, schema)| self.register(schema));
        let mut versions = match former {
            Some(former) if !starts_anew(before, former, resource, usage) => former.versions.clone(),
            _ => Vec::new(),
        };
        versions.extend(schema.filter(|id| !versions.contains(id)));
        let entity = former.and_then(|former| former.entity).or_else(|| {
            (resource.kind == Kind::Entity).then(|| {
                self.entity_next += 1;
                EntityTypeId(self.entity_next - 1)
            })
        });
        Stored {
            resource: resource.clone(),
            generation: former.map_or(0, |former| former.generation) + 1,
            versions,
            schema,
            entity,
            serving: former.and_then(|former| former.serving.clone()),
            former: former.and_then(|former| former.former.clone()),
            applied: former.and_then(|former| former.applied),
        }
    }

    /// Records that a stored command or event has in the log.
    pub(super) fn history(&self, stored: &Stored, usage: &dyn Usage) -> u64 {
        let topic = match stored.resource.kind {
            Kind::Command => evento_model::TopicKind::Commands,
            Kind::Event => evento_model::TopicKind::Events,
            Kind::Entity | Kind::Function => return 0,
        };
        let entity = stored.entity_name().and_then(|name| self.stored.get(&(Kind::Entity, name.clone())));
        match (entity.and_then(|entity| entity.entity), stored.resource.spec.named_schema()) {
            (Some(entity), Some((name, _))) => usage.records(entity, topic, name),
            _ => 0,
        }
    }
}

/// Whether a resource without history becomes another type: its versions were never used.
fn starts_anew(before: &Registry, former: &Stored, resource: &Resource, usage: &dyn Usage) -> bool {
    is_another_type(former, resource) && before.history(former, usage) == 0
}

/// Whether a command or event changes its full name or its entity.
pub(super) fn is_another_type(former: &Stored, resource: &Resource) -> bool {
    let name = |spec: &Spec| spec.named_schema().map(|(name, _)| name.clone());
    matches!(resource.kind, Kind::Command | Kind::Event)
        && (name(&former.resource.spec) != name(&resource.spec) || former.entity_name() != entity_of(resource))
}

/// `retired` is Evento's word: a document may keep it, as `evento get` shows it, and not bring it.
fn check_retired(resource: &Resource, former: Option<&Stored>, findings: &mut Findings) {
    let retired = match &resource.spec {
        Spec::Command(spec) => spec.retired,
        Spec::Event(spec) => spec.retired,
        _ => false,
    };
    if retired && !former.is_some_and(Stored::is_retired) {
        let finding = resource.error(2001, "/spec/retired", "retired is set by Evento");
        findings.push(finding.help("delete the resource; with history it becomes retired"));
    }
}

fn difference(before: &Registry, former: Option<&Stored>, resource: &Resource, usage: &dyn Usage) -> Difference {
    let mut difference = match former {
        None => Difference::new(resource, Action::Created),
        Some(former) => {
            let mut difference = Difference::new(resource, Action::Changed);
            difference.changes = describe(&former.resource, resource);
            difference
        }
    };
    difference.affects = functions_naming(before, resource);
    let schema_of = |resource: &Resource| resource.spec.named_schema().map(|(_, schema)| schema.digest());
    if let Some(former) = former
        && let Some(entity) = former.entity
        && schema_of(&former.resource) != schema_of(resource)
    {
        difference.rebuilds = usage.instances(entity);
    }
    difference
}

/// Functions whose resource names this one, by name.
fn functions_naming(registry: &Registry, resource: &Resource) -> Vec<ResourceName> {
    let names_it = |function: &FunctionSpec| {
        let (listed, name) = match &resource.spec {
            Spec::Command(_) => (&function.handles, &resource.name),
            Spec::Entity(_) => (&function.applies, &resource.name),
            Spec::Event(event) => (&function.applies, &event.entity),
            Spec::Function(_) => return false,
        };
        listed.as_ref().is_some_and(|list| list.contains(name))
    };
    let naming = registry.functions().filter(|(_, function)| names_it(function));
    naming.map(|(stored, _)| stored.resource.name.clone()).collect()
}
