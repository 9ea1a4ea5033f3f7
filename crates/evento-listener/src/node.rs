//! What the listener needs of the running process: one trait, implemented by the binary.

use std::sync::Arc;

use evento_log::embedded::EmbeddedLog;
use evento_log::intake::{Answer, Ask};
use evento_model::{CommandId, Seed, Timestamp};
use evento_schema::catalog::Catalog;
use tokio::sync::oneshot;

/// The running node.
pub trait Node: Send + Sync + 'static {
    /// What is registered and served now.
    fn catalog(&self) -> Arc<Catalog>;
    /// The log.
    fn log(&self) -> &EmbeddedLog;
    /// Wall clock.
    fn now(&self) -> Timestamp;
    /// Chance for a command.
    fn seed(&self) -> Seed;
    /// An id for a command that came without one.
    fn new_id(&self) -> CommandId;
    /// Asks the command path; the answer comes when it is true.
    fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer>;
}
