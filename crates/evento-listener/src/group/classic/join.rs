//! Joining: who comes in, who comes back, and who must first fetch an id.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::{Classic, Member, Phase, Waits};
use crate::group::{Answer, Answers, Joined, JoinedMember, Name, Origin, Refused, Ticket};

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Empty: it has no id yet.
    pub(crate) member: Name,
    pub(crate) instance: Option<Name>,
    pub(crate) origin: Origin,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    pub(crate) protocol_type: Name,
    pub(crate) protocols: Vec<(Name, Bytes)>,
    /// Without an id it gets only an id now (KIP-394, from version 4).
    pub(crate) two_steps: bool,
    /// The id it gets if it has none.
    pub(crate) fresh: Name,
}

/// Who asks to join.
enum Who {
    /// Nobody known.
    New,
    /// It was given its id before.
    Pending,
    /// A member.
    Member,
    /// The instance of this member, begun anew.
    Returned(Name),
}

impl Classic {
    /// Takes a member in, or refuses it. The answer comes when the round is complete.
    pub(crate) fn join(&mut self, now: Duration, ticket: Ticket, join: Join, out: &mut Answers) {
        let refused = |error, member: &Name| Answer::Joined(Err(Refused { error, member: member.clone() }));
        match self.who(&join) {
            Err(error) => out.push((ticket, refused(error, &join.member))),
            Ok(who) if self.is_full(&who, &join) => {
                out.push((ticket, refused(ResponseError::GroupMaxSizeReached, &join.member)));
            }
            Ok(Who::New) if join.two_steps && join.instance.is_none() => {
                self.pending.insert(join.fresh.clone(), now + join.session);
                out.push((ticket, refused(ResponseError::MemberIdRequired, &join.fresh)));
            }
            Ok(Who::New) => self.add(now, ticket, join.fresh.clone(), join, out),
            Ok(Who::Pending) => self.add(now, ticket, join.member.clone(), join, out),
            Ok(Who::Member) => self.rejoin(now, ticket, join, out),
            Ok(Who::Returned(old)) => self.replace(now, ticket, &old, join, out),
        }
    }

    fn who(&self, join: &Join) -> Result<Who, ResponseError> {
        if !self.speaks(join) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let holder = join.instance.as_ref().and_then(|instance| self.statics.get(instance));
        match holder {
            Some(old) if join.member.is_empty() => Ok(Who::Returned(old.clone())),
            Some(holder) if *holder != join.member => Err(ResponseError::FencedInstanceId),
            None if join.member.is_empty() => Ok(Who::New),
            None if join.instance.is_none() && self.pending.contains_key(&join.member) => Ok(Who::Pending),
            None if join.instance.is_some() => Err(ResponseError::UnknownMemberId),
            _ if self.members.contains_key(&join.member) => Ok(Who::Member),
            _ => Err(ResponseError::UnknownMemberId),
        }
    }

    /// Whether it has a protocol in common with all other members.
    fn speaks(&self, join: &Join) -> bool {
        let same = self.protocol_type.as_ref().is_none_or(|known| *known == join.protocol_type);
        let common =
            |name: &Name| self.others(join).all(|member| member.protocols.iter().any(|(spoken, _)| spoken == name));
        let named = !join.protocol_type.is_empty();
        named && same && join.protocols.iter().any(|(name, _)| common(name))
    }

    /// All members but the former life of the one who joins.
    fn others(&self, join: &Join) -> impl Iterator<Item = &Member> {
        let instance = join.instance.as_ref();
        let itself =
            move |id: &Name, m: &Member| *id == join.member || instance.is_some_and(|i| m.instance.as_ref() == Some(i));
        self.members.iter().filter(move |(id, member)| !itself(id, member)).map(|(_, member)| member)
    }

    fn is_full(&self, who: &Who, join: &Join) -> bool {
        let one_more = matches!(who, Who::New) && self.members.len() + self.pending.len() >= self.bounds.members;
        let said: usize = join.protocols.iter().map(|(name, said)| name.len() + said.len()).sum();
        one_more || self.others(join).map(Member::bytes).sum::<usize>() + said > self.bounds.bytes
    }

