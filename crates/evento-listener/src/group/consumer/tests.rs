//! Scenarios of KIP-848, on a clock that is handed in.

mod lives;
mod moves;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use uuid::Uuid;

use super::{Beat, Beaten, No};
use crate::group::assignor::Parts;
use crate::group::groups::Groups;
use crate::group::topics::Topics;
use crate::group::{Answers, GroupLimits, Name, Origin};

pub(super) const EVENTS: Uuid = Uuid::from_u128(1);
pub(super) const SESSION: Duration = Duration::from_secs(45);
pub(super) const REBALANCE: Duration = Duration::from_secs(20);

/// The coordinator with one group `g` and two topics of four partitions.
pub(super) struct World {
    pub(super) groups: Groups,
    pub(super) now: Duration,
}

/// A member that joins and reads `account.events`.
pub(super) fn joins(member: &str) -> Beat {
    Beat {
        member: member.into(),
        epoch: 0,
        instance: None,
        rack: None,
        origin: Origin { client: "client".into(), host: "/127.0.0.1".into() },
        rebalance: Some(REBALANCE),
        names: Some(vec!["account.events".into()]),
        pattern: None,
        assignor: None,
        owned: Some(Parts::new()),
    }
}

/// A member that lives and says nothing new.
pub(super) fn lives(member: &str, epoch: i32) -> Beat {
    Beat { epoch, rebalance: None, names: None, owned: None, ..joins(member) }
}

/// A member that says what it has.
pub(super) fn has(member: &str, epoch: i32, partitions: &[i32]) -> Beat {
    Beat { owned: Some(events(partitions)), ..lives(member, epoch) }
}

pub(super) fn instance(instance: &str, beat: Beat) -> Beat {
    Beat { instance: Some(instance.into()), ..beat }
}

pub(super) fn events(partitions: &[i32]) -> Parts {
    partitions.iter().map(|partition| (EVENTS, *partition)).collect()
}

pub(super) fn two_topics(version: u64, partitions: u32) -> Arc<Topics> {
    Arc::new(Topics::made(version, &[("account.events", 1, partitions), ("order.events", 2, 4)]))
}

impl World {
    pub(super) fn new() -> World {
        World::of(GroupLimits::default())
    }

    pub(super) fn of(limits: GroupLimits) -> World {
        let mut groups = Groups::new(limits, []);
        groups.set_topics(two_topics(1, 4));
        World { groups, now: Duration::from_secs(1) }
    }

    pub(super) fn beat(&mut self, beat: Beat) -> Result<Beaten, No> {
        self.groups.beat(self.now, &"g".into(), beat)
    }

    /// A heartbeat that is granted: epoch and new assignment.
    pub(super) fn ok(&mut self, beat: Beat) -> (i32, Option<Parts>) {
        let beaten = self.beat(beat).expect("granted");
        (beaten.epoch, beaten.assigned)
    }

    pub(super) fn error(&mut self, beat: Beat) -> ResponseError {
        self.beat(beat).expect_err("refused").error
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.groups.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let mut out = Answers::new();
            self.groups.tick(self.now, &mut out);
            assert!(out.is_empty(), "nobody waits in such a group");
        }
        self.now = until;
    }

    pub(super) fn state(&self) -> &'static str {
        self.groups.get("g").map_or("none", |group| group.state())
    }

    pub(super) fn exists(&self) -> bool {
        self.groups.get(&Name::from("g")).is_some()
    }
}
