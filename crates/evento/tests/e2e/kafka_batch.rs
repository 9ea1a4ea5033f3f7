//! Record batches of the tests with a right head, whatever they hold; and compressed bytes that explode.

use std::io::Write;

use bytes::Bytes;

/// Bytes before the first record.
const HEAD: usize = 61;

/// A batch of these attributes and this count around a payload.
pub fn batch(attributes: u8, count: u32, payload: &[u8]) -> Bytes {
    let mut out = vec![0; HEAD];
    out.extend_from_slice(payload);
    let length = (out.len() - 12) as u32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    out[16] = 2;
    out[22] = attributes;
    out[23..27].copy_from_slice(&count.saturating_sub(1).to_be_bytes());
    out[43..57].fill(0xff);
    out[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out.into()
}

/// A record at offset 0 with a short key and value and no headers.
pub fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let short = |bytes: &[u8]| [&[(bytes.len() << 1) as u8][..], bytes].concat();
    let content = [&[0, 0, 0][..], &short(key), &short(value), &[0]].concat();
    short(&content)
}

/// Gzip of so many zeros.
pub fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..bytes >> 20).for_each(|_| out.write_all(&[0; 1 << 20]).expect("written"));
    out.finish().expect("finished")
}

/// LZ4 frames of so many zeros.
pub fn lz4_bomb(bytes: usize) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    (0..bytes >> 20).for_each(|_| out.write_all(&[0; 1 << 20]).expect("written"));
    out.finish().expect("finished")
}

/// A Snappy block that claims to become so many bytes.
pub fn snappy_claim(mut bytes: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while bytes >= 0x80 {
        out.push(bytes as u8 | 0x80);
        bytes >>= 7;
    }
    out.extend([bytes as u8, 0, 0]);
    out
}

/// A Zstandard frame of blocks that repeat a zero (RFC 8878, 3.1.1.2), with a window of two to the power of `window`.
pub fn zstd_bomb(bytes: usize, window: u8) -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window - 10) << 3];
    let blocks = bytes as u32 / BLOCK;
    for n in 1..=blocks {
        let last = u32::from(n == blocks);
        out.extend_from_slice(&(BLOCK << 3 | 1 << 1 | last).to_le_bytes()[..3]);
        out.push(0);
    }
    out
}
