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
    let mut text = [0; 32];
    out.put(h::TIME, &[rfc3339(time, &mut text)]);
    let mut digits = [0; 20];
    out.put("ce_dataschema", &[b"/schemas/ids/", super::batch::decimal(u64::from(schema.0), &mut digits)]);
}

fn optional(out: &mut HeaderWriter<'_>, key: &str, text: &Option<Arc<str>>) {
    if let Some(text) = text {
        out.put(key, &[text.as_bytes()]);
    }
}

/// RFC 3339 in UTC with milliseconds. Civil date after Hinnant, "chrono-compatible low-level date algorithms".
fn rfc3339(time: Timestamp, out: &mut [u8; 32]) -> &[u8] {
    use std::io::Write;
    let (days, ms) = (time.0.div_euclid(86_400_000), time.0.rem_euclid(86_400_000));
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let length = out.len();
    let mut rest = &mut out[..];
    let written = write!(rest, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z");
    let used = length - rest.len();
    if written.is_err() { b"9999-12-31T23:59:59.999Z" } else { &out[..used] }
}

/// Reads what `rfc3339` writes.
pub(super) fn time_of(text: &[u8]) -> Option<Timestamp> {
    let number = |from: usize, to: usize| number_of(text.get(from..to)?).and_then(|number| i64::try_from(number).ok());
    let at = text.len().checked_sub(20)?;
    let (year, month, day) = (number(0, at)?, number(at + 1, at + 3)?, number(at + 4, at + 6)?);
    let (hour, minute, second) = (number(at + 7, at + 9)?, number(at + 10, at + 12)?, number(at + 13, at + 15)?);
    let ms = number(at + 16, at + 19)?;
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(Timestamp((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + ms))
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
        accepted_at: time_of(headers.text(h::TIME)?.as_bytes())?,
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
        time: time_of(headers.text(h::TIME)?.as_bytes())?,
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

#[cfg(test)]
mod tests {
    use super::{rfc3339, time_of};
    use evento_model::Timestamp;

    #[test]
    fn times_read_as_people_write_them_and_back() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_413_600_000, "2026-11-23T06:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ];
        for (ms, text) in cases {
            let mut out = [0; 32];
            assert_eq!(std::str::from_utf8(rfc3339(Timestamp(ms), &mut out)), Ok(text));
            assert_eq!(time_of(text.as_bytes()), Some(Timestamp(ms)));
        }
    }
}
