//! What a function says of itself, and the resource that may say it for one.

#![no_main]

use evento_function::manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = manifest::read(data) {
        let value = serde_json::from_slice(data).expect("JSON");
        assert_eq!(manifest::sorted_digest(&value), read.digest);
    }
});
