//! A committed offset as a fact of the log: how key and value are written and read.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use evento_model::Timestamp;
use uuid::Uuid;

/// Keys: this, the group, 0, the topic, 0, the partition in four bytes.
pub(super) const PREFIX: &[u8] = b"kafka/offset/";
/// First byte of a value: how the rest is written.
const FORM: u8 = 1;

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Committed {
    pub(super) topic_id: Uuid,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) at: Timestamp,
    pub(crate) metadata: String,
}

impl Committed {
    pub(super) fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(37 + self.metadata.len());
        out.put_u8(FORM);
        out.put_slice(self.topic_id.as_bytes());
        out.put_i64(self.offset);
        out.put_i32(self.leader_epoch);
        out.put_i64(self.at.0);
        out.put_slice(self.metadata.as_bytes());
        out.freeze()
    }

    pub(super) fn read(mut value: Bytes) -> Option<Committed> {
        if value.len() < 37 || value.get_u8() != FORM {
            return None;
        }
        Some(Committed {
            topic_id: Uuid::from_u128(value.get_u128()),
            offset: value.get_i64(),
            leader_epoch: value.get_i32(),
            at: Timestamp(value.get_i64()),
            metadata: String::from_utf8(value.into()).ok()?,
        })
    }
}

/// Prefix of the keys of a group.
pub(super) fn prefix(group: &str) -> Bytes {
    [PREFIX, group.as_bytes(), &[0]].concat().into()
}

/// Key of the offset of a partition.
pub(super) fn key(group: &str, topic: &str, partition: u32) -> Bytes {
    [PREFIX, group.as_bytes(), &[0], topic.as_bytes(), &[0], &partition.to_be_bytes()].concat().into()
}

/// Group, topic and partition of a key.
pub(super) fn parts(key: &[u8]) -> Option<(&str, &str, u32)> {
    let (names, partition) = key.strip_prefix(PREFIX)?.split_last_chunk::<4>()?;
    let (group, topic) = std::str::from_utf8(names.strip_suffix(&[0])?).ok()?.split_once('\0')?;
    Some((group, topic, u32::from_be_bytes(*partition)))
}

#[cfg(test)]
mod tests {
    use evento_model::Timestamp;
    use uuid::Uuid;

    use super::{Committed, key, parts, prefix};

    #[test]
    fn an_offset_is_read_as_it_was_written_and_nothing_else_is() {
        let committed = Committed {
            topic_id: Uuid::from_u128(7),
            offset: i64::MAX,
            leader_epoch: -1,
            at: Timestamp(1_795_413_600_000),
            metadata: "zoë".to_owned(),
        };
        let written = committed.write();
        assert_eq!(Committed::read(written.clone()), Some(committed));
        for length in 0..37 {
            assert_eq!(Committed::read(written.slice(..length)), None, "{length} bytes");
        }
        assert_eq!(Committed::read(written.slice(..written.len() - 1)), None, "half a character");
        let another = [&[9], &written[1..]].concat();
        assert_eq!(Committed::read(another.into()), None, "another form");
    }

    #[test]
    fn a_key_says_whose_offset_it_is_whatever_the_bytes_of_the_partition() {
        for partition in [0, 1, 0x0000_2f00, u32::MAX] {
            let key = key("a/b", "account.events", partition);
            assert_eq!(parts(&key), Some(("a/b", "account.events", partition)));
            assert!(key.starts_with(&prefix("a/b")) && !key.starts_with(&prefix("a")));
        }
        for wrong in [&b"kafka/offset/"[..], b"kafka/offset/g\0t\0\0\0", b"kafka/offset/g\0\0\0\0\0", b"other"] {
            assert_eq!(parts(wrong), None);
        }
    }
}
