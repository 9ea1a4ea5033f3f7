//! Producer ids: unique for ever, as KIP-98 wants them, and so the command ids that are made of them.
//!
//! They are reserved in blocks: what a kill leaves of a block is never used.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use evento_log::embedded::{EmbeddedLog, Fault};

use crate::broker::write_facts;
use crate::node::Node;

/// The fact that says which ids are reserved: those below it.
const RESERVED: &[u8] = b"kafka/producer-ids";
/// Ids reserved with one write.
const BLOCK: i64 = 1_000;

/// The producer ids of a cluster.
pub(crate) struct ProducerIds {
    /// Ids below it have been handed out, or were lost with a block.
    next: AtomicI64,
    /// Ids below it are reserved. Held by whoever takes an id.
    reserved: tokio::sync::Mutex<i64>,
}

impl ProducerIds {
    /// The ids that are left on a log.
    pub(crate) fn of(log: &EmbeddedLog) -> ProducerIds {
        let known = log.meta(RESERVED).and_then(|bytes| Some(i64::from_be_bytes(bytes[..].try_into().ok()?)));
        let reserved = known.unwrap_or(0);
        ProducerIds { next: AtomicI64::new(reserved), reserved: tokio::sync::Mutex::new(reserved) }
    }

    /// An id that nobody had before.
    pub(crate) async fn take(&self, node: &dyn Node) -> Result<i64, Fault> {
        let mut reserved = self.reserved.lock().await;
        let id = self.next.load(Ordering::Relaxed);
        if id == *reserved {
            let more = *reserved + BLOCK;
            let fact = (Bytes::from_static(RESERVED), Some(Bytes::copy_from_slice(&more.to_be_bytes())));
            write_facts(node, vec![fact]).await?;
            *reserved = more;
        }
        self.next.store(id + 1, Ordering::Relaxed);
        Ok(id)
    }

    /// Whether the id was ever handed out. One of another cluster, or of a log that was deleted, would collide
    /// with an id that is handed out later.
    pub(crate) fn issued(&self, id: i64) -> bool {
        (0..self.next.load(Ordering::Relaxed)).contains(&id)
    }
}
