//! The rules of idempotent producers, as a state without clock, lock and I/O.
//!
//! Per producer and partition: epoch, next number, and the last batches with their offsets (KIP-98, "Producer
//! sequence numbers"; five, as clients have at most five requests in flight). What is not known is believed: after a
//! restart or a day of silence any sequence may come first, and the ids of the commands tell what is new.

use std::collections::{BTreeMap, VecDeque};

use evento_model::Timestamp;
use kafka_protocol::error::ResponseError;
use rustc_hash::FxHashMap;

use super::lap::{self, Lap};
use super::{Batch, Place};

/// Producers times partitions that are remembered; the one that was silent longest is forgotten first.
const REMEMBERED_MAX: usize = 50_000;
/// Batches of a producer and partition that are remembered.
const BATCHES_MAX: usize = 5;
/// A silent producer is forgotten after a day (Kafka's `producer.id.expiration.ms`).
const FORGOTTEN_AFTER_MS: u64 = 86_400_000;

type Key = (i64, Place);

/// What the rules say to a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Write it; this is the number of its first record.
    Fresh {
        first: u64,
    },
    Repeated {
        base_offset: i64,
    },
    /// Another one is being written.
    Busy,
}

/// A producer that wrote to a partition lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Active {
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
    /// Sequence of its last record, -1 if there is none.
    pub(crate) last: i32,
    /// When it wrote last.
    pub(crate) at: Timestamp,
}

/// All that is remembered.
#[derive(Default)]
pub(super) struct Sequences {
    /// Bound: [`REMEMBERED_MAX`].
    known: FxHashMap<Key, Known>,
    /// The same by their last use, oldest first.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

struct Known {
    epoch: i16,
    /// Number of the next record.
    next: u64,
    /// Number and count of a batch with its offset. Bound: [`BATCHES_MAX`].
    batches: VecDeque<(u64, u32, i64)>,
    writing: bool,
    /// Halves of all sequences that a fact is known to tell.
    noted: u32,
    /// See [`Lap::skipped`].
    skipped: u64,
    used: u64,
    at: Timestamp,
}

impl Known {
    fn new(batch: &Batch, lap: Lap) -> Known {
        let Lap { halves: noted, skipped, .. } = lap;
        let (epoch, next) = (batch.epoch, lap::number(noted, batch.first));
        Known { epoch, next, batches: VecDeque::new(), writing: false, noted, skipped, used: 0, at: Timestamp(0) }
    }

    fn lap(&self) -> Lap {
        Lap { epoch: self.epoch, halves: (self.next / lap::HALF) as u32, skipped: self.skipped }
    }

    fn decide(&mut self, batch: &Batch) -> Result<Decision, ResponseError> {
        if batch.epoch < self.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if self.writing {
            return Ok(Decision::Busy);
        }
        if batch.epoch > self.epoch {
            if batch.first != 0 {
                return Err(ResponseError::OutOfOrderSequenceNumber);
            }
            *self = Known { used: self.used, ..Known::new(batch, Lap::default()) };
        }
        let same = |(first, count, _): &&(u64, u32, i64)| lap::sequence(*first) == batch.first && *count == batch.count;
        if let Some((_, _, base_offset)) = self.batches.iter().find(same) {
            return Ok(Decision::Repeated { base_offset: *base_offset });
        }
        if batch.first != lap::sequence(self.next) {
            return Err(ResponseError::OutOfOrderSequenceNumber);
        }
        self.writing = true;
        Ok(Decision::Fresh { first: self.next + self.skipped })
    }
}

impl Sequences {
    /// What is to be done with a batch. `lap` reads the fact of a producer and partition.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        batch: &Batch,
        lap: impl FnOnce(i64, Place) -> Option<Lap>,
    ) -> Result<Decision, ResponseError> {
        if batch.count == 0 || batch.first < 0 || batch.epoch < 0 || batch.producer < 0 {
            return Err(ResponseError::InvalidRecord);
        }
        let key = (batch.producer, batch.place);
        self.forget(now);
        let known = self.known.entry(key).or_insert_with(|| {
            let lap = lap(key.0, key.1).filter(|lap| lap.epoch == batch.epoch);
            Known::new(batch, lap.unwrap_or_default())
        });
        let decision = known.decide(batch);
        self.by_use.remove(&known.used);
        self.uses += 1;
        (known.used, known.at) = (self.uses, now);
        self.by_use.insert(self.uses, key);
        decision
    }

    /// A batch whose turn it was has ended: written, with this offset, or failed. Gives what a fact must tell, if
    /// it does not yet.
    pub(super) fn end(&mut self, batch: &Batch, stored: Option<i64>) -> Option<Lap> {
        let known = self.known(batch)?;
        known.writing = false;
        let base_offset = stored?;
        if known.batches.len() == BATCHES_MAX {
            known.batches.pop_front();
        }
        known.batches.push_back((known.next, batch.count, base_offset));
        known.next += u64::from(batch.count);
        Some(known.lap()).filter(|lap| lap.halves > known.noted)
    }

