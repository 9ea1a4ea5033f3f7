//! Planning a deletion. What has history is retired, never lost by accident.

use std::sync::Arc;

use evento_model::ResourceName;
use serde_json::Value;

use super::check::check_set;
use super::difference::{Action, Difference};
use super::{Change, Registry, Stored, Usage};
use crate::catalog::nearest;
use crate::resource::{Finding, Findings, Kind, Place, Resource, ResourceSet};

impl Registry {
    /// Plans the deletion of a resource.
    ///
    /// A command or event with history becomes retired. `force` deletes a function that serves; its commands wait.
    /// `purge` deletes an entity with instances, with everything it ever was.
    ///
    /// # Errors
    ///
    /// `EV1001` for a name nobody knows, `EV2401` for an entity with instances, `EV2402` for a function that
    /// serves, `EV2005` with every resource that still names it.
    pub fn plan_delete(
        &self,
        kind: Kind,
        name: &str,
        force: bool,
        purge: bool,
        usage: &dyn Usage,
    ) -> Result<Change, Vec<Finding>> {
        let Some(stored) = self.get(kind, name) else {
            let near = nearest(name, self.names(kind));
            let message = format!("there is no {} {name}", kind.lower());
            return Err(vec![
                Finding::error(1001, &Place::nowhere(), "", message).about(kind, name).did_you_mean(&near),
            ]);
        };
        let mut after = self.clone();
        let key = (kind, stored.resource.name.clone());
        let mut differences = vec![Difference::new(&stored.resource, Action::Deleted)];
        match kind {
            Kind::Function => refuse_serving(stored, force)?,
            Kind::Command | Kind::Event if self.history(stored, usage) > 0 => {
                after.stored.insert(key.clone(), Arc::new(retired(stored)?));
                differences = vec![Difference::new(&stored.resource, Action::Retired)];
            }
            Kind::Command | Kind::Event => {}
            Kind::Entity => {
                refuse_instances(stored, purge, usage)?;
                differences.extend(after.remove_types_of(&stored.resource.name));
            }
        }
        if differences[0].action == Action::Deleted {
            after.stored.remove(&key);
        }
        let mut findings = Findings::default();
        check_set(&after, &ResourceSet::default(), &mut findings);
        let warnings = findings.verdict()?;
        Ok(Change::between(self, after, warnings, differences))
    }

    /// An entity's commands and events are nothing without it.
    fn remove_types_of(&mut self, entity: &ResourceName) -> Vec<Difference> {
        let of_it = |stored: &Stored| stored.entity_name() == Some(entity);
        let gone = self.stored.values().filter(|stored| of_it(stored));
        let differences = gone.map(|stored| Difference::new(&stored.resource, Action::Deleted)).collect();
        self.stored.retain(|_, stored| !of_it(stored));
        differences
    }
}

fn refuse_serving(stored: &Stored, force: bool) -> Result<(), Vec<Finding>> {
    if stored.serving.is_none() || force {
        return Ok(());
    }
    let message = format!("{} is the only function that serves its commands and entities", stored.resource.name);
    let finding =
        stored.resource.error(2402, "", message).why("its commands would wait until another function serves them");
    Err(vec![finding.help("apply another function for them first, or delete with --force")])
}

fn refuse_instances(stored: &Stored, purge: bool, usage: &dyn Usage) -> Result<(), Vec<Finding>> {
    let instances = stored.entity.map_or(0, |entity| usage.instances(entity));
    if instances == 0 || purge {
        return Ok(());
    }
    let name = &stored.resource.name;
    let finding = stored.resource.error(2401, "", format!("{name} has {instances} instances"));
    Err(vec![finding.help("delete its commands instead: they are retired, and nothing new comes in")])
}

/// The same resource with `retired: true` in its document.
fn retired(stored: &Stored) -> Result<Stored, Vec<Finding>> {
    let mut document = stored.resource.document.clone();
    if let Some(Value::Object(spec)) = document.get_mut("spec") {
        spec.insert("retired".to_owned(), Value::Bool(true));
    }
    let resource = Resource::from_document(&document)?;
    Ok(Stored { resource, generation: stored.generation + 1, ..stored.clone() })
}
