//! Names of headers and of entity types, as they appear in records.

use std::collections::HashMap;
use std::sync::Arc;

use evento_model::EntityTypeId;

pub(crate) const ID: &str = "ce_id";
pub(crate) const TYPE: &str = "ce_type";
pub(crate) const TIME: &str = "ce_time";
pub(crate) const SEQUENCE: &str = "ce_sequence";
pub(crate) const CORRELATION: &str = "ce_correlationid";
pub(crate) const CAUSATION: &str = "ce_causationid";
pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const COMMAND: &str = "evento-command";
pub(crate) const OUTCOME: &str = "evento-outcome";
pub(crate) const BATCH: &str = "evento-batch";
pub(crate) const DECIDED_ON: &str = "evento-decided-on";
pub(crate) const REVISION: &str = "evento-revision";
pub(crate) const COMMAND_SCHEMA: &str = "evento-command-schema";
pub(crate) const STATE_SCHEMA: &str = "evento-state-schema";
pub(crate) const APPLY_REVISION: &str = "evento-apply-revision";
pub(crate) const STATE_DIGEST: &str = "evento-state-digest";
pub(crate) const SEED: &str = "evento-seed";
pub(crate) const EPOCH: &str = "evento-epoch";
pub(crate) const IF_SEQ: &str = "evento-if-seq";
pub(crate) const PRINCIPAL: &str = "evento-principal";
/// Attempts the command took; ours beyond interfaces 5.4, so that a repeated answer is the same as the first.
pub(crate) const ATTEMPTS: &str = "evento-attempts";
/// Content digest of a command; ours, so that the log need not know how it is made.
pub(crate) const DIGEST: &str = "evento-digest";
/// `client` when the sender chose the command id; ours, so that the index can be rebuilt from the records.
pub(crate) const ID_FROM: &str = "evento-id-from";

/// How entity types are called in records. Bound: the entity types of the registry.
#[derive(Clone, Default, Debug)]
pub(crate) struct Names {
    cluster: Arc<str>,
    entities: HashMap<EntityTypeId, (Arc<str>, Arc<str>)>,
    /// Full names of the entities' own records.
    records: HashMap<EntityTypeId, Arc<str>>,
}

impl Names {
    pub(crate) fn new(cluster: &str) -> Names {
        Names { cluster: cluster.into(), entities: HashMap::new(), records: HashMap::new() }
    }

    pub(crate) fn set(&mut self, entity: EntityTypeId, name: &str, record: &str) {
        self.records.insert(entity, record.into());
        let source = format!("/evento/{}/{name}", self.cluster);
        self.entities.insert(entity, (name.into(), source.into()));
    }

    /// Full name of an entity's own record, the type of its states.
    pub(crate) fn record(&self, entity: EntityTypeId) -> Arc<str> {
        self.records.get(&entity).cloned().unwrap_or_else(|| entity.0.to_string().into())
    }

    /// Resource name and `ce_source`; an entity type nobody named is called by its number.
    pub(crate) fn of(&self, entity: EntityTypeId) -> (Arc<str>, Arc<str>) {
        match self.entities.get(&entity) {
            Some(names) => names.clone(),
            None => {
                let name: Arc<str> = entity.0.to_string().into();
                let source = format!("/evento/{}/{name}", self.cluster).into();
                (name, source)
            }
        }
    }
}
