//! The list of refused records: what was sent to a command topic and is no command, with the reason.
//!
//! Its producer is told in the answer; the list is for whoever looks later. It is kept in the log, a ring of the
//! newest [`KEPT`] batches, so that a producer that sends nothing else fills neither memory nor disk.

use bytes::Bytes;
use evento_model::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::broker::Broker;
use crate::node::Node;

/// Facts of the list; the place in the ring follows in four digits.
const PREFIX: &str = "kafka/refused/";
/// Batches that are kept.
const KEPT: u64 = 1_000;
/// Records of one batch that are named.
const NAMED: usize = 20;

/// A batch of which records were refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedBatch {
    /// 1, 2, 3, … over all refused batches.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The topic it was sent to.
    pub topic: String,
    /// The partition it was sent to.
    pub partition: i32,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it is.
    pub client_address: String,
    /// How many of its records were refused.
    pub refused: usize,
    /// The first of them.
    pub records: Vec<RefusedRecord>,
}

/// A refused record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusedRecord {
    /// Its place in the batch.
    pub index: i32,
    /// EV code and reason.
    pub reason: String,
}

/// The number of the newest batch.
pub(crate) struct RefusedList(Mutex<u64>);

impl RefusedList {
    pub(crate) fn open(node: &dyn Node) -> RefusedList {
        RefusedList(Mutex::new(all(node).iter().map(|batch| batch.number).max().unwrap_or(0)))
    }

    fn next(&self) -> u64 {
        let mut newest = self.0.lock();
        *newest += 1;
        *newest
    }
}

fn all(node: &dyn Node) -> Vec<RefusedBatch> {
    let facts = node.log().meta_scan(PREFIX.as_bytes());
    facts.iter().filter_map(|(_, fact)| serde_json::from_slice(fact).ok()).collect()
}

/// Notes a batch on the list. When the log cannot be written the answer alone tells of it.
pub(crate) async fn note(call: &Call<'_>, topic: &str, partition: i32, records: &[(i32, String)]) {
    let Timestamp(at) = call.broker.node.now();
    let named = records.iter().take(NAMED);
    let batch = RefusedBatch {
        number: call.broker.refused.next(),
        at,
        topic: topic.to_owned(),
        partition,
        client_id: call.client.id.chars().take(256).collect(),
        client_address: call.client.address.to_string(),
        refused: records.len(),
        records: named.map(|(index, reason)| RefusedRecord { index: *index, reason: reason.clone() }).collect(),
    };
    let key = format!("{PREFIX}{:04}", batch.number % KEPT);
    let Ok(value) = serde_json::to_vec(&batch) else { return };
    if let Err(fault) = call.broker.write_facts(vec![(Bytes::from(key), Some(Bytes::from(value)))]).await {
        tracing::warn!(code = %fault.code(), topic, "refused records could not be listed: {fault}");
    }
}

impl Broker {
    /// Batches refused so far, on this log.
    pub fn refused_total(&self) -> u64 {
        *self.refused.0.lock()
    }

    /// The newest refused batches, newest first.
    pub fn refused(&self) -> Vec<RefusedBatch> {
        let mut batches = all(&*self.node);
        batches.sort_by_key(|batch| std::cmp::Reverse(batch.number));
        batches
    }
}
