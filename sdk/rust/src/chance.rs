//! The only chance there is: a stream of bytes that each attempt at a command and each language draws alike.
//!
//! The key stream of ChaCha20 (RFC 8439, section 2.3), key = SHA-256(seed, `random`), nonce of zeros, counter from 0.

use sha2::{Digest, Sha256};

/// Bytes of one block of the key stream.
const BLOCK: usize = 64;

/// A stream of chance, read from its beginning once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stream {
    key: [u8; 32],
    counter: u32,
    block: [u8; BLOCK],
    /// Bytes of the block that were drawn.
    used: usize,
}

impl Stream {
    /// The stream of a command's seed.
    pub(crate) fn of(seed: &[u8; 16]) -> Stream {
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(b"random");
        Stream { key: hash.finalize().into(), counter: 0, block: [0; BLOCK], used: BLOCK }
    }

    /// Draws the next bytes.
    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == BLOCK {
                self.block = block(&self.key, self.counter, &[0; 12]);
                self.counter = self.counter.wrapping_add(1);
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

/// One block of the key stream (RFC 8439, section 2.3).
fn block(key: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> [u8; BLOCK] {
    let word = |bytes: &[u8], n: usize| {
        u32::from_le_bytes([bytes[4 * n], bytes[4 * n + 1], bytes[4 * n + 2], bytes[4 * n + 3]])
    };
    let mut start = [0u32; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    (0..8).for_each(|n| start[4 + n] = word(key, n));
    start[12] = counter;
    (0..3).for_each(|n| start[13 + n] = word(nonce, n));
    let mut state = start;
    for _ in 0..10 {
        for column in 0..4 {
            quarter(&mut state, [column, column + 4, column + 8, column + 12]);
        }
        for diagonal in 0..4 {
            quarter(&mut state, [diagonal, (diagonal + 1) % 4 + 4, (diagonal + 2) % 4 + 8, (diagonal + 3) % 4 + 12]);
        }
    }
    let mut out = [0; BLOCK];
    for (n, chunk) in out.chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&state[n].wrapping_add(start[n]).to_le_bytes());
    }
    out
}

fn quarter(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (left, right, turned, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[left] = state[left].wrapping_add(state[right]);
        state[turned] = (state[turned] ^ state[left]).rotate_left(bits);
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn a_block_is_that_of_the_rfc() {
        // RFC 8439, section 2.3.2.
        let mut key = [0; 32];
        (0..32).for_each(|n| key[n as usize] = n);
        let nonce = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0];
        let made = block(&key, 1, &nonce);
        assert_eq!(made[..8], [0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15]);
        assert_eq!(made[56..], [0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e]);
        // RFC 8439, appendix A.1, test vector 1.
        assert_eq!(block(&[0; 32], 0, &[0; 12])[..4], [0x76, 0xb8, 0xe0, 0xad]);
    }
}
