//! What fuzz targets reach and nobody else: the uncompressing of batches. Built with `--cfg fuzzing` only.

use bytes::Bytes;
use evento_log::codec::ProducedBatch;

/// The payload of a batch, uncompressed, if it is at most so many bytes.
pub fn decompress(batch: &ProducedBatch, most: usize) -> Option<Bytes> {
    crate::produce::decompress(batch, most).ok()
}
