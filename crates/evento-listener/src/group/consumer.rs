//! A group of the KIP-848 protocol: the coordinator assigns, and each member follows at its own heartbeats.
//!
//! The group's epoch rises when members, subscriptions or topics change; then everybody has a new target. A member
//! first gives up what it has beyond its target and says so, and is then given what is free: a partition has at most
//! one owner at any moment. Reading order: here what a group is; `beat` (what a heartbeat asks, and who asks),
//! `target` (subscriptions and targets), `follow` (how a member comes to its target).

mod beat;
mod follow;
mod target;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use uuid::Uuid;

use super::assignor::{Assignor, Parts};
use super::offsets::Way;
use super::{Granted, Name, Origin};

pub(crate) use beat::{Beat, Beaten, No};
use target::Subscription;

/// How many members, and their times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) members: usize,
    pub(crate) bytes: usize,
    pub(crate) session: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) heartbeat_moving: Duration,
}

/// The group. Bounds: members and bytes of what they say, by [`Bounds`]; partitions, by the topics that there are.
#[derive(Debug)]
pub(crate) struct Consumer {
    bounds: Bounds,
    epoch: i32,
    assignor: Assignor,
    members: BTreeMap<Name, Member>,
    /// Static members: instance to member.
    statics: BTreeMap<Name, Name>,
    /// Who has a partition now, also one that it has been asked to give up.
    owners: BTreeMap<(Uuid, i32), Name>,
    /// The topics of all subscriptions, with their partitions, when targets were last made.
    topics: BTreeMap<Uuid, u32>,
}

#[derive(Debug)]
struct Member {
    instance: Option<Name>,
    rack: Option<Name>,
    origin: Origin,
    /// The group's epoch that it follows.
    epoch: i32,
    /// The one before: a client that missed the answer still says it.
    previous: i32,
    subscription: Subscription,
    assignor: Option<Assignor>,
    /// How long it may take to give up partitions.
    rebalance: Duration,
    /// What it should have.
    target: Parts,
    /// What it was told to have.
    assigned: Parts,
    /// What it was told to give up and has not.
    revoking: Parts,
    /// It has stopped for a while and comes back under the same instance.
    away: bool,
    silent_until: Duration,
    revoke_by: Option<Duration>,
}

impl Member {
    fn bytes(&self) -> usize {
        let partitions = self.target.len() + self.assigned.len() + self.revoking.len();
        self.subscription.bytes() + partitions * size_of::<(Uuid, i32)>()
    }

    fn is_settled(&self, epoch: i32) -> bool {
        self.epoch == epoch && self.revoking.is_empty() && self.assigned.len() == self.target.len()
    }
}

/// A member as descriptions show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConsumerView {
    pub(crate) id: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) rack: Option<Name>,
    pub(crate) origin: Origin,
    pub(crate) epoch: i32,
    pub(crate) names: Vec<Name>,
    pub(crate) pattern: Option<Name>,
    pub(crate) assigned: Parts,
    pub(crate) target: Parts,
}

impl Consumer {
    pub(crate) fn new(bounds: Bounds) -> Consumer {
        Consumer {
            bounds,
            epoch: 0,
            assignor: Assignor::default(),
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            owners: BTreeMap::new(),
            topics: BTreeMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The state's name in Kafka's descriptions. It is never `Assigning`: targets are made at once.
    pub(crate) fn state(&self) -> &'static str {
        match self.members.is_empty() {
            true => "Empty",
            false if self.is_settled() => "Stable",
            false => "Reconciling",
        }
    }

    fn is_settled(&self) -> bool {
        self.members.values().filter(|member| !member.away).all(|member| member.is_settled(self.epoch))
    }

    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    pub(crate) fn assignor(&self) -> Assignor {
        self.assignor
    }

    pub(crate) fn view(&self) -> Vec<ConsumerView> {
        let one = |(id, member): (&Name, &Member)| ConsumerView {
            id: id.clone(),
            instance: member.instance.clone(),
            rack: member.rack.clone(),
            origin: member.origin.clone(),
            epoch: member.epoch,
            names: member.subscription.names().cloned().collect(),
            pattern: member.subscription.pattern(),
            assigned: member.assigned.clone(),
            target: member.target.clone(),
        };
        self.members.iter().map(one).collect()
    }

    /// Bytes held for its members.
    pub(crate) fn bytes(&self) -> usize {
        self.members.values().map(Member::bytes).sum()
    }

    /// When [`Consumer::tick`] must be called, if no request comes before.
    pub(crate) fn due(&self) -> Option<Duration> {
        let of = |member: &Member| member.revoke_by.map_or(member.silent_until, |by| by.min(member.silent_until));
        self.members.values().map(of).min()
    }

    /// Whether these may commit offsets: whoever is outside while nobody is in, and members in their epoch.
    pub(crate) fn may_commit(&self, id: &str, epoch: i32, way: Way) -> Granted<()> {
        let outside = epoch < 0 && id.is_empty();
        if (epoch < 0 && self.members.is_empty()) || (outside && way == Way::Transaction) {
            return Ok(());
        }
        let member = self.members.get(id).ok_or(ResponseError::UnknownMemberId)?;
        match way {
            Way::Request(..9) => Err(ResponseError::UnsupportedVersion),
            _ if member.epoch == epoch => Ok(()),
            Way::Request(_) => Err(ResponseError::StaleMemberEpoch),
            Way::Transaction => Err(ResponseError::IllegalGeneration),
        }
    }

    /// Whether a member may read committed offsets.
    pub(crate) fn may_read_offsets(&self, id: &str, epoch: i32) -> Granted<()> {
        let member = self.members.get(id).ok_or(ResponseError::UnknownMemberId)?;
        if member.epoch == epoch { Ok(()) } else { Err(ResponseError::StaleMemberEpoch) }
    }

    /// Whether offsets of this topic may be deleted: no member reads it.
    pub(crate) fn may_delete_offsets(&self, topic: &str) -> Granted<()> {
        let read = self.members.values().any(|member| member.subscription.reads(topic));
        if read { Err(ResponseError::GroupSubscribedToTopic) } else { Ok(()) }
    }
}
