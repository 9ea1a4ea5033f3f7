//! A batch that a producer sends: head, compression of every kind under a limit, records.

#![no_main]

use bytes::Bytes;
use evento_fuzz::batch;
use evento_log::codec::ProducedBatch;
use libfuzzer_sys::fuzz_target;

/// Bytes that a payload may become.
const MOST: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [attributes, count, payload @ ..] = data else { return };
    let _ = ProducedBatch::read(&Bytes::copy_from_slice(data));
    let Ok(read) = ProducedBatch::read(&batch(*attributes, u16::from(*count), payload)) else { return };
    let Some(payload) = evento_listener::fuzzing::decompress(&read, MOST) else { return };
    assert!(payload.len() <= MOST);
    if let Ok(records) = read.records(&payload) {
        assert_eq!(records.len(), usize::from(*count));
    }
});
