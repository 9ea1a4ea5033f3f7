//! Topics: names, ids and partitions of an entity's three topics.
//!
//! Topics come from resources only. `<entity>.commands` and `<entity>.events` are in the log; `<entity>.state` is
//! a compacted view, made from events and states when it is read.

use std::sync::Arc;

use evento_log::embedded::EmbeddedLog;
use evento_model::{Offset, TopicKind};
use evento_schema::catalog::{Catalog, EntityType};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a topic holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Content {
    Commands,
    Events,
    State,
}

impl Content {
    pub(crate) const ALL: [Content; 3] = [Content::Commands, Content::Events, Content::State];

    /// The last part of the topic's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Content::Commands => TopicKind::Commands.as_str(),
            Content::Events => TopicKind::Events.as_str(),
            Content::State => "state",
        }
    }

    /// The topic of the log whose offsets it has: a state has the offset of the event that made it.
    pub(crate) fn kind(self) -> TopicKind {
        match self {
            Content::Commands => TopicKind::Commands,
            Content::Events | Content::State => TopicKind::Events,
        }
    }
}

/// One topic of one entity type.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) entity: Arc<EntityType>,
    pub(crate) content: Content,
}

impl Topic {
    /// All topics, in the order of the entities' numbers.
    pub(crate) fn all(catalog: &Catalog) -> impl Iterator<Item = Topic> {
        let of = |entity: &Arc<EntityType>| Content::ALL.map(|content| Topic { entity: entity.clone(), content });
        catalog.entities().iter().flat_map(of)
    }

    /// The topic of this name.
    pub(crate) fn named(catalog: &Catalog, name: &str) -> Option<Topic> {
        let (entity, content) = name.rsplit_once('.')?;
        let content = Content::ALL.into_iter().find(|known| known.as_str() == content)?;
        let entity = catalog.entities().iter().find(|known| known.name.as_str() == entity)?;
        Some(Topic { entity: entity.clone(), content })
    }

    /// The topic of this id.
    pub(crate) fn with_id(catalog: &Catalog, cluster_id: &str, id: Uuid) -> Option<Topic> {
        Topic::all(catalog).find(|topic| topic.id(cluster_id) == id)
    }

    /// `account.events`
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.entity.name, self.content.as_str())
    }

    /// The same for ever in this cluster; another one when an entity of this name is made anew.
    pub(crate) fn id(&self, cluster_id: &str) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(cluster_id.as_bytes());
        hash.update(self.entity.id.0.to_be_bytes());
        hash.update(self.content.as_str().as_bytes());
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Whether the topic has a partition of this number, as clients write it.
    pub(crate) fn partition(&self, index: i32) -> Option<u32> {
        u32::try_from(index).ok().filter(|partition| *partition < self.entity.partitions)
    }

    /// One past the last offset: everything below is durable.
    pub(crate) fn end(&self, log: &EmbeddedLog, partition: u32) -> Offset {
        log.end_offset(self.entity.id, self.content.kind(), partition)
    }
}
