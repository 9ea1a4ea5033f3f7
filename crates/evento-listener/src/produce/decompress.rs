//! Uncompressing a producer's batch under a limit: what a few bytes can blow up to is refused, not held.

use std::io::Read;

use bytes::Bytes;
use evento_log::codec::{Compression, ProducedBatch};
use kafka_protocol::error::ResponseError;

use super::Refused;

/// Begins the frames that the Java library writes around Snappy blocks.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// Bytes of that library's header: magic, version, lowest compatible version.
const XERIAL_HEADER: usize = 16;

/// The records of a batch, uncompressed, at most `most` bytes of them.
pub(super) fn decompress(batch: &ProducedBatch, most: usize) -> Result<Bytes, Refused> {
    let payload = &batch.payload[..];
    let out = match batch.compression {
        Compression::None => return Ok(batch.payload.clone()),
        Compression::Gzip => read(flate2::read::GzDecoder::new(payload), most),
        Compression::Lz4 => read(lz4_flex::frame::FrameDecoder::new(payload), most),
        Compression::Zstd => match ruzstd::decoding::StreamingDecoder::new(payload) {
            Ok(decoder) => read(decoder, most),
            Err(error) => Err(corrupt(error.to_string())),
        },
        Compression::Snappy if payload.starts_with(XERIAL) => xerial(payload, most),
        Compression::Snappy => block(payload, most),
    };
    out.map(Bytes::from)
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

    use super::{block, read, xerial};
    use kafka_protocol::error::ResponseError;

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
}
