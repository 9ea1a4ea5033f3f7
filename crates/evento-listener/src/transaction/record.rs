//! What of a transaction is durable, as facts.
//!
//! `kafka/transactional/<id>`: producer id and epoch of a transactional id, and how its last transaction stands.
//! `kafka/txn/<id>`: the commands of a committed transaction, until the last of them is in its topic.

use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::Offer;
use evento_log::record::CommandRecord;
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, FullName, SchemaId, Seed, Timestamp};

/// Prefix of the facts that say who a transactional id is.
pub(super) const IDENTITIES: &str = "kafka/transactional/";
/// Prefix of the facts that hold the commands of committed transactions.
pub(super) const REDO: &str = "kafka/txn/";
/// First byte of both.
const FORMAT: u8 = 1;

/// A fact: its key, and its value or `None` to delete it.
pub(crate) type Fact = (Bytes, Option<Bytes>);

/// A command that waits for the end of its transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Staged {
    pub(crate) entity: EntityTypeId,
    pub(crate) command: CommandRecord,
}

/// Who the producer of a transactional id is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) producer: i64,
    pub(super) epoch: i16,
    /// Producer id and epoch before: with them a client may ask again for those it was given now (KIP-360).
    pub(super) previous: Option<(i64, i16)>,
    /// A transaction may take so long, in milliseconds.
    pub(super) timeout_ms: u32,
}

/// How the last transaction of an id stands, as far as it is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// There was none since the epoch began.
    Empty = 0,
    /// It was begun.
    Ongoing = 1,
    Committed = 2,
    Aborted = 3,
}

/// The fact of a transactional id.
pub(super) fn identity(id: &str, identity: &Identity, standing: Standing, used: Timestamp) -> Fact {
    let (producer, epoch) = identity.previous.unwrap_or((-1, -1));
    let mut out = vec![FORMAT];
    out.extend_from_slice(&identity.producer.to_be_bytes());
    out.extend_from_slice(&identity.epoch.to_be_bytes());
    out.extend_from_slice(&producer.to_be_bytes());
    out.extend_from_slice(&epoch.to_be_bytes());
    out.extend_from_slice(&identity.timeout_ms.to_be_bytes());
    out.push(standing as u8);
    out.extend_from_slice(&used.0.to_be_bytes());
    (identity_key(id), Some(out.into()))
}

/// The transactional id in a fact's key.
pub(super) fn id_in<'a>(key: &'a [u8], prefix: &str) -> Option<&'a str> {
    std::str::from_utf8(key).ok()?.strip_prefix(prefix)
}

/// The key of an identity.
pub(super) fn identity_key(id: &str) -> Bytes {
    Bytes::from(format!("{IDENTITIES}{id}"))
}

/// Reads the fact of a transactional id.
pub(super) fn read_identity(value: &[u8]) -> Option<(Identity, Standing, Timestamp)> {
    let mut fields = Fields::of(value)?;
    let (producer, epoch) = (fields.number()?, fields.array().map(i16::from_be_bytes)?);
    let previous = (fields.number()?, fields.array().map(i16::from_be_bytes)?);
    let timeout_ms = fields.array().map(u32::from_be_bytes)?;
    let standing = match fields.array::<1>()? {
        [0] => Standing::Empty,
        [1] => Standing::Ongoing,
        [2] => Standing::Committed,
        [3] => Standing::Aborted,
        _ => return None,
    };
    let previous = (previous.0 >= 0).then_some(previous);
    let used = Timestamp(fields.number()?);
    Some((Identity { producer, epoch, previous, timeout_ms }, standing, used)).filter(|_| fields.0.is_empty())
}

/// Key of the fact that holds a committed transaction's commands.
pub(super) fn redo_key(id: &str) -> Bytes {
    Bytes::from(format!("{REDO}{id}"))
}

/// Bytes that a command takes in the fact of its transaction; what a transaction is measured by.
fn weight(staged: &Staged) -> usize {
    let command = &staged.command;
    let optional = [&command.correlation, &command.causation, &command.traceparent, &command.principal];
    let texts = [command.id.as_str(), command.command_id.as_str(), command.type_name.as_str()];
    let texts = texts.into_iter().chain(optional.into_iter().flatten().map(|text| &**text));
    texts.map(str::len).sum::<usize>() + command.payload.len() + FIXED
}

