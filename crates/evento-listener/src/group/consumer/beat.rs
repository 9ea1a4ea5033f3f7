//! Heartbeats: what a member says, whether it is who it says, and what it is told.
//!
//! Joining, living, and leaving are all heartbeats: by an epoch of 0, of the member, of -1 (for good) or -2 (a
//! static member, for a while).

use std::time::Duration;

use kafka_protocol::error::ResponseError;

use super::target::Subscription;
use super::{Consumer, Member};
use crate::group::assignor::{Assignor, Parts};
use crate::group::topics::Topics;
use crate::group::{Name, Origin};

/// The epoch of a member that joins.
const JOINS: i32 = 0;
/// The epoch of one that leaves.
const LEAVES: i32 = -1;
/// The epoch of a static one that leaves for a while.
const PAUSES: i32 = -2;

/// A ConsumerGroupHeartbeat request. What is `None` has not changed.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) member: Name,
    pub(crate) epoch: i32,
    pub(crate) instance: Option<Name>,
    pub(crate) rack: Option<Name>,
    pub(crate) origin: Origin,
    pub(crate) rebalance: Option<Duration>,
    pub(crate) names: Option<Vec<Name>>,
    /// A regular expression over topic names; an empty one: none.
    pub(crate) pattern: Option<Name>,
    pub(crate) assignor: Option<Name>,
    /// The partitions that it has.
    pub(crate) owned: Option<Parts>,
}

/// The answer to a heartbeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Beaten {
    pub(crate) member: Name,
    pub(crate) epoch: i32,
    /// When the next heartbeat is expected.
    pub(crate) next: Duration,
    /// What the member has to read, when that has changed or it asked for everything.
    pub(crate) assigned: Option<Parts>,
}

/// A heartbeat that is refused, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct No {
    pub(crate) error: ResponseError,
    pub(crate) why: &'static str,
}

pub(super) fn no<T>(error: ResponseError, why: &'static str) -> Result<T, No> {
    Err(No { error, why })
}

impl Beat {
    pub(crate) fn joins(&self) -> bool {
        self.epoch == JOINS
    }

    /// Everything is said, so that everything is answered.
    fn is_full(&self) -> bool {
        let subscribes = self.names.is_some() || self.pattern.is_some();
        self.joins() || (self.rebalance.is_some() && subscribes && self.owned.is_some())
    }

    /// What can be said against it without knowing the group.
    pub(crate) fn check(&self) -> Result<(), No> {
        let invalid = |why| no(ResponseError::InvalidRequest, why);
        if self.member.is_empty() {
            return invalid("a member id is needed");
        }
        match self.epoch {
            ..PAUSES => return invalid("there is no such member epoch"),
            PAUSES if self.instance.is_none() => return invalid("only a static member leaves for a while"),
            JOINS if self.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
                return invalid("a member that joins has no partitions, and says so");
            }
            JOINS if self.rebalance.is_none_or(|time| time.is_zero()) => {
                return invalid("a member that joins says its rebalance timeout");
            }
            JOINS if self.names.is_none() && self.pattern.is_none() => {
                return invalid("a member that joins says what it reads");
            }
            _ => {}
        }
        match self.assignor.as_deref().is_some_and(|name| Assignor::named(name).is_none()) {
            true => no(ResponseError::UnsupportedAssignor, "assignors are uniform and range"),
            false => Ok(()),
        }
    }
}

impl Consumer {
    /// A member joins, lives or leaves. What it says was checked.
    pub(crate) fn beat(&mut self, now: Duration, beat: Beat, topics: &Topics) -> Result<Beaten, No> {
        match beat.epoch {
            LEAVES => self.leave(&beat),
            PAUSES => self.pause(now, &beat),
            _ => self.live(now, beat, topics),
        }
    }

    fn live(&mut self, now: Duration, beat: Beat, topics: &Topics) -> Result<Beaten, No> {
        let (full, id) = (beat.is_full(), beat.member.clone());
        let subscription = Subscription::said(beat.names.clone(), beat.pattern.as_deref())?;
        let mut changed = self.admit(now, &beat)?;
        let session = self.bounds.session;
        let Some(member) = self.members.get_mut(&id) else {
            return no(ResponseError::UnknownMemberId, "the member is not known");
        };
        changed |= member.subscription.update(subscription, topics);
        if let Some(assignor) = beat.assignor.as_deref() {
            member.assignor = Assignor::named(assignor);
        }
        member.rebalance = beat.rebalance.unwrap_or(member.rebalance);
        member.rack = beat.rack.or(member.rack.take());
        member.origin = beat.origin;
        member.silent_until = now + session;
        if changed || self.preferred() != self.assignor {
            self.aim();
        }
        let told = self.follow(now, &id, beat.owned.as_ref());
        let epoch = self.members.get(&id).map_or(self.epoch, |member| member.epoch);
        let assigned = if full { self.members.get(&id).map(|member| member.assigned.clone()) } else { told };
        let next = if self.is_settled() { self.bounds.heartbeat } else { self.bounds.heartbeat_moving };
        Ok(Beaten { member: id, epoch, next, assigned })
    }

