//! Where a record is: topic, partition, offset.

use std::fmt;

use crate::{EntityTypeId, Offset};

/// Which of an entity type's topics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TopicKind {
    /// `<entity>.commands`: every command, kept for ever.
    Commands,
    /// `<entity>.events`: every event, the truth.
    Events,
}

impl TopicKind {
    /// The last part of the topic's name.
    pub fn as_str(self) -> &'static str {
        match self {
            TopicKind::Commands => "commands",
            TopicKind::Events => "events",
        }
    }
}

/// Where a record is. The topic is named by entity type and kind, so that a position needs no text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// The entity type whose topic it is.
    pub entity: EntityTypeId,
    /// Commands or events.
    pub topic: TopicKind,
    /// The partition.
    pub partition: u32,
    /// The offset in it.
    pub offset: Offset,
}

/// An event's id as written outside: `<entity name>/<instance id>/<seq>` (parse from the right).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventRef<'a> {
    /// `metadata.name` of the entity.
    pub entity: &'a str,
    /// The instance.
    pub id: &'a str,
    /// The sequence.
    pub seq: u64,
}

impl fmt::Display for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.entity, self.id, self.seq)
    }
}
