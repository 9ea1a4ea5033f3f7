//! What a decision may use beside the command and the state: values that never change for that command.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::random::{Random, Shared};

/// For `handle`.
#[derive(Clone)]
pub struct Context {
    /// The instance.
    pub entity_id: String,
    /// Number of events already in the state.
    pub seq: u64,
    /// The command's id.
    pub command_id: String,
    /// When the command was accepted: milliseconds since 1970, UTC. The only clock there is.
    pub time_ms: i64,
    /// The only chance there is.
    pub seed: [u8; 16],
    /// Made when the first number is drawn.
    random: OnceLock<Shared>,
}

/// For `apply`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyContext {
    /// The instance.
    pub entity_id: String,
    /// When the command that caused the event was accepted.
    pub time_ms: i64,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Context { entity_id, seq, command_id, time_ms, seed, .. } = self;
        f.debug_tuple("Context").field(entity_id).field(seq).field(command_id).field(time_ms).field(seed).finish()
    }
}

impl Context {
    /// A context, as the protocol hands it over.
    pub fn new(entity_id: String, seq: u64, command_id: String, time_ms: i64, seed: [u8; 16]) -> Context {
        Context { entity_id, seq, command_id, time_ms, seed, random: OnceLock::new() }
    }

    /// Random numbers that every attempt and replay draws again. One stream for each command: whoever asks a
    /// second time goes on where the first left off. Drop one before asking for the next.
    pub fn random(&self) -> Random<'_> {
        self.random.get_or_init(|| Shared::new(&self.seed)).random()
    }

    /// The n-th id of this command: a UUID (version 8) that every attempt and replay gives again.
    ///
    /// First 16 bytes of SHA-256(seed, `uuid`, n as 4 bytes big-endian), with version and variant set.
    pub fn uuid(&self, n: u32) -> String {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(b"uuid");
        hash.update(n.to_be_bytes());
        let digest = hash.finalize();
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// The same, with nothing drawn yet.
    pub(crate) fn afresh(&self) -> Context {
        Context { random: OnceLock::new(), ..self.clone() }
    }

    /// What `apply` gets for the events of this command.
    pub fn for_apply(&self) -> ApplyContext {
        ApplyContext { entity_id: self.entity_id.clone(), time_ms: self.time_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::Context;

    #[test]
    fn ids_are_the_same_each_time_and_differ_by_number_and_seed() {
        let context = |seed| Context::new("a".into(), 0, "c".into(), 0, seed);
        let one = context([1; 16]);
        assert_eq!(one.uuid(0), one.uuid(0));
        assert_ne!(one.uuid(0), one.uuid(1));
        assert_ne!(one.uuid(0), context([2; 16]).uuid(0));
        assert_eq!(&one.uuid(7)[14..15], "8");
    }
}
