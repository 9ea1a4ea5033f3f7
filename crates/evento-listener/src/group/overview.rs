//! What people ask about groups: who is in them, what each reads, and how far behind it is. Plain values, made when
//! asked for; nothing here changes a group.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use evento_schema::catalog::Catalog;
use serde::Serialize;

use super::{Group, Kind, Name, Topics};
use crate::broker::Broker;
use crate::topic::Topic;

/// A group in a list.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct GroupOverview {
    /// Its name.
    pub name: String,
    /// `classic` or `consumer` (KIP-848).
    pub kind: &'static str,
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Reconciling` or `Stable`.
    pub state: &'static str,
    /// The protocol that its members chose, or the coordinator's assignor; empty without members.
    pub protocol: String,
    /// How many members it has.
    pub members: usize,
}

/// A group with everything that is known of it.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct GroupDetail {
    /// As in the list.
    pub overview: GroupOverview,
    /// Its members, by id.
    pub members: Vec<GroupMember>,
    /// Every partition that is committed or read, by topic and number.
    pub offsets: Vec<GroupOffset>,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// Its instance, if it is a static member.
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client: String,
    /// Where it is: a slash and an address, as Kafka's tools show it.
    pub host: String,
    /// What it has to read: topic and partitions.
    pub partitions: BTreeMap<String, Vec<i32>>,
}

/// How far a group is in one partition.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset that is read next, if any was committed.
    pub committed: Option<i64>,
    /// One past the last record.
    pub end: u64,
    /// Records that are not read yet; without a committed offset it is not known.
    pub lag: Option<u64>,
    /// When it was committed, in milliseconds since 1970.
    pub committed_at: Option<i64>,
    /// What the client wrote beside it.
    pub metadata: String,
    /// The member that reads it.
    pub member: Option<String>,
}

impl Broker {
    /// All groups, by name.
    pub fn groups(&self) -> Vec<GroupOverview> {
        let state = self.groups.state();
        state.groups.all().map(|(name, group)| overview(name, group, state.groups.topics()).0).collect()
    }

    /// One group; none if it has neither members nor committed offsets.
    pub fn group(&self, name: &str) -> Option<GroupDetail> {
        let (overview, members) = {
            let state = self.groups.state();
            overview(name, state.groups.get(name)?, state.groups.topics())
        };
        let catalog = self.node.catalog();
        let offsets = self.progress(&catalog, name, &members);
        Some(GroupDetail { overview, members, offsets })
    }

    fn progress(&self, catalog: &Catalog, group: &str, members: &[GroupMember]) -> Vec<GroupOffset> {
        let mut places: BTreeMap<(String, i32), Option<String>> = BTreeMap::new();
        for (topic, committed) in self.all_committed(catalog, group) {
            places.extend(committed.iter().map(|(partition, _)| ((topic.to_string(), *partition), None)));
        }
        for member in members {
            for (topic, partitions) in &member.partitions {
                let of = |partition: &i32| ((topic.clone(), *partition), Some(member.id.clone()));
                places.extend(partitions.iter().map(of));
            }
        }
        let one = |((topic, partition), member)| self.progress_of(catalog, group, topic, partition, member);
        places.into_iter().filter_map(one).collect()
    }

    fn progress_of(
        &self,
        catalog: &Catalog,
        group: &str,
        topic: String,
        partition: i32,
        member: Option<String>,
    ) -> Option<GroupOffset> {
        let found = Topic::named(catalog, &topic)?;
        let end = found.end(self.node.log(), found.partition(partition)?);
        let committed = self.committed(catalog, group, &topic, partition);
        let offset = committed.as_ref().map(|committed| committed.offset);
        Some(GroupOffset {
            topic,
            partition,
            committed: offset,
            end,
            lag: offset.map(|offset| end.saturating_sub(offset.max(0) as u64)),
            committed_at: committed.as_ref().map(|committed| committed.at.0),
            metadata: committed.map(|committed| committed.metadata).unwrap_or_default(),
            member,
        })
    }
}

fn overview(name: &str, group: &Group, topics: &Topics) -> (GroupOverview, Vec<GroupMember>) {
    let (protocol, members): (String, Vec<GroupMember>) = match &group.kind {
        Kind::Classic(classic) => {
            let one = |member: super::classic::MemberView| GroupMember {
                id: member.id.to_string(),
                instance: member.instance.map(|instance| instance.to_string()),
                client: member.origin.client.to_string(),
                host: member.origin.host.to_string(),
                partitions: assigned(member.assignment).unwrap_or_default(),
            };
            let protocol = classic.protocol().map(|name| name.to_string());
            (protocol.unwrap_or_default(), classic.view().into_iter().map(one).collect())
        }
        Kind::Consumer(consumer) => {
            let one = |member: super::ConsumerView| GroupMember {
                id: member.id.to_string(),
                instance: member.instance.map(|instance| instance.to_string()),
                client: member.origin.client.to_string(),
                host: member.origin.host.to_string(),
                partitions: named(topics, &member.assigned),
            };
            (consumer.assignor().as_str().to_owned(), consumer.view().into_iter().map(one).collect())
        }
    };
    let protocol = if members.is_empty() { String::new() } else { protocol };
    let (kind, state) = (group.kind.as_str(), group.state());
    (GroupOverview { name: name.to_owned(), kind, state, protocol, members: members.len() }, members)
}

fn named(topics: &Topics, parts: &super::Parts) -> BTreeMap<String, Vec<i32>> {
    let mut named: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in parts {
        let name = topics.name(*topic).map(Name::to_string);
        name.into_iter().for_each(|name| named.entry(name).or_default().push(*partition));
    }
    named
}

/// The partitions in a classic consumer's assignment (ConsumerProtocolAssignment: a version, then an array of topics
/// with their partitions). `None` when the bytes are something else.
fn assigned(mut said: Bytes) -> Option<BTreeMap<String, Vec<i32>>> {
    said.try_get_i16().ok()?;
    let mut topics = BTreeMap::new();
    for _ in 0..said.try_get_i32().ok()? {
        let length = usize::try_from(said.try_get_i16().ok()?).ok()?;
        let name = (said.len() >= length).then(|| said.split_to(length))?;
        let mut partitions = Vec::new();
        for _ in 0..said.try_get_i32().ok()? {
            partitions.push(said.try_get_i32().ok()?);
        }
        topics.insert(String::from_utf8(name.into()).ok()?, partitions);
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn a_consumers_assignment_is_read_and_anything_else_is_nothing() {
        let said = b"\0\x01\0\0\0\x02\0\x03a.b\0\0\0\x02\0\0\0\0\0\0\0\x05\0\x01c\0\0\0\0\xff\xff\xff\xff";
        let read = assigned(said.as_slice().into()).unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("a.b".to_owned(), vec![0, 5]), ("c".to_owned(), vec![])]);
        for length in 0..said.len() - 4 {
            assert_eq!(assigned(said[..length].to_vec().into()), None, "{length} bytes");
        }
        assert_eq!(assigned(b"\0\0\x7f\xff\xff\xff".as_slice().into()), None);
    }
}
