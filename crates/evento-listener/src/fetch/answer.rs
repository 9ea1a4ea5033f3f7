//! The answer to a Fetch, put together so that records are never copied.
//!
//! The codec writes everything except the records: topics, partitions and records are each the last field of what
//! holds them, so it writes them as empty, and what it wrote for "empty" is replaced (Kafka protocol guide, Fetch;
//! flexible versions from 12, KIP-482).

use bytes::{BufMut, BytesMut};
use evento_log::embedded::Stretch;
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::protocol::Encodable;

use crate::reply::Pieces;

/// From this version on lengths are compact, and tagged fields follow.
const FLEXIBLE: i16 = 12;

/// What was read of a partition. `data` has empty records.
pub(crate) struct Partition {
    pub(crate) data: PartitionData,
    pub(crate) records: Option<Stretch>,
}

/// An answer: the outermost part without topics, and topics without partitions.
pub(crate) struct Answer {
    pub(crate) response: FetchResponse,
    pub(crate) topics: Vec<(FetchableTopicResponse, Vec<Partition>)>,
}

impl Answer {
    /// Appends the answer in this version. Fails like the codec: for a field that the version lacks.
    pub(crate) fn write(self, version: i16, pieces: &mut Pieces) -> anyhow::Result<()> {
        begin(pieces.out(), &self.response, version, self.topics.len())?;
        for (topic, partitions) in self.topics {
            begin(pieces.out(), &topic, version, partitions.len())?;
            for Partition { data, records } in partitions {
                let bytes = records.as_ref().map_or(0, Stretch::bytes) as usize;
                begin(pieces.out(), &data, version, bytes)?;
                if let Some(records) = records {
                    pieces.put(records);
                }
                end(pieces.out(), version);
            }
            end(pieces.out(), version);
        }
        end(pieces.out(), version);
        Ok(())
    }
}

/// Writes what ends with an empty list, and instead of that the length of one that comes now.
fn begin(out: &mut BytesMut, holder: &impl Encodable, version: i16, length: usize) -> anyhow::Result<()> {
    holder.encode(out, version)?;
    let length = u32::try_from(length)?;
    if version >= FLEXIBLE {
        // A compact length of 1 (none), and no tagged fields.
        out.truncate(out.len() - 2);
        put_varint(out, length + 1);
    } else {
        out.truncate(out.len() - 4);
        out.put_u32(length);
    }
    Ok(())
}

/// Ends what `begin` began.
fn end(out: &mut BytesMut, version: i16) {
    if version >= FLEXIBLE {
        out.put_u8(0);
    }
}

/// An unsigned number, seven bits a byte, the lowest first.
fn put_varint(out: &mut BytesMut, mut number: u32) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::{BrokerId, TopicName};
    use uuid::Uuid;

    use super::*;
    use crate::reply::Reply;

    /// Records of these lengths, a partition each.
    fn partitions(lengths: &[usize]) -> Vec<(PartitionData, Option<Bytes>)> {
        let of = |(n, length): (usize, &usize)| {
            let data = PartitionData::default()
                .with_partition_index(n as i32)
                .with_high_watermark(7)
                .with_preferred_read_replica(BrokerId(-1))
                .with_records(Some(Bytes::new()));
            (data, (*length > 0).then(|| Bytes::from(vec![n as u8 + 1; *length])))
        };
        lengths.iter().enumerate().map(of).collect()
    }

    #[test]
    fn in_every_version_the_answer_is_what_the_codec_would_have_written_with_the_records_in_it() {
        let topics: [&[usize]; 4] = [&[0, 1, 126, 127, 128], &[], &[70_000, 0, 20_000], &[3 << 20]];
        for version in 4..=16 {
            let (mut whole, mut answer) = (
                FetchResponse::default().with_throttle_time_ms(3),
                Answer { response: FetchResponse::default().with_throttle_time_ms(3), topics: Vec::new() },
            );
            for (n, lengths) in topics.iter().enumerate() {
                let mut topic = FetchableTopicResponse::default();
                if version < 13 {
                    topic.topic = TopicName(crate::api::text(format!("t{n}.events")));
                } else {
                    topic.topic_id = Uuid::from_u128(n as u128);
                }
                let with = partitions(lengths)
                    .into_iter()
                    .map(|(data, records)| data.with_records(Some(records.unwrap_or_default())));
                whole.responses.push(topic.clone().with_partitions(with.collect()));
                let apart = partitions(lengths)
                    .into_iter()
                    .map(|(data, records)| Partition { data, records: records.map(Stretch::Memory) });
                answer.topics.push((topic, apart.collect()));
            }
            let mut wanted = BytesMut::new();
            whole.encode(&mut wanted, version).expect("an answer");
            let got = Reply::new(0, |pieces| answer.write(version, pieces)).expect("an answer").into_bytes();
            assert!(got[4..] == wanted, "version {version}");
            assert_eq!(got[..4], (wanted.len() as u32).to_be_bytes(), "version {version}");
        }
    }
}
