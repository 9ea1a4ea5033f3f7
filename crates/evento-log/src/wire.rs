//! Small fields in bytes, for frames and the state store: big-endian numbers, length-prefixed byte strings.
//!
//! Reading never trusts a length: what is not there is an error, not a panic.

use bytes::Bytes;
use evento_model::{CommandId, Digest, EntityId, EntityTypeId, Outcome, Revision, SchemaId, Timestamp};

use crate::unit::StatePut;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

pub(crate) type Read<T> = Result<T, Malformed>;

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Absent is a length of all ones.
pub(crate) fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => put_bytes(out, bytes),
        None => out.extend_from_slice(&u32::MAX.to_be_bytes()),
    }
}

pub(crate) fn put_outcome(out: &mut Vec<u8>, outcome: Outcome) {
    out.push(match outcome {
        Outcome::Accepted => 0,
        Outcome::Rejected => 1,
        Outcome::Abandoned => 2,
    });
}

pub(crate) fn put_state(out: &mut Vec<u8>, put: &StatePut) {
    out.extend_from_slice(&put.seq.to_be_bytes());
    out.extend_from_slice(&put.schema.0.to_be_bytes());
    out.extend_from_slice(&put.digest.0);
    out.extend_from_slice(&put.updated_at.0.to_be_bytes());
    put_optional(out, put.revision.as_ref().map(|revision| &revision.0.0[..]));
    put_optional(out, put.state.as_deref());
}

/// Reads fields one after the other.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    pub(crate) fn optional(&mut self) -> Read<Option<&'a [u8]>> {
        match self.u32()? {
            u32::MAX => Ok(None),
            length => self.take(length as usize).map(Some),
        }
    }

    pub(crate) fn digest(&mut self) -> Read<Digest> {
        Ok(Digest(self.array()?))
    }

    pub(crate) fn revision(&mut self) -> Read<Option<Revision>> {
        let bytes = self.optional()?;
        bytes.map(|b| b.try_into().map(|b| Revision(Digest(b))).map_err(|_| Malformed)).transpose()
    }

    pub(crate) fn outcome(&mut self) -> Read<Outcome> {
        match self.u8()? {
            0 => Ok(Outcome::Accepted),
            1 => Ok(Outcome::Rejected),
            2 => Ok(Outcome::Abandoned),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn entity_id(&mut self) -> Read<EntityId> {
        text(self.bytes()?).and_then(|text| EntityId::new(text).map_err(|_| Malformed))
    }

    pub(crate) fn command_id(&mut self) -> Read<CommandId> {
        text(self.bytes()?).and_then(|text| CommandId::new(text).map_err(|_| Malformed))
    }

    pub(crate) fn entity_type(&mut self) -> Read<EntityTypeId> {
        self.u32().map(EntityTypeId)
    }

    pub(crate) fn state(&mut self) -> Read<StatePut> {
        let (seq, schema, digest, updated_at) = (self.u64()?, SchemaId(self.u32()?), self.digest()?, self.i64()?);
        let revision = self.revision()?;
        let state = self.optional()?.map(Bytes::copy_from_slice);
        Ok(StatePut { seq, state, schema, digest, updated_at: Timestamp(updated_at), revision })
    }

    /// Everything must have been read.
    pub(crate) fn end(&self) -> Read<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

pub(crate) fn text(bytes: &[u8]) -> Read<&str> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}
