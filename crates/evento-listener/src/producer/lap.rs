//! Numbers of records that go on where sequences begin again.
//!
//! A sequence is followed by 0 after `i32::MAX`; a command id must never come twice. So the number of a record
//! counts on, and the few facts that this needs are durable: each time a producer has written another half of all
//! sequences to a partition, a fact says how many halves. A sequence alone then tells the number, with half a
//! billion records to spare on either side.
//!
//! Numbers are skipped, too: when some records of a batch were recorded and others refused for good, the producer
//! goes on with the sequences of that batch, and what it sends under them is new.

use bytes::Bytes;

use super::Place;

/// Sequences there are: 0 to `i32::MAX`.
const LAP: u64 = 1 << 31;
/// After so many records a fact is written.
pub(super) const HALF: u64 = LAP / 2;
/// How far a number may be behind the half that the fact tells.
const BEHIND: u64 = HALF / 2;

/// Where a producer's numbers are, in a partition and an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Lap {
    pub(super) epoch: i16,
    /// Halves of all sequences that it has written.
    pub(super) halves: u32,
    /// Numbers that were skipped: so far is a number ahead of its sequence.
    pub(super) skipped: u64,
}

/// The number of a sequence, without what was skipped, when `halves` is what the fact says, or 0.
pub(super) fn number(halves: u32, sequence: i32) -> u64 {
    let sequence = u64::from(sequence.unsigned_abs());
    if halves == 0 {
        return sequence;
    }
    let lowest = u64::from(halves) * HALF - BEHIND;
    lowest + (sequence + LAP - lowest % LAP) % LAP
}

/// The sequence of a number.
pub(super) fn sequence(number: u64) -> i32 {
    (number % LAP) as i32
}

/// The fact's key.
pub(super) fn key(producer: i64, place: Place) -> Bytes {
    Bytes::from(format!("kafka/lap/{producer}/{}/{}", place.entity.0, place.partition))
}

/// The fact's value.
pub(super) fn fact(lap: Lap) -> Vec<u8> {
    [&lap.epoch.to_be_bytes()[..], &lap.halves.to_be_bytes()[..], &lap.skipped.to_be_bytes()[..]].concat()
}

/// Reads it back.
pub(super) fn read(value: &[u8]) -> Option<Lap> {
    let (epoch, rest) = value.split_first_chunk::<2>()?;
    let (halves, skipped) = rest.split_first_chunk::<4>()?;
    let skipped = u64::from_be_bytes(skipped.try_into().ok()?);
    Some(Lap { epoch: i16::from_be_bytes(*epoch), halves: u32::from_be_bytes(*halves), skipped })
}

#[cfg(test)]
mod tests {
    use super::{HALF, LAP, Lap, fact, number, read, sequence};

    #[test]
    fn a_number_is_found_again_from_its_sequence_wherever_the_producer_stands() {
        for at in [0, 1, HALF - 1, HALF, HALF + 1, LAP - 1, LAP, LAP + 1, 3 * HALF, 7 * HALF + 12_345, 9 * HALF - 1] {
            let halves = (at / HALF) as u32;
            for known in [halves, halves.saturating_sub(1)] {
                // The fact may be a little late, and a repeated batch a little behind it.
                if halves != known && at % HALF > 1_000_000 {
                    continue;
                }
                assert_eq!(number(known, sequence(at)), at, "{at} with {known} halves");
            }
            let repeated = at.saturating_sub(5_000);
            assert_eq!(number(halves, sequence(repeated)), repeated, "{at}");
        }
    }

    #[test]
    fn a_fact_is_read_as_it_was_written_and_nothing_else_is() {
        let lap = Lap { epoch: 7, halves: 3, skipped: 9 };
        assert_eq!(read(&fact(lap)), Some(lap));
        for wrong in [&b""[..], b"1", b"1234567", b"123456789012345"] {
            assert_eq!(read(wrong), None);
        }
    }
}
