//! The shapes agree with the codec: what they accept it reads to the last byte, what they refuse is no request.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap like tests")]

#[path = "../common/fill.rs"]
mod fill;

use bytes::{Bytes, BytesMut};
use evento_listener::shape::{self, Kind, Refused, Request, Why};
use fill::{Chance, Filled, Odd, fill};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::{Decodable, Encodable};

/// Every request in every version that has a shape.
fn each() -> impl Iterator<Item = (&'static Request, i16)> {
    shape::requests().flat_map(|request| (request.low..=request.high).map(move |version| (request, version)))
}

/// What the codec reads; it passes over what follows, as the shape does.
fn decode(key: ApiKey, version: i16, bytes: &[u8]) -> Result<(RequestHeader, RequestKind), String> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let header = RequestHeader::decode(&mut bytes, key.request_header_version(version));
    let header = header.map_err(|error| error.root_cause().to_string())?;
    let read = RequestKind::decode(key, &mut bytes, version).map_err(|error| error.root_cause().to_string())?;
    Ok((header, read))
}

fn encode(key: ApiKey, version: i16, header: &RequestHeader, request: &RequestKind) -> Vec<u8> {
    let mut out = BytesMut::new();
    header.encode(&mut out, key.request_header_version(version)).unwrap();
    request.encode(&mut out, version).unwrap();
    out.to_vec()
}

#[test]
fn a_filled_request_of_every_kind_and_version_is_what_the_codec_reads_and_writes() {
    for (request, version) in each() {
        for seed in 0..50 {
            let Filled { bytes, .. } = fill(request, version, seed, None);
            let (header, read) =
                decode(request.key, version, &bytes).unwrap_or_else(|why| panic!("{:?} {version}: {why}", request.key));
            let written = encode(request.key, version, &header, &read);
            assert_eq!(written, bytes, "{:?} {version}", request.key);
            assert_eq!(shape::check(request.key, version, &bytes), Ok(()), "{:?} {version}", request.key);
        }
    }
}

#[test]
fn every_cut_of_a_request_is_refused_and_what_follows_it_is_passed_over() {
    for (request, version) in each() {
        let Filled { mut bytes, .. } = fill(request, version, 7, None);
        for cut in 0..bytes.len() {
            let refused = shape::check(request.key, version, &bytes[..cut]).unwrap_err();
            assert_eq!(refused.why, Why::Short, "{:?} {version} cut at {cut}: {refused}", request.key);
        }
        bytes.push(0);
        assert_eq!(shape::check(request.key, version, &bytes), Ok(()), "{:?} {version}", request.key);
    }
}

#[test]
fn null_may_stand_where_the_codec_takes_it_and_nowhere_else() {
    for (request, version) in each() {
        for place in 0.. {
            let Filled { bytes, odd, .. } = fill(request, version, 3, Some((place, Odd::Null)));
            let Some(null) = odd else { break };
            let checked = shape::check(request.key, version, &bytes);
            let read = decode(request.key, version, &bytes);
            assert_eq!(read.is_ok(), null, "{:?} {version} place {place}: {read:?}", request.key);
            assert_eq!(checked.is_ok(), null, "{:?} {version} place {place}: {checked:?}", request.key);
        }
    }
}

#[test]
fn text_is_utf8_where_the_codec_wants_text() {
    for (request, version) in each() {
        // A place that counts something else than text has nothing odd in it.
        for place in 0..40 {
            let Filled { bytes, odd, .. } = fill(request, version, 5, Some((place, Odd::NoText)));
            let checked = shape::check(request.key, version, &bytes);
            assert_eq!(decode(request.key, version, &bytes).is_ok(), odd.is_none(), "{:?} {version}", request.key);
            assert_eq!(checked.err().map(|refused| refused.why), odd.map(|_| Why::NoText), "{:?}", request.key);
        }
    }
}

#[test]
fn a_count_or_length_that_claims_more_than_is_left_is_refused() {
    for (request, version) in each() {
        // The lower half counts where a length has two bytes only.
        for claim in [2, 0x7fff_7fff, 0x8001_8001, 0xfffe_fffe] {
            let negative = version < request.flexible && claim > i32::MAX as u32;
            // A count before it may be found out first: too few bytes are left for so many elements.
            let whys = if negative { [Why::Negative, Why::Short] } else { [Why::Short; 2] };
            for place in 0.. {
                let Filled { bytes, odd, .. } = fill(request, version, 3, Some((place, Odd::Claim(claim))));
                let Some(_) = odd else { break };
                let refused = shape::check(request.key, version, &bytes).unwrap_err();
                assert!(whys.contains(&refused.why), "{:?} {version} {claim:x}: {refused}", request.key);
            }
        }
    }
}

#[test]
fn more_elements_than_the_bound_are_refused_though_they_are_there() {
    let heartbeat = |topics: usize| {
        let topics: Vec<u8> = std::iter::repeat_n(*b"\x00\x01t", topics).flatten().collect();
        let count = (topics.len() as u32 / 3).to_be_bytes();
        [&b"\x00\x0f\x00\x00\x00\x00\x00\x01\xff\xff"[..], &count, &topics].concat()
    };
    assert_eq!(shape::check(ApiKey::DescribeGroups, 0, &heartbeat(shape::ELEMENTS_MAX)), Ok(()));
    let refused = shape::check(ApiKey::DescribeGroups, 0, &heartbeat(shape::ELEMENTS_MAX + 1)).unwrap_err();
    assert_eq!(refused, Refused { field: "groups", at: 14, why: Why::Many });
}

