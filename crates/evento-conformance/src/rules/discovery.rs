//! F01: what a function says of itself.

use std::collections::HashMap;
use std::time::Duration;

use evento_function::manifest::{self, MANIFEST_BYTES_MAX, Manifest};
use evento_model::FullName;
use evento_schema::avro::Schema;
use evento_schema::binding::parse_schema_list;
use sha2::Digest as _;

use crate::report::Findings;
use crate::wire::{Ask, Reply, Wire};

const DEADLINE: Duration = Duration::from_secs(5);
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.evento.manifest.v1+json";

/// A manifest with its schemas read.
pub(crate) type Known = (Manifest, HashMap<FullName, Schema>);

/// Asks for the manifest and checks it. `given` is the manifest of a function that answers no discovery.
pub(crate) async fn f01(wire: &Wire, given: Option<&Known>, out: &mut Findings) -> Option<Known> {
    const ASKED: &str = "GET /.well-known/evento";
    let ask = Ask::get("/.well-known/evento")
        .with("accept", MANIFEST_TYPE)
        .with("evento-protocol", "1")
        .with("evento-revision", "none");
    let reply = match wire.ask(&ask, DEADLINE).await {
        Ok(reply) => reply,
        Err(why) => {
            out.check(ASKED, Err(why));
            return given.cloned();
        }
    };
    if reply.status == 404
        && let Some(known) = given
    {
        out.skip("it answers no discovery (404), which is allowed; its manifest was given");
        covers(known, out);
        return Some(known.clone());
    }
    out.check(ASKED, expect_ok(&reply));
    let known = read(&reply.body).map_err(|why| out.fault(format!("{ASKED}, the manifest"), why)).ok()?;
    let digest: String = sha2::Sha256::digest(&reply.body).iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(said) = reply.header("evento-manifest") {
        let same = said.eq_ignore_ascii_case(&digest);
        let came = format!("{said}, but the SHA-256 of the body is {digest}");
        out.check("Evento-Manifest of the answer", if same { Ok(()) } else { Err(came) });
    }
    covers(&known, out);
    Some(known)
}

fn expect_ok(reply: &Reply) -> Result<(), String> {
    match (reply.status, reply.kind()) {
        (200, kind) if kind == MANIFEST_TYPE => Ok(()),
        (200, kind) => Err(format!("content type {kind:?}, not {MANIFEST_TYPE}")),
        (status, _) => Err(format!("status {status}")),
    }
}

/// Reads a manifest and its schemas.
pub(crate) fn read(bytes: &[u8]) -> Result<Known, String> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(format!("{} bytes; at most {MANIFEST_BYTES_MAX} are read", bytes.len()));
    }
    let manifest = manifest::read(bytes)?;
    let schemas = parse_schema_list(&manifest.schemas).map_err(|findings| {
        let words = findings.iter().take(3).map(|finding| format!("{}: {}", finding.pointer, finding.message));
        words.collect::<Vec<_>>().join("; ")
    })?;
    Ok((manifest, schemas))
}

/// That everything named has a schema, and that apply covers what it must.
fn covers((manifest, schemas): &Known, out: &mut Findings) {
    for entity in &manifest.entities {
        let emitted = entity.handles.iter().flat_map(|(_, emits)| emits);
        let named = std::iter::once(&entity.name)
            .chain(entity.handles.iter().map(|(command, _)| command))
            .chain(emitted.clone())
            .chain(&entity.applies);
        for name in named {
            let there = schemas.contains_key(name);
            let came = "its schema is not among schemas".to_owned();
            out.check(format!("the manifest names {name}"), if there { Ok(()) } else { Err(came) });
        }
        for (command, emits) in &entity.handles {
            let came = "emits is empty; a command answers at least one event".to_owned();
            out.check(format!("emits of {command}"), if emits.is_empty() { Err(came) } else { Ok(()) });
        }
        if entity.applies.is_empty() {
            continue;
        }
        for event in emitted.filter(|event| !entity.rejections.contains(event)) {
            let there = entity.applies.contains(event);
            let came = "it is no rejection, and applies does not have it".to_owned();
            out.check(format!("the event {event}"), if there { Ok(()) } else { Err(came) });
        }
    }
    if manifest.entities.iter().all(|entity| entity.handles.is_empty() && entity.applies.is_empty()) {
        out.fault("entities of the manifest", "it handles and applies nothing");
    }
}
