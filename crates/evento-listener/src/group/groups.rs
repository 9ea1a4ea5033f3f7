//! All groups: one state machine. Requests and due timers go in, answers come out; no clock, no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;

use super::classic::{self, Classic, Join, Sync};
use super::consumer::{self, Beat, Beaten, Consumer, No};
use super::kind::{Group, Kind};
use super::offsets::{Committer, Way};
use super::topics::Topics;
use super::{Answer, Answers, Granted, GroupLimits, Name, Refused, Ticket};

/// Bytes of a group's, a member's or an instance's name.
const NAME_MAX: usize = 255;

/// Protocols that one member may speak.
const PROTOCOLS_MAX: usize = 64;

/// The groups of a broker.
#[derive(Debug)]
pub(crate) struct Groups {
    limits: GroupLimits,
    /// Bound: `groups_max`.
    groups: BTreeMap<Name, Group>,
    /// Which group must be looked at when, at most once each.
    due: BTreeSet<(Duration, Name)>,
    /// Bytes that all members say of themselves. Bound: `all_bytes_max`.
    bytes: usize,
    /// What there is to read.
    topics: Arc<Topics>,
}

impl Groups {
    /// The groups that are known to have committed offsets; their members are not known yet.
    pub(crate) fn new(limits: GroupLimits, with_offsets: impl IntoIterator<Item = Name>) -> Groups {
        let mut groups =
            Groups { limits, groups: BTreeMap::new(), due: BTreeSet::new(), bytes: 0, topics: Arc::default() };
        with_offsets.into_iter().for_each(|name| groups.keep(&name));
        groups
    }

    fn classic_of(&self) -> Kind {
        let GroupLimits { members_max, group_bytes_max, first_delay, .. } = self.limits;
        Kind::Classic(Classic::new(classic::Bounds { members: members_max, bytes: group_bytes_max, first_delay }))
    }

    fn consumer_of(&self) -> Kind {
        let GroupLimits { members_max, group_bytes_max, session, heartbeat, heartbeat_moving, .. } = self.limits;
        let (members, bytes) = (members_max, group_bytes_max);
        Kind::Consumer(Consumer::new(consumer::Bounds { members, bytes, session, heartbeat, heartbeat_moving }))
    }

    /// A group that stays as long as it has committed offsets.
    pub(crate) fn keep(&mut self, name: &Name) {
        let kind = self.classic_of();
        let made = || Group { kind, offsets: true, due: None, bytes: 0 };
        self.groups.entry(name.clone()).or_insert_with(made).offsets = true;
    }

    /// The group has no committed offsets any more.
    pub(crate) fn let_go(&mut self, name: &str) {
        if let Some(group) = self.groups.get_mut(name) {
            group.offsets = false;
            self.settle(name);
        }
    }

    /// All groups by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Name, &Group)> {
        self.groups.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Whether nobody is in the group.
    pub(crate) fn is_empty(&self, name: &str) -> bool {
        self.groups.get(name).is_none_or(Group::is_empty)
    }

    /// JoinGroup.
    pub(crate) fn join(&mut self, now: Duration, ticket: Ticket, group: &Name, mut join: Join, out: &mut Answers) {
        // Never zero: a round must end later than it begins.
        join.rebalance = join.rebalance.clamp(self.limits.session_min, self.limits.session_max);
        let member = join.member.clone();
        match self.joinable(group, &join) {
            Ok(classic) => classic.join(now, ticket, join, out),
            Err(error) => out.push((ticket, Answer::Joined(Err(Refused { error, member })))),
        }
        self.settle(group);
    }

