//! One record: is it a command of this entity? (interfaces 5.3 and 5.4)
//!
//! The type is that of the schema; key and framed value are all that is needed. What an outside producer may not
//! say (time, seed, sender, anything that Evento itself decides) is refused, not ignored.

use std::sync::Arc;

use bytes::Bytes;
use evento_log::codec::Record;
use evento_log::intake::Offer;
use evento_model::{CommandId, EntityId, EntityKey, SchemaId};
use evento_schema::avro::{Checked, check};
use evento_schema::catalog::{Catalog, CommandType};
use uuid::Uuid;

use super::Taken;
use crate::node::Node;
use crate::registry::{guid_of, record_in_union, union_with_guid};
use crate::topic::Topic;

/// Bytes of a command's payload.
const PAYLOAD_MAX: usize = 1 << 20;
/// Bytes of all headers of a record.
const HEADERS_MAX: usize = 32 << 10;
/// Characters of a correlation or causation id that are kept.
const TEXT_MAX: usize = 256;
/// The header with the guid of the value's schema, where the value is a datum without an id in front (Confluent's
/// header serializers).
const VALUE_SCHEMA: &str = "__value_schema_id";
/// The one header of ours that an outside producer may set.
const IF_SEQ: &str = "evento-if-seq";

/// The command in a record, or why there is none: code and reason. `numbered` is its id if the record has none and
/// its producer is idempotent.
pub(super) fn command(
    node: &dyn Node,
    catalog: &Catalog,
    topic: &Topic,
    record: Record,
    numbered: Option<CommandId>,
) -> Result<Taken, String> {
    let headers = Headers::read(&record)?;
    let id = key(&record.key)?;
    let (schema, payload) = match headers.last(VALUE_SCHEMA) {
        Some(guid) => (schema_of(node, topic, guid)?, bare(record.value.as_ref())?),
        None => value(record.value.as_ref())?,
    };
    let (schema, payload) = match record_in_union(node.log(), schema, &payload)? {
        Some((member, rest)) => (member, payload.slice_ref(rest)),
        None => (schema, payload),
    };
    let command = command_type(catalog, topic, schema)?;
    let payload = checked(command, schema, payload)?;
    let supplied = headers.text("ce_id").map(CommandId::new).transpose();
    let supplied = supplied.map_err(|error| format!("EV5001: the header ce_id is no command id: {error}"))?;
    let shared = |name: &str| headers.text(name).filter(|text| text.len() <= TEXT_MAX).map(Arc::from);
    let offer = Offer {
        key: EntityKey { entity: topic.entity.id, id },
        supplied: supplied.or(numbered),
        type_name: command.full_name.clone(),
        schema,
        payload,
        if_seq: headers.if_seq()?,
        correlation: shared("ce_correlationid"),
        causation: shared("ce_causationid"),
        traceparent: shared("traceparent"),
    };
    let command = offer.record(|| node.new_id(), node.now(), node.seed());
    Ok(Taken { entity: topic.entity.id, command })
}

fn key(key: &Bytes) -> Result<EntityId, String> {
    if key.is_empty() {
        return Err("EV5004: the record has no key; the key is the instance id".to_owned());
    }
    let text = std::str::from_utf8(key).map_err(|_| "EV5004: the key is no UTF-8 text".to_owned())?;
    EntityId::new(text).map_err(|error| format!("EV5004: the key is no instance id: {error}"))
}

/// Schema id and payload of a value in the Confluent wire format: 00, four bytes of id, the datum.
fn value(value: Option<&Bytes>) -> Result<(SchemaId, Bytes), String> {
    let unframed = || "EV5001: the value does not begin with 00 and a schema id of four bytes".to_owned();
    let value = value.ok_or_else(unframed)?;
    match value.first_chunk::<5>() {
        Some([0, id @ ..]) if value.len() - 5 <= PAYLOAD_MAX => {
            Ok((SchemaId(u32::from_be_bytes(*id)), value.slice(5..)))
        }
        Some([0, ..]) => Err(format!("EV1005: the payload has {} bytes, at most {PAYLOAD_MAX}", value.len() - 5)),
        _ => Err(unframed()),
    }
}

