//! Uncompressing a producer's batch under a limit: what a few bytes can blow up to is refused, not held.

use std::io::Read;

use bytes::Bytes;
use evento_log::codec::{Compression, ProducedBatch};
use kafka_protocol::error::ResponseError;
use ruzstd::decoding::StreamingDecoder;

use super::Refused;

/// Bytes that a Zstandard frame may ask to be kept in reach; no client's level asks for more than 8 MiB on its own.
const WINDOW_MAX: u64 = 32 << 20;
/// Begins the frames that the Java library writes around Snappy blocks.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// Bytes of that library's header: magic, version, lowest compatible version.
const XERIAL_HEADER: usize = 16;

/// The records of a batch, uncompressed, at most `most` bytes of them.
pub(crate) fn decompress(batch: &ProducedBatch, most: usize) -> Result<Bytes, Refused> {
    match batch.compression {
        Compression::None if batch.payload.len() <= most => Ok(batch.payload.clone()),
        packed => uncompressed(packed, &batch.payload, most).map(Bytes::from),
    }
}

fn uncompressed(packed: Compression, payload: &[u8], most: usize) -> Result<Vec<u8>, Refused> {
    match packed {
        Compression::None => Err(large(most)),
        Compression::Gzip => read(flate2::read::GzDecoder::new(payload), most),
        Compression::Lz4 => read(lz4_flex::frame::FrameDecoder::new(payload), most),
        Compression::Zstd => match StreamingDecoder::new_with_max_window_size(payload, WINDOW_MAX) {
            Ok(decoder) => read(decoder, most),
            Err(error) => Err(corrupt(error.to_string())),
        },
        Compression::Snappy if payload.starts_with(XERIAL) => xerial(payload, most),
        Compression::Snappy => block(payload, most),
    }
}

fn read(from: impl Read, most: usize) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut out).map_err(|error| corrupt(error.to_string()))?;
    if out.len() > most { Err(large(most)) } else { Ok(out) }
}

/// Blocks, each after its length.
fn xerial(payload: &[u8], most: usize) -> Result<Vec<u8>, Refused> {
    let mut rest = payload.get(XERIAL_HEADER..).ok_or_else(|| corrupt("a Snappy frame is cut off"))?;
    let mut out = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let compressed = after.get(..length).ok_or_else(|| corrupt("a Snappy block is cut off"))?;
        out.extend_from_slice(&block(compressed, most - out.len())?);
        rest = &after[length..];
    }
    if rest.is_empty() { Ok(out) } else { Err(corrupt("a Snappy frame is cut off")) }
}

fn block(compressed: &[u8], most: usize) -> Result<Vec<u8>, Refused> {
    let claimed = snap::raw::decompress_len(compressed).map_err(|error| corrupt(error.to_string()))?;
    if claimed > most {
        return Err(large(most));
    }
    snap::raw::Decoder::new().decompress_vec(compressed).map_err(|error| corrupt(error.to_string()))
}

fn corrupt(why: impl Into<String>) -> Refused {
    Refused::batch(ResponseError::CorruptMessage, why)
}

fn large(most: usize) -> Refused {
    Refused::batch(ResponseError::MessageTooLarge, format!("the records are more than {most} bytes, uncompressed"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{block, read, uncompressed, xerial};
    use evento_log::codec::Compression;
    use kafka_protocol::error::ResponseError;
    use proptest::prelude::*;

    #[test]
    fn what_blows_up_is_refused_at_the_limit() {
        let zeros = vec![0; 1 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&zeros).expect("written");
        let gzip = gzip.finish().expect("finished");
        assert_eq!(read(flate2::read::GzDecoder::new(&gzip[..]), 1 << 20).expect("it fits").len(), 1 << 20);
        let refused = read(flate2::read::GzDecoder::new(&gzip[..]), (1 << 20) - 1).expect_err("it does not fit");
        assert_eq!(refused.error, ResponseError::MessageTooLarge);
        let snappy = snap::raw::Encoder::new().compress_vec(&zeros).expect("compressed");
        assert_eq!(block(&snappy, 1 << 19).expect_err("it does not fit").error, ResponseError::MessageTooLarge);
    }

    #[test]
    fn frames_of_the_java_snappy_library_are_read_and_cut_ones_refused() {
        let one = snap::raw::Encoder::new().compress_vec(b"hello ").expect("compressed");
        let two = snap::raw::Encoder::new().compress_vec(b"world").expect("compressed");
        let mut framed = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
        for block in [&one, &two] {
            framed.extend_from_slice(&(block.len() as u32).to_be_bytes());
            framed.extend_from_slice(block);
        }
        assert_eq!(xerial(&framed, 100).expect("whole"), b"hello world");
        for cut in [framed.len() - 1, 17, 10] {
            assert!(xerial(&framed[..cut], 100).is_err(), "{cut}");
        }
        assert_eq!(xerial(&framed, 7).expect_err("too long").error, ResponseError::MessageTooLarge);
    }
    /// Both kinds of frames that hold data as it is.
    fn packed(data: &[u8]) -> [Vec<u8>; 4] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(data).expect("written");
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(data).expect("written");
        let zstd = ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest);
        let snappy = snap::raw::Encoder::new().compress_vec(data).expect("compressed");
        [gzip.finish().expect("finished"), snappy, lz4.finish().expect("finished"), zstd]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn chance_and_changed_bytes_are_uncompressed_within_the_limit_or_refused(
            chance: Vec<u8>,
            changes in prop::collection::vec((any::<u16>(), any::<u8>()), 0..4),
        ) {
            let text = b"what is repeated is repeated ".repeat(100);
            for (kind, mut bytes) in packed(&text).into_iter().enumerate() {
                for (at, byte) in &changes {
                    let at = usize::from(*at) % bytes.len();
                    bytes[at] = *byte;
                }
                for payload in [&bytes, &chance] {
                    for most in [text.len(), text.len() - 1] {
                        match uncompressed(ALL[kind + 1], payload, most) {
                            Ok(out) => prop_assert!(out.len() <= most),
                            Err(refused) => prop_assert!(!refused.why.is_empty()),
                        }
                    }
                }
                if changes.is_empty() {
                    prop_assert_eq!(uncompressed(ALL[kind + 1], &bytes, text.len()).expect("it fits"), text.clone());
                }
            }
        }
    }

    const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
}
