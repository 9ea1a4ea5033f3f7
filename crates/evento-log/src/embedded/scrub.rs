//! The scrub: everything that is stored is read and compared, step by step, while the log is in use.
//!
//! Topic files batch by batch (checksums, offsets, indexes), and for each unit of events what the state store has
//! of it: where its history says that it lies, and that the state is as new and is what its digest says. Whether
//! states follow from events is not looked at here: that needs the functions (`evento verify`).

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use evento_model::{EntityKey, Position, TopicKind, planted};

use super::checkpoint::Checkpoint;
use super::topics::Place;
use super::{EmbeddedLog, Fault};
use crate::codec::{Record, command_of, event_of};
use crate::frame::TopicPartition;
use crate::record::EventRecord;
use crate::unit::state_digest;

/// Differences that are looked at again at the end, when what was just being published is in the tables too.
const DOUBTS_MAX: usize = 1_000;

/// A walk through everything that is stored. Bound: a place for each file, and some doubts.
pub struct Scrub {
    log: EmbeddedLog,
    checkpoint: bool,
    files: VecDeque<Place>,
    doubts: Vec<(Position, EventRecord)>,
    seen: Scrubbed,
}

/// What was looked at so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Scrubbed {
    /// Topic files, each to its end.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Commands and events.
    pub records: u64,
}

impl EmbeddedLog {
    /// Begins a walk: to the ends that there are now.
    ///
    /// Writes to the files what is gathered in memory, and fails if that does.
    pub fn scrub(&self) -> Result<Scrub, Fault> {
        let mut files: VecDeque<Place> = self.shared.topics.places()?.into();
        if planted!(28) && files.len() > 1 {
            files.remove(files.len() - 2);
        }
        Ok(Scrub { log: self.clone(), checkpoint: false, files, doubts: Vec::new(), seen: Scrubbed::default() })
    }
}

impl Scrub {
    /// Looks at about so many bytes more; `false` at the end.
    ///
    /// A fault says what is damaged, with file and offset or instance; the next step goes on behind it. Reading is
    /// done by the caller's thread.
    pub fn step(&mut self, bytes_max: usize) -> Result<bool, Fault> {
        if !self.checkpoint {
            self.checkpoint = true;
            let shared = &self.log.shared;
            Checkpoint::read(&*shared.disk, &shared.config.folder)?;
            return Ok(true);
        }
        let Some(mut place) = self.files.pop_front() else { return self.look_again() };
        let begin = place.position();
        let records = self.log.shared.topics.look(&mut place, bytes_max)?;
        self.seen.bytes += place.position() - begin;
        self.seen.records += records.len() as u64;
        let at = place.at;
        if place.is_at_end() {
            self.seen.files += 1;
        } else {
            self.files.push_front(place);
        }
        records.iter().try_for_each(|record| self.compare(at, record))?;
        Ok(true)
    }

    /// What was looked at so far.
    pub fn seen(&self) -> Scrubbed {
        self.seen
    }

    fn compare(&mut self, at: TopicPartition, record: &Record) -> Result<(), Fault> {
        let position = Position { entity: at.entity, topic: at.kind, partition: at.partition, offset: record.offset };
        let unreadable = || unlike(position, "the record is of no known form".to_owned());
        if at.kind == TopicKind::Commands {
            return command_of(record).map(drop).map_err(|_| unreadable());
        }
        let event = event_of(record).map_err(|_| unreadable())?;
        if event.batch.0 == 1 && self.difference(position, &event)?.is_some() && self.doubts.len() < DOUBTS_MAX {
            self.doubts.push((position, event));
        }
        Ok(())
    }

    /// What history and state say otherwise of the first event of a command.
    fn difference(&self, position: Position, event: &EventRecord) -> Result<Option<String>, Fault> {
        let key = EntityKey { entity: position.entity, id: event.id.clone() };
        let unit = self.log.unit_at(&key, position.partition, event.seq)?;
        let place = unit.map(|(first, offset, _)| offset + (event.seq - first));
        if place != Some(position.offset) {
            return Ok(Some(format!("the history says that event {} is at {place:?}", event.seq)));
        }
        let last = event.seq + u64::from(event.batch.1) - 1;
        let Some(state) = self.log.state(&key)? else { return Ok(Some("it has no state".to_owned())) };
        if state.seq < last {
            return Ok(Some(format!("its state is of event {}, event {last} is there", state.seq)));
        }
        let sound = state.state.is_none() || state_digest(state.state.as_deref()) == state.digest;
        Ok((!sound).then(|| format!("its state after event {} is not what its digest says", state.seq)))
    }

    /// The last steps: what differed while it was perhaps being published.
    fn look_again(&mut self) -> Result<bool, Fault> {
        if !self.doubts.is_empty() && self.log.shared.publishing.load(Ordering::SeqCst) {
            return Ok(true);
        }
        while let Some((position, event)) = self.doubts.pop() {
            if let Some(what) = self.difference(position, &event)? {
                return Err(unlike(position, format!("instance {:?}: {what}", event.id.as_str())));
            }
        }
        Ok(false)
    }
}

fn unlike(position: Position, what: String) -> Fault {
    let Position { entity, topic, partition, offset } = position;
    Fault::Corrupt { file: format!("topic {}.{} partition {partition}", entity.0, topic.as_str()), offset, what }
}