/// A value without a schema id in front.
fn bare(value: Option<&Bytes>) -> Result<Bytes, String> {
    match value {
        Some(value) if value.len() <= PAYLOAD_MAX => Ok(value.clone()),
        Some(value) => Err(format!("EV1005: the payload has {} bytes, at most {PAYLOAD_MAX}", value.len())),
        None => Err("EV5001: the record has no value".to_owned()),
    }
}

/// The schema that a header names, a command's or the topic's union: 01 and a guid of 16 bytes.
fn schema_of(node: &dyn Node, topic: &Topic, header: &[u8]) -> Result<SchemaId, String> {
    let guid = header.strip_prefix(&[1]).and_then(|guid| Uuid::from_slice(guid).ok());
    let guid = guid.ok_or_else(|| format!("EV5001: the header {VALUE_SCHEMA} is not 01 and a guid of 16 bytes"))?;
    let mut versions = topic.entity.commands.iter().flat_map(|command| &command.versions);
    let found = versions.find(|version| guid_of(&version.schema) == guid).map(|version| version.id);
    let found = found.or_else(|| union_with_guid(node.log(), &format!("{}-value", topic.name()), guid));
    found.ok_or_else(|| format!("EV5002: no command of {} has the schema {guid}", topic.entity.name))
}

fn command_type<'a>(catalog: &Catalog, topic: &'a Topic, schema: SchemaId) -> Result<&'a Arc<CommandType>, String> {
    let commands = &topic.entity.commands;
    let found = commands.iter().find(|command| command.versions.iter().any(|version| version.id == schema));
    match found {
        Some(command) if command.retired => {
            Err(format!("EV1001: {} is retired and not accepted any more", command.full_name))
        }
        Some(command) => Ok(command),
        None => Err(match catalog.schema(schema) {
            Some(_) => format!("EV5003: the schema {} is not that of a command of {}", schema.0, topic.entity.name),
            None => format!("EV5002: no schema has the id {}", schema.0),
        }),
    }
}

fn checked(command: &CommandType, schema: SchemaId, payload: Bytes) -> Result<Bytes, String> {
    let version = command.versions.iter().find(|version| version.id == schema);
    let version = version.ok_or_else(|| format!("EV5002: no schema has the id {}", schema.0))?;
    let rewritten = match check(&version.schema, &payload) {
        Ok(Checked::Canonical(_)) => None,
        Ok(Checked::Rewritten(bytes)) => Some(bytes),
        Err(error) => {
            let name = &command.full_name;
            return Err(format!("EV1002: no {name}: {}: {} (at byte {})", error.path, error.message, error.offset));
        }
    };
    // A slice would keep the whole request alive for as long as the command is.
    Ok(rewritten.map_or_else(|| Bytes::copy_from_slice(&payload), Bytes::from))
}

/// The headers of a record, of which the last of a name counts.
struct Headers<'a>(&'a [(Bytes, Bytes)]);

impl Headers<'_> {
    fn read(record: &Record) -> Result<Headers<'_>, String> {
        let headers = &record.headers;
        let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if bytes > HEADERS_MAX {
            return Err(format!("EV1005: the headers have {bytes} bytes, at most {HEADERS_MAX}"));
        }
        let ours = |name: &[u8]| name.starts_with(b"evento-") && name != IF_SEQ.as_bytes();
        match headers.iter().find(|(name, _)| ours(name)) {
            Some((name, _)) => {
                let name = String::from_utf8_lossy(name);
                Err(format!("EV5001: the header {name} is set by Evento alone; producers may set {IF_SEQ}"))
            }
            None => Ok(Headers(headers)),
        }
    }

    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rfind(|(known, _)| known == name.as_bytes()).map(|(_, value)| &value[..])
    }

    fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.last(name)?).ok()
    }

    fn if_seq(&self) -> Result<Option<u64>, String> {
        let Some(text) = self.text(IF_SEQ) else { return Ok(None) };
        let wrong = || format!("EV5001: the header {IF_SEQ} is {text:?}, not a sequence such as 0 or 5");
        text.parse().map(Some).map_err(|_| wrong())
    }
}