    fn joinable(&mut self, name: &Name, join: &Join) -> Granted<&mut Classic> {
        if !(self.limits.session_min..=self.limits.session_max).contains(&join.session) {
            return Err(ResponseError::InvalidSessionTimeout);
        }
        let instance = join.instance.as_deref().unwrap_or("instance");
        let many = join.protocols.len() > PROTOCOLS_MAX;
        if many || !is_name(instance) || join.member.len() > 2 * NAME_MAX {
            return Err(ResponseError::InvalidRequest);
        }
        let said: usize = join.protocols.iter().map(|(name, said)| name.len() + said.len()).sum();
        if self.bytes + said > self.limits.all_bytes_max {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        // An id that was given out needs its group; only somebody new makes one.
        if !join.member.is_empty() && !self.groups.contains_key(name) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.make(name, Groups::classic_of)?;
        match self.groups.get_mut(name).map(|group| &mut group.kind) {
            Some(Kind::Classic(classic)) => Ok(classic),
            _ => Err(ResponseError::InconsistentGroupProtocol),
        }
    }

    /// Makes the group if it is not there. An empty one may change its kind.
    fn make(&mut self, name: &Name, kind: fn(&Groups) -> Kind) -> Granted<()> {
        if !is_name(name) {
            return Err(ResponseError::InvalidGroupId);
        }
        let kind = kind(self);
        if let Some(group) = self.groups.get_mut(name) {
            if group.is_empty() && std::mem::discriminant(&group.kind) != std::mem::discriminant(&kind) {
                group.kind = kind;
            }
            return Ok(());
        }
        if self.groups.len() >= self.limits.groups_max {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.groups.insert(name.clone(), Group { kind, offsets: false, due: None, bytes: 0 });
        Ok(())
    }

    /// The classic group of this name; to members of a group that is not there, they are unknown.
    fn classic(&mut self, name: &str) -> Granted<&mut Classic> {
        if !is_name(name) {
            return Err(ResponseError::InvalidGroupId);
        }
        match self.groups.get_mut(name).map(|group| &mut group.kind) {
            Some(Kind::Classic(classic)) => Ok(classic),
            _ => Err(ResponseError::UnknownMemberId),
        }
    }

    /// SyncGroup.
    pub(crate) fn sync(&mut self, now: Duration, ticket: Ticket, group: &str, sync: Sync, out: &mut Answers) {
        let given: usize = sync.assignments.iter().map(|(_, assignment)| assignment.len()).sum();
        let full = self.bytes + given > self.limits.all_bytes_max;
        match self.classic(group) {
            Ok(_) if full => out.push((ticket, Answer::Synced(Err(ResponseError::CoordinatorNotAvailable)))),
            Ok(classic) => classic.sync(now, ticket, sync, out),
            Err(error) => out.push((ticket, Answer::Synced(Err(error)))),
        }
        self.settle(group);
    }

    /// Heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        now: Duration,
        group: &str,
        member: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Granted<()> {
        // What a heartbeat moves, it moves into the future: the entry in `due` is then early, and moved when met.
        self.classic(group)?.heartbeat(now, member, instance, generation)
    }

    /// LeaveGroup, for one member.
    pub(crate) fn leave(
        &mut self,
        now: Duration,
        group: &str,
        member: &str,
        instance: Option<&str>,
        out: &mut Answers,
    ) -> Granted<()> {
        let left = self.classic(group)?.leave(now, member, instance, out);
        self.settle(group);
        left
    }

    /// Version of the topics that are known.
    pub(crate) fn topics_version(&self) -> Option<u64> {
        self.topics.version
    }

    /// What there is to read.
    pub(crate) fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    /// The topics have changed.
    pub(crate) fn set_topics(&mut self, topics: Arc<Topics>) {
        self.topics = topics;
        for group in self.groups.values_mut() {
            if let Kind::Consumer(consumer) = &mut group.kind {
                consumer.topics_changed(&self.topics);
            }
        }
    }

    /// ConsumerGroupHeartbeat.
    pub(crate) fn beat(&mut self, now: Duration, group: &Name, beat: Beat) -> Result<Beaten, No> {
        beat.check()?;
        let topics = self.topics.clone();
        let answer = self.beatable(group, &beat).and_then(|consumer| consumer.beat(now, beat, &topics));
        self.settle(group);
        answer
    }

    fn beatable(&mut self, name: &Name, beat: &Beat) -> Result<&mut Consumer, No> {
        let no = |error, why| Err(No { error, why });
        let instance = beat.instance.as_deref().unwrap_or("instance");
        if !is_name(name) {
            return no(ResponseError::InvalidGroupId, "the name of the group is empty, too long, or not allowed");
        }
        if !is_name(instance) || beat.member.len() > NAME_MAX {
            return no(ResponseError::InvalidRequest, "the name of the member or instance is empty or too long");
        }
        if beat.joins() && self.bytes > self.limits.all_bytes_max {
            return no(ResponseError::CoordinatorNotAvailable, "the groups say more than may be kept; try later");
        }
        if beat.joins() {
            self.make(name, Groups::consumer_of).map_err(|error| No { error, why: "there are too many groups" })?;
        }
        match self.groups.get_mut(name).map(|group| &mut group.kind) {
            Some(Kind::Consumer(consumer)) => Ok(consumer),
            Some(Kind::Classic(classic)) if !classic.is_empty() => {
                no(ResponseError::GroupIdNotFound, "the group speaks the classic protocol as long as it has members")
            }
            // After a restart members are not known; they join anew.
            _ => no(ResponseError::UnknownMemberId, "the member is not known; it joins anew"),
        }
    }

    /// Whether these may commit offsets. Somebody outside makes the group if it is not there.
    pub(crate) fn may_commit(&mut self, now: Duration, by: &Committer<'_>, way: Way) -> Granted<()> {
        let outside = by.generation < 0;
        if !is_name(by.group) {
            return Err(ResponseError::InvalidGroupId);
        }
        if !outside && !self.groups.contains_key(by.group) {
            let later = matches!(way, Way::Request(9..));
            return Err(if later { ResponseError::GroupIdNotFound } else { ResponseError::IllegalGeneration });
        }
        if !self.groups.contains_key(by.group) {
            self.make(&Name::from(by.group), Groups::classic_of)?;
        }
        match self.groups.get_mut(by.group).map(|group| &mut group.kind) {
            Some(Kind::Classic(classic)) => {
                classic.may_commit(now, by.member, by.instance, by.generation, way == Way::Transaction)
            }
            Some(Kind::Consumer(consumer)) => consumer.may_commit(by.member, by.generation, way),
            None => Err(ResponseError::UnknownMemberId),
        }
    }

    /// Whether these may read committed offsets. Who does not say that it is a member may.
    pub(crate) fn may_read_offsets(&self, group: &str, member: &str, epoch: i32) -> Granted<()> {
        match self.groups.get(group).map(|group| &group.kind) {
            _ if member.is_empty() && epoch < 0 => Ok(()),
            None | Some(Kind::Classic(_)) => Ok(()),
            Some(Kind::Consumer(consumer)) => consumer.may_read_offsets(member, epoch),
        }
    }

    /// The earliest time at which [`Groups::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Does everything that has become due.
    pub(crate) fn tick(&mut self, now: Duration, out: &mut Answers) {
        while let Some((due, name)) = self.due.first().cloned()
            && due <= now
        {
            if let Some(group) = self.groups.get_mut(&name) {
                group.tick(now, out);
            }
            self.settle(&name);
        }
    }

    /// Brings what is kept about a group up to date; forgets it when there is nothing left of it.
    fn settle(&mut self, name: &str) {
        let Some((name, group)) = self.groups.get_key_value(name) else { return };
        let (name, was, old_bytes) = (name.clone(), group.due, group.bytes);
        let (due, bytes) = match &group.kind {
            Kind::Classic(classic) => (classic.due(), classic.bytes()),
            Kind::Consumer(consumer) => (consumer.due(), consumer.bytes()),
        };
        let gone = group.is_empty() && !group.offsets && due.is_none();
        self.bytes = self.bytes + bytes - old_bytes;
        if was != due {
            if let Some(was) = was {
                self.due.remove(&(was, name.clone()));
            }
            self.due.extend(due.map(|due| (due, name.clone())));
        }
        if gone {
            self.groups.remove(&name);
        } else if let Some(group) = self.groups.get_mut(&name) {
            (group.due, group.bytes) = (due, bytes);
        }
    }
}

/// Whether this can be the name of a group or an instance.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len()) && !name.contains('\0')
}
