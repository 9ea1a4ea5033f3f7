//! Whatever bytes are called a record batch, reading them ends with records or an error.

use bytes::Bytes;
use evento_log::codec::{
    BATCH_OVERHEAD, BatchHeader, ProducedBatch, briefs_from, command_of, event_of, records, records_within,
};
use proptest::prelude::*;

/// A batch with a right length and checksum, whatever its payload is.
fn batch(attributes: u8, count: u32, payload: &[u8]) -> Bytes {
    let mut out = vec![0; BATCH_OVERHEAD];
    out.extend_from_slice(payload);
    let length = (out.len() - 12) as u32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    out[16] = 2;
    out[22] = attributes;
    out[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out.into()
}

/// A record with a key, a value and headers, all shorter than 64 bytes.
fn record(offset: u8, key: &[u8], value: &[u8], headers: &[(&str, &str)]) -> Vec<u8> {
    let short = |bytes: &[u8]| [&[(bytes.len() << 1) as u8][..], bytes].concat();
    let mut content = [&[0, 0, offset << 1][..], &short(key), &short(value), &[(headers.len() << 1) as u8]].concat();
    headers.iter().for_each(|(name, text)| content.extend([short(name.as_bytes()), short(text.as_bytes())].concat()));
    let length = content.len() << 1;
    [&[length as u8 | 0x80, (length >> 7) as u8][..], &content].concat()
}

fn read(bytes: &Bytes) {
    let _ = BatchHeader::read(bytes);
    if let Ok(produced) = ProducedBatch::read(bytes) {
        let _ = produced.records(&produced.payload);
    }
    let mut briefs = 0;
    let brief = briefs_from(bytes, 0, |_| briefs += 1);
    let Ok(all) = records(bytes) else { return };
    assert!(brief.map_or(briefs < all.len(), |()| briefs == all.len()), "{briefs} events of {} records", all.len());
    all.iter().for_each(|record| drop((command_of(record), event_of(record))));
    assert!(records_within(bytes, 0..2).expect("some of all").len() <= all.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn chance_bytes_are_a_batch_or_an_error(bytes: Vec<u8>, count in 0..5_u32, attributes: u8) {
        read(&Bytes::from(bytes.clone()));
        read(&batch(attributes, count, &bytes));
    }

    #[test]
    fn a_changed_batch_is_a_batch_or_an_error(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
        let headers = [("ce_id", "c-1"), ("ce_type", "bank.OpenAccount"), ("evento-if-seq", "0")];
        let mut payload = [record(0, b"a-1", b"\0\0\0\0\x01abc", &headers), record(1, b"", b"", &[])].concat();
        prop_assert_eq!(records(&batch(0, 2, &payload)).map(|records| records.len()).ok(), Some(2));
        for (at, byte) in changes {
            let at = usize::from(at) % payload.len();
            payload[at] = byte;
        }
        read(&batch(0, 2, &payload));
    }
}

#[test]
fn a_record_that_claims_more_headers_than_are_allowed_is_refused_before_room_is_made_for_them() {
    let headers = |claimed: &[u8], there: usize| {
        let content = [&[0, 0, 0, 0, 0][..], claimed, &vec![0; 2 * there]].concat();
        let mut length = (content.len() as u64) << 1;
        let mut payload = Vec::new();
        while length >= 0x80 {
            payload.push(length as u8 | 0x80);
            length >>= 7;
        }
        payload.push(length as u8);
        payload.extend(content);
        let bytes = batch(0, 1, &payload);
        let produced = ProducedBatch::read(&bytes).expect("a head");
        produced.records(&produced.payload).map(|records| records[0].headers.len())
    };
    assert_eq!(headers(&[0xd0, 0x0f], 1000), Ok(1000));
    assert!(headers(&[0xc0, 0x84, 0x3d], 500_000).is_ok(), "as many as one batch may have");
    assert!(headers(&[0xc2, 0x84, 0x3d], 500_001).is_err());
    assert!(headers(&[0xfe, 0xff, 0xff, 0xff, 0x0f], 10).is_err());
}
