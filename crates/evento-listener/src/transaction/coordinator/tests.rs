//! Scenarios of the coordinator, with the clock handed in and the disk played: what is asked to be written is kept
//! in a map, and a coordinator that begins anew finds exactly that.

mod ends;
mod limits;
mod producers;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::Offer;
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, FullName, SchemaId, Seed, Timestamp};
use kafka_protocol::error::ResponseError::{self, *};

use super::super::record::{self, IDENTITIES, Staged};
use super::super::state::FORGOTTEN_AFTER_MS;
use super::due::{AGAIN_MS, IDS_MAX, KEPT_MS};
use super::hold::{BYTES_ALL, COMMANDS_MAX, PAYLOAD_MAX};
use super::{Claim, Coordinator, Ended, Init, Settled, Write};
use crate::producer::Place;

const PLACE: Place = Place { entity: EntityTypeId(1), partition: 2 };
const TIMEOUT_MS: u32 = 60_000;

/// A coordinator and its disk.
#[derive(Default)]
struct World {
    coordinator: Coordinator,
    disk: BTreeMap<Bytes, Bytes>,
    now: i64,
    ids: i64,
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    /// The disk takes what is to be written.
    fn write(&mut self, write: Write) -> Settled {
        self.put(&write);
        self.coordinator.settle(Timestamp(self.now), &write.id, true)
    }

    fn put(&mut self, write: &Write) {
        for (key, value) in &write.facts {
            match value {
                Some(value) => self.disk.insert(key.clone(), value.clone()),
                None => self.disk.remove(key),
            };
        }
    }

    /// The server is killed and started again: what it finds, and the commands that it must send again.
    fn again(&mut self) -> Vec<Staged> {
        self.coordinator = Coordinator::default();
        let mut unsent = Vec::new();
        for (key, value) in &self.disk {
            let Some(id) = record::id_in(key, IDENTITIES) else { continue };
            let (identity, standing, used) = record::read_identity(value).expect("an identity");
            let redo = self.disk.get(&record::redo_key(id));
            let redo = redo.map(|redo| record::read_redo(redo).expect("commands")).unwrap_or_default();
            self.coordinator.find(id, identity, standing, used, &redo);
            unsent.extend(redo);
        }
        unsent
    }

    fn init_as(&mut self, id: &str, claimed: Option<(i64, i16)>) -> Result<(i64, i16), ResponseError> {
        let mut fresh = None;
        loop {
            match self.coordinator.init(Timestamp(self.now), id, TIMEOUT_MS, claimed, fresh)? {
                Init::IdWanted => {
                    self.ids += 1;
                    fresh = Some(self.ids);
                }
                Init::Known(producer, epoch) => return Ok((producer, epoch)),
                Init::Given(write, producer, epoch) => {
                    self.write(write);
                    return Ok((producer, epoch));
                }
            }
        }
    }

    fn init(&mut self, id: &str) -> (i64, i16) {
        self.init_as(id, None).expect("a producer")
    }

    /// Begins a transaction with the one partition, and has that written.
    fn add(&mut self, id: &str, (producer, epoch): (i64, i16)) -> Result<(), ResponseError> {
        let claim = Claim { id, producer, epoch, connection: 1 };
        if let Some(write) = self.coordinator.add(Timestamp(self.now), claim, [PLACE])? {
            self.write(write);
        }
        Ok(())
    }

    fn stage(&mut self, id: &str, who: (i64, i16), commands: Vec<Staged>) -> Result<(), ResponseError> {
        let claim = Claim { id, producer: who.0, epoch: who.1, connection: 1 };
        self.coordinator.stage(claim, PLACE, commands)
    }

    /// Decides, and has that written: the commands to be sent.
    fn end(&mut self, id: &str, (producer, epoch): (i64, i16), commit: bool) -> Result<Vec<Staged>, ResponseError> {
        match self.coordinator.end(Timestamp(self.now), Claim { id, producer, epoch, connection: 1 }, commit)? {
            Ended::Known => Ok(Vec::new()),
            Ended::Deciding(write) => Ok(self.write(write).commands),
        }
    }

    /// All commands were sent.
    fn completed(&mut self, id: &str, commands: &[Staged]) {
        self.disk.remove(&record::redo_key(id));
        self.coordinator.completed(Timestamp(self.now), id, record::weights(commands));
    }

    /// Time passes, and the timer does what is due.
    fn pass(&mut self, ms: u64) {
        self.now += ms as i64;
        while let Some(write) = self.coordinator.expire(Timestamp(self.now)) {
            self.write(write);
        }
    }
}

fn command(n: usize, payload: usize) -> Staged {
    let entity = EntityTypeId(1);
    let offer = Offer {
        key: EntityKey { entity, id: EntityId::new("zoë").expect("an id") },
        supplied: Some(CommandId::new(&format!("kafka-1-0-2-{n}")).expect("an id")),
        type_name: FullName::new("bank.ReceiveDeposit").expect("a name"),
        schema: SchemaId(4),
        payload: Bytes::from(vec![7; payload]),
        if_seq: (n % 2 == 1).then_some(n as u64),
        correlation: n.is_multiple_of(3).then(|| "order 7".into()),
        causation: None,
        traceparent: Some("00-1".into()),
    };
    let command = offer.record(|| CommandId::new("made").expect("an id"), Timestamp(5), Seed([n as u8; 16]));
    Staged { entity, command }
}

fn commands(count: usize) -> Vec<Staged> {
    (0..count).map(|n| command(n, n)).collect()
}