    fn add(&mut self, now: Duration, ticket: Ticket, id: Name, join: Join, out: &mut Answers) {
        self.pending.remove(&id);
        self.protocol_type.get_or_insert(join.protocol_type);
        self.leader.get_or_insert(id.clone());
        if let Some(instance) = &join.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        let member = Member {
            instance: join.instance,
            origin: join.origin,
            session: join.session,
            rebalance: join.rebalance,
            protocols: join.protocols,
            assignment: Bytes::new(),
            waits: Waits::Join(ticket),
            silent_until: now + join.session,
            sync_by: None,
        };
        self.members.insert(id, member);
        match &mut self.phase {
            Phase::Preparing { first, .. } => first.iter_mut().for_each(|first| first.grown = true),
            _ => self.prepare(now, out),
        }
        self.complete_if_all_joined(now, out);
    }

    fn rejoin(&mut self, now: Duration, ticket: Ticket, join: Join, out: &mut Answers) {
        let leads = self.leader.as_ref() == Some(&join.member);
        let Some(member) = self.members.get_mut(&join.member) else { return };
        let same = member.protocols == join.protocols;
        // A leader joins again because it saw that something changed; a follower perhaps because it missed the
        // answer of the round.
        let answered = match self.phase {
            Phase::Completing => same,
            Phase::Stable => same && !leads,
            Phase::Empty | Phase::Preparing { .. } => false,
        };
        let left = std::mem::replace(&mut member.waits, Waits::Nothing);
        member.heard(now);
        member.origin = join.origin;
        if let Some((ticket, answer)) = left.answer(ResponseError::RebalanceInProgress, &join.member) {
            out.push((ticket, answer));
        }
        if answered {
            let answer = self.joined(&join.member);
            out.push((ticket, Answer::Joined(Ok(answer))));
            return;
        }
        member.renew(join.session, join.rebalance, join.protocols);
        member.waits = Waits::Join(ticket);
        self.prepare(now, out);
        self.complete_if_all_joined(now, out);
    }

    /// A static member has begun anew: it takes the place of its former life, which is fenced.
    fn replace(&mut self, now: Duration, ticket: Ticket, old: &Name, join: Join, out: &mut Answers) {
        let Some(mut member) = self.members.remove(old) else { return };
        let left = std::mem::replace(&mut member.waits, Waits::Nothing);
        out.extend(left.answer(ResponseError::FencedInstanceId, old));
        let id = join.fresh;
        let leads = self.leader.as_ref() == Some(old);
        if leads {
            self.leader = Some(id.clone());
        }
        if let Some(instance) = &join.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        member.renew(join.session, join.rebalance, join.protocols);
        member.origin = join.origin;
        member.heard(now);
        self.members.insert(id.clone(), member);
        if self.phase == Phase::Stable && self.select() == self.protocol {
            // It goes on where it was. A leader is told that its former life leads, so that it does not assign.
            let leader = if leads { old.clone() } else { self.leader.clone().unwrap_or_default() };
            let answer = Joined { leader, members: Vec::new(), ..self.joined(&id) };
            out.push((ticket, Answer::Joined(Ok(answer))));
            return;
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.waits = Waits::Join(ticket);
        }
        self.prepare(now, out);
        self.complete_if_all_joined(now, out);
    }

    /// What a member is told of this generation.
    pub(super) fn joined(&self, id: &Name) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().unwrap_or_default();
        let one = |(id, member): (&Name, &Member)| JoinedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            metadata: member.said(&protocol),
        };
        Joined {
            member: id.clone(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: if leader == *id { self.members.iter().map(one).collect() } else { Vec::new() },
            protocol,
            leader,
        }
    }
}

impl Member {
    fn renew(&mut self, session: Duration, rebalance: Duration, protocols: Vec<(Name, Bytes)>) {
        self.session = session;
        self.rebalance = rebalance;
        self.protocols = protocols;
    }
}

impl Waits {
    /// The answer that ends the waiting, if there is any.
    pub(super) fn answer(self, error: ResponseError, member: &Name) -> Option<(Ticket, Answer)> {
        match self {
            Waits::Nothing => None,
            Waits::Join(ticket) => Some((ticket, Answer::Joined(Err(Refused { error, member: member.clone() })))),
            Waits::Sync(ticket) => Some((ticket, Answer::Synced(Err(error)))),
        }
    }
}
