//! States as records of the compacted view `<entity>.state`: one batch, with gaps between the offsets.

use bytes::Bytes;
use evento_model::{EntityTypeId, OwnerEpoch};

use super::batch::BatchBuilder;
use super::headers as h;
use super::headers::Names;
use super::record::{common, prefix};
use crate::view::{StoredEvent, StoredState};

/// States being gathered, in the order of their offsets.
#[derive(Default)]
pub struct StateBatch {
    builder: BatchBuilder,
    /// Offset and commit time of the first one.
    base: Option<(u64, i64)>,
    newest: i64,
}

impl StateBatch {
    /// Bytes gathered so far.
    pub fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.base.is_none()
    }

    /// Adds the state that an event left; no state is a tombstone.
    pub(crate) fn push(&mut self, names: &Names, entity: EntityTypeId, event: &StoredEvent, state: &StoredState) {
        let (offset, time) = (event.position.offset, event.committed_at.0);
        let (base, base_time) = *self.base.get_or_insert((offset, time));
        self.newest = self.newest.max(time);
        let record = &event.record;
        let id = record.id.as_str().as_bytes();
        let (name, source) = names.of(entity);
        let prefix = prefix(state.schema);
        let value = state.state.as_ref().map(|bytes| [&prefix[..], bytes]);
        let mut seq = [0; 20];
        let seq = super::batch::decimal(record.seq, &mut seq);
        let at = ((offset - base) as i64, time - base_time);
        self.builder.push_at(at, id, value, |out| {
            common(out, &source, id, &names.record(entity), state.schema, record.time);
            out.put(h::ID, &[name.as_bytes(), b"/", id, b"/", seq]);
            out.put(h::SEQUENCE, &[seq]);
            if let Some(revision) = &state.revision {
                out.put_hex(h::APPLY_REVISION, "sha256:", &revision.0.0);
            }
            out.put_hex(h::STATE_DIGEST, "", &state.digest.0);
            out.put_number(h::EPOCH, u64::from(record.epoch));
        });
    }

    /// The batch; it ends before `end`, so that a reader goes on there. An empty one begins at `from`.
    pub fn finish(self, from: u64, end: u64, epoch: OwnerEpoch) -> Bytes {
        let (base, time) = self.base.unwrap_or((from, 0));
        let last = end.saturating_sub(base + 1) as i32;
        self.builder.finish_at((base, last), (time, self.newest.max(time)), epoch).into()
    }
}
