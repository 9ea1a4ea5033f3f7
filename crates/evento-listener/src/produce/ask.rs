//! Asking the command path for the commands of a batch, and waiting until all of them are durable.

use std::time::Duration;

use evento_log::intake::{Answer, Ask, CommandRef, Refusal, Want};
use evento_model::{EntityKey, Position};
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::{CROWDED_WAIT, OUTCOME_WAIT, RELIEVED_WAIT, Refused, Taken};
use crate::node::Node;

/// Longest wait for an answer that must come, once the command path has said so.
const GRACE: Duration = Duration::from_secs(5);
/// Pause before a command is asked again that found the command path crowded.
const CROWDED_PAUSE: Duration = Duration::from_millis(20);

/// A command that is asked for.
pub(super) struct Asked {
    taken: Taken,
    answer: oneshot::Receiver<Answer>,
}

/// Asks for all of them, in their order.
pub(super) fn ask(node: &dyn Node, commands: Vec<Taken>) -> Vec<Asked> {
    commands.into_iter().map(|taken| one(node, taken)).collect()
}

fn one(node: &dyn Node, taken: Taken) -> Asked {
    let command = Box::new(taken.command.clone());
    let answer = node.ask(Ask::Send { entity: taken.entity, command, want: Want::Outcome });
    Asked { taken, answer }
}

/// Waits until every command of a batch is durable: the offset of the first one, or -1 where they do not lie one
/// after the other in the partition they were sent to. `wait` grows where there was no room for one.
pub(super) async fn durable(
    node: &dyn Node,
    asked: Vec<Asked>,
    partition: i32,
    until: Instant,
    wait: &mut Duration,
) -> Result<i64, Refused> {
    let enough = (Instant::now() + OUTCOME_WAIT).min(until);
    let mut offsets = Offsets::new(partition);
    let mut wrong = Vec::new();
    for (n, one) in asked.into_iter().enumerate() {
        match told(node, one, (enough, until), wait).await? {
            Ok(position) => offsets.add(position),
            Err(refusal) => wrong.push((n as i32, format!("{}: {}", refusal.code, refusal.detail))),
        }
    }
    if wrong.is_empty() {
        return Ok(offsets.base());
    }
    let why = format!("{} records were refused, the others are recorded: {}", wrong.len(), wrong[0].1);
    Err(Refused { error: ResponseError::InvalidRecord, why, records: wrong })
}

/// Where a command is, once it is durable; or why it was refused for good.
async fn told(
    node: &dyn Node,
    asked: Asked,
    (enough, until): (Instant, Instant),
    wait: &mut Duration,
) -> Result<Result<Option<Position>, Refusal>, Refused> {
    let mut asked = asked;
    loop {
        let refusal = match answer(node, &mut asked, enough).await? {
            Answer::Done(done) => return Ok(Ok(done.command_position)),
            Answer::Unfinished(status) => return Ok(Ok(status.position)),
            Answer::NotUnfinished | Answer::Listed(_) => return Err(gone()),
            Answer::Refused(refusal) => refusal,
        };
        match refusal.code.0 {
            // Too much is waiting: the producer is held back, as long as it said it would wait.
            6010 if Instant::now() + CROWDED_PAUSE < until => {
                *wait = RELIEVED_WAIT.max(*wait);
                tokio::time::sleep(CROWDED_PAUSE).await;
                asked = one(node, asked.taken);
            }
            6010 => {
                *wait = refusal.retry_after_ms.map_or(CROWDED_WAIT, Duration::from_millis).max(*wait);
                return Err(Refused::batch(ResponseError::RequestTimedOut, refusal.detail));
            }
            4000..5000 => return Err(Refused::batch(ResponseError::KafkaStorageError, refusal.detail)),
            _ => return Ok(Err(refusal)),
        }
    }
}

/// The outcome if it comes soon; else that the command is durable.
async fn answer(node: &dyn Node, asked: &mut Asked, enough: Instant) -> Result<Answer, Refused> {
    if let Ok(answer) = timeout_at(enough, &mut asked.answer).await {
        return answer.map_err(|_| gone());
    }
    let key = EntityKey { entity: asked.taken.entity, id: asked.taken.command.id.clone() };
    let command = CommandRef { key, command_id: asked.taken.command.command_id.clone() };
    let stored = node.ask(Ask::Persist(command));
    tokio::select! {
        biased;
        answer = &mut asked.answer => answer.map_err(|_| gone()),
        stored = stored => match stored.map_err(|_| gone())? {
            // It ended in this moment: its answer is on the way.
            Answer::NotUnfinished => match tokio::time::timeout(GRACE, &mut asked.answer).await {
                Ok(answer) => answer.map_err(|_| gone()),
                Err(_) => Err(gone()),
            },
            other => Ok(other),
        },
    }
}

/// Whether the command was recorded is not known: the producer sends it again.
fn gone() -> Refused {
    Refused::batch(ResponseError::RequestTimedOut, "the server is ending; send the batch again")
}

/// Whether records lie one after the other.
struct Offsets {
    partition: i32,
    first: Option<u64>,
    next: u64,
    dense: bool,
}

impl Offsets {
    fn new(partition: i32) -> Offsets {
        Offsets { partition, first: None, next: 0, dense: true }
    }

    fn add(&mut self, position: Option<Position>) {
        let Some(position) = position.filter(|at| at.partition as i32 == self.partition) else {
            self.dense = false;
            return;
        };
        self.dense &= self.first.is_none() || position.offset == self.next;
        self.first.get_or_insert(position.offset);
        self.next = position.offset + 1;
    }

    fn base(&self) -> i64 {
        self.first.filter(|_| self.dense).map_or(-1, |first| first as i64)
    }
}
