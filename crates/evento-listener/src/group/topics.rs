//! The topics that groups may read, as the coordinator sees them: names, ids and partitions at one version of the
//! catalogue.

use std::collections::BTreeMap;

use evento_schema::catalog::Catalog;
use uuid::Uuid;

use super::Name;
use crate::topic::Topic;

/// A snapshot. Bound: three topics per entity type.
#[derive(Default, Debug)]
pub(crate) struct Topics {
    /// Version of the catalogue; `None` before the first look at it.
    pub(crate) version: Option<u64>,
    by_name: BTreeMap<Name, (Uuid, u32)>,
}

impl Topics {
    pub(crate) fn of(catalog: &Catalog, cluster_id: &str) -> Topics {
        let one = |topic: Topic| (Name::from(topic.name()), (topic.id(cluster_id), topic.entity.partitions));
        Topics { version: Some(catalog.version), by_name: Topic::all(catalog).map(one).collect() }
    }

    #[cfg(test)]
    pub(crate) fn made(version: u64, topics: &[(&str, u128, u32)]) -> Topics {
        let one = |(name, id, partitions): &(&str, u128, u32)| (Name::from(*name), (Uuid::from_u128(*id), *partitions));
        Topics { version: Some(version), by_name: topics.iter().map(one).collect() }
    }

    /// Name, id and partitions of all topics.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Name, Uuid, u32)> {
        self.by_name.iter().map(|(name, (id, partitions))| (name, *id, *partitions))
    }

    /// Id and partitions of a topic.
    pub(crate) fn get(&self, name: &str) -> Option<(Uuid, u32)> {
        self.by_name.get(name).copied()
    }

    /// The name of the topic of an id.
    pub(crate) fn name(&self, id: Uuid) -> Option<&Name> {
        self.by_name.iter().find(|(_, (known, _))| *known == id).map(|(name, _)| name)
    }
}
