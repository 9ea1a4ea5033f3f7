//! What the command path looks up before it decides: an instance's state, and how a command ended.

use std::sync::Arc;

use evento_model::{CommandId, Digest, EntityKey};

use super::{EmbeddedLog, Fault};
use crate::intake::Done;
use crate::record::EventRecord;
use crate::view::StoredState;

/// What the log knows of an instance and a command.
#[derive(Debug)]
pub struct Found {
    /// The instance's state; `None` when it has no events.
    pub state: Option<StoredState>,
    /// The command's outcome, with the digest of the content it was sent with.
    pub done: Option<(Arc<Done>, Digest)>,
}

impl EmbeddedLog {
    /// What the log knows of an instance and, if asked, of a command.
    pub fn look_up(&self, key: &EntityKey, command: Option<&CommandId>) -> Result<Found, Fault> {
        let state = self.state(key)?;
        let done = match command {
            Some(id) => self.done(key, id)?,
            None => None,
        };
        Ok(Found { state, done })
    }

    fn done(&self, key: &EntityKey, id: &CommandId) -> Result<Option<(Arc<Done>, Digest)>, Fault> {
        let Some(outcome) = self.outcome(key, id)? else { return Ok(None) };
        let at = outcome.event_position;
        let count = (outcome.seq_last - outcome.seq_first + 1) as u32;
        let events = self.events(at.entity, at.partition, at.offset, count)?;
        let events: Vec<EventRecord> = events.into_iter().map(|event| event.record).collect();
        let first = events.first().ok_or_else(|| Fault::Corrupt {
            file: "state".to_owned(),
            offset: at.offset,
            what: format!("{} is said to have ended without an event", id.as_str()),
        })?;
        let done = Done {
            key: key.clone(),
            command_id: id.clone(),
            command_type: first.command_type.clone(),
            outcome: outcome.outcome,
            events,
            state: None,
            position: at,
            command_position: None,
            attempts: outcome.attempts,
            revision: outcome.revision,
            accepted_at: outcome.accepted_at,
            committed_at: outcome.committed_at,
            replayed: true,
        };
        Ok(Some((Arc::new(done), outcome.digest)))
    }
}
