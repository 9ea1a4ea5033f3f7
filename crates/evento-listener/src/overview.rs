//! What people ask about topics, as plain values: for the API and the command line.

use std::sync::atomic::Ordering;

use kafka_protocol::messages::ApiKey;
use uuid::Uuid;

use crate::broker::Broker;
use crate::topic::{Content, Topic};

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicOverview {
    /// Its name, such as `account.events`.
    pub name: String,
    /// Its id, the same for ever.
    pub id: Uuid,
    /// `metadata.name` of its entity.
    pub entity: String,
    /// `commands`, `events` or `state`.
    pub content: &'static str,
    /// Whether clients may produce to it.
    pub writable: bool,
    /// One past the last offset of each partition. A state topic has gaps below.
    pub ends: Vec<u64>,
}

impl Broker {
    /// All topics, in the order of their entities.
    pub fn topics(&self) -> Vec<TopicOverview> {
        let log = self.node.log();
        let show = |topic: Topic| TopicOverview {
            name: topic.name(),
            id: topic.id(&self.cluster_id),
            entity: topic.entity.name.to_string(),
            content: topic.content.as_str(),
            writable: topic.content == Content::Commands,
            ends: (0..topic.entity.partitions).map(|partition| topic.end(log, partition)).collect(),
        };
        Topic::all(&self.node.catalog()).map(show).collect()
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.limits.connections_max - self.connections.available_permits()
    }

    /// Requests so far, by kind; kinds that nobody asked are left out.
    pub fn requests(&self) -> Vec<(String, u64)> {
        let counts = self.requests.iter().enumerate().map(|(key, count)| (key as i16, count.load(Ordering::Relaxed)));
        let asked = counts.filter(|(_, count)| *count > 0);
        asked.filter_map(|(key, count)| Some((format!("{:?}", ApiKey::try_from(key).ok()?), count))).collect()
    }

    /// Host and port that clients connect to.
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", self.advertised.0, self.advertised.1)
    }
}
