//! Commands and events as records, there and back without loss.

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{CommandId, Digest, EntityId, FullName, Outcome, Revision, SchemaId, Seed, Timestamp};

use super::batch::{BatchBuilder, BatchError, HeaderWriter, Record};
use super::headers as h;
use super::headers::Names;
use crate::record::{CommandRecord, EventRecord};
use evento_model::EntityTypeId;

impl BatchBuilder {
    /// Adds a command.
    pub(crate) fn push_command(&mut self, names: &Names, entity: EntityTypeId, command: &CommandRecord) {
        let prefix = prefix(command.schema);
        let (_, source) = names.of(entity);
        let id = command.id.as_str().as_bytes();
        self.push(id, [&prefix, &command.payload], |out| {
            common(out, &source, id, command.type_name.as_str(), command.schema, command.accepted_at);
            out.put(h::ID, &[command.command_id.as_str().as_bytes()]);
            out.put_hex(h::SEED, "", &command.seed.0);
            out.put_hex(h::DIGEST, "", &command.digest.0);
            if command.client_supplied {
                out.put(h::ID_FROM, &[b"client"]);
            }
            if let Some(seq) = command.if_seq {
                out.put_number(h::IF_SEQ, seq);
            }
            let texts = [
                (h::CORRELATION, &command.correlation),
                (h::CAUSATION, &command.causation),
                (h::TRACEPARENT, &command.traceparent),
                (h::PRINCIPAL, &command.principal),
            ];
            texts.into_iter().for_each(|(key, text)| optional(out, key, text));
        });
    }

    /// Adds an event.
    pub(crate) fn push_event(&mut self, names: &Names, entity: EntityTypeId, event: &EventRecord) {
        let prefix = prefix(event.schema);
        let (name, source) = names.of(entity);
        let id = event.id.as_str().as_bytes();
        let (mut seq, mut first, mut count) = ([0; 20], [0; 20], [0; 20]);
        let seq = super::batch::decimal(event.seq, &mut seq);
        let first = super::batch::decimal(u64::from(event.batch.0), &mut first);
        let count = super::batch::decimal(u64::from(event.batch.1), &mut count);
        self.push(id, [&prefix, &event.payload], |out| {
            common(out, &source, id, event.type_name.as_str(), event.schema, event.time);
            out.put(h::ID, &[name.as_bytes(), b"/", id, b"/", seq]);
            out.put(h::SEQUENCE, &[seq]);
            out.put(h::CORRELATION, &[event.correlation.as_bytes()]);
            out.put(h::CAUSATION, &[event.command_id.as_str().as_bytes()]);
            out.put(h::COMMAND, &[event.command_type.as_str().as_bytes()]);
            out.put(h::OUTCOME, &[event.outcome.as_str().as_bytes()]);
            out.put(h::BATCH, &[first, b"/", count]);
            out.put_number(h::DECIDED_ON, event.decided_on);
            if let Some(revision) = &event.revision {
                out.put_hex(h::REVISION, "sha256:", &revision.0.0);
            }
            if let Some(revision) = &event.apply_revision {
                out.put_hex(h::APPLY_REVISION, "sha256:", &revision.0.0);
            }
            out.put_number(h::COMMAND_SCHEMA, u64::from(event.command_schema.0));
            out.put_number(h::STATE_SCHEMA, u64::from(event.state_schema.0));
            out.put_hex(h::STATE_DIGEST, "", &event.state_digest.0);
            out.put_hex(h::SEED, "", &event.seed.0);
            out.put_number(h::EPOCH, u64::from(event.epoch));
            out.put_number(h::ATTEMPTS, u64::from(event.attempts));
            optional(out, h::TRACEPARENT, &event.traceparent);
        });
    }
}

pub(super) fn prefix(schema: SchemaId) -> [u8; 5] {
    let [a, b, c, d] = schema.0.to_be_bytes();
    [0, a, b, c, d]
}

pub(super) fn common(
    out: &mut HeaderWriter<'_>,
    source: &str,
    id: &[u8],
    type_name: &str,
    schema: SchemaId,
    time: Timestamp,
) {
    out.put("ce_specversion", &[b"1.0"]);
    out.put("content-type", &[b"application/avro"]);
    out.put("ce_source", &[source.as_bytes()]);
    out.put(h::TYPE, &[type_name.as_bytes()]);
    out.put("ce_subject", &[id]);
    out.put("ce_partitionkey", &[id]);
    out.put(h::TIME, &[time.rfc3339().as_str().as_bytes()]);
    let mut digits = [0; 20];
    out.put("ce_dataschema", &[b"/schemas/ids/", super::batch::decimal(u64::from(schema.0), &mut digits)]);
}

