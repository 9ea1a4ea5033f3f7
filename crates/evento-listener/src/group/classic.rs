//! A group of the classic protocol: rounds of join and sync, in which one member assigns for all.
//!
//! Reading order: here what a group is; `join` (who may come in), `rebalance` (when a round begins and ends, and
//! who has been silent for too long), `settled` (sync, heartbeat, leave, and who may commit). The partitions
//! themselves are the clients' affair: protocols and assignments are bytes here.

mod join;
mod rebalance;
mod settled;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::{Name, Origin, Ticket};

pub(crate) use join::Join;
pub(crate) use settled::Sync;

/// How long rounds and sizes may be in one group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) members: usize,
    pub(crate) bytes: usize,
    pub(crate) first_delay: Duration,
}

/// The group. Bounds: members with pending ones, and bytes of what they say, by [`Bounds`].
#[derive(Debug)]
pub(crate) struct Classic {
    bounds: Bounds,
    phase: Phase,
    generation: i32,
    /// What kind of protocol it speaks (`consumer`, `connect`), while it has members.
    protocol_type: Option<Name>,
    /// The protocol of this generation.
    protocol: Option<Name>,
    leader: Option<Name>,
    members: BTreeMap<Name, Member>,
    /// Static members: instance to member.
    statics: BTreeMap<Name, Name>,
    /// Ids that were given out and have not been used (KIP-394), and when they are forgotten.
    pending: BTreeMap<Name, Duration>,
}

/// Where a group is in its round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Empty,
    /// Members are awaited.
    Preparing {
        /// Then the round goes on without those who are missing.
        ends: Duration,
        first: Option<First>,
    },
    /// The leader's assignment is awaited.
    Completing,
    Stable,
}

/// The round in which an empty group waits a little for more members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct First {
    /// The waiting is not prolonged beyond this.
    last: Duration,
    /// Somebody came since the waiting was last prolonged.
    grown: bool,
}

/// What a member's connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waits {
    Nothing,
    Join(Ticket),
    Sync(Ticket),
}

#[derive(Debug)]
struct Member {
    instance: Option<Name>,
    origin: Origin,
    session: Duration,
    rebalance: Duration,
    /// Name and what it says for it, the one it likes best first.
    protocols: Vec<(Name, Bytes)>,
    assignment: Bytes,
    waits: Waits,
    /// It is forgotten then, unless it waits or is heard of.
    silent_until: Duration,
    /// It has joined this generation and must ask for its assignment by then.
    sync_by: Option<Duration>,
}

impl Member {
    fn bytes(&self) -> usize {
        let protocols: usize = self.protocols.iter().map(|(name, said)| name.len() + said.len()).sum();
        protocols + self.assignment.len()
    }

    fn said(&self, protocol: &str) -> Bytes {
        let of = self.protocols.iter().find(|(name, _)| **name == *protocol);
        of.map(|(_, said)| said.clone()).unwrap_or_default()
    }

    fn heard(&mut self, now: Duration) {
        self.silent_until = now + self.session;
    }

    /// When something must be done about it, if nothing comes.
    fn due(&self) -> Option<Duration> {
        let silent = (self.waits == Waits::Nothing).then_some(self.silent_until);
        [silent, self.sync_by].into_iter().flatten().min()
    }
}

/// A member as descriptions show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MemberView {
    pub(crate) id: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) origin: Origin,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

impl Classic {
    pub(crate) fn new(bounds: Bounds) -> Classic {
        Classic {
            bounds,
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// The state's name in Kafka's descriptions.
    pub(crate) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }

    /// No members, and none on the way.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    pub(crate) fn protocol_type(&self) -> Option<&Name> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol(&self) -> Option<&Name> {
        self.protocol.as_ref()
    }

    /// Members as descriptions show them: what they said and got, once a protocol is chosen.
    pub(crate) fn view(&self) -> Vec<MemberView> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let settled = self.phase == Phase::Stable;
        let one = |(id, member): (&Name, &Member)| MemberView {
            id: id.clone(),
            instance: member.instance.clone(),
            origin: member.origin.clone(),
            metadata: if settled { member.said(protocol) } else { Bytes::new() },
            assignment: if settled { member.assignment.clone() } else { Bytes::new() },
        };
        self.members.iter().map(one).collect()
    }

    /// Bytes held for its members.
    pub(crate) fn bytes(&self) -> usize {
        self.members.values().map(Member::bytes).sum()
    }

    /// When [`Classic::tick`] must be called, if no request comes before.
    pub(crate) fn due(&self) -> Option<Duration> {
        let round = match self.phase {
            Phase::Preparing { ends, .. } => Some(ends),
            _ => None,
        };
        let members = self.members.values().filter_map(Member::due).min();
        let pending = self.pending.values().min().copied();
        [round, members, pending].into_iter().flatten().min()
    }

    /// The member of this id; a static member must be the one that its instance is now.
    fn member(&mut self, id: &str, instance: Option<&str>) -> Result<&mut Member, ResponseError> {
        if let Some(holder) = instance.and_then(|instance| self.statics.get(instance))
            && **holder != *id
        {
            return Err(ResponseError::FencedInstanceId);
        }
        if instance.is_some_and(|instance| !self.statics.contains_key(instance)) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.members.get_mut(id).ok_or(ResponseError::UnknownMemberId)
    }
}
