//! How much of a Produce request may be held uncompressed.
//!
//! A few bytes can blow up to very many. One request may become so many bytes and records, and all requests that
//! are being answered share a budget; none waits for it longer than its client does.

use kafka_protocol::error::ResponseError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::Refused;
use crate::broker::Broker;

/// Bytes of the records of one request, uncompressed.
const BYTES_MAX: usize = 32 << 20;
/// Records of one request: each takes a few hundred bytes beside its own.
const RECORDS_MAX: usize = 100_000;

/// What is left for a request.
pub(super) struct Room {
    pub(super) bytes: usize,
    records: usize,
    /// Permits for all that the request may hold, from its first compressed batch on.
    held: Option<OwnedSemaphorePermit>,
    /// Whether there was no room for a batch.
    pub(super) crowded: bool,
}

impl Room {
    pub(super) fn new() -> Room {
        Room { bytes: BYTES_MAX, records: RECORDS_MAX, held: None, crowded: false }
    }

    /// Makes sure that there is room to uncompress a batch.
    pub(super) async fn open(&mut self, broker: &Broker, until: Instant) -> Result<(), Refused> {
        if self.held.is_some() {
            return Ok(());
        }
        let permits = broker.uncompressed.clone().acquire_many_owned((BYTES_MAX >> 10) as u32);
        let late = || Refused::batch(ResponseError::RequestTimedOut, "too much is being uncompressed for others");
        let permits = timeout_at(until, permits).await;
        self.crowded |= permits.is_err();
        self.held = permits.map_err(|_| late())?.ok();
        Ok(())
    }

    /// Takes the records of a batch off.
    pub(super) fn take_records(&mut self, records: u32) -> Result<(), Refused> {
        let large = || {
            let why = format!("the batches have more than {RECORDS_MAX} records together");
            Refused::batch(ResponseError::MessageTooLarge, why)
        };
        self.records = self.records.checked_sub(records as usize).ok_or_else(large)?;
        Ok(())
    }

    /// Gives back what the request did not need; the rest is held until it is answered.
    pub(super) fn close(&mut self) {
        let spare = self.bytes >> 10;
        drop(self.held.as_mut().and_then(|held| held.split(spare.min(held.num_permits()))));
    }
}
