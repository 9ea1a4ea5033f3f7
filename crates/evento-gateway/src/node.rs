//! What the gateway needs of the running process: one trait, implemented by the binary.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use evento_log::embedded::EmbeddedLog;
use evento_log::intake::{Answer, Ask};
use evento_log::view::StoredState;
use evento_model::{CommandId, EntityKey, Seed, Sequence, Timestamp};
use evento_schema::catalog::Catalog;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::problem::Problem;

/// The running node.
#[async_trait]
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
    /// The state an instance had after an event.
    async fn state_at(&self, key: &EntityKey, seq: Sequence) -> Result<StoredState, Problem>;
    /// Registers a set of resources, all or nothing.
    async fn apply(&self, request: ApplyRequest) -> Result<Value, Problem>;
    /// What applying a set would change.
    async fn diff(&self, request: ApplyRequest) -> Result<Value, Problem>;
    /// Goes back to the revision of a function that served before: the answer is as for applying.
    async fn roll_back(&self, function: &str) -> Result<Value, Problem>;
    /// Deletes a resource.
    async fn delete(&self, kind: &str, name: &str, options: DeleteOptions) -> Result<Value, Problem>;
    /// Resources of a kind, or one, with their status.
    fn resources(&self, kind: &str, name: Option<&str>) -> Result<Value, Problem>;
    /// Topics that Kafka clients see: `{bootstrap, items: [{name, id, entity, content, writable, partitions}]}`.
    fn topics(&self) -> Result<Value, Problem>;
    /// Consumer groups of Kafka clients: `{items: [{name, kind, state, assignor, memberCount, lag}]}`.
    fn groups(&self) -> Result<Value, Problem>;
    /// One of them, with its members and offsets.
    fn group(&self, name: &str) -> Result<Value, Problem>;
    /// Records from Kafka clients that are no commands, newest first.
    fn refused(&self) -> Result<Value, Problem>;
    /// Functions as they run.
    fn functions(&self) -> Vec<Value>;
    /// Lines a function wrote, after a number: `{items: [{number, at, stream, line}], next}`.
    fn function_logs(&self, name: &str, after: u64, limit: usize) -> Result<Value, Problem>;
    /// The number of a function's newest line.
    fn watch_function_logs(&self, name: &str) -> Result<watch::Receiver<u64>, Problem>;
    /// Tries a command on a state; nothing is written.
    async fn test_function(&self, name: &str, body: Value) -> Result<Value, Problem>;
    /// Checks of the process, by name; an empty reason is good.
    fn health(&self) -> Vec<(String, Option<String>)>;
    /// Appends metrics in the Prometheus text format.
    fn metrics(&self, out: &mut String);
}

/// A set of resource files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplyRequest {
    /// The files.
    pub files: Vec<ApplyFile>,
    /// Files they refer to, by the key that `evento_schema::resource::attachment_key` gives.
    pub attachments: BTreeMap<String, String>,
    /// Everything but the commit.
    pub dry_run: bool,
    /// Whether to wait for the functions; otherwise the answer comes after the static checks.
    pub wait: Option<bool>,
}

/// One file of a set.
#[derive(Clone, Debug, Deserialize)]
pub struct ApplyFile {
    /// As shown to people.
    pub path: String,
    /// Absolute folder of the file, for what is relative to it.
    #[serde(default)]
    pub folder: Option<String>,
    /// Its text.
    pub text: String,
}

/// How far deleting may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Also the only function that serves something.
    pub force: bool,
    /// Also an entity with instances.
    pub purge_data: bool,
}
