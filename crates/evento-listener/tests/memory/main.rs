//! What hostile requests may cost in memory, measured by an allocator that counts.
//!
//! One test only: the counters belong to the whole process.

#![allow(unsafe_code, reason = "an allocator is an unsafe trait; this one only counts and passes on")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

#[path = "../common/fill.rs"]
#[allow(dead_code, reason = "shared with the other test binary, which uses all of it")]
mod fill;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use evento_listener::shape::{self, Request};
use fill::{Odd, fill};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::Decodable;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes that were allocated on top while something ran.
fn cost<T>(run: impl FnOnce() -> T) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    drop(run());
    PEAK.load(Ordering::Relaxed) - before
}

/// As the listener does it: the codec sees nothing that the shape does not accept.
fn read(key: ApiKey, version: i16, bytes: &Bytes) -> Option<RequestKind> {
    shape::check(key, version, bytes).ok()?;
    let mut bytes = bytes.clone();
    RequestHeader::decode(&mut bytes, key.request_header_version(version)).unwrap();
    Some(RequestKind::decode(key, &mut bytes, version).unwrap())
}

/// A claim in every place of every request that has one.
fn hostile() -> Vec<(&'static Request, i16, Bytes)> {
    let mut all = Vec::new();
    for request in shape::requests() {
        for version in request.low..=request.high {
            for claim in [0x00ff_ffff, 0x7fff_ffff, u32::MAX] {
                let claims = (0..).map(|place| fill(request, version, 3, Some((place, Odd::Claim(claim)))));
                let claims = claims.take_while(|filled| filled.odd.is_some());
                all.extend(claims.map(|filled| (request, version, Bytes::from(filled.bytes))));
            }
        }
    }
    all
}

#[test]
fn a_thousand_hostile_requests_cost_nothing_and_the_largest_honest_one_a_bounded_sum() {
    let hostile = hostile();
    assert!(hostile.len() > 1000, "{}", hostile.len());
    let checked = cost(|| {
        hostile.iter().filter(|(request, version, bytes)| shape::check(request.key, *version, bytes).is_ok()).count()
    });
    assert_eq!(checked, 0, "the walk allocates nothing");
    let whole =
        cost(|| hostile.iter().filter_map(|(request, version, bytes)| read(request.key, *version, bytes)).count());
    assert!(whole < 64 << 10, "{whole} bytes for {} requests", hostile.len());

    // As many elements as are allowed, half of them tagged fields, each of which makes a map of its own.
    let topics = shape::ELEMENTS_MAX / 2;
    let mut bytes = b"\x00\x03\x00\x09\x00\x00\x00\x01\xff\xff\x00".to_vec();
    bytes.extend([(topics as u32 + 1) as u8 | 0x80, ((topics + 1) >> 7) as u8 | 0x80, ((topics + 1) >> 14) as u8]);
    bytes.extend(std::iter::repeat_n(*b"\x02t\x01\x10\x00", topics).flatten());
    bytes.extend([0, 0, 0, 0]);
    let bytes = Bytes::from(bytes);
    let largest = cost(|| assert!(read(ApiKey::Metadata, 9, &bytes).is_some()));
    assert!(largest < 30 << 20, "{largest} bytes for {}", bytes.len());
}
