//! One group of either kind, and what is the same for both.

use std::time::Duration;

use super::classic::Classic;
use super::consumer::Consumer;
use super::{Answers, Granted};

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    /// It has committed offsets, and so stays without members.
    pub(super) offsets: bool,
    pub(super) due: Option<Duration>,
    pub(super) bytes: usize,
}

/// How a group's members come to their partitions.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The clients assign.
    Classic(Classic),
    /// The coordinator assigns (KIP-848).
    Consumer(Consumer),
}

impl Kind {
    /// The kind's name in Kafka's descriptions.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Kind::Classic(_) => "classic",
            Kind::Consumer(_) => "consumer",
        }
    }
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Classic(group) => group.is_empty(),
            Kind::Consumer(group) => group.is_empty(),
        }
    }

    /// The state's name in Kafka's descriptions.
    pub(crate) fn state(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(group) => group.state(),
            Kind::Consumer(group) => group.state(),
        }
    }

    /// What kind of protocol its members speak; empty when it has none.
    pub(crate) fn protocol_type(&self) -> &str {
        match &self.kind {
            Kind::Classic(group) => group.protocol_type().map(|name| &**name).unwrap_or_default(),
            Kind::Consumer(_) => "consumer",
        }
    }

    /// Whether offsets of this topic may be deleted: nobody in the group reads it.
    pub(crate) fn may_delete_offsets(&self, topic: &str) -> Granted<()> {
        match &self.kind {
            Kind::Classic(group) => group.may_delete_offsets(topic),
            Kind::Consumer(group) => group.may_delete_offsets(topic),
        }
    }

    pub(super) fn tick(&mut self, now: Duration, out: &mut Answers) {
        match &mut self.kind {
            Kind::Classic(group) => group.tick(now, out),
            Kind::Consumer(group) => group.tick(now),
        }
    }
}
