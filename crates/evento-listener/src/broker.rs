//! The broker: everything that the connections of a listener share.
//!
//! One node, number 0, is broker, controller, group coordinator and transaction coordinator at once. What must
//! survive a kill (cluster id, committed offsets, producer ids and epochs) is in the log as facts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use evento_log::embedded::Fault;
use evento_log::unit::{CommitUnit, Committed};
use kafka_protocol::error::ResponseError;
use tokio::sync::{Semaphore, oneshot};

use crate::group::{Coordinator, GroupLimits};
use crate::node::Node;
use crate::producer::Producers;
use crate::quota::Quotas;
use crate::refused::RefusedList;
use crate::tails::Tails;
use crate::throttle::Throttle;
use crate::transaction::Transactions;

/// Kinds of requests that are counted: all that are served have numbers below.
const KINDS: usize = 128;
/// Number of this broker in every answer.
pub(crate) const NODE: i32 = 0;
/// The fact that holds the cluster's id.
pub(crate) const CLUSTER_ID: &[u8] = b"kafka/cluster-id";

/// What the listener allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; more are closed at once.
    pub connections_max: usize,
    /// Bytes of one request. A longer one closes its connection.
    pub request_bytes_max: usize,
    /// Bytes of all requests above 64 KiB that are coming in or being answered.
    pub request_bytes_all: usize,
    /// Bytes of all compressed records that were uncompressed for requests that are being answered.
    pub uncompressed_bytes_all: usize,
    /// Bytes of records in one answer to a Fetch, whatever the client asks for.
    pub fetch_bytes_max: usize,
    /// Bytes of records in all answers that are being made or written. When they are used up, answers get small.
    pub fetch_bytes_all: usize,
    /// A request whose first byte has come must be whole after this long.
    pub request_wait: Duration,
    /// An answer must be taken by the client after this long.
    pub write_wait: Duration,
    /// A connection on which nothing comes for this long is closed.
    pub idle: Duration,
    /// What the group coordinator allows.
    pub groups: GroupLimits,
    /// How fast a client may send and read.
    pub quotas: Quotas,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 20_000,
            request_bytes_max: 16 << 20,
            request_bytes_all: 256 << 20,
            uncompressed_bytes_all: 256 << 20,
            fetch_bytes_max: 8 << 20,
            fetch_bytes_all: 256 << 20,
            request_wait: Duration::from_secs(30),
            write_wait: Duration::from_secs(30),
            idle: Duration::from_secs(600),
            groups: GroupLimits::default(),
            quotas: Quotas::default(),
        }
    }
}

/// What all connections share.
pub struct Broker {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) limits: Limits,
    /// Host and port that clients are told to connect to.
    pub(crate) advertised: (String, u16),
    pub(crate) cluster_id: String,
    pub(crate) tails: Tails,
    pub(crate) groups: Arc<Coordinator>,
    /// Permits for connections.
    pub(crate) connections: Arc<Semaphore>,
    /// Permits for bytes of records on their way to clients, in KiB.
    pub(crate) fetching: Arc<Semaphore>,
    /// Permits for bytes of large requests, in KiB.
    pub(crate) incoming: Arc<Semaphore>,
    /// Permits for bytes of uncompressed records, in KiB.
    pub(crate) uncompressed: Arc<Semaphore>,
    pub(crate) producers: Producers,
    pub(crate) refused: RefusedList,
    pub(crate) transactions: Transactions,
    pub(crate) throttle: Throttle,
    /// Requests so far, by the number of their kind.
    pub(crate) requests: [AtomicU64; KINDS],
}

impl Broker {
    /// A broker on a node's log. The first one on a log gives it its cluster id.
    pub async fn start(node: Arc<dyn Node>, limits: Limits, advertised: (String, u16)) -> Result<Arc<Broker>, Fault> {
        let cluster_id = cluster_id(&*node).await?;
        let tails = Tails::follow(node.log());
        let (transactions, unsent) = Transactions::found(node.log())?;
        let (usage, with_offsets) = crate::group::Usage::of(node.log());
        let groups = Coordinator::start(limits.groups.clone(), usage, with_offsets);
        let broker = Arc::new(Broker {
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            fetching: Arc::new(Semaphore::new(limits.fetch_bytes_all >> 10)),
            incoming: Arc::new(Semaphore::new(limits.request_bytes_all >> 10)),
            uncompressed: Arc::new(Semaphore::new(limits.uncompressed_bytes_all >> 10)),
            producers: Producers::new(node.clone()),
            refused: RefusedList::open(&*node),
            transactions,
            throttle: Throttle::new(limits.quotas),
            requests: [const { AtomicU64::new(0) }; KINDS],
            tails,
            groups,
            cluster_id,
            node,
            limits,
            advertised,
        });
        broker.resume_transactions(unsent);
        Ok(broker)
    }

    /// Leader epoch of every partition: the log's, which is raised at every start.
    pub(crate) fn epoch(&self) -> i32 {
        self.node.log().epoch() as i32
    }

    /// Whether a client's idea of the leader epoch is this one; -1 says that it has none (KIP-320).
    pub(crate) fn check_epoch(&self, known: i32) -> Result<(), ResponseError> {
        match known.cmp(&self.epoch()) {
            _ if known < 0 => Ok(()),
            std::cmp::Ordering::Less => Err(ResponseError::FencedLeaderEpoch),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(ResponseError::UnknownLeaderEpoch),
        }
    }

    /// Makes facts durable; `None` deletes one. All of them or none.
    pub(crate) async fn write_facts(&self, facts: Vec<(Bytes, Option<Bytes>)>) -> Result<(), Fault> {
        write_facts(&*self.node, facts).await
    }

    /// Queues facts at once; what is queued later is written later. They are durable when the answer comes.
    pub(crate) fn submit_facts(&self, facts: Vec<(Bytes, Option<Bytes>)>) -> Written {
        submit_facts(&*self.node, facts)
    }
}

/// Tells when facts are durable.
pub(crate) type Written = oneshot::Receiver<Result<Committed, Fault>>;

fn submit_facts(node: &dyn Node, facts: Vec<(Bytes, Option<Bytes>)>) -> Written {
    let (sender, durable) = oneshot::channel();
    node.log().submit(CommitUnit::of_facts(facts), Box::new(move |result| drop(sender.send(result))));
    durable
}

/// Makes facts durable; `None` deletes one. All of them or none.
pub(crate) async fn write_facts(node: &dyn Node, facts: Vec<(Bytes, Option<Bytes>)>) -> Result<(), Fault> {
    submit_facts(node, facts).await.map_err(|_| Fault::Closed)?.map(drop)
}

/// 22 characters of URL-safe Base64 over 16 bytes, as a Kafka cluster's.
async fn cluster_id(node: &dyn Node) -> Result<String, Fault> {
    use base64::Engine;
    if let Some(known) = node.log().meta(CLUSTER_ID) {
        return Ok(String::from_utf8_lossy(&known).into_owned());
    }
    let made = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(node.seed().0);
    let fact = (Bytes::from_static(CLUSTER_ID), Some(Bytes::copy_from_slice(made.as_bytes())));
    write_facts(node, vec![fact]).await?;
    Ok(made)
}
