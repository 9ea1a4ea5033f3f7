//! Which partition an instance belongs to: Kafka's default partitioner.
//!
//! Source: `org.apache.kafka.common.utils.Utils.murmur2`, the partitioner of the Java producer.

/// Partition of a key: `(murmur2(key) & 0x7fffffff) % partitions`. `partitions` must not be 0.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// MurmurHash2, 32 bits, seed `0x9747b28c`, as Kafka's Java client computes it.
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = 0x9747_b28c_u32 ^ (data.len() as u32);
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (n, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * n);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_of};

    #[test]
    fn murmur2_gives_what_kafkas_java_client_gives() {
        for (key, hash, partition) in [
            ("21", -973_932_308_i32, 0),
            ("abc", 479_470_107, 3),
            ("foobar", -790_332_482, 6),
            ("alice", 1_951_417_749, 9),
            ("acc-42", -745_712_515, 1),
            ("zoë", 1_047_649_164, 0),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
            assert_eq!(partition_of(key.as_bytes(), 12), partition, "{key}");
        }
    }
}
