//! Scenarios of the classic protocol, on a clock that is handed in.

mod lives;
mod rounds;
mod rules;
mod statics;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::{Join, Sync};
use crate::group::groups::Groups;
use crate::group::offsets::{Committer, Way};
use crate::group::{Answer, Answers, Granted, GroupLimits, Joined, Name, Origin, Refused, Synced, Ticket};

pub(super) const SESSION: Duration = Duration::from_secs(10);
pub(super) const ROUND: Duration = Duration::from_secs(60);
pub(super) const DELAY: Duration = Duration::from_millis(250);
pub(super) const MS: Duration = Duration::from_millis(1);

/// The coordinator with one group `g`, its time, and the answers that have come.
pub(super) struct World {
    pub(super) groups: Groups,
    pub(super) now: Duration,
    answers: BTreeMap<Ticket, Answer>,
    next: Ticket,
}

/// A join of the consumer protocol that likes `range`, by a client that fetches its id first.
pub(super) fn join(member: &str) -> Join {
    Join {
        member: member.into(),
        instance: None,
        origin: Origin { client: "client".into(), host: "/127.0.0.1".into() },
        session: SESSION,
        rebalance: ROUND,
        protocol_type: "consumer".into(),
        protocols: speaking(&[("range", "range of it")]),
        two_steps: true,
        fresh: "".into(),
    }
}

/// A join of an instance without an id; it would get this one.
pub(super) fn instance(instance: &str, fresh: &str) -> Join {
    Join { instance: Some(instance.into()), fresh: fresh.into(), ..join("") }
}

pub(super) fn speaking(protocols: &[(&str, &str)]) -> Vec<(Name, Bytes)> {
    protocols.iter().map(|(name, said)| (Name::from(*name), Bytes::copy_from_slice(said.as_bytes()))).collect()
}

impl World {
    pub(super) fn new() -> World {
        World::of(GroupLimits::default())
    }

    pub(super) fn of(limits: GroupLimits) -> World {
        let groups = Groups::new(limits, []);
        World { groups, now: Duration::from_secs(1), answers: BTreeMap::new(), next: 1 }
    }

    fn take(&mut self, out: Answers) {
        for (ticket, answer) in out {
            assert!(self.answers.insert(ticket, answer).is_none(), "request {ticket} is answered twice");
        }
    }

    pub(super) fn ask(&mut self, join: Join) -> Ticket {
        let (mut out, ticket) = (Answers::new(), self.next);
        self.next += 1;
        self.groups.join(self.now, ticket, &"g".into(), join, &mut out);
        self.take(out);
        ticket
    }

    /// A new member's two steps; the ticket of the second.
    pub(super) fn enter(&mut self, id: &str) -> Ticket {
        let first = self.ask(Join { fresh: id.into(), ..join("") });
        assert_eq!(self.refused(first), (ResponseError::MemberIdRequired, id.into()));
        self.ask(join(id))
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.groups.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let mut out = Answers::new();
            self.groups.tick(self.now, &mut out);
            self.take(out);
        }
        self.now = until;
    }

    pub(super) fn waits(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    pub(super) fn joined(&mut self, ticket: Ticket) -> Joined {
        match self.answers.remove(&ticket) {
            Some(Answer::Joined(Ok(joined))) => joined,
            other => panic!("not joined: {other:?}"),
        }
    }

    pub(super) fn refused(&mut self, ticket: Ticket) -> (ResponseError, Name) {
        match self.answers.remove(&ticket) {
            Some(Answer::Joined(Err(Refused { error, member }))) => (error, member),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(super) fn sync(&mut self, sync: Sync) -> Ticket {
        let (mut out, ticket) = (Answers::new(), self.next);
        self.next += 1;
        self.groups.sync(self.now, ticket, "g", sync, &mut out);
        self.take(out);
        ticket
    }

    pub(super) fn synced(&mut self, ticket: Ticket) -> Granted<Synced> {
        match self.answers.remove(&ticket) {
            Some(Answer::Synced(synced)) => synced,
            other => panic!("not synced: {other:?}"),
        }
    }

    pub(super) fn heartbeat(&mut self, member: &str, generation: i32) -> Granted<()> {
        self.groups.heartbeat(self.now, "g", member, None, generation)
    }

    pub(super) fn leave(&mut self, member: &str, instance: Option<&str>) -> Granted<()> {
        let mut out = Answers::new();
        let left = self.groups.leave(self.now, "g", member, instance, &mut out);
        self.take(out);
        left
    }

    pub(super) fn may_commit(&mut self, member: &str, generation: i32, way: Way) -> Granted<()> {
        let by = Committer { group: "g", member, instance: None, generation };
        self.groups.may_commit(self.now, &by, way)
    }

    pub(super) fn state(&self) -> &'static str {
        self.groups.get("g").map_or("none", |group| group.state())
    }

    /// Members `a`, `b`, … in a settled group of generation 1, `a` leading; each has its own name as assignment.
    pub(super) fn settled(members: &[&str]) -> World {
        let mut world = World::new();
        let tickets: Vec<Ticket> = members.iter().map(|id| world.enter(id)).collect();
        world.pass(ROUND.min(DELAY * 3));
        world.settle(members, &tickets);
        world
    }

    /// Ends a round: all are joined, the leader gives each its own name.
    pub(super) fn settle(&mut self, members: &[&str], tickets: &[Ticket]) -> i32 {
        let joined: Vec<Joined> = tickets.iter().map(|ticket| self.joined(*ticket)).collect();
        let generation = joined[0].generation;
        assert!(joined.iter().all(|one| one.generation == generation && one.leader == joined[0].leader));
        let leader = joined[0].leader.clone();
        let told = joined.iter().find(|one| one.member == leader).expect("the leader is among them");
        let assignments: Vec<(Name, Bytes)> =
            told.members.iter().map(|one| (one.id.clone(), Bytes::copy_from_slice(one.id.as_bytes()))).collect();
        let followers: Vec<(&str, Ticket)> = members
            .iter()
            .filter(|id| ***id != *leader)
            .map(|id| (*id, self.sync(following(id, generation))))
            .collect();
        assert!(followers.iter().all(|(_, ticket)| self.waits(*ticket)), "no assignment before the leader's");
        let lead = self.sync(Sync { assignments, ..following(&leader, generation) });
        for (id, ticket) in followers.into_iter().chain([(&*leader, lead)]) {
            assert_eq!(self.synced(ticket).expect("an assignment").assignment, id.as_bytes());
        }
        assert_eq!(self.state(), "Stable");
        generation
    }
}

pub(super) fn following(member: &str, generation: i32) -> Sync {
    Sync {
        member: member.into(),
        instance: None,
        generation,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    }
}
