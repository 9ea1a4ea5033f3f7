//! The topic `<entity>.state`: a view, compacted at every moment.
//!
//! A state has the offset of the event that made it. Of the events from an offset on, those are shown that are
//! still the newest of their instance; the offsets between are gaps, as Kafka's compaction leaves them. Nothing is
//! stored for it: it cannot disagree with events and states.

use bytes::Bytes;
use evento_log::codec::StateBatch;
use evento_log::embedded::EmbeddedLog;
use evento_model::EntityKey;
use kafka_protocol::error::ResponseError;

use crate::topic::Topic;

/// Bytes of events that are looked through for one answer; a reader far behind then comes again.
const LOOKED_MAX: usize = 4 << 20;

/// States from an offset on, about so many bytes of them; empty when no event in reach is its instance's newest.
pub(super) fn read(
    log: &EmbeddedLog,
    topic: &Topic,
    partition: u32,
    from: u64,
    most: usize,
) -> Result<Bytes, ResponseError> {
    let failed = |fault: evento_log::embedded::Fault| {
        tracing::error!(code = %fault.code(), "a Kafka client's read of states failed: {fault}");
        ResponseError::KafkaStorageError
    };
    let entity = topic.entity.id;
    if log.states_lost(entity) {
        // They are being made anew: the client comes again.
        return Err(ResponseError::NotLeaderOrFollower);
    }
    let mut batch = StateBatch::default();
    let (mut at, mut looked) = (from, 0);
    let end = log.end_offset(entity, topic.content.kind(), partition);
    while at < end && looked < LOOKED_MAX && batch.bytes() < most {
        let chunk = (LOOKED_MAX - looked).min(256 << 10);
        let events = log.read_events(entity, partition, at, chunk).map_err(failed)?;
        let Some(last) = events.last() else { break };
        at = last.position.offset + 1;
        looked += chunk;
        for event in &events {
            let key = EntityKey { entity, id: event.record.id.clone() };
            // A newer state is in the store already: its own offset shows it.
            let Some(state) = log.state(&key).map_err(failed)?.filter(|state| state.seq == event.record.seq) else {
                continue;
            };
            log.put_state(&mut batch, entity, event, &state);
        }
    }
    Ok(batch.finish(from, at, log.epoch()))
}
