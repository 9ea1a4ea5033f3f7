//! What a planned change would do.

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{EntityTypeId, ResourceName, Revision};
use serde_json::Value;

use super::difference::{Action, Difference};
use super::{Applied, Registry, ServingRevision};
use crate::binding::Bound;
use crate::resource::{Finding, Kind};

/// A planned change: the registry after it, and the keys that make it last.
#[derive(Clone, Debug)]
pub struct Change {
    /// The registry after the change.
    pub registry: Registry,
    /// Keys under `registry/` to write, or to delete, in one commit. Empty when nothing changes.
    pub meta: Vec<(Bytes, Option<Bytes>)>,
    /// What a person should know.
    pub warnings: Vec<Finding>,
    /// What becomes of each resource of the set.
    pub differences: Vec<Difference>,
    /// Functions whose own resource is new, changed or gone. Every function that serves must be bound again.
    pub functions_changed: Vec<ResourceName>,
    /// Entities whose topics and states go with it.
    pub purged: Vec<EntityTypeId>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// This change and one that was planned on its registry, as one commit: of two values of a key the later stays.
    #[must_use]
    pub fn then(mut self, next: Change) -> Change {
        self.meta.retain(|(key, _)| next.meta.iter().all(|(other, _)| other != key));
        self.meta.extend(next.meta);
        self.registry = next.registry;
        self.warnings.extend(next.warnings);
        self.differences.extend(next.differences);
        self.functions_changed.extend(next.functions_changed);
        self.purged.extend(next.purged);
        self
    }

    /// The change from one registry to the next.
    pub(super) fn between(
        before: &Registry,
        mut after: Registry,
        warnings: Vec<Finding>,
        differences: Vec<Difference>,
    ) -> Change {
        let mut meta = super::store::entries_between(before, &after);
        if !meta.is_empty() {
            after.version += 1;
            meta.push(super::store::head(&after));
        }
        let functions_changed = differences
            .iter()
            .filter(|difference| difference.kind == Kind::Function && difference.action != Action::Unchanged)
            .map(|difference| difference.name.clone())
            .collect();
        let gone = |(stored, _): (&super::Stored, _)| {
            stored.entity.filter(|_| after.get(Kind::Entity, stored.resource.name.as_str()).is_none())
        };
        let purged = before.entities().filter_map(gone).collect();
        Change { registry: after, meta, warnings, differences, functions_changed, purged }
    }
}

impl Registry {
    /// Notes that a revision serves now, and with what it makes states. `former` is the document under which the one
    /// before it served.
    pub fn activate(&self, bound: &Bound, verified_events: u64, former: Option<&Value>) -> Change {
        let mut after = self.clone();
        let revision = bound.serving.revision;
        for entity in &bound.entities {
            let Some(state_version) = entity.applies_version() else { continue };
            if let Some(stored) = after.stored.get_mut(&(Kind::Entity, entity.name.clone()))
                && let Some(schema) = stored.schema
                && stored.applied != Some(Applied { state_version, schema })
            {
                Arc::make_mut(stored).applied = Some(Applied { state_version, schema });
            }
        }
        if let Some(stored) = after.stored.get_mut(&(Kind::Function, bound.serving.name.clone())) {
            let served = stored.serving.as_ref();
            let previous = match served {
                Some(former) if former.revision == revision => former.previous,
                former => former.map(|former: &ServingRevision| -> Revision { former.revision }),
            };
            let serving = ServingRevision { revision, previous, verified_events };
            if served != Some(&serving) {
                let other = served.is_some_and(|served| served.revision != revision);
                let stored = Arc::make_mut(stored);
                stored.serving = Some(serving);
                if other {
                    stored.former = former.cloned();
                }
            }
        }
        Change::between(self, after, Vec::new(), Vec::new())
    }
}
