//! Checking a declaration, in the order of the function protocol's table (section 7).

use std::collections::BTreeSet;
use std::sync::Arc;

use evento_model::{FullName, ResourceName};

use super::schemas::{check_emitted, check_state, check_taken};
use super::{Bound, BoundApply, BoundCommand, BoundEntity, Declaration, DeclaredEntity, Limits};
use crate::avro::Schema;
use crate::catalog::{Serving, nearest};
use crate::registry::{Registry, Stored};
use crate::resource::{CommandSpec, Finding, Findings, FunctionSpec, Kind, Place, Resource};

/// Checks what a revision declares against what is registered.
///
/// # Errors
///
/// Every difference that refuses the revision: `EV2005` a name that no resource has, `EV2109` a state version not
/// raised, `EV2202` events that apply does not cover, `EV2203` other emits or rejections, `EV2204` a schema that
/// does not resolve, with its path, `EV2302` something that the resource asks for and the manifest lacks.
pub fn bind(registry: &Registry, declaration: &Declaration) -> Result<Bound, Vec<Finding>> {
    let Some((stored, spec)) = registry.function(&declaration.function) else {
        let name = declaration.function.as_str();
        let finding = Finding::error(2005, &Place::nowhere(), "", format!("there is no function {name}"));
        return Err(vec![finding.about(Kind::Function, name)]);
    };
    let mut binder = Binder {
        registry,
        spec,
        resource: &stored.resource,
        declaration,
        findings: Findings::default(),
        unused: Vec::new(),
    };
    binder.check_asked_for();
    let mut entities = Vec::new();
    let mut seen = BTreeSet::new();
    for declared in &declaration.entities {
        if seen.insert(&declared.name) {
            entities.extend(binder.entity(declared));
        } else {
            binder.report(2302, format!("the manifest lists {} twice", declared.name));
        }
    }
    let warnings = binder.findings.verdict()?;
    Ok(Bound { serving: Arc::new(serving(spec, declaration)), entities, warnings, unused: binder.unused })
}

/// The smaller of what manifest and resource say, else the default.
fn serving(spec: &FunctionSpec, declaration: &Declaration) -> Serving {
    fn smaller<T: Ord>(one: Option<T>, other: Option<T>, default: T) -> T {
        one.into_iter().chain(other).min().unwrap_or(default)
    }
    let Limits { concurrency, works_max, steps_max, timeout_ms } = declaration.limits;
    Serving {
        name: declaration.function.clone(),
        revision: declaration.revision,
        concurrency: smaller(concurrency, spec.concurrency, 8).max(1),
        works_max: works_max.unwrap_or(512).clamp(1, 512),
        steps_max: steps_max.unwrap_or(5_000).clamp(1, 5_000),
        timeout_ms: smaller(timeout_ms, spec.timeout_ms, 5_000),
    }
}

pub(super) struct Binder<'a> {
    pub(super) registry: &'a Registry,
    spec: &'a FunctionSpec,
    resource: &'a Resource,
    declaration: &'a Declaration,
    pub(super) findings: Findings,
    unused: Vec<String>,
}

impl<'a> Binder<'a> {
    /// An error of the function as a whole.
    pub(super) fn report(&mut self, code: u16, message: String) {
        self.push(self.error(code, message));
    }

