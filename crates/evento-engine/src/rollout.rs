//! Other resources or other function revisions: the catalogue is swapped between two steps.
//!
//! A new revision makes everything that waits for its function due at once with a fresh budget, and releases
//! what was parked under an older one, a few at a time.

use std::sync::Arc;

use evento_log::intake::CommandRef;
use evento_model::{EntityTypeId, ResourceName};
use evento_schema::catalog::{Catalog, Serving};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::engine::Engine;
use crate::instance::{InstanceNo, Phase, Trial};
use crate::line::Line;

impl Engine {
    pub(crate) fn serve(&mut self, catalog: Arc<Catalog>) {
        self.catalog = catalog;
        let changed = self.renew_lines();
        self.forget_old_states();
        self.lines.iter_mut().for_each(Line::clear);
        self.delayed.clear();
        let busy: Vec<InstanceNo> = self.table.iter().filter(|(_, i)| i.busy.is_some()).map(|(no, _)| no).collect();
        for no in busy {
            self.serve_instance(no, &changed);
        }
    }

    /// Functions whose revision is new, or that are seen for the first time.
    fn renew_lines(&mut self) -> FxHashSet<ResourceName> {
        let mut serving: FxHashMap<ResourceName, Arc<Serving>> = FxHashMap::default();
        for entity in self.catalog.entities() {
            let handlers = entity.commands.iter().filter_map(|command| command.handler.as_ref()).map(|h| &h.function);
            for function in handlers.chain(entity.applier.as_ref().map(|applier| &applier.function)) {
                serving.insert(function.name.clone(), function.clone());
            }
        }
        let mut names: Vec<&ResourceName> = serving.keys().collect();
        names.sort();
        let mut changed = FxHashSet::default();
        for name in names {
            let function = &serving[name];
            let other = match self.lines.iter_mut().find(|line| line.serving.name == *name) {
                Some(line) => line.serve(function.clone(), self.now.monotonic),
                None => {
                    self.lines.push(Line::new(function.clone(), self.now.monotonic));
                    true
                }
            };
            if other {
                changed.insert(name.clone());
            }
        }
        changed
    }

    /// States of another schema or state version were rebuilt in the log: cached ones are looked up anew.
    fn forget_old_states(&mut self) {
        let mut rebuilt: FxHashSet<EntityTypeId> = FxHashSet::default();
        for entity in self.catalog.entities() {
            let Some(applier) = &entity.applier else { continue };
            let kind = (applier.state.id, applier.state_version);
            if self.state_kinds.insert(entity.id, kind).is_some_and(|before| before != kind) {
                rebuilt.insert(entity.id);
            }
        }
        if rebuilt.is_empty() {
            return;
        }
        self.table.forget_idle(|instance| rebuilt.contains(&instance.key.entity));
        let busy: Vec<InstanceNo> =
            self.table.iter().filter(|(_, i)| rebuilt.contains(&i.key.entity)).map(|(no, _)| no).collect();
        for no in busy {
            self.table.get_mut(no).loaded = false;
        }
    }

    fn serve_instance(&mut self, no: InstanceNo, changed: &FxHashSet<ResourceName>) {
        let instance = self.table.get(no);
        let key = instance.key.clone();
        let entity = self.catalog.entity(key.entity).cloned();
        let concerned = |command: &evento_model::FullName| {
            entity.as_ref().is_some_and(|entity| {
                let handler = entity.command(command).and_then(|command| command.handler.as_ref());
                handler.is_some_and(|handler| changed.contains(&handler.function.name))
                    || entity.applier.as_ref().is_some_and(|applier| changed.contains(&applier.function.name))
            })
        };
        let lines = &self.lines;
        let busy = self.table.get_mut(no).busy();
        for pending in busy.mailbox.iter_mut().filter(|pending| concerned(&pending.record.type_name)) {
            let last_error = pending.trial.last_error.take();
            let attempts = pending.trial.attempts;
            pending.trial = Trial { last_error, attempts, ..Trial::default() };
        }
        for pending in busy.mailbox.iter_mut() {
            pending.trial.due = None;
        }
        for pending in busy.parked.iter().filter(|pending| concerned(&pending.record.type_name)) {
            let under = pending.trial.last_error.as_ref().and_then(|error| error.revision);
            if under.is_some_and(|revision| lines.iter().all(|line| line.serving.revision != revision)) {
                self.releasing.push_back((key.clone(), pending.record.command_id.clone()));
            }
        }
        if busy.phase != Phase::InFlight && busy.phase != Phase::Loading {
            busy.phase = Phase::Idle;
            busy.decided = None;
            self.advance(no);
        }
    }

    /// Puts parked commands back, at most so many a second.
    pub(crate) fn release_some(&mut self) {
        if self.releasing.is_empty() || self.release_at > self.now.monotonic || self.failed.is_some() {
            return;
        }
        // Ten times a second, a tenth of the rate each time.
        let count = (self.config.release_per_second / 10).max(1) as usize;
        for _ in 0..count {
            let Some((key, command_id)) = self.releasing.pop_front() else { break };
            let Some(no) = self.table.find(&key) else { continue };
            let command = CommandRef { key, command_id };
            if self.table.get(no).busy.is_some() && self.unpark(no, &command) {
                let busy = self.table.get(no).busy.as_deref().expect("it was just looked at");
                let at = busy.mailbox.iter().position(|p| p.record.command_id == command.command_id).unwrap_or(0);
                if !busy.mailbox.iter().take(at).any(|pending| pending.checking) {
                    self.store_marked(no, at, vec![at], None);
                }
                self.advance(no);
            }
        }
        self.release_at = self.now.monotonic.plus_ms(100);
    }
}
