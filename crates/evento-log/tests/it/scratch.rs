//! A log in a scratch directory, and units to write into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;

use bytes::Bytes;
use evento_log::embedded::{EmbeddedConfig, EmbeddedLog, Fault, Recovered};
use evento_log::record::{CommandRecord, EventRecord};
use evento_log::unit::{CommandPlace, CommitUnit, Committed, Mark, OutcomePut, StatePut, state_digest};
use evento_model::{
    CommandId, Digest, EntityId, EntityKey, EntityTypeId, FullName, Outcome, Revision, SchemaId, Seed, Timestamp,
    partition_of,
};

pub const ENTITY: EntityTypeId = EntityTypeId(1);
pub const PARTITIONS: u32 = 12;

pub struct Scratch {
    pub folder: tempfile::TempDir,
    pub config: EmbeddedConfig,
}

impl Scratch {
    pub fn new() -> Scratch {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let mut config = EmbeddedConfig::new(folder.path().join("data"));
        config.segment_bytes = 1 << 20;
        config.checkpoint_bytes = 256 << 10;
        config.reserve_bytes = 0;
        Scratch { folder, config }
    }

    pub fn open(&self) -> (EmbeddedLog, Recovered) {
        self.try_open().expect("the log opens")
    }

    pub fn try_open(&self) -> Result<(EmbeddedLog, Recovered), Fault> {
        let now = Arc::new(AtomicI64::new(1_795_413_600_000));
        let clock = Box::new(move || Timestamp(now.fetch_add(1, Ordering::Relaxed)));
        let (log, recovered) = EmbeddedLog::open(self.config.clone(), clock)?;
        log.register_entity(ENTITY, "account", "bank.Account", PARTITIONS);
        Ok((log, recovered))
    }
}

pub fn key(id: &str) -> EntityKey {
    EntityKey { entity: ENTITY, id: EntityId::new(id).expect("a valid id") }
}

pub fn name(text: &str) -> FullName {
    FullName::new(text).expect("a valid name")
}

pub fn command(id: &str, command_id: &str) -> CommandRecord {
    CommandRecord {
        id: EntityId::new(id).expect("a valid id"),
        command_id: CommandId::new(command_id).expect("a valid id"),
        client_supplied: !command_id.starts_with("0198"),
        type_name: name("bank.ReceiveDeposit"),
        schema: SchemaId(2),
        payload: Bytes::from_static(b"\xf0\x01\x08rent"),
        accepted_at: Timestamp(1_795_413_600_123),
        seed: Seed([9; 16]),
        digest: Digest([3; 32]),
        if_seq: Some(7),
        correlation: None,
        causation: Some("account/ada/3".into()),
        traceparent: None,
        principal: Some("ada".into()),
    }
}

pub fn event(command: &CommandRecord, seq: u64, batch: (u32, u32), state: &[u8]) -> EventRecord {
    EventRecord {
        id: command.id.clone(),
        seq,
        type_name: name("bank.DepositReceived"),
        schema: SchemaId(3),
        payload: command.payload.clone(),
        time: command.accepted_at,
        command_id: command.command_id.clone(),
        command_type: command.type_name.clone(),
        command_schema: command.schema,
        correlation: command.command_id.shared(),
        outcome: Outcome::Accepted,
        batch,
        decided_on: seq - u64::from(batch.0),
        revision: Some(Revision(Digest([5; 32]))),
        apply_revision: None,
        state_schema: SchemaId(1),
        state_digest: state_digest(Some(state)),
        seed: command.seed,
        epoch: 1,
        attempts: 2,
        traceparent: None,
    }
}

pub fn empty(id: &str) -> CommitUnit {
    let id = EntityId::new(id).expect("a valid id");
    CommitUnit {
        entity: ENTITY,
        partition: partition_of(id.as_str().as_bytes(), PARTITIONS),
        id,
        commands: vec![],
        events: vec![],
        state: None,
        outcomes: vec![],
        marks: vec![],
        meta: vec![],
    }
}

/// A command with `count` events after `seq`, and the state `state`.
pub fn decided(id: &str, command_id: &str, seq: u64, count: u32, state: &str) -> CommitUnit {
    let command = command(id, command_id);
    let events: Vec<EventRecord> =
        (1..=count).map(|n| event(&command, seq + u64::from(n), (n, count), state.as_bytes())).collect();
    let seq_last = seq + u64::from(count);
    let put = StatePut {
        seq: seq_last,
        state: Some(Bytes::copy_from_slice(state.as_bytes())),
        schema: SchemaId(1),
        digest: state_digest(Some(state.as_bytes())),
        updated_at: command.accepted_at,
        revision: None,
    };
    let outcome = OutcomePut {
        command_id: command.command_id.clone(),
        client_supplied: command.client_supplied,
        digest: command.digest,
        outcome: Outcome::Accepted,
        seq_first: seq + 1,
        seq_last,
        attempts: 2,
        accepted_at: command.accepted_at,
        revision: None,
        command: CommandPlace::InThisUnit(0),
    };
    CommitUnit { commands: vec![command], events, state: Some(put), outcomes: vec![outcome], ..empty(id) }
}

/// A command that is stored and has not ended.
pub fn waiting(id: &str, command_id: &str) -> CommitUnit {
    CommitUnit { commands: vec![command(id, command_id)], ..empty(id) }
}

pub fn parked(id: &str, command_id: &str) -> CommitUnit {
    let mark = Mark {
        command_id: CommandId::new(command_id).expect("a valid id"),
        command: CommandPlace::Unfinished,
        parked: true,
        attempts: 3,
        note: Some(Bytes::from_static(b"why")),
    };
    CommitUnit { marks: vec![mark], ..empty(id) }
}

pub fn commit(log: &EmbeddedLog, unit: CommitUnit) -> Result<Committed, Fault> {
    commit_all(log, vec![unit]).remove(0)
}

pub fn commit_all(log: &EmbeddedLog, units: Vec<CommitUnit>) -> Vec<Result<Committed, Fault>> {
    let (sender, receiver) = channel();
    let count = units.len();
    let units: Vec<(CommitUnit, evento_log::embedded::Done)> = units
        .into_iter()
        .enumerate()
        .map(|(n, unit)| {
            let sender = sender.clone();
            let done: evento_log::embedded::Done = Box::new(move |result| drop(sender.send((n, result))));
            (unit, done)
        })
        .collect();
    match units.len() {
        1 => units.into_iter().for_each(|(unit, done)| log.submit_now(unit, done)),
        _ => log.submit_many(units),
    }
    let mut results: Vec<_> = receiver.iter().take(count).collect();
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}
