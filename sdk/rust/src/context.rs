//! What a decision may use beside the command and the state: values that never change for that command.

use std::cell::RefCell;

use sha2::{Digest, Sha256};

use crate::chance::Stream;
use crate::{Timestamp, Uuid};

/// For `handle`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// The instance.
    pub entity_id: String,
    /// Number of events already in the state.
    pub seq: u64,
    /// The command's id.
    pub command_id: String,
    /// When the command was accepted. The only clock there is.
    pub time: Timestamp,
    /// What [`uuid`](Context::uuid) and [`random`](Context::random) are made of.
    pub seed: [u8; 16],
    /// Begun with the first draw.
    stream: RefCell<Option<Stream>>,
}

/// For `apply`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyContext {
    /// The instance.
    pub entity_id: String,
    /// When the command that caused the event was accepted.
    pub time: Timestamp,
}

/// Draws of chance. All that are made during one command come from one stream, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Random<'a>(&'a RefCell<Option<Stream>>, [u8; 16]);

impl Context {
    /// What a decision of this command gets.
    pub fn new(
        entity_id: impl Into<String>,
        seq: u64,
        command_id: impl Into<String>,
        time: Timestamp,
        seed: [u8; 16],
    ) -> Context {
        let (entity_id, command_id) = (entity_id.into(), command_id.into());
        Context { entity_id, seq, command_id, time, seed, stream: RefCell::new(None) }
    }

    /// The n-th id of this command: a UUID (version 8) that every attempt and replay gives again.
    ///
    /// First 16 bytes of SHA-256(seed, `uuid`, n as 4 bytes big-endian), with version and variant set.
    pub fn uuid(&self, n: u32) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(b"uuid");
        hash.update(n.to_be_bytes());
        let digest = hash.finalize();
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid::from_bytes(bytes)
    }

    /// Chance that every attempt and replay gives again.
    pub fn random(&self) -> Random<'_> {
        Random(&self.stream, self.seed)
    }

    /// Writes a line to the function's log (stderr), with the command's id.
    pub fn log(&self, message: impl std::fmt::Display) {
        let line = serde_json::json!({"msg": message.to_string(), "commandId": self.command_id});
        eprintln!("{line}");
    }

    /// What `apply` gets for the events of this command.
    pub fn for_apply(&self) -> ApplyContext {
        ApplyContext { entity_id: self.entity_id.clone(), time: self.time }
    }
}

impl Random<'_> {
    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Fills with the next bytes.
    pub fn fill(&self, out: &mut [u8]) {
        self.0.borrow_mut().get_or_insert_with(|| Stream::of(&self.1)).fill(out);
    }

    /// Any whole number of 64 bits.
    pub fn long(&self) -> i64 {
        i64::from_le_bytes(self.bytes())
    }

    /// At least 0, below 1.
    pub fn double(&self) -> f64 {
        (u64::from_le_bytes(self.bytes()) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// At least 0, below `bound`, every value equally likely.
    ///
    /// # Panics
    ///
    /// When `bound` is below 1.
    pub fn below(&self, bound: i64) -> i64 {
        assert!(bound >= 1, "a bound below 1");
        let bound = u128::from(bound.unsigned_abs());
        let limit = (1u128 << 64) / bound * bound;
        loop {
            let drawn = u128::from(u64::from_le_bytes(self.bytes()));
            if drawn < limit {
                return (drawn % bound) as i64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Context;
    use crate::Timestamp;

    fn context(seed: [u8; 16]) -> Context {
        Context::new("a", 0, "c", Timestamp::default(), seed)
    }

    #[test]
    fn ids_are_the_same_each_time_and_differ_by_number_and_seed() {
        let one = context([1; 16]);
        assert_eq!(one.uuid(0), one.uuid(0));
        assert_ne!(one.uuid(0), one.uuid(1));
        assert_ne!(one.uuid(0), context([2; 16]).uuid(0));
        assert_eq!(&one.uuid(7).to_string()[14..15], "8");
    }

    #[test]
    fn chance_goes_on_within_a_command_and_begins_anew_with_the_next_attempt() {
        let (first, second) = (context([1; 16]), context([1; 16]));
        let whole: [u8; 130] = first.random().bytes();
        let parts: ([u8; 70], [u8; 60]) = (second.random().bytes(), second.random().bytes());
        assert_eq!(whole[..], [&parts.0[..], &parts.1].concat());
        assert!((0..100).all(|_| (0..6).contains(&first.random().below(6))));
        assert!((0..100).map(|_| first.random().double()).all(|drawn| (0.0..1.0).contains(&drawn)));
    }
}
