//! A frame of the commit log: as it comes, and its content alone. What is read is written and read again the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    evento_log::fuzzing::frame(&bytes);
    evento_log::fuzzing::content(&bytes);
});