fn optional(out: &mut HeaderWriter<'_>, key: &str, text: &Option<Arc<str>>) {
    if let Some(text) = text {
        out.put(key, &[text.as_bytes()]);
    }
}

/// A decimal number without a sign.
pub(super) fn number_of(digits: &[u8]) -> Option<u64> {
    let digit = |number: u64, digit: &u8| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

struct Headers<'a>(&'a Record);

impl Headers<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        let found = self.0.headers.iter().find(|(name, _)| name == key.as_bytes())?;
        std::str::from_utf8(&found.1).ok()
    }

    fn shared(&self, key: &str) -> Option<Arc<str>> {
        self.text(key).map(Arc::from)
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }
}

fn value(record: &Record) -> Option<(SchemaId, Bytes)> {
    let value = record.value.as_ref()?;
    let (&[magic, a, b, c, d], _) = value.split_first_chunk::<5>()?;
    (magic == 0).then(|| (SchemaId(u32::from_be_bytes([a, b, c, d])), value.slice(5..)))
}

/// The command in a record of a commands topic.
pub fn command_of(record: &Record) -> Result<CommandRecord, BatchError> {
    read_command(record).ok_or(BatchError)
}

fn read_command(record: &Record) -> Option<CommandRecord> {
    let headers = Headers(record);
    let (schema, payload) = value(record)?;
    Some(CommandRecord {
        id: EntityId::new(std::str::from_utf8(&record.key).ok()?).ok()?,
        command_id: CommandId::new(headers.text(h::ID)?).ok()?,
        client_supplied: headers.text(h::ID_FROM) == Some("client"),
        type_name: FullName::new(headers.text(h::TYPE)?).ok()?,
        schema,
        payload,
        accepted_at: Timestamp::parse_rfc3339(headers.text(h::TIME)?.as_bytes())?,
        seed: Seed::parse(headers.text(h::SEED)?)?,
        digest: Digest::parse(headers.text(h::DIGEST)?)?,
        if_seq: headers.number(h::IF_SEQ),
        correlation: headers.shared(h::CORRELATION),
        causation: headers.shared(h::CAUSATION),
        traceparent: headers.shared(h::TRACEPARENT),
        principal: headers.shared(h::PRINCIPAL),
    })
}

/// The event in a record of an events topic.
pub fn event_of(record: &Record) -> Result<EventRecord, BatchError> {
    read_event(record).ok_or(BatchError)
}

fn read_event(record: &Record) -> Option<EventRecord> {
    let headers = Headers(record);
    let (schema, payload) = value(record)?;
    let (first, count) = headers.text(h::BATCH)?.split_once('/')?;
    let revision = |key: &str| headers.text(key).and_then(Revision::parse);
    Some(EventRecord {
        id: EntityId::new(std::str::from_utf8(&record.key).ok()?).ok()?,
        seq: headers.number(h::SEQUENCE)?,
        type_name: FullName::new(headers.text(h::TYPE)?).ok()?,
        schema,
        payload,
        time: Timestamp::parse_rfc3339(headers.text(h::TIME)?.as_bytes())?,
        command_id: CommandId::new(headers.text(h::CAUSATION)?).ok()?,
        command_type: FullName::new(headers.text(h::COMMAND)?).ok()?,
        command_schema: SchemaId(headers.number(h::COMMAND_SCHEMA)?),
        correlation: headers.shared(h::CORRELATION)?,
        outcome: Outcome::parse(headers.text(h::OUTCOME)?)?,
        batch: (first.parse().ok()?, count.parse().ok()?),
        decided_on: headers.number(h::DECIDED_ON)?,
        revision: revision(h::REVISION),
        apply_revision: revision(h::APPLY_REVISION),
        state_schema: SchemaId(headers.number(h::STATE_SCHEMA)?),
        state_digest: Digest::parse(headers.text(h::STATE_DIGEST)?)?,
        seed: Seed::parse(headers.text(h::SEED)?)?,
        epoch: headers.number(h::EPOCH)?,
        attempts: headers.number(h::ATTEMPTS)?,
        traceparent: headers.shared(h::TRACEPARENT),
    })
}
