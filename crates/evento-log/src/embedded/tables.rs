//! What the frames since the last checkpoint changed: answers reads until it is in the state store.
//!
//! Two generations: the one that frames go into, and the one a checkpoint is writing out. Applying a frame is
//! a pure function of the frame, so that doing it again after a crash changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use evento_model::{CommandId, EntityKey, Offset, Sequence, Timestamp, planted};
use rustc_hash::FxHashMap;

use crate::frame::{Ended, Noted, UnitChange};
use crate::unit::StatePut;

/// A snapshot of the state is kept each time the sequence passes a multiple of this.
pub(crate) const SNAPSHOT_EVERY: u64 = 256;

/// Everything in memory.
pub(crate) struct Tables {
    pub(crate) active: Generation,
    /// What a checkpoint is writing out at the moment.
    pub(crate) frozen: Option<Arc<Generation>>,
    /// Commands without outcome. Bound: the engine's limit on unfinished commands.
    pub(crate) unfinished: FxHashMap<(EntityKey, CommandId), Waiting>,
    /// Small facts. Bound: the registry's size.
    pub(crate) meta: BTreeMap<Bytes, Bytes>,
}

/// A command without outcome.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Waiting {
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
    pub(crate) noted: Option<Noted>,
}

/// Changes of a span of frames. Bound: `EmbeddedConfig::checkpoint_bytes` of frames.
#[derive(Default)]
pub(crate) struct Generation {
    pub(crate) instances: FxHashMap<EntityKey, Dirty>,
    pub(crate) ids: FxHashMap<(EntityKey, CommandId), EndedAt>,
    /// Keys of `unfinished` that changed.
    pub(crate) waiting: FxHashMap<(EntityKey, CommandId), Option<Waiting>>,
}

/// What changed of one instance.
#[derive(Default)]
pub(crate) struct Dirty {
    pub(crate) partition: u32,
    pub(crate) state: Option<StatePut>,
    /// First sequence of each unit, its offset, and how many events.
    pub(crate) history: Vec<(Sequence, Offset, u32)>,
    pub(crate) snapshots: Vec<StatePut>,
}

/// A command that ended under an id that the client chose.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct EndedAt {
    pub(crate) ended: Ended,
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
    pub(crate) committed_at: Timestamp,
}

impl Tables {
    pub(crate) fn new() -> Tables {
        Tables { active: Generation::default(), frozen: None, unfinished: FxHashMap::default(), meta: BTreeMap::new() }
    }

    /// Takes over what a unit changed.
    pub(crate) fn apply(&mut self, change: UnitChange, committed_at: Timestamp) {
        let UnitChange { entity, partition, id, events, state, stored, ended, noted } = change;
        let key = EntityKey { entity, id };
        let (seq_first, offset, count) = events;
        if count > 0 || state.is_some() {
            let dirty = self.active.instances.entry(key.clone()).or_default();
            dirty.partition = partition;
            if count > 0 {
                dirty.history.push((seq_first, offset, count));
            }
            if let Some(put) = state {
                let before = seq_first.saturating_sub(1) / SNAPSHOT_EVERY;
                if count > 0 && put.seq / SNAPSHOT_EVERY > before {
                    dirty.snapshots.push(put.clone());
                }
                dirty.state = Some(put);
            }
        }
        for (command_id, offset) in stored {
            self.wait((key.clone(), command_id), Waiting { partition, offset, noted: None });
        }
        for noted in noted {
            let at = (key.clone(), noted.command_id.clone());
            if let Some(waiting) = self.unfinished.get(&at).cloned() {
                self.wait(at, Waiting { noted: Some(noted), ..waiting });
            }
        }
        for ended in ended {
            let at = (key.clone(), ended.command_id.clone());
            if self.unfinished.remove(&at).is_some() {
                self.active.waiting.insert(at.clone(), None);
            }
            if ended.client_supplied {
                let offset = offset + ended.seq_first.saturating_sub(seq_first);
                self.active.ids.insert(at, EndedAt { ended, partition, offset, committed_at });
                if planted!(11) && self.active.ids.len() > 8 {
                    let oldest = self.active.ids.iter().min_by_key(|(_, at)| at.committed_at).map(|(at, _)| at.clone());
                    oldest.map(|oldest| self.active.ids.remove(&oldest));
                }
            }
        }
    }

    fn wait(&mut self, at: (EntityKey, CommandId), waiting: Waiting) {
        self.active.waiting.insert(at.clone(), Some(waiting.clone()));
        self.unfinished.insert(at, waiting);
    }

    pub(crate) fn set_meta(&mut self, key: Bytes, value: Option<Bytes>) {
        match value {
            Some(value) => self.meta.insert(key, value),
            None => self.meta.remove(&key),
        };
    }

    /// The generations, newest first.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.active).chain(self.frozen.as_deref())
    }

    /// Begins a new generation; the present one is to be written out.
    pub(crate) fn freeze(&mut self) -> Arc<Generation> {
        let frozen = Arc::new(std::mem::take(&mut self.active));
        self.frozen = Some(frozen.clone());
        frozen
    }
}