    /// A batch whose turn it was is refused with all of its transaction, which a restart has ended: the producer goes
    /// on behind it. Of one that is not known otherwise, anything is believed again.
    pub(super) fn forgo(&mut self, batch: &Batch) {
        let Some(known) = self.known(batch) else { return };
        known.writing = false;
        if known.batches.is_empty() {
            let used = known.used;
            self.by_use.remove(&used);
            self.known.remove(&(batch.producer, batch.place));
        }
    }

    /// The numbers of a batch whose turn it is are never used again, though its sequences are. Gives what a fact
    /// must tell.
    pub(super) fn skip(&mut self, batch: &Batch) -> Option<Lap> {
        let known = self.known(batch)?;
        known.skipped += u64::from(batch.count);
        Some(known.lap())
    }

    /// The fact is durable.
    pub(super) fn noted(&mut self, batch: &Batch, halves: u32) {
        if let Some(known) = self.known(batch) {
            known.noted = known.noted.max(halves);
        }
    }

    fn known(&mut self, batch: &Batch) -> Option<&mut Known> {
        self.known.get_mut(&(batch.producer, batch.place)).filter(|known| known.epoch == batch.epoch)
    }

    /// Who has written to a partition lately, by producer id.
    pub(super) fn active(&self, now: Timestamp, place: Place) -> Vec<Active> {
        let here = self.known.iter().filter(|((_, at), known)| *at == place && !known.is_old(now));
        let active = here.map(|((producer, _), known)| {
            let last = if known.batches.is_empty() { -1 } else { lap::sequence(known.next - 1) };
            Active { producer: *producer, epoch: known.epoch, last, at: known.at }
        });
        let mut active: Vec<Active> = active.collect();
        active.sort_by_key(|active| active.producer);
        active
    }

    /// Makes room for one more, and forgets who was silent for too long.
    fn forget(&mut self, now: Timestamp) {
        while let Some((used, key)) = self.by_use.first_key_value().map(|(used, key)| (*used, *key)) {
            let old = self.known.get(&key).is_none_or(|known| known.is_old(now));
            if !old && self.known.len() < REMEMBERED_MAX {
                return;
            }
            self.by_use.remove(&used);
            self.known.remove(&key);
        }
    }
}

impl Known {
    fn is_old(&self, now: Timestamp) -> bool {
        now.ms_since(self.at) > FORGOTTEN_AFTER_MS
    }
}

#[cfg(test)]
mod tests {
    use evento_model::{EntityTypeId, Timestamp};
    use kafka_protocol::error::ResponseError::{self, InvalidProducerEpoch, InvalidRecord, OutOfOrderSequenceNumber};

    use super::{Batch, Decision, FORGOTTEN_AFTER_MS, Lap, Place, REMEMBERED_MAX, Sequences};

    const HERE: Place = Place { entity: EntityTypeId(1), partition: 3 };
    const NOW: Timestamp = Timestamp(1_000_000);

    fn batch(epoch: i16, first: i32, count: u32) -> Batch {
        Batch { producer: 7, epoch, place: HERE, first, count }
    }

    fn begin(sequences: &mut Sequences, now: Timestamp, batch: &Batch) -> Result<Decision, ResponseError> {
        sequences.begin(now, batch, |_, _| None)
    }

    fn fresh(first: u64) -> Result<Decision, ResponseError> {
        Ok(Decision::Fresh { first })
    }

    /// Begins and ends one that must be fresh.
    fn write(sequences: &mut Sequences, batch: &Batch, base_offset: i64) {
        assert!(matches!(begin(sequences, NOW, batch), Ok(Decision::Fresh { .. })), "{batch:?}");
        sequences.end(batch, Some(base_offset));
    }

    #[test]
    fn batches_are_taken_in_their_order_and_known_ones_answered_with_their_offsets() {
        let mut sequences = Sequences::default();
        for n in 0..6 {
            write(&mut sequences, &batch(0, n * 10, 10), i64::from(n) * 100);
        }
        let repeated = |base_offset| Ok(Decision::Repeated { base_offset });
        let table = [
            (batch(0, 50, 10), repeated(500)),
            (batch(0, 10, 10), repeated(100)),
            // Beyond the last five, or not the same batch.
            (batch(0, 0, 10), Err(OutOfOrderSequenceNumber)),
            (batch(0, 50, 9), Err(OutOfOrderSequenceNumber)),
            (batch(0, 61, 1), Err(OutOfOrderSequenceNumber)),
            (batch(0, -1, 1), Err(InvalidRecord)),
            (batch(-1, 60, 1), Err(InvalidRecord)),
            (batch(0, 60, 0), Err(InvalidRecord)),
            (batch(0, 60, 1), fresh(60)),
        ];
        for (batch, wanted) in table {
            assert_eq!(begin(&mut sequences, NOW, &batch), wanted, "{batch:?}");
        }
    }