    pub(super) fn error(&self, code: u16, message: String) -> Finding {
        self.resource.error(code, "/spec", message)
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What the resource names must be in the manifest.
    fn check_asked_for(&mut self) {
        let declared: Vec<&DeclaredEntity> = self.declaration.entities.iter().collect();
        for (n, name) in self.spec.handles.iter().flatten().enumerate() {
            let Some(full) = full_name(self.registry, Kind::Command, name) else { continue };
            if !declared.iter().any(|entity| entity.handles.iter().any(|(command, _)| *command == full)) {
                let known = declared.iter().flat_map(|entity| entity.handles.iter().map(|(name, _)| name.as_str()));
                self.missing(&format!("/spec/handles/{n}"), &full, "handle", &nearest(full.as_str(), known));
            }
        }
        for (n, name) in self.spec.applies.iter().flatten().enumerate() {
            let Some(full) = full_name(self.registry, Kind::Entity, name) else { continue };
            if !declared.iter().any(|entity| entity.name == full) {
                let known = declared.iter().map(|entity| entity.name.as_str());
                self.missing(&format!("/spec/applies/{n}"), &full, "apply", &nearest(full.as_str(), known));
            }
        }
    }

    fn missing(&mut self, pointer: &str, name: &FullName, verb: &str, near: &[String]) {
        let message = format!("the manifest of {} does not {verb} {name}", self.declaration.function);
        let finding = self.resource.error(2302, pointer, message).did_you_mean(near);
        self.push(finding);
    }

    fn entity(&mut self, declared: &'a DeclaredEntity) -> Option<BoundEntity> {
        let Some((stored, _)) = self.registry.entities().find(|(stored, _)| is_called(stored, &declared.name)) else {
            self.unknown(Kind::Entity, &declared.name);
            return None;
        };
        let name = &stored.resource.name;
        let commands: Vec<&(FullName, Vec<FullName>)> =
            declared.handles.iter().filter(|(command, _)| self.takes_command(command)).collect();
        let applies = self.takes_apply(declared, name);
        if commands.is_empty() && !applies {
            return None;
        }
        let state = self.schema(&declared.name)?;
        check_state(self, stored, state, applies.then_some(declared.state_version));
        self.check_rejections(declared, name);
        let handles = commands.into_iter().filter_map(|(command, emits)| self.command(name, command, emits)).collect();
        let applies = applies.then(|| self.apply(declared, name));
        Some(BoundEntity { name: name.clone(), handles, applies })
    }

    /// Whether the resource takes a command that the manifest offers.
    fn takes_command(&mut self, command: &FullName) -> bool {
        let Some(listed) = &self.spec.handles else { return true };
        let takes = listed.iter().any(|name| full_name(self.registry, Kind::Command, name).as_ref() == Some(command));
        if !takes {
            self.unused.push(format!("handles {command}"));
        }
        takes
    }

    /// Whether the function is to apply an entity's events.
    fn takes_apply(&mut self, declared: &DeclaredEntity, name: &ResourceName) -> bool {
        match &self.spec.applies {
            None => !declared.applies.is_empty(),
            Some(listed) if listed.contains(name) => true,
            Some(_) if declared.applies.is_empty() => false,
            Some(_) => {
                self.unused.push(format!("applies the events of {}", declared.name));
                false
            }
        }
    }

    fn command(&mut self, entity: &ResourceName, name: &FullName, emits: &[FullName]) -> Option<BoundCommand> {
        let found = self.registry.commands().find(|(stored, spec)| is_called(stored, name) && spec.entity == *entity);
        let Some((stored, spec)) = found else {
            self.unknown(Kind::Command, name);
            return None;
        };
        self.check_emits(stored, spec, emits);
        let declared = self.schema(name)?;
        check_taken(self, stored, name, declared);
        let emits = emits.iter().filter_map(|event| {
            let (stored, _) =
                self.registry.events().find(|(stored, spec)| is_called(stored, event) && spec.entity == *entity)?;
            let declared = self.schema(event)?;
            check_emitted(self, stored, event, declared);
            Some((event.clone(), declared.clone()))
        });
        let emits = emits.collect();
        Some(BoundCommand { name: name.clone(), declared: declared.clone(), emits })
    }

    fn check_emits(&mut self, stored: &Stored, spec: &CommandSpec, emits: &[FullName]) {
        let registered: BTreeSet<FullName> =
            spec.emits.iter().filter_map(|event| full_name(self.registry, Kind::Event, event)).collect();
        let declared: BTreeSet<FullName> = emits.iter().cloned().collect();
        let what = format!("emits of {}", stored.resource.name);
        self.compare(&what, &registered, &declared, "the resource says so");
    }

    /// The rejections among the events that this revision speaks of must be those of the resources.
    fn check_rejections(&mut self, declared: &DeclaredEntity, entity: &ResourceName) {
        let emitted = declared.handles.iter().flat_map(|(_, emits)| emits);
        let mentioned: BTreeSet<&FullName> = emitted.chain(&declared.applies).chain(&declared.rejections).collect();
        let registered = self.registry.events().filter(|(_, spec)| spec.entity == *entity && spec.rejection);
        let registered: BTreeSet<FullName> =
            registered.map(|(_, spec)| spec.schema.full_name.clone()).filter(|name| mentioned.contains(name)).collect();
        let said: BTreeSet<FullName> = declared.rejections.iter().cloned().collect();
        self.compare(&format!("rejections of {entity}"), &registered, &said, "the Event resource says rejection: true");
    }

    fn compare(&mut self, what: &str, registered: &BTreeSet<FullName>, declared: &BTreeSet<FullName>, says: &str) {
        for name in registered.difference(declared) {
            let near = nearest(name.as_str(), declared.difference(registered).map(FullName::as_str));
            let message = format!("{what}: the manifest of {} lacks {name}, {says}", self.declaration.function);
            self.push(self.error(2203, message).did_you_mean(&near));
        }
        for name in declared.difference(registered) {
            let near = nearest(name.as_str(), registered.iter().map(FullName::as_str));
            let message = format!("{what}: the manifest of {} has {name}, no resource does", self.declaration.function);
            self.push(self.error(2203, message).did_you_mean(&near));
        }
    }

    fn apply(&mut self, declared: &DeclaredEntity, entity: &ResourceName) -> BoundApply {
        let mut events = Vec::new();
        for name in &declared.applies {
            let found = self.registry.events().find(|(stored, spec)| is_called(stored, name) && spec.entity == *entity);
            let Some((stored, _)) = found else {
                self.unknown(Kind::Event, name);
                continue;
            };
            let Some(schema) = self.schema(name) else { continue };
            check_taken(self, stored, name, schema);
            events.push((name.clone(), schema.clone()));
        }
        // A retired event is stored only while it has history, so it must be covered like any other.
        let of_entity = self.registry.events().filter(|(_, spec)| spec.entity == *entity && !spec.rejection);
        let uncovered: Vec<&str> = of_entity
            .map(|(_, spec)| &spec.schema.full_name)
            .filter(|name| !declared.applies.contains(name))
            .map(FullName::as_str)
            .collect();
        if !uncovered.is_empty() {
            let message = format!("apply of {} does not cover {}", declared.name, uncovered.join(", "));
            let why = "the state is what apply makes of every event; only rejections may be left out";
            self.push(self.error(2202, message).why(why));
        }
        BoundApply { state_version: declared.state_version, events }
    }

    /// The schema a manifest must have for what it names.
    fn schema(&mut self, name: &FullName) -> Option<&'a Schema> {
        let schema = self.declaration.schemas.get(name);
        if schema.is_none() {
            self.report(
                2302,
                format!("the manifest of {} names {name} and has no schema for it", self.declaration.function),
            );
        }
        schema
    }

    fn unknown(&mut self, kind: Kind, name: &FullName) {
        let known = self.registry.all(kind).filter_map(|stored| stored.resource.spec.named_schema());
        let near = nearest(name.as_str(), known.map(|(name, _)| name.as_str()));
        let what = kind.lower();
        let message = format!(
            "the manifest of {} names {name}, no {what} of this entity is called so",
            self.declaration.function
        );
        self.push(self.error(2005, message).did_you_mean(&near));
    }
}

pub(super) fn is_called(stored: &Stored, name: &FullName) -> bool {
    stored.resource.spec.named_schema().is_some_and(|(full_name, _)| full_name == name)
}

/// Full name of a resource.
pub(super) fn full_name(registry: &Registry, kind: Kind, name: &ResourceName) -> Option<FullName> {
    registry
        .get(kind, name.as_str())
        .and_then(|stored| stored.resource.spec.named_schema())
        .map(|(name, _)| name.clone())
}
