//! What time does: transactions that take too long, ids that nobody uses, and room for new ones.

use std::sync::Arc;

use evento_model::Timestamp;
use kafka_protocol::error::ResponseError;

use super::super::record::{self, Fact, Identity};
use super::super::state::{Entry, State, Step};
use super::{Coordinator, Write};

/// Transactional ids that are known at once.
pub(super) const IDS_MAX: usize = 20_000;
/// An id that was used within this time is not forgotten to make room.
pub(super) const KEPT_MS: u64 = 3_600_000;
/// When a time-out that could not be written is tried again.
pub(super) const AGAIN_MS: u64 = 1_000;

impl Coordinator {
    /// When the timer has to look next.
    pub(in crate::transaction) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// One that is due: a transaction that took too long is aborted and its producer fenced; an id that was not
    /// used for a week is forgotten.
    pub(in crate::transaction) fn expire(&mut self, now: Timestamp) -> Option<Write> {
        let id = self.due.first().filter(|(at, _)| *at <= now).map(|(_, id)| id.clone())?;
        let entry = self.ids.get(&id)?;
        let Identity { producer, epoch, .. } = entry.identity;
        Some(match entry.state {
            State::Ongoing(_) => {
                let fenced = Identity { epoch: epoch + 1, previous: Some((producer, epoch)), ..entry.identity };
                self.next(now, &id, fenced, Step::Abort)
            }
            _ => self.next(now, &id, entry.identity, Step::Forget),
        })
    }

    /// Forgets an unused id if there are too many; gives the facts that say so.
    pub(super) fn make_room(&mut self, now: Timestamp) -> Result<Vec<Fact>, ResponseError> {
        if self.ids.len() < IDS_MAX {
            return Ok(Vec::new());
        }
        let unused = |id: &Arc<str>| {
            let entry = self.ids.get(id);
            entry.is_some_and(|e| !matches!(e.state, State::Ongoing(_)) && now.ms_since(e.used) > KEPT_MS)
        };
        let oldest = self.due.iter().find(|(_, id)| unused(id)).map(|(_, id)| id.clone());
        let oldest = oldest.ok_or(ResponseError::CoordinatorNotAvailable)?;
        self.set_due(&oldest, None);
        self.ids.remove(&oldest);
        Ok(vec![(record::identity_key(&oldest), None), (record::redo_key(&oldest), None)])
    }

    pub(super) fn schedule(&mut self, id: &str) {
        let due = self.ids.get(id).and_then(Entry::next_due);
        self.set_due(id, due);
    }

    fn set_due(&mut self, id: &str, due: Option<Timestamp>) {
        let Some((id, entry)) = self.ids.get_key_value(id) else { return };
        let (id, before) = (id.clone(), entry.due);
        if let Some(before) = before {
            self.due.remove(&(before, id.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, id.clone()));
        }
        if let Some(entry) = self.ids.get_mut(&id) {
            entry.due = due;
        }
    }

    /// Nothing has changed; or the id is forgotten.
    pub(super) fn unsettled(&mut self, now: Timestamp, id: &str, forgotten: bool) {
        self.schedule(id);
        let Some(entry) = self.ids.get(id) else { return };
        if forgotten || entry.identity.epoch < 0 {
            self.set_due(id, None);
            self.ids.remove(id);
        } else if entry.due.is_some_and(|due| due <= now) {
            self.set_due(id, Some(now.plus_ms(AGAIN_MS)));
        }
    }
}
