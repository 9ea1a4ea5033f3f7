//! What a transaction holds until its end, and how much that may be.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::super::record::{self, Fact, Staged};
use super::{Claim, Coordinator};
use crate::producer::Place;

/// Bytes of payload of one transaction.
pub(super) const PAYLOAD_MAX: usize = 8 << 20;
/// Commands of one transaction, and offsets that it commits.
pub(super) const COMMANDS_MAX: usize = 100_000;
/// Bytes of all transactions that are going on or being sent.
pub(super) const BYTES_ALL: usize = 128 << 20;

impl Coordinator {
    /// Produce: holds commands until the transaction ends.
    pub(in crate::transaction) fn stage(
        &mut self,
        claim: Claim<'_>,
        place: Place,
        staged: Vec<Staged>,
    ) -> Result<(), ResponseError> {
        let room = BYTES_ALL.saturating_sub(self.bytes);
        let running = self.claimed(claim)?.running()?;
        if !running.places.contains(&place) {
            return Err(ResponseError::InvalidTxnState);
        }
        let payload = staged.iter().map(|staged| staged.command.payload.len()).sum::<usize>();
        let bytes = record::weights(&staged);
        if running.payload + payload > PAYLOAD_MAX || running.staged.len() + staged.len() > COMMANDS_MAX {
            return Err(ResponseError::PolicyViolation);
        }
        running.grow(bytes, room)?;
        running.payload += payload;
        running.staged.extend(staged);
        self.bytes += bytes;
        Ok(())
    }

    /// Whether a transaction may commit offsets of a group.
    pub(in crate::transaction) fn commits_for(&mut self, claim: Claim<'_>, group: &str) -> Result<(), ResponseError> {
        let running = self.claimed(claim)?.running()?;
        if running.groups.contains(group) { Ok(()) } else { Err(ResponseError::InvalidTxnState) }
    }

    /// TxnOffsetCommit: holds the facts of offsets until the transaction ends.
    pub(in crate::transaction) fn hold(&mut self, claim: Claim<'_>, facts: Vec<Fact>) -> Result<(), ResponseError> {
        let room = BYTES_ALL.saturating_sub(self.bytes);
        let running = self.claimed(claim)?.running()?;
        let bytes = facts.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum();
        if running.offsets.len() + facts.len() > COMMANDS_MAX {
            return Err(ResponseError::PolicyViolation);
        }
        running.grow(bytes, room)?;
        running.offsets.extend(facts);
        self.bytes += bytes;
        Ok(())
    }
}
