//! The list of refused records: what was sent to a command topic and is no command, with the reason.
//!
//! Its producer is told in the answer; the list is for whoever looks later. Of a command that is refused after its
//! transaction was committed, only the list tells. It is kept in the log, a ring of the newest [`KEPT`] batches, so
//! that a producer that sends nothing else fills neither memory nor disk.

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
    /// Where it is; empty if it may be gone, as after the end of a transaction.
    pub client_address: String,
    /// The transaction that these were part of, and that was committed before they were refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional_id: Option<String>,
    /// How many of its records were refused.
    pub refused: usize,
    /// The first of them.
    pub records: Vec<RefusedRecord>,
}

/// A refused record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusedRecord {
    /// Its place in the batch, or in the transaction.
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

/// Who sent what was refused.
#[derive(Default)]
pub(crate) struct Sender {
    client_id: String,
    client_address: String,
    transactional_id: Option<String>,
}

impl Sender {
    /// The client whose request is being answered.
    pub(crate) fn of(call: &Call<'_>) -> Sender {
        let client_id = call.client.id.chars().take(256).collect();
        Sender { client_id, client_address: call.client.address.to_string(), transactional_id: None }
    }

    /// Whoever committed a transaction.
    pub(crate) fn of_transaction(id: &str) -> Sender {
        Sender { transactional_id: Some(id.to_owned()), ..Sender::default() }
    }
}

impl Broker {
    /// Notes a batch on the list. When the log cannot be written, the answer or the program's log alone tells of it.
    pub(crate) async fn note_refused(&self, by: Sender, topic: &str, partition: i32, records: &[(i32, String)]) {
        let Timestamp(at) = self.node.now();
        let named = records.iter().take(NAMED);
        let batch = RefusedBatch {
            number: self.refused.next(),
            at,
            topic: topic.to_owned(),
            partition,
            client_id: by.client_id,
            client_address: by.client_address,
            transactional_id: by.transactional_id,
            refused: records.len(),
            records: named.map(|(index, reason)| RefusedRecord { index: *index, reason: reason.clone() }).collect(),
        };
        let key = format!("{PREFIX}{:04}", batch.number % KEPT);
        let Ok(value) = serde_json::to_vec(&batch) else { return };
        if let Err(fault) = self.write_facts(vec![(Bytes::from(key), Some(Bytes::from(value)))]).await {
            tracing::warn!(code = %fault.code(), topic, "refused records could not be listed: {fault}");
        }
    }

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
