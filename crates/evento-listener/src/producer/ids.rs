//! Producer ids: unique for ever, as KIP-98 wants them, and so the command ids that are made of them.
//!
//! They are reserved in blocks: what a kill leaves of a block is never used. Each log begins at a number of its own,
//! chosen by chance: a producer that goes on after its server's data was replaced does not meet another with its id.

use bytes::Bytes;
use evento_log::embedded::Fault;
use tokio::sync::Mutex;

use crate::broker::write_facts;
use crate::node::Node;

/// The fact that says which ids are reserved: those below it.
const RESERVED: &[u8] = b"kafka/producer-ids";
/// Ids reserved with one write.
const BLOCK: i64 = 1_000;
/// Ids that each log has for itself, as a power of two. With the bits of chance they stay below 2⁵³, which
/// JavaScript can count.
const SPACE_BITS: u32 = 31;
/// Bits of chance in a log's first id.
const CHANCE_BITS: u32 = 22;

/// The producer ids of a cluster. Held by whoever takes an id.
pub(crate) struct ProducerIds(Mutex<Block>);

struct Block {
    next: i64,
    /// Ids below it are reserved.
    reserved: i64,
}

impl ProducerIds {
    /// The ids that are left on a log.
    pub(crate) fn of(node: &dyn Node) -> ProducerIds {
        let known = node.log().meta(RESERVED).and_then(|bytes| Some(i64::from_be_bytes(bytes[..].try_into().ok()?)));
        let reserved = known.unwrap_or_else(|| first(node));
        ProducerIds(Mutex::new(Block { next: reserved, reserved }))
    }

    /// An id that nobody had before.
    pub(crate) async fn take(&self, node: &dyn Node) -> Result<i64, Fault> {
        let mut block = self.0.lock().await;
        if block.next == block.reserved {
            let more = block.reserved + BLOCK;
            let fact = (Bytes::from_static(RESERVED), Some(Bytes::copy_from_slice(&more.to_be_bytes())));
            write_facts(node, vec![fact]).await?;
            block.reserved = more;
        }
        block.next += 1;
        Ok(block.next - 1)
    }
}

/// The first id of a log.
fn first(node: &dyn Node) -> i64 {
    let [a, b, c, d, ..] = node.seed().0;
    let chance = u32::from_be_bytes([a, b, c, d]) & ((1 << CHANCE_BITS) - 1);
    i64::from(chance) << SPACE_BITS
}
