//! A committed transaction's commands on their way into their topics.
//!
//! Each is asked for until it is durable; one that is there already is recognised by its id. Those of an instance
//! go one after the other, so that their order holds whatever is refused for a while.

use std::time::Duration;

use evento_log::intake::{Answer, Ask, Refusal, Want};
use evento_log::record::CommandRecord;
use evento_model::{EntityId, EntityKey, EntityTypeId};
use futures::StreamExt;
use rustc_hash::FxHashMap;

use super::record::Staged;
use crate::node::Node;

/// Instances whose commands are on their way at once.
const INSTANCES_MAX: usize = 256;
/// Pause before a command is asked for again, for which there was no room.
const PAUSE: Duration = Duration::from_millis(20);

/// The server is ending: what is not sent is sent by the next one.
#[derive(Debug)]
pub(super) struct Ending;

/// A command that was refused for good, though its transaction is committed.
#[derive(Debug)]
pub(super) struct RefusedCommand {
    /// Its place in the transaction.
    pub(super) index: usize,
    pub(super) entity: EntityTypeId,
    pub(super) instance: EntityId,
    /// Code and reason, and which command it is.
    pub(super) why: String,
}

/// Commands of one instance with their places in the transaction.
type Line = (EntityTypeId, Vec<(usize, CommandRecord)>);

/// Sends all of them; returns when the last one is durable, with those that were refused.
pub(super) async fn send(node: &dyn Node, commands: Vec<Staged>) -> Result<Vec<RefusedCommand>, Ending> {
    let mut sending = futures::stream::iter(by_instance(commands))
        .map(|(entity, commands)| send_in_order(node, entity, commands))
        .buffer_unordered(INSTANCES_MAX);
    let mut refused = Vec::new();
    while let Some(sent) = sending.next().await {
        refused.extend(sent?);
    }
    refused.sort_by_key(|one| one.index);
    Ok(refused)
}

/// The commands of each instance in their order, the instances in the order of their first commands.
fn by_instance(commands: Vec<Staged>) -> Vec<Line> {
    let mut at: FxHashMap<EntityKey, usize> = FxHashMap::default();
    let mut instances: Vec<Line> = Vec::new();
    for (index, Staged { entity, command }) in commands.into_iter().enumerate() {
        let at = *at.entry(EntityKey { entity, id: command.id.clone() }).or_insert(instances.len());
        match instances.get_mut(at) {
            Some((_, commands)) => commands.push((index, command)),
            None => instances.push((entity, vec![(index, command)])),
        }
    }
    instances
}

async fn send_in_order(
    node: &dyn Node,
    entity: EntityTypeId,
    commands: Vec<(usize, CommandRecord)>,
) -> Result<Vec<RefusedCommand>, Ending> {
    let mut refused = Vec::new();
    for (index, command) in commands {
        if let Some(Refusal { code, detail, .. }) = send_one(node, entity, &command).await? {
            let (instance, id) = (command.id, command.command_id);
            tracing::warn!(%code, %instance, %id, "a command of a committed transaction was refused: {detail}");
            let why = format!("{code}: {detail} (command {id} of {instance})");
            refused.push(RefusedCommand { index, entity, instance, why });
        }
    }
    Ok(refused)
}

/// Asks until the command is durable, or refused for good.
async fn send_one(node: &dyn Node, entity: EntityTypeId, command: &CommandRecord) -> Result<Option<Refusal>, Ending> {
    loop {
        let ask = Ask::Send { entity, command: Box::new(command.clone()), want: Want::Stored };
        match node.ask(ask).await.map_err(|_| Ending)? {
            Answer::Done(_) | Answer::Unfinished(_) => return Ok(None),
            // It ended in this moment: the next answer has its outcome.
            Answer::NotUnfinished | Answer::Listed(_) => {}
            Answer::Refused(refusal) if is_passing(&refusal) => {}
            Answer::Refused(refusal) => return Ok(Some(refusal)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether there may be room later: too much is unfinished, or the disk is full.
fn is_passing(refusal: &Refusal) -> bool {
    refusal.code.0 == 6010 || (4000..5000).contains(&refusal.code.0)
}
