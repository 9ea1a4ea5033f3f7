//! What several fuzz targets need: record batches whose head is right, so that what follows it is looked at.

use bytes::Bytes;

/// Bytes before the first record of a batch.
const HEAD: usize = 61;

/// A batch of these attributes and this count with a right length and checksum, whatever its payload is.
pub fn batch(attributes: u8, count: u16, payload: &[u8]) -> Bytes {
    let mut out = vec![0; HEAD];
    out.extend_from_slice(payload);
    let length = (out.len() - 12) as u32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    out[16] = 2;
    out[22] = attributes;
    out[23..27].copy_from_slice(&i32::from(count).wrapping_sub(1).to_be_bytes());
    out[59..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out.into()
}