    /// Lets a member in, or finds it and checks its epoch. Whether the group has changed by that.
    fn admit(&mut self, now: Duration, beat: &Beat) -> Result<bool, No> {
        let holder = beat.instance.as_ref().and_then(|instance| self.statics.get(instance)).cloned();
        let known = self.members.contains_key(&beat.member);
        match holder {
            Some(holder) if holder != beat.member && !beat.joins() => {
                no(ResponseError::FencedInstanceId, "the instance has begun anew under another member id")
            }
            Some(holder) if holder != beat.member => self.replace(&holder, beat).map(|()| false),
            None if beat.joins() && !known => self.add(now, beat).map(|()| true),
            None if beat.instance.is_some() => {
                no(ResponseError::UnknownMemberId, "no member of the group is this instance")
            }
            _ => self.check_epoch(beat).map(|()| false),
        }
    }

    fn add(&mut self, now: Duration, beat: &Beat) -> Result<(), No> {
        if self.members.len() >= self.bounds.members {
            return no(ResponseError::GroupMaxSizeReached, "the group has as many members as it may have");
        }
        if self.bytes() > self.bounds.bytes {
            return no(ResponseError::GroupMaxSizeReached, "the members of the group say more than may be kept");
        }
        let member = Member {
            instance: beat.instance.clone(),
            rack: None,
            origin: beat.origin.clone(),
            epoch: 0,
            previous: 0,
            subscription: Subscription::default(),
            assignor: None,
            rebalance: Duration::ZERO,
            target: Parts::new(),
            assigned: Parts::new(),
            revoking: Parts::new(),
            away: false,
            silent_until: now,
            revoke_by: None,
        };
        if let Some(instance) = &beat.instance {
            self.statics.insert(instance.clone(), beat.member.clone());
        }
        self.members.insert(beat.member.clone(), member);
        Ok(())
    }

    /// An instance that was away comes back under a new id: it takes over what its former life had.
    fn replace(&mut self, holder: &Name, beat: &Beat) -> Result<(), No> {
        if self.members.get(holder).is_some_and(|member| !member.away) {
            return no(ResponseError::UnreleasedInstanceId, "another member is this instance and has not left");
        }
        if self.members.contains_key(&beat.member) {
            return no(ResponseError::InvalidRequest, "the member id belongs to another member");
        }
        let Some(mut member) = self.members.remove(holder) else { return Ok(()) };
        member.away = false;
        (member.epoch, member.previous) = (0, 0);
        for owner in self.owners.values_mut().filter(|owner| *owner == holder) {
            *owner = beat.member.clone();
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), beat.member.clone());
        }
        self.members.insert(beat.member.clone(), member);
        Ok(())
    }

    fn check_epoch(&mut self, beat: &Beat) -> Result<(), No> {
        let Some(member) = self.members.get_mut(&beat.member) else {
            return no(ResponseError::UnknownMemberId, "the member is not known; it joins anew");
        };
        // Whoever joins has nothing. A client that missed the last answer has at most what it was told before.
        let behind = || beat.owned.as_ref().is_some_and(|owned| owned.is_subset(&member.assigned));
        let here = beat.epoch == member.epoch || (beat.epoch == member.previous && behind());
        let fits = beat.joins() || (here && !member.away);
        member.away &= !fits;
        match fits {
            true => Ok(()),
            false => no(ResponseError::FencedMemberEpoch, "the member epoch is not the member's; it joins anew"),
        }
    }

    /// The member that leaves.
    fn leaving(&self, beat: &Beat) -> Result<Name, No> {
        let holder = beat.instance.as_ref().and_then(|instance| self.statics.get(instance));
        if holder.is_some_and(|holder| *holder != beat.member) {
            return no(ResponseError::FencedInstanceId, "the instance has begun anew under another member id");
        }
        match self.members.contains_key(&beat.member) && (beat.instance.is_none() || holder.is_some()) {
            true => Ok(beat.member.clone()),
            false => no(ResponseError::UnknownMemberId, "the member is not known"),
        }
    }

    fn leave(&mut self, beat: &Beat) -> Result<Beaten, No> {
        let id = self.leaving(beat)?;
        self.remove(&id);
        self.aim();
        Ok(Beaten { member: id, epoch: LEAVES, next: Duration::ZERO, assigned: None })
    }

    /// What it was about to give up is free; the rest waits for it as long as a session lasts.
    fn pause(&mut self, now: Duration, beat: &Beat) -> Result<Beaten, No> {
        let id = self.leaving(beat)?;
        if let Some(member) = self.members.get_mut(&id) {
            member.away = true;
            member.silent_until = now + self.bounds.session;
            member.revoke_by = None;
            let given_up = std::mem::take(&mut member.revoking);
            self.release(&given_up);
        }
        self.give_up_what_waits(&id);
        Ok(Beaten { member: id, epoch: PAUSES, next: Duration::ZERO, assigned: None })
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, id: &Name) {
        let Some(member) = self.members.remove(id) else { return };
        self.release(&member.assigned);
        self.release(&member.revoking);
        if let Some(instance) = &member.instance {
            self.statics.remove(instance);
        }
    }

    /// Takes out who has been silent for too long, or did not give up in time what it should.
    pub(crate) fn tick(&mut self, now: Duration) {
        let late = |member: &Member| member.silent_until <= now || member.revoke_by.is_some_and(|by| by <= now);
        let gone: Vec<Name> = self.members.iter().filter(|(_, m)| late(m)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove(id));
        if !gone.is_empty() {
            self.aim();
        }
    }
}
