//! Chance that is the same each time: a stream of bytes that follows from the command's seed.
//!
//! Source: function-protocol 15.3 and `sdk/conformance/README.md`: the key stream of ChaCha20 (RFC 8439, 2.3) under
//! SHA-256(seed, `random`), nonce zero. All SDKs draw the same values; it is no source of secrets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// The stream of one command, shared by all that draw from it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Stream>>);

struct Stream {
    key: [u32; 8],
    counter: u32,
    block: [u8; 64],
    /// Bytes of the block that were drawn.
    drawn: usize,
}

/// Draws from the stream of a command; made by [`Context::random`](crate::Context::random).
pub struct Random<'a>(MutexGuard<'a, Stream>);

impl Shared {
    pub(crate) fn new(seed: &[u8; 16]) -> Shared {
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(b"random");
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(digest.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Shared(Arc::new(Mutex::new(Stream { key, counter: 0, block: [0; 64], drawn: 64 })))
    }

    pub(crate) fn random(&self) -> Random<'_> {
        Random(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Random<'_> {
    /// The next bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.0.next()).collect()
    }

    /// The next 8 bytes as a number of any sign.
    pub fn long(&mut self) -> i64 {
        self.unsigned() as i64
    }

    /// 0 or more, below 1: 53 bits.
    pub fn double(&mut self) -> f64 {
        (self.unsigned() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0 to `n` - 1, each equally likely; 0 for `n` = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let whole = 1u128 << 64;
        let limit = whole - whole % u128::from(n);
        loop {
            let drawn = self.unsigned();
            if u128::from(drawn) < limit {
                return drawn % n;
            }
        }
    }

    fn unsigned(&mut self) -> u64 {
        let mut bytes = [0; 8];
        bytes.fill_with(|| self.0.next());
        u64::from_le_bytes(bytes)
    }
}

impl Stream {
    fn next(&mut self) -> u8 {
        if self.drawn == 64 {
            self.block = block(&self.key, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.drawn = 0;
        }
        self.drawn += 1;
        self.block[self.drawn - 1]
    }
}

/// One block of the key stream (RFC 8439, 2.3) with a nonce of zeros.
fn block(key: &[u32; 8], counter: u32) -> [u8; 64] {
    let mut start = [0u32; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    start[4..12].copy_from_slice(key);
    start[12] = counter;
    let mut words = start;
    for _ in 0..10 {
        for [a, b, c, d] in [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]] {
            quarter(&mut words, a, b, c, d);
        }
        for [a, b, c, d] in [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]] {
            quarter(&mut words, a, b, c, d);
        }
    }
    let mut out = [0; 64];
    for (bytes, (word, start)) in out.chunks_exact_mut(4).zip(words.iter().zip(start)) {
        bytes.copy_from_slice(&word.wrapping_add(start).to_le_bytes());
    }
    out
}

fn quarter(words: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        words[x] = words[x].wrapping_add(words[y]);
        words[z] = (words[z] ^ words[x]).rotate_left(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;

    #[test]
    fn draws_are_the_golden_ones_and_go_on_where_the_last_ended() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../conformance/golden/context.json")).expect("JSON");
        for vector in golden["vectors"].as_array().expect("vectors") {
            let text = |key: &str| vector[key].as_str().expect("text").to_owned();
            let byte = |at: usize| u8::from_str_radix(&text("seed")[at * 2..at * 2 + 2], 16).expect("hex");
            let seed: [u8; 16] = std::array::from_fn(byte);
            let shared = Shared::new(&seed);
            let bytes: String = shared.random().bytes(70).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(bytes, text("randomBytes"));
            let mut random = shared.random();
            assert_eq!(random.long().to_string(), text("randomLong"));
            assert_eq!(Some(random.double()), vector["randomDouble"].as_f64());
            let below = [1, 6, 1_000_000_007].into_iter().chain([(1 << 62) + 1; 8]);
            for (n, wanted) in below.zip(vector["randomBelow"].as_array().expect("numbers")) {
                assert_eq!(Some(random.below(n).to_string().as_str()), wanted.as_str());
            }
        }
    }
}