    #[test]
    fn a_failed_batch_leaves_the_sequence_where_it_was_and_what_follows_it_is_out_of_order() {
        let mut sequences = Sequences::default();
        // Also the first one of all, where anything would be believed.
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 40, 2)), fresh(40));
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 40, 2)), Ok(Decision::Busy));
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 42, 2)), Ok(Decision::Busy));
        sequences.end(&batch(0, 40, 2), None);
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 42, 2)), Err(OutOfOrderSequenceNumber));
        write(&mut sequences, &batch(0, 40, 2), 9);
        write(&mut sequences, &batch(0, 42, 2), 11);
    }

    #[test]
    fn after_a_restart_a_producer_goes_on_behind_what_its_lost_transaction_had() {
        let mut sequences = Sequences::default();
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 20, 1)), fresh(20));
        sequences.forgo(&batch(0, 20, 1));
        assert!(sequences.known.is_empty() && sequences.by_use.is_empty());
        // librdkafka sends 20 never again.
        write(&mut sequences, &batch(0, 21, 1), -1);
        // Who is known stays known.
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 22, 1)), fresh(22));
        sequences.forgo(&batch(0, 22, 1));
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 23, 1)), Err(OutOfOrderSequenceNumber));
        write(&mut sequences, &batch(0, 22, 1), -1);
    }

    #[test]
    fn a_higher_epoch_begins_at_0_and_fences_the_lower_one() {
        let mut sequences = Sequences::default();
        write(&mut sequences, &batch(1, 0, 5), 0);
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 5, 1)), Err(InvalidProducerEpoch));
        assert_eq!(begin(&mut sequences, NOW, &batch(2, 5, 1)), Err(OutOfOrderSequenceNumber));
        write(&mut sequences, &batch(1, 5, 1), 5);
        write(&mut sequences, &batch(2, 0, 1), 6);
        assert_eq!(begin(&mut sequences, NOW, &batch(1, 6, 1)), Err(InvalidProducerEpoch));
    }

    #[test]
    fn sequences_begin_again_after_their_last_and_the_numbers_go_on() {
        let mut sequences = Sequences::default();
        write(&mut sequences, &batch(0, i32::MAX - 1, 1), 0);
        let last = batch(0, i32::MAX, 2);
        assert_eq!(begin(&mut sequences, NOW, &last), fresh((1 << 31) - 1));
        let lap = |epoch, halves, skipped| Some(Lap { epoch, halves, skipped });
        assert_eq!(sequences.end(&last, Some(1)), lap(0, 2, 0));
        let next = batch(0, 1, 1);
        assert_eq!(begin(&mut sequences, NOW, &next), fresh((1 << 31) + 1));
        assert_eq!(sequences.end(&next, Some(3)), lap(0, 2, 0), "until it is durable, it is asked for again");
        sequences.noted(&next, 2);
        write(&mut sequences, &batch(0, 2, 1), 4);
        // After a restart the fact tells where the producer is; that of another epoch does not count.
        let begin = |lap| Sequences::default().begin(NOW, &batch(0, 3, 1), |_, _| lap);
        assert_eq!(begin(lap(0, 2, 0)), fresh((1 << 31) + 3));
        assert_eq!(begin(lap(0, 2, 10)), fresh((1 << 31) + 13));
        assert_eq!(begin(lap(1, 2, 10)), fresh(3));
    }

    #[test]
    fn what_was_recorded_of_a_refused_batch_keeps_its_numbers_though_its_sequences_come_again() {
        let mut sequences = Sequences::default();
        write(&mut sequences, &batch(0, 0, 4), 0);
        let partly = batch(0, 4, 3);
        assert_eq!(begin(&mut sequences, NOW, &partly), fresh(4));
        assert_eq!(sequences.skip(&partly), Some(Lap { epoch: 0, halves: 0, skipped: 3 }));
        sequences.end(&partly, None);
        assert_eq!(begin(&mut sequences, NOW, &batch(0, 4, 1)), fresh(7));
    }

    #[test]
    fn the_silent_and_the_many_are_forgotten() {
        let mut sequences = Sequences::default();
        write(&mut sequences, &batch(0, 0, 1), 0);
        let later = NOW.plus_ms(FORGOTTEN_AFTER_MS + 1);
        assert_eq!(sequences.active(NOW, HERE).len(), 1);
        assert!(sequences.active(later, HERE).is_empty());
        assert_eq!(begin(&mut sequences, later, &batch(0, 77, 1)), fresh(77));
        for producer in 0..REMEMBERED_MAX as i64 + 10 {
            let one = Batch { producer: 100 + producer, ..batch(0, 0, 1) };
            assert_eq!(begin(&mut sequences, later, &one), fresh(0));
        }
        assert_eq!((sequences.known.len(), sequences.by_use.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
