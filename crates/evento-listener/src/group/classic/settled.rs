//! Between rounds: assignments, heartbeats, leaving, and who may commit offsets.

use std::time::Duration;

use bytes::{Buf, Bytes};
use kafka_protocol::error::ResponseError;

use super::{Classic, Phase, Waits};
use crate::group::{Answer, Answers, Granted, Name, Synced, Ticket};

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) member: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) generation: i32,
    /// What the member believes to speak, if it says so (from version 5).
    pub(crate) protocol_type: Option<Name>,
    pub(crate) protocol: Option<Name>,
    /// From the leader: what each member has to read.
    pub(crate) assignments: Vec<(Name, Bytes)>,
}

impl Classic {
    /// Takes the leader's assignment; the others wait for theirs.
    pub(crate) fn sync(&mut self, now: Duration, ticket: Ticket, sync: Sync, out: &mut Answers) {
        match self.sync_at_once(now, ticket, sync, out) {
            Ok(None) => {}
            Ok(Some(synced)) => out.push((ticket, Answer::Synced(Ok(synced)))),
            Err(error) => out.push((ticket, Answer::Synced(Err(error)))),
        }
    }

    fn sync_at_once(
        &mut self,
        now: Duration,
        ticket: Ticket,
        sync: Sync,
        out: &mut Answers,
    ) -> Granted<Option<Synced>> {
        self.is_current(&sync.member, sync.instance.as_deref(), sync.generation)?;
        let differs = |said: &Option<Name>, is: &Option<Name>| said.is_some() && said != is;
        if differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol, &self.protocol) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let phase = self.phase;
        let member = self.member(&sync.member, sync.instance.as_deref())?;
        match phase {
            Phase::Empty => Err(ResponseError::UnknownMemberId),
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            Phase::Stable => {
                member.sync_by = None;
                member.heard(now);
                Ok(Some(self.synced(&sync.member)))
            }
            Phase::Completing => {
                member.sync_by = None;
                let left = std::mem::replace(&mut member.waits, Waits::Sync(ticket));
                out.extend(left.answer(ResponseError::RebalanceInProgress, &sync.member));
                if self.leader.as_ref() == Some(&sync.member) {
                    self.assign(now, sync.assignments, out)?;
                }
                Ok(None)
            }
        }
    }

    /// The leader has assigned: everybody who waits is told.
    fn assign(&mut self, now: Duration, assignments: Vec<(Name, Bytes)>, out: &mut Answers) -> Granted<()> {
        let given: usize = assignments.iter().map(|(_, assignment)| assignment.len()).sum();
        if self.bytes() + given > self.bounds.bytes {
            let leader = self.leader.as_ref().and_then(|leader| self.members.get_mut(leader));
            leader.into_iter().for_each(|leader| leader.waits = Waits::Nothing);
            self.prepare(now, out);
            return Err(ResponseError::GroupMaxSizeReached);
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        let waiting: Vec<Name> =
            self.members.iter().filter(|(_, m)| matches!(m.waits, Waits::Sync(_))).map(|(id, _)| id.clone()).collect();
        for id in waiting {
            let synced = self.synced(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.heard(now);
            if let Waits::Sync(ticket) = std::mem::replace(&mut member.waits, Waits::Nothing) {
                out.push((ticket, Answer::Synced(Ok(synced))));
            }
        }
        Ok(())
    }

    fn synced(&self, id: &Name) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// A member lives.
    pub(crate) fn heartbeat(
        &mut self,
        now: Duration,
        id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Granted<()> {
        self.is_current(id, instance, generation)?;
        self.member(id, instance)?.heard(now);
        match self.phase {
            Phase::Empty => Err(ResponseError::UnknownMemberId),
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            Phase::Completing | Phase::Stable => Ok(()),
        }
    }

    fn is_current(&mut self, id: &str, instance: Option<&str>, generation: i32) -> Granted<()> {
        self.member(id, instance)?;
        if generation != self.generation { Err(ResponseError::IllegalGeneration) } else { Ok(()) }
    }

    /// A member goes, or an administrator takes out an instance (then the id is empty).
    pub(crate) fn leave(&mut self, now: Duration, id: &str, instance: Option<&str>, out: &mut Answers) -> Granted<()> {
        if self.pending.remove(id).is_some() {
            self.complete_if_all_joined(now, out);
            return Ok(());
        }
        let holder = instance.and_then(|instance| self.statics.get(instance));
        let id = match holder {
            Some(holder) if id.is_empty() => holder.clone(),
            _ => Name::from(id),
        };
        self.member(&id, instance)?;
        self.remove(now, &id, ResponseError::UnknownMemberId, out);
        Ok(())
    }

    /// Whether these may commit offsets; a member that may is thereby alive.
    ///
    /// Without id and generation it is somebody outside the group, who may while the group is empty; a transaction
    /// (KIP-447) may always, as long as it does not say that it is a member.
    pub(crate) fn may_commit(
        &mut self,
        now: Duration,
        id: &str,
        instance: Option<&str>,
        generation: i32,
        in_transaction: bool,
    ) -> Granted<()> {
        let outside = generation < 0 && id.is_empty() && instance.is_none();
        if (generation < 0 && self.members.is_empty()) || (outside && in_transaction) {
            return Ok(());
        }
        self.is_current(id, instance, generation)?;
        self.member(id, instance)?.heard(now);
        match self.phase {
            // The new generation may have been told, so that the old one's progress must not come after it.
            Phase::Completing => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether offsets of this topic may be deleted: no member reads it, as far as members say what they read.
    pub(crate) fn may_delete_offsets(&self, topic: &str) -> Granted<()> {
        if self.members.is_empty() {
            return Ok(());
        }
        if self.protocol_type.as_deref() != Some("consumer") {
            return Err(ResponseError::NonEmptyGroup);
        }
        let reads = |said: &Bytes| topics_of(said).is_none_or(|topics| topics.iter().any(|read| read == topic));
        let said = self.members.values().flat_map(|member| &member.protocols);
        if said.into_iter().any(|(_, said)| reads(said)) { Err(ResponseError::GroupSubscribedToTopic) } else { Ok(()) }
    }
}

/// The topics in a consumer's subscription (ConsumerProtocolSubscription: a version, then an array of names).
/// `None` when the bytes are something else.
fn topics_of(mut said: &[u8]) -> Option<Vec<String>> {
    said.try_get_i16().ok()?;
    let count = said.try_get_i32().ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(said.try_get_i16().ok()?).ok()?;
        let (name, rest) = said.split_at_checked(length)?;
        topics.push(String::from_utf8(name.to_vec()).ok()?);
        said = rest;
    }
    Some(topics)
}