/// The same of all of them.
pub(super) fn weights(staged: &[Staged]) -> usize {
    staged.iter().map(weight).sum()
}

/// Bytes of a command's fields that always take as many: seven lengths, payload's length, entity, schema, time,
/// seed, sequence and a flag.
const FIXED: usize = 8 * 4 + 4 + 4 + 8 + 16 + 9 + 1;

/// The commands of a transaction, in their order.
pub(super) fn redo(staged: &[Staged]) -> Bytes {
    let mut out = Vec::with_capacity(weights(staged) + 1);
    out.push(FORMAT);
    staged.iter().for_each(|staged| put_command(&mut out, staged));
    out.into()
}

fn put_command(out: &mut Vec<u8>, Staged { entity, command }: &Staged) {
    out.extend_from_slice(&entity.0.to_be_bytes());
    put(out, Some(command.id.as_str()));
    put(out, Some(command.command_id.as_str()));
    out.push(u8::from(command.client_supplied));
    put(out, Some(command.type_name.as_str()));
    out.extend_from_slice(&command.schema.0.to_be_bytes());
    out.extend_from_slice(&(command.payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&command.payload);
    out.extend_from_slice(&command.accepted_at.0.to_be_bytes());
    out.extend_from_slice(&command.seed.0);
    out.push(u8::from(command.if_seq.is_some()));
    out.extend_from_slice(&command.if_seq.unwrap_or(0).to_be_bytes());
    for text in [&command.correlation, &command.causation, &command.traceparent, &command.principal] {
        put(out, text.as_deref());
    }
}

fn put(out: &mut Vec<u8>, text: Option<&str>) {
    out.extend_from_slice(&text.map_or(u32::MAX, |text| text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Reads the commands of a transaction.
pub(super) fn read_redo(value: &Bytes) -> Option<Vec<Staged>> {
    let (mut fields, mut staged) = (Fields::of(value)?, Vec::new());
    while !fields.0.is_empty() {
        staged.push(command(&mut fields)?);
    }
    Some(staged)
}

fn command(fields: &mut Fields<'_>) -> Option<Staged> {
    let entity = EntityTypeId(fields.array().map(u32::from_be_bytes)?);
    let key = EntityKey { entity, id: EntityId::new(fields.text()??).ok()? };
    let command_id = CommandId::new(fields.text()??).ok()?;
    let [supplied] = fields.array()?;
    let type_name = FullName::new(fields.text()??).ok()?;
    let schema = SchemaId(fields.array().map(u32::from_be_bytes)?);
    let length = fields.array().map(u32::from_be_bytes)? as usize;
    let payload = Bytes::copy_from_slice(fields.take(length)?);
    let (accepted_at, seed) = (Timestamp(fields.number()?), Seed(fields.array()?));
    let ([has_seq], seq) = (fields.array()?, fields.array().map(u64::from_be_bytes)?);
    let mut text = || fields.text().map(|text| text.map(Arc::from));
    let (correlation, causation, traceparent, principal) = (text()?, text()?, text()?, text()?);
    let supplied = (supplied != 0).then(|| command_id.clone());
    let if_seq = (has_seq != 0).then_some(seq);
    let offer = Offer { key, supplied, type_name, schema, payload, if_seq, correlation, causation, traceparent };
    let command = CommandRecord { principal, ..offer.record(|| command_id, accepted_at, seed) };
    Some(Staged { entity, command })
}

/// Reads fields one after the other; what is not there is `None`.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields after the format's byte.
    fn of(value: &'a [u8]) -> Option<Fields<'a>> {
        value.split_first().filter(|(format, _)| **format == FORMAT).map(|(_, rest)| Fields(rest))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        match self.array().map(u32::from_be_bytes)? {
            u32::MAX => Some(None),
            length => std::str::from_utf8(self.take(length as usize)?).ok().map(Some),
        }
    }
}
