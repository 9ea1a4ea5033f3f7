//! What a function says of itself: the discovery manifest, read and checked for its form.
//!
//! Whether it fits the resources is decided elsewhere (`evento_schema::binding`); the YAML is the truth.
//! Source: function-protocol 7. Unknown fields are ignored.

use evento_model::{Digest, FullName, Revision};
use serde::Deserialize;
use serde_json::Value;
use sha2::Digest as _;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// Most schemas in it.
const SCHEMAS_MAX: usize = 1_000;
/// The protocol version spoken here.
const PROTOCOL: u32 = 1;

/// A manifest of a known form.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    /// Name, version and SDK as the function gives them; for people.
    pub label: String,
    /// Whether it takes batches; otherwise it is called plainly.
    pub batch: bool,
    /// Whether it takes plain calls.
    pub plain: bool,
    /// Whether it speaks HTTP/2 in clear text.
    pub http2: bool,
    /// Its schemas, each named type defined once.
    pub schemas: Vec<Value>,
    /// What it does for which entity type.
    pub entities: Vec<ManifestEntity>,
    /// What it can take.
    pub limits: ManifestLimits,
    /// SHA-256 of the key-sorted JSON.
    pub digest: Digest,
    /// SHA-256 of the bytes that discovery served, in hex: a reply that names another comes from another
    /// revision. `None` when the manifest does not come from discovery.
    pub served: Option<String>,
}

/// What a function does for one entity type.
#[derive(Clone, PartialEq, Debug)]
pub struct ManifestEntity {
    /// Full name of the entity type.
    pub name: FullName,
    /// Commands, each with the events it may answer.
    pub handles: Vec<(FullName, Vec<FullName>)>,
    /// Events it applies.
    pub applies: Vec<FullName>,
    /// Events that are rejections.
    pub rejections: Vec<FullName>,
    /// Raised when apply changes meaning; at least 1.
    pub state_version: u32,
}

/// What a function can take; absent values are Evento's own.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManifestLimits {
    /// Requests in flight.
    pub concurrency: Option<u32>,
    /// Bytes of a request.
    pub max_body_bytes: Option<u64>,
    /// Works in a request.
    pub max_work: Option<u32>,
    /// Steps in a request.
    pub max_steps: Option<u32>,
    /// Deadline of a request, in milliseconds.
    pub timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    manifest_version: u32,
    protocol: RawProtocol,
    #[serde(default)]
    function: RawFunction,
    schemas: Vec<Value>,
    entities: Vec<RawEntity>,
    #[serde(default)]
    limits: ManifestLimits,
}

#[derive(Deserialize)]
struct RawProtocol {
    min: u32,
    max: u32,
    modes: Vec<String>,
    #[serde(default)]
    http: Vec<String>,
}

#[derive(Deserialize, Default)]
struct RawFunction {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    sdk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntity {
    name: String,
    #[serde(default)]
    handles: Vec<RawHandles>,
    #[serde(default)]
    applies: Vec<String>,
    #[serde(default)]
    rejections: Vec<String>,
    state_version: u32,
}

#[derive(Deserialize)]
struct RawHandles {
    command: String,
    emits: Vec<String>,
}

/// Reads a manifest. The error says what is wrong, in words.
pub fn read(bytes: &[u8]) -> Result<Manifest, String> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {MANIFEST_BYTES_MAX} are read", bytes.len()));
    }
    // serde_json itself refuses nesting beyond 128.
    let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    let raw: Raw = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    if raw.manifest_version != 1 {
        return Err(format!("manifestVersion is {}; 1 is known here", raw.manifest_version));
    }
    if raw.protocol.min > PROTOCOL || raw.protocol.max < PROTOCOL {
        let (min, max) = (raw.protocol.min, raw.protocol.max);
        return Err(format!("it speaks protocol {min} to {max}; {PROTOCOL} is spoken here"));
    }
    let mode = |name: &str| raw.protocol.modes.iter().any(|mode| mode == name);
    if !mode("run") && !mode("plain") {
        return Err("protocol.modes names neither plain nor run".to_owned());
    }
    if raw.schemas.len() > SCHEMAS_MAX {
        return Err(format!("it has {} schemas; at most {SCHEMAS_MAX} are taken", raw.schemas.len()));
    }
    let entities = raw.entities.into_iter().map(entity).collect::<Result<Vec<_>, String>>()?;
    let label = [raw.function.name, raw.function.version, raw.function.sdk];
    Ok(Manifest {
        label: label.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        batch: mode("run"),
        plain: mode("plain"),
        http2: raw.protocol.http.iter().any(|version| version == "2"),
        schemas: raw.schemas,
        entities,
        limits: raw.limits,
        digest: sorted_digest(&value),
        served: None,
    })
}

