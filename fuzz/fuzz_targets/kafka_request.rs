//! A Kafka request of any served kind and version: what the shape accepts, the codec reads.
//!
//! The first byte says whether the rest is a body or changes to a filled one; the next two choose kind and version.

#![no_main]

#[path = "../../crates/evento-listener/tests/common/fill.rs"]
#[allow(dead_code, reason = "shared with the tests of the listener, which use all of it")]
mod fill;

use bytes::{Bytes, BytesMut};
use evento_listener::shape::{self, Request};
use kafka_protocol::messages::{RequestHeader, RequestKind};
use kafka_protocol::protocol::Decodable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [mode, kind, version, rest @ ..] = data else { return };
    let requests: Vec<&Request> = shape::requests().collect();
    let request = requests[usize::from(*kind) % requests.len()];
    let version = request.low + i16::from(*version) % (request.high - request.low + 1);
    let filled = fill::fill(request, version, u64::from(mode >> 1), None);
    let bytes = if mode & 1 == 0 { [&filled.bytes[..filled.body], rest].concat() } else { changed(filled.bytes, rest) };
    if shape::check(request.key, version, &bytes).is_err() {
        return;
    }
    let mut body = Bytes::from(bytes);
    RequestHeader::decode(&mut body, request.key.request_header_version(version)).expect("an accepted header");
    match RequestKind::decode(request.key, &mut body, version) {
        Ok(read) => drop(read.encode(&mut BytesMut::new(), version)),
        // A tagged field of a later version is an unknown one to the shape.
        Err(error) => {
            let why = error.root_cause().to_string();
            assert!(why.starts_with("Tag "), "{:?} {version}: {error:#}", request.key);
        }
    }
});

/// Puts bytes in places: two bytes say where, one what.
fn changed(mut bytes: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] = change[2];
    }
    bytes
}
