//! A record batch as the log stores it: as it comes, and with a right head before it.

#![no_main]

use bytes::Bytes;
use evento_fuzz::batch;
use evento_log::codec::{BatchHeader, command_of, event_of, records, records_within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let raw = Bytes::copy_from_slice(data);
    let _ = BatchHeader::read(&raw);
    read(&raw);
    if let [count, payload @ ..] = data {
        read(&batch(0, u16::from(*count), payload));
    }
});

fn read(bytes: &Bytes) {
    let Ok(all) = records(bytes) else { return };
    for record in &all {
        let _ = command_of(record);
        let _ = event_of(record);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return };
    let some = records_within(bytes, first.offset..last.offset).expect("those of a batch that was read");
    assert!(some.len() <= all.len());
}