#[test]
fn a_compact_number_of_more_than_32_bits_is_refused() {
    let request = |number: &[u8]| [&b"\x00\x03\x00\x09\x00\x00\x00\x01\xff\xff\x00"[..], number].concat();
    for number in [&b"\xff\xff\xff\xff\x10"[..], b"\xff\xff\xff\xff\xff", b"\x80\x80\x80\x80\x80\x00"] {
        let refused = shape::check(ApiKey::Metadata, 9, &request(number)).unwrap_err();
        assert_eq!((refused.why, refused.field), (Why::Long, "topics"));
    }
    let short = shape::check(ApiKey::Metadata, 9, &request(b"\xff\xff\xff\xff\x0f")).unwrap_err();
    assert_eq!(short.why, Why::Short, "4,294,967,294 topics");
}

#[test]
fn a_known_tagged_field_fills_its_bytes() {
    let Filled { bytes, .. } = fill(shape::of(ApiKey::Fetch, 12).unwrap(), 12, 4, None);
    let end = bytes.len();
    let fetch = |tagged: &[u8]| {
        // No topics, nothing forgotten, no rack; then the tagged fields.
        let body = [&bytes[..10 + 6], &[0][..], &[0; 4 + 4 + 4 + 4 + 1 + 4 + 4], &[1, 1, 1], tagged].concat();
        shape::check(ApiKey::Fetch, 12, &body)
    };
    assert!(end > 40);
    assert_eq!(fetch(b"\x01\x00\x04\x04abc"), Ok(()), "the cluster's id");
    assert_eq!(fetch(b"\x01\x00\x05\x04abc\x00").unwrap_err().why, Why::Left);
    assert_eq!(fetch(b"\x01\x00\x03\x04abc").unwrap_err().why, Why::Left);
    assert_eq!(fetch(b"\x01\x00\x03\x04ab").unwrap_err().why, Why::Short);
}

#[test]
fn only_the_header_is_looked_at_when_the_version_is_unknown() {
    let header = b"\x00\x12\x00\x63\x00\x00\x00\x01\x00\x01c\x00";
    assert_eq!(shape::check_header(header), Ok(()));
    assert_eq!(shape::check_header(&[&header[..], b"\xff\xff\xff\xff"].concat()), Ok(()));
    assert_eq!(shape::check_header(b"\x00\x12\x00\x63\x00\x00\x00\x01\x7f\xffc").unwrap_err().field, "client_id");
    assert_eq!(shape::check(ApiKey::ApiVersions, 99, header).unwrap_err().why, Why::Unknown);
    assert_eq!(shape::check(ApiKey::Vote, 0, header).unwrap_err().why, Why::Unknown);
}

#[test]
fn the_bytes_of_every_element_are_at_least_one() {
    fn smallest(kind: &Kind, version: i16) -> usize {
        match kind {
            Kind::Fixed(size) => *size,
            Kind::Text | Kind::OldText | Kind::Bytes | Kind::Array(_) => 1,
            Kind::Struct(fields) => {
                let there = fields.iter().filter(|field| field.tag.is_none() && field.is_in(version));
                there.map(|field| smallest(&field.kind, version)).sum()
            }
        }
    }
    fn look(kind: &Kind, version: i16) {
        match kind {
            Kind::Array(item) => {
                assert!(smallest(item, version) > 0, "{item:?} in version {version}");
                look(item, version);
            }
            Kind::Struct(fields) => {
                fields.iter().filter(|field| field.is_in(version)).for_each(|field| look(&field.kind, version));
            }
            _ => {}
        }
    }
    for (request, version) in each() {
        look(&Kind::Struct(request.fields), version);
    }
}

/// What the shape accepts the codec must read, whatever has been done to the bytes: it is never asked otherwise.
#[test]
fn a_changed_request_that_is_accepted_is_read_by_the_codec() {
    let mut accepted = 0;
    for (request, version) in each() {
        for seed in 0..400 {
            let Filled { mut bytes, body, .. } = fill(request, version, seed % 5, None);
            let chance = &mut Chance(seed);
            for _ in 0..1 + chance.below(3) {
                let at = body + chance.below((bytes.len() - body).max(1) as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = [0, 1, 0x7f, 0x80, 0xff, chance.next() as u8][chance.below(6) as usize];
                }
            }
            if shape::check(request.key, version, &bytes).is_ok() {
                accepted += 1;
                let read = decode(request.key, version, &bytes);
                assert!(read.is_ok() || tag_of_a_later_version(&read), "{:?} {version}: {read:?}", request.key);
            }
        }
    }
    assert!(accepted > 1000, "only {accepted} were accepted");
}

/// The codec refuses a tagged field that a later version has; to the shape it is an unknown one, as to a broker.
fn tag_of_a_later_version<T>(read: &Result<T, String>) -> bool {
    read.as_ref().is_err_and(|why| why.starts_with("Tag "))
}
