//! How the registry is kept: JSON values under keys that begin `registry/`, each with its format's number.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use evento_model::{EntityTypeId, Revision, SchemaId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Applied, Registry, ServingRevision, Stored};
use crate::avro::Schema;
use crate::platform::SCHEMA_ID_FIRST;
use crate::resource::Resource;

/// What every key begins with.
pub const KEY_PREFIX: &str = "registry/";

/// Number of the format. A reader refuses a number it does not know, rather than guess.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    version: u64,
    schema_next: u32,
    entity_next: u32,
}

#[derive(Serialize, Deserialize)]
struct KeptSchema {
    v: u32,
    /// The text as written, so that docs and the order of attributes survive.
    schema: String,
}

#[derive(Serialize, Deserialize)]
struct KeptResource {
    v: u32,
    generation: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versions: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_revision: Option<String>,
    #[serde(default)]
    verified_events: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<Value>,
    document: Value,
}

/// A key and its new value, or none when the key goes.
pub(super) type Entry = (Bytes, Option<Bytes>);

impl Registry {
    /// The registry of the stored entries whose keys begin `registry/`; an empty one when there are none. Other keys
    /// are passed over.
    ///
    /// # Errors
    ///
    /// Which key cannot be read and why: a newer format, or damage.
    pub fn load(entries: &[(Vec<u8>, Vec<u8>)]) -> Result<Registry, String> {
        let mut registry = Registry::default();
        let mut kept: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for (key, value) in entries {
            let text = std::str::from_utf8(key).map_err(|_| "a key is not text".to_owned())?;
            if let Some(key) = text.strip_prefix(KEY_PREFIX) {
                kept.insert(key, value);
            }
        }
        let Some(head) = kept.get("head") else {
            return if kept.is_empty() { Ok(registry) } else { Err("registry/head is missing".to_owned()) };
        };
        let head: Head = read("head", head, |head: &Head| head.v)?;
        registry.version = head.version;
        registry.schema_next = head.schema_next.max(SCHEMA_ID_FIRST);
        registry.entity_next = head.entity_next;
        for (key, value) in &kept {
            let Some(id) = key.strip_prefix("schema/") else { continue };
            let id: u32 = id.parse().map_err(|_| format!("registry/{key} has no number"))?;
            let kept: KeptSchema = read(key, value, |kept: &KeptSchema| kept.v)?;
            let schema = Schema::parse(&kept.schema).map_err(|error| format!("registry/{key}: {error}"))?;
            registry.keep_schema(SchemaId(id), schema);
        }
        for (key, value) in &kept {
            if key.starts_with("resource/") {
                let stored = read_resource(key, value)?;
                if stored.versions.iter().chain(&stored.schema).any(|id| !registry.schemas.contains_key(id)) {
                    return Err(format!("registry/{key} names a schema that is not stored"));
                }
                let name = (stored.resource.kind, stored.resource.name.clone());
                registry.stored.insert(name, Arc::new(stored));
            }
        }
        Ok(registry)
    }
}

fn read<T: for<'de> Deserialize<'de>>(key: &str, value: &[u8], format: fn(&T) -> u32) -> Result<T, String> {
    let read: T = serde_json::from_slice(value).map_err(|error| format!("registry/{key}: {error}"))?;
    match format(&read) {
        FORMAT => Ok(read),
        other => Err(format!("registry/{key} has format {other}, this build reads {FORMAT}")),
    }
}

fn read_resource(key: &str, value: &[u8]) -> Result<Stored, String> {
    let kept: KeptResource = read(key, value, |kept: &KeptResource| kept.v)?;
    let resource = Resource::from_document(&kept.document).map_err(|findings| {
        let first = findings.into_iter().next().map(|finding| finding.message);
        format!("registry/{key}: {}", first.unwrap_or_default())
    })?;
    let revision = |text: Option<&String>| match text {
        None => Ok(None),
        Some(text) => Revision::parse(text).map(Some).ok_or_else(|| format!("registry/{key}: {text} is no revision")),
    };
    let previous = revision(kept.previous_revision.as_ref())?;
    let serving = revision(kept.revision.as_ref())?.map(|revision| ServingRevision {
        revision,
        previous,
        verified_events: kept.verified_events,
    });
    Ok(Stored {
        resource,
        generation: kept.generation,
        versions: kept.versions.into_iter().map(SchemaId).collect(),
        schema: kept.schema.map(SchemaId),
        entity: kept.entity.map(EntityTypeId),
        serving,
        former: kept.former,
        applied: kept.applied.map(|(state_version, schema)| Applied { state_version, schema: SchemaId(schema) }),
    })
}

/// The entry that names the version and the next free numbers.
pub(super) fn head(registry: &Registry) -> Entry {
    let head = Head {
        v: FORMAT,
        version: registry.version,
        schema_next: registry.schema_next,
        entity_next: registry.entity_next,
    };
    put("head", &head)
}

/// The entries that lead from one registry to the next, without the head.
pub(super) fn entries_between(before: &Registry, after: &Registry) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (id, schema) in &after.schemas {
        if !before.schemas.contains_key(id) {
            let kept = KeptSchema { v: FORMAT, schema: schema.json().to_owned() };
            entries.push(put(&format!("schema/{:010}", id.0), &kept));
        }
    }
    for (name, stored) in &after.stored {
        if !before.stored.get(name).is_some_and(|former| Arc::ptr_eq(former, stored)) {
            entries.push(put(&key_of(stored), &kept(stored)));
        }
    }
    for (name, stored) in &before.stored {
        if !after.stored.contains_key(name) {
            entries.push((format!("{KEY_PREFIX}{}", key_of(stored)).into(), None));
        }
    }
    entries
}

fn key_of(stored: &Stored) -> String {
    format!("resource/{}/{}", stored.resource.kind.lower(), stored.resource.name)
}

fn kept(stored: &Stored) -> KeptResource {
    let serving = stored.serving.as_ref();
    KeptResource {
        v: FORMAT,
        generation: stored.generation,
        versions: stored.versions.iter().map(|id| id.0).collect(),
        schema: stored.schema.map(|id| id.0),
        entity: stored.entity.map(|id| id.0),
        revision: serving.map(|serving| serving.revision.to_string()),
        previous_revision: serving.and_then(|serving| serving.previous).map(|revision| revision.to_string()),
        verified_events: serving.map_or(0, |serving| serving.verified_events),
        applied: stored.applied.map(|applied| (applied.state_version, applied.schema.0)),
        former: stored.former.clone(),
        document: stored.resource.document.clone(),
    }
}

fn put(key: &str, value: &impl Serialize) -> Entry {
    let json = serde_json::to_vec(value).expect("numbers, texts and JSON values are JSON");
    (format!("{KEY_PREFIX}{key}").into(), Some(json.into()))
}