fn entity(raw: RawEntity) -> Result<ManifestEntity, String> {
    let full = |text: &str| FullName::new(text).map_err(|error| format!("{text:?}: {}", error.message));
    let all = |names: &[String]| names.iter().map(|name| full(name)).collect::<Result<Vec<_>, String>>();
    if raw.state_version == 0 {
        return Err(format!("{}: stateVersion begins at 1", raw.name));
    }
    let handles = raw.handles.iter().map(|h| Ok((full(&h.command)?, all(&h.emits)?))).collect::<Result<_, String>>()?;
    Ok(ManifestEntity {
        name: full(&raw.name)?,
        handles,
        applies: all(&raw.applies)?,
        rejections: all(&raw.rejections)?,
        state_version: raw.state_version,
    })
}

/// SHA-256 of a JSON value with its keys sorted and no whitespace.
pub fn sorted_digest(value: &Value) -> Digest {
    let mut text = String::new();
    write_sorted(value, &mut text);
    Digest(sha2::Sha256::digest(text.as_bytes()).into())
}

fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (n, (key, value)) in fields.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The revision of a function: its manifest and its artifact in one number (function-protocol 8.1).
pub fn revision(manifest: &Digest, artifact: &Digest) -> Revision {
    let mut hash = sha2::Sha256::new();
    hash.update(b"evento.revision.v1\n");
    hash.update(manifest.0);
    hash.update(artifact.0);
    Revision(Digest(hash.finalize().into()))
}

/// The artifact of a process: its command line and the watched files, as (relative path, SHA-256), sorted.
pub fn process_artifact(command: &[String], files: &[(String, Digest)]) -> Digest {
    let mut hash = sha2::Sha256::new();
    for part in command {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut files: Vec<&(String, Digest)> = files.iter().collect();
    files.sort();
    for (path, digest) in files {
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path.as_bytes());
        hash.update(digest.0);
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::{read, sorted_digest};
    use serde_json::json;

    fn manifest() -> serde_json::Value {
        json!({"manifestVersion": 1, "protocol": {"min": 1, "max": 1, "modes": ["plain", "run"], "http": ["1.1"]},
            "function": {"name": "accounts", "version": "2"}, "schemas": [],
            "entities": [{"name": "bank.Account", "handles": [{"command": "bank.Open", "emits": ["bank.Opened"]}],
                "applies": ["bank.Opened"], "rejections": [], "stateVersion": 3}],
            "limits": {"concurrency": 8}, "later": true})
    }

    #[test]
    fn a_manifest_reads_and_its_digest_does_not_depend_on_the_order_of_keys() {
        let read_back = read(manifest().to_string().as_bytes()).expect("valid");
        assert!(read_back.batch && !read_back.http2 && read_back.entities[0].state_version == 3);
        assert_eq!(
            sorted_digest(&json!({"b": 1, "a": [{"d": 2, "c": 3}]})),
            sorted_digest(&json!({"a": [{"c": 3, "d": 2}], "b": 1}))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases: [(&str, serde_json::Value, &str); 5] = [
            ("/manifestVersion", json!(2), "manifestVersion is 2"),
            ("/protocol/min", json!(2), "protocol 2 to 1"),
            ("/protocol/modes", json!(["pull"]), "neither plain nor run"),
            ("/entities/0/stateVersion", json!(0), "begins at 1"),
            ("/entities/0/name", json!("no name"), "no name"),
        ];
        for (pointer, value, wanted) in cases {
            let mut changed = manifest();
            *changed.pointer_mut(pointer).expect("there") = value;
            let error = read(changed.to_string().as_bytes()).expect_err(pointer);
            assert!(error.contains(wanted), "{pointer}: {error}");
        }
        assert!(read(b"{").is_err());
    }
}
