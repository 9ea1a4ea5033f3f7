//! The assignors of KIP-848 groups: from subscriptions to partitions, without memory of their own.
//!
//! `uniform` gives every member as many partitions as it can, changes as little as possible, and spreads each topic;
//! `range` gives each member neighbouring partitions, the same ones of all topics that have equally many.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// Partitions of topics.
pub(crate) type Parts = BTreeSet<(Uuid, i32)>;

/// How partitions are given out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) enum Assignor {
    #[default]
    Uniform,
    Range,
}

/// A member, as an assignor sees it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    /// Topics it reads, and their partitions.
    pub(crate) topics: &'a BTreeMap<Uuid, u32>,
    /// What it was given last.
    pub(crate) has: &'a Parts,
}

impl Assignor {
    /// The assignor of this name in requests.
    pub(crate) fn named(name: &str) -> Option<Assignor> {
        [Assignor::Uniform, Assignor::Range].into_iter().find(|known| known.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// What each reader gets, in their order. Every partition that somebody reads goes to exactly one of them.
    pub(crate) fn assign(self, topics: &BTreeMap<Uuid, u32>, readers: &[Reader<'_>]) -> Vec<Parts> {
        match self {
            Assignor::Uniform => uniform(topics, readers),
            Assignor::Range => range(topics, readers),
        }
    }
}

fn range(topics: &BTreeMap<Uuid, u32>, readers: &[Reader<'_>]) -> Vec<Parts> {
    let mut given = vec![Parts::new(); readers.len()];
    for (topic, partitions) in topics {
        let of_topic: Vec<usize> = (0..readers.len()).filter(|n| readers[*n].topics.contains_key(topic)).collect();
        let Some(each) = (*partitions as usize).checked_div(of_topic.len()) else { continue };
        let one_more = *partitions as usize % of_topic.len();
        let mut next = 0;
        for (n, reader) in of_topic.into_iter().enumerate() {
            let end = next + each + usize::from(n < one_more);
            given[reader].extend((next..end).map(|partition| (*topic, partition as i32)));
            next = end;
        }
    }
    given
}

fn uniform(topics: &BTreeMap<Uuid, u32>, readers: &[Reader<'_>]) -> Vec<Parts> {
    let mut plan = Plan::new(readers);
    let mut kept: BTreeMap<(Uuid, i32), usize> = BTreeMap::new();
    for (n, reader) in readers.iter().enumerate() {
        let keeps = reader.has.iter().filter(|(topic, _)| reader.topics.contains_key(topic));
        for place in keeps {
            kept.entry(*place).or_insert(n);
        }
    }
    let mut free: Vec<(usize, Uuid, i32)> = Vec::new();
    for (topic, partitions) in topics {
        let reading = readers.iter().filter(|reader| reader.topics.contains_key(topic)).count();
        for partition in 0..*partitions as i32 {
            match kept.get(&(*topic, partition)) {
                Some(reader) => plan.give(*reader, *topic, partition),
                None => free.push((reading, *topic, partition)),
            }
        }
    }
    // What few can read goes first, so that the others can still make up for it.
    free.sort();
    for (_, topic, partition) in free {
        if let Some(reader) = plan.least_loaded(topic) {
            plan.give(reader, topic, partition);
        }
    }
    // Each move brings two loads closer together, so that this ends.
    while let Some((from, to, topic, partition)) = plan.better() {
        plan.take(from, topic, partition);
        plan.give(to, topic, partition);
    }
    plan.given()
}

/// Who has what while it is being decided.
struct Plan<'a> {
    readers: &'a [Reader<'a>],
    given: Vec<BTreeMap<Uuid, BTreeSet<i32>>>,
    loads: Vec<usize>,
    /// All readers by load.
    by_load: BTreeSet<(usize, usize)>,
}

impl<'a> Plan<'a> {
    fn new(readers: &'a [Reader<'a>]) -> Plan<'a> {
        Plan {
            given: vec![BTreeMap::new(); readers.len()],
            loads: vec![0; readers.len()],
            by_load: (0..readers.len()).map(|reader| (0, reader)).collect(),
            readers,
        }
    }

    fn give(&mut self, reader: usize, topic: Uuid, partition: i32) {
        self.given[reader].entry(topic).or_default().insert(partition);
        self.load(reader, self.loads[reader] + 1);
    }

    fn take(&mut self, reader: usize, topic: Uuid, partition: i32) {
        if let Some(partitions) = self.given[reader].get_mut(&topic) {
            partitions.remove(&partition);
        }
        self.load(reader, self.loads[reader] - 1);
    }

    fn load(&mut self, reader: usize, load: usize) {
        self.by_load.remove(&(self.loads[reader], reader));
        self.by_load.insert((load, reader));
        self.loads[reader] = load;
    }

    fn least_loaded(&self, topic: Uuid) -> Option<usize> {
        self.by_load.iter().map(|(_, reader)| *reader).find(|reader| self.readers[*reader].topics.contains_key(&topic))
    }

    fn count(&self, reader: usize, topic: Uuid) -> usize {
        self.given[reader].get(&topic).map_or(0, BTreeSet::len)
    }

    /// A partition that goes from a reader to one with at least two less: of the topic that is spread worst.
    fn better(&self) -> Option<(usize, usize, Uuid, i32)> {
        let least = self.by_load.first()?.0;
        for (load, from) in self.by_load.iter().rev() {
            if *load < least + 2 {
                return None;
            }
            let to = |topic: Uuid| self.least_loaded(topic).filter(|to| self.loads[*to] + 2 <= *load);
            let moves = self.given[*from].iter().filter_map(|(topic, partitions)| {
                let (to, partition) = (to(*topic)?, *partitions.last()?);
                Some((self.count(*from, *topic) as i64 - self.count(to, *topic) as i64, *topic, to, partition))
            });
            if let Some((_, topic, to, partition)) = moves.max() {
                return Some((*from, to, topic, partition));
            }
        }
        None
    }

    fn given(self) -> Vec<Parts> {
        let flat = |of: BTreeMap<Uuid, BTreeSet<i32>>| {
            of.into_iter().flat_map(|(topic, partitions)| partitions.into_iter().map(move |one| (topic, one))).collect()
        };
        self.given.into_iter().map(flat).collect()
    }
}

#[cfg(test)]
mod tests;
