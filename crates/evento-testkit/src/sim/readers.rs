//! Readers of the event topics: each goes through all partitions, and sometimes begins anew.

use evento_check::What;
use evento_model::EntityTypeId;

use super::clients::{entity_name, k};
use super::world::World;
use crate::counter::{COUNTER, PARTITIONS, VAULT};

/// Bytes that are read at once.
const READ_BYTES: usize = 2_000;

/// One reader with its place in each partition.
pub(crate) struct Reader {
    entity: EntityTypeId,
    offsets: [u64; PARTITIONS as usize],
}

impl Reader {
    pub(crate) fn new(number: usize) -> Reader {
        Reader { entity: if number.is_multiple_of(2) { COUNTER } else { VAULT }, offsets: [0; PARTITIONS as usize] }
    }
}

impl World {
    /// A reader's turn: some events of each partition.
    pub(crate) fn reader(&mut self, who: usize) {
        if self.luck.one_in(12) {
            self.readers[who].offsets = [0; PARTITIONS as usize];
            self.tell(None, Some(format!("r{who}")), What::Restart);
        }
        self.read_all(who);
        let wait = 50 + self.luck.wait(4_000);
        self.reader_in(who, wait);
    }

    /// Some events of each partition.
    pub(crate) fn read_all(&mut self, who: usize) {
        for partition in 0..PARTITIONS {
            self.read_on(who, partition);
        }
    }

    fn read_on(&mut self, who: usize, partition: u32) {
        let Some(node) = &self.node else { return };
        let Reader { entity, offsets } = &self.readers[who];
        let (entity, from) = (*entity, offsets[partition as usize]);
        let events = match node.log.read_events(entity, partition, from, READ_BYTES) {
            Ok(events) => events,
            Err(fault) => return self.unreadable(&fault),
        };
        for event in events {
            let (at, record) = (event.position, event.record);
            let key = evento_model::EntityKey { entity, id: record.id };
            let pos = format!("{}.events/{}/{}", entity_name(entity), at.partition, at.offset);
            let ed = evento_check::history::content_digest(record.type_name.as_str(), &record.payload);
            let cmd = record.command_id.as_str().to_owned();
            self.readers[who].offsets[partition as usize] = at.offset + 1;
            self.tell(None, Some(format!("r{who}")), What::Seen { k: k(&key), seq: record.seq, pos, ed, cmd });
        }
    }
}
