//! Rounds: when one begins, who is awaited, when it ends, and what becomes of those who do not answer.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::{Classic, First, Member, Phase, Waits};
use crate::group::{Answer, Answers, Name};

impl Classic {
    /// Begins a round, unless one has begun.
    pub(super) fn prepare(&mut self, now: Duration, out: &mut Answers) {
        if matches!(self.phase, Phase::Preparing { .. }) {
            return;
        }
        for (id, member) in &mut self.members {
            member.sync_by = None;
            if let Waits::Sync(_) = member.waits {
                out.extend(member.waits.answer(ResponseError::RebalanceInProgress, id));
                member.waits = Waits::Nothing;
                member.heard(now);
            }
        }
        let longest = self.longest_round();
        self.phase = match self.phase {
            Phase::Empty => {
                let first = First { last: now + longest, grown: false };
                Phase::Preparing { ends: now + self.bounds.first_delay.min(longest), first: Some(first) }
            }
            _ => Phase::Preparing { ends: now + longest, first: None },
        };
    }

    fn longest_round(&self) -> Duration {
        self.members.values().map(|member| member.rebalance).max().unwrap_or_default()
    }

    /// Ends the round if nobody is missing. The first one of a group always takes its whole time.
    pub(super) fn complete_if_all_joined(&mut self, now: Duration, out: &mut Answers) {
        let Phase::Preparing { first: None, .. } = self.phase else { return };
        let joined = |member: &Member| matches!(member.waits, Waits::Join(_));
        if self.pending.is_empty() && self.members.values().all(joined) {
            self.complete(now, out);
        }
    }

    /// Ends the round with those who have joined. A static member that has not keeps its place.
    fn complete(&mut self, now: Duration, out: &mut Answers) {
        let awaited = |member: &Member| !matches!(member.waits, Waits::Join(_));
        self.members.retain(|_, member| !awaited(member) || member.instance.is_some());
        if self.members.is_empty() {
            return self.become_empty();
        }
        let leads = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leads.is_none_or(awaited) {
            let joined = self.members.iter().find(|(_, member)| !awaited(member));
            let Some((id, _)) = joined else {
                // Only static members, and all of them away: the round waits until they come or are forgotten.
                self.phase = Phase::Preparing { ends: now + self.longest_round(), first: None };
                return;
            };
            self.leader = Some(id.clone());
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol = self.select();
        self.phase = Phase::Completing;
        self.tell_joined(now, out);
    }

    fn tell_joined(&mut self, now: Duration, out: &mut Answers) {
        let sync_by = now + self.longest_round();
        let ids: Vec<Name> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.assignment = Bytes::new();
            if let Waits::Join(ticket) = std::mem::replace(&mut member.waits, Waits::Nothing) {
                member.heard(now);
                member.sync_by = Some(sync_by);
                out.push((ticket, Answer::Joined(Ok(answer))));
            }
        }
    }

    fn become_empty(&mut self) {
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.phase = Phase::Empty;
        self.protocol = None;
        self.protocol_type = None;
        self.leader = None;
    }

    /// The protocol that all members speak and most of them like best among those; at equal votes the one that the
    /// first of the members likes better.
    pub(super) fn select(&self) -> Option<Name> {
        let spoken = |member: &Member, name: &Name| member.protocols.iter().any(|(spoken, _)| spoken == name);
        let common = |name: &Name| self.members.values().all(|member| spoken(member, name));
        let names = |member: &Member| member.protocols.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let candidates: Vec<Name> = self.members.values().next().map(names)?.into_iter().filter(common).collect();
        let mut votes = vec![0; candidates.len()];
        for member in self.members.values() {
            let favourite = member.protocols.iter().find_map(|(name, _)| candidates.iter().position(|c| c == name));
            favourite.into_iter().for_each(|favourite| votes[favourite] += 1);
        }
        let most = votes.iter().max()?;
        let chosen = votes.iter().position(|count| count == most)?;
        candidates.get(chosen).cloned()
    }

    /// Takes a member out; the others join anew.
    pub(super) fn remove(&mut self, now: Duration, id: &Name, error: ResponseError, out: &mut Answers) {
        let Some(member) = self.members.remove(id) else { return };
        out.extend(member.waits.answer(error, id));
        if let Some(instance) = &member.instance {
            self.statics.remove(instance);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.prepare(now, out);
        if self.members.is_empty() {
            self.become_empty();
        }
        self.complete_if_all_joined(now, out);
    }

    /// Does what has become due.
    pub(crate) fn tick(&mut self, now: Duration, out: &mut Answers) {
        self.pending.retain(|_, until| *until > now);
        let late = |member: &Member| member.due().is_some_and(|due| due <= now);
        let gone: Vec<Name> = self.members.iter().filter(|(_, m)| late(m)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove(now, id, ResponseError::UnknownMemberId, out));
        if let Phase::Preparing { ends, first } = self.phase
            && ends <= now
        {
            match first {
                Some(First { last, grown: true }) if last > now => {
                    let ends = last.min(now + self.bounds.first_delay);
                    self.phase = Phase::Preparing { ends, first: Some(First { last, grown: false }) };
                }
                _ => self.complete(now, out),
            }
        }
        self.complete_if_all_joined(now, out);
    }
}
