//! Fills a view through the production reader: the topics `<entity>.events` and `<entity>.commands` record by
//! record, the stored states, and the index by command id.

use bytes::Bytes;
use evento_log::embedded::{EmbeddedLog, Fault};
use evento_log::view::{StoredCommand, StoredEvent};
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, Offset, TopicKind};
use rustc_hash::FxHashMap;

use crate::view::{CommandView, EntityView, EventView, LogView, PartitionView, Standing};

/// Bytes of records that are read at once.
const READ_BYTES: usize = 4 << 20;

/// An entity type as the log and the history call it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its number in the log.
    pub id: EntityTypeId,
    /// Its short name.
    pub name: String,
    /// Partitions of each of its topics.
    pub partitions: u32,
}

/// Everything the log holds of these entity types, of the instances whose ids are wanted. They must be registered
/// with it.
///
/// Errors: the log's own, and [`Fault::Corrupt`] where offsets are not dense.
pub fn view_of(log: &EmbeddedLog, entities: &[Named], wanted: &dyn Fn(&str) -> bool) -> Result<LogView, Fault> {
    let unfinished: FxHashMap<(EntityKey, CommandId), Standing> = log
        .unfinished()?
        .into_iter()
        .map(|found| {
            let key = EntityKey { entity: found.command.position.entity, id: found.command.record.id };
            let parked = found.mark.is_some_and(|mark| mark.parked);
            let standing = if parked { Standing::Parked } else { Standing::Waiting };
            ((key, found.command.record.command_id), standing)
        })
        .collect();
    let entities = entities.iter().map(|named| entity(log, named, &unfinished, wanted)).collect::<Result<_, _>>()?;
    Ok(LogView { entities })
}

fn entity(
    log: &EmbeddedLog,
    named: &Named,
    unfinished: &FxHashMap<(EntityKey, CommandId), Standing>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<EntityView, Fault> {
    let mut view = EntityView { name: named.name.clone(), ..EntityView::default() };
    for partition in 0..named.partitions {
        let mut part = PartitionView::default();
        each(
            |from| log.read_events(named.id, partition, from, READ_BYTES),
            |stored: StoredEvent| {
                part.events_end = next(named, TopicKind::Events, partition, part.events_end, stored.position.offset)?;
                let epoch = stored.record.epoch;
                if part.epochs.last().is_none_or(|(_, last)| *last != epoch) {
                    part.epochs.push((stored.position.offset, epoch));
                }
                if !wanted(stored.record.id.as_str()) {
                    part.left_out.0 += 1;
                    return Ok(part.events_end);
                }
                let instance = view.instances.entry(stored.record.id.as_str().to_owned()).or_default();
                instance.partition = partition;
                instance.events.push(event_view(stored));
                Ok(part.events_end)
            },
        )?;
        each(
            |from| log.read_commands(named.id, partition, from, READ_BYTES),
            |stored: StoredCommand| {
                part.commands_end =
                    next(named, TopicKind::Commands, partition, part.commands_end, stored.position.offset)?;
                if !wanted(stored.record.id.as_str()) {
                    part.left_out.1 += 1;
                    return Ok(part.commands_end);
                }
                let key = EntityKey { entity: named.id, id: stored.record.id.clone() };
                let at = (key, stored.record.command_id.clone());
                let standing = match unfinished.get(&at) {
                    Some(standing) => *standing,
                    None => ended(log, &at.0, &stored)?,
                };
                let instance = view.instances.entry(stored.record.id.as_str().to_owned()).or_default();
                instance.partition = partition;
                instance.commands.push(command_view(stored, standing));
                Ok(part.commands_end)
            },
        )?;
        view.partitions.push(part);
    }
    for (id, instance) in &mut view.instances {
        if let Ok(id) = EntityId::new(id) {
            let state = log.state(&EntityKey { entity: named.id, id })?;
            instance.state = state.map(|state| (state.seq, state.digest));
        }
    }
    Ok(view)
}

/// Reads until nothing more comes; `take` says where to go on.
fn each<T>(
    mut read: impl FnMut(Offset) -> Result<Vec<T>, Fault>,
    mut take: impl FnMut(T) -> Result<Offset, Fault>,
) -> Result<(), Fault> {
    let mut from = 0;
    loop {
        let records = read(from)?;
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            from = take(record)?;
        }
    }
}

/// One past an offset that must be the expected one.
fn next(named: &Named, kind: TopicKind, partition: u32, expected: Offset, found: Offset) -> Result<Offset, Fault> {
    if found == expected {
        return Ok(found + 1);
    }
    Err(Fault::Corrupt {
        file: format!("topic {}.{} partition {partition}", named.name, kind.as_str()),
        offset: expected,
        what: format!("the next record has offset {found}"),
    })
}

/// What the index by id says. Ids that Evento made are not in it.
fn ended(log: &EmbeddedLog, key: &EntityKey, stored: &StoredCommand) -> Result<Standing, Fault> {
    Ok(match log.outcome(key, &stored.record.command_id)? {
        Some(found) => Standing::Ended {
            outcome: found.outcome,
            first: found.seq_first,
            last: found.seq_last,
            offset: found.event_position.offset,
        },
        None => Standing::Absent,
    })
}

fn event_view(stored: StoredEvent) -> EventView {
    let record = stored.record;
    EventView {
        offset: stored.position.offset,
        seq: record.seq,
        command: record.command_id.as_str().to_owned(),
        type_name: record.type_name.as_str().to_owned(),
        schema: record.schema,
        // A copy: the record's own bytes would keep the whole batch in memory.
        payload: Bytes::copy_from_slice(&record.payload),
        outcome: record.outcome,
        batch: record.batch,
        decided_on: record.decided_on,
        attempts: record.attempts,
        state_digest: record.state_digest,
        time: record.time,
    }
}

fn command_view(stored: StoredCommand, standing: Standing) -> CommandView {
    let record = stored.record;
    CommandView {
        offset: stored.position.offset,
        id: record.command_id.as_str().to_owned(),
        client_supplied: record.client_supplied,
        type_name: record.type_name.as_str().to_owned(),
        schema: record.schema,
        payload: Bytes::copy_from_slice(&record.payload),
        digest: record.digest,
        accepted_at: record.accepted_at,
        standing,
    }
}
