//! A committed transaction's commands on their way into their topics.
//!
//! Each is asked for until it is durable; one that is there already is recognised by its id. Those of an instance
//! go one after the other, so that their order holds whatever is refused for a while.

use std::time::Duration;

use evento_log::intake::{Answer, Ask, Refusal, Want};
use evento_log::record::CommandRecord;
use evento_model::{EntityKey, EntityTypeId};
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

/// Sends all of them; returns when the last one is durable.
pub(super) async fn send(node: &dyn Node, commands: Vec<Staged>) -> Result<(), Ending> {
    let mut sending = futures::stream::iter(by_instance(commands))
        .map(|(entity, commands)| send_in_order(node, entity, commands))
        .buffer_unordered(INSTANCES_MAX);
    while let Some(sent) = sending.next().await {
        sent?;
    }
    Ok(())
}

/// The commands of each instance in their order, the instances in the order of their first commands.
fn by_instance(commands: Vec<Staged>) -> Vec<(EntityTypeId, Vec<CommandRecord>)> {
    let mut at: FxHashMap<EntityKey, usize> = FxHashMap::default();
    let mut instances: Vec<(EntityTypeId, Vec<CommandRecord>)> = Vec::new();
    for Staged { entity, command } in commands {
        let at = *at.entry(EntityKey { entity, id: command.id.clone() }).or_insert(instances.len());
        match instances.get_mut(at) {
            Some((_, commands)) => commands.push(command),
            None => instances.push((entity, vec![command])),
        }
    }
    instances
}

async fn send_in_order(node: &dyn Node, entity: EntityTypeId, commands: Vec<CommandRecord>) -> Result<(), Ending> {
    for command in commands {
        send_one(node, entity, command).await?;
    }
    Ok(())
}

async fn send_one(node: &dyn Node, entity: EntityTypeId, command: CommandRecord) -> Result<(), Ending> {
    loop {
        let ask = Ask::Send { entity, command: Box::new(command.clone()), want: Want::Stored };
        match node.ask(ask).await.map_err(|_| Ending)? {
            Answer::Done(_) | Answer::Unfinished(_) => return Ok(()),
            // It ended in this moment: the next answer has its outcome.
            Answer::NotUnfinished | Answer::Listed(_) => {}
            Answer::Refused(refusal) if is_passing(&refusal) => {}
            Answer::Refused(Refusal { code, detail, .. }) => {
                let (instance, id) = (&command.id, &command.command_id);
                tracing::warn!(%code, %instance, %id, "a command of a committed transaction was refused: {detail}");
                return Ok(());
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether there may be room later: too much is unfinished, or the disk is full.
fn is_passing(refusal: &Refusal) -> bool {
    refusal.code.0 == 6010 || (4000..5000).contains(&refusal.code.0)
}
