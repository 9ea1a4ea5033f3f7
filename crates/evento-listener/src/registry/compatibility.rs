//! Whether a schema could become a version of a subject: the rules by which `evento apply` judges it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use evento_model::SchemaId;
use evento_schema::avro::{Plan, Schema, Violation};
use serde_json::json;

use super::answer::Answer;
use super::params::{self, Params};
use super::subject::Level;
use super::view::{Subject, View};
use super::{Api, blocking, posted, subjects};

/// Most messages of one answer.
const MESSAGES_MAX: usize = 100;

/// `POST /compatibility/subjects/{subject}/versions`: with every version. Where nothing is registered, nothing can
/// break.
pub(super) async fn with_all(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Answer {
    params::subject(&name)?;
    let (view, schema) = posted::read(&api, body).await?;
    let versions = view.subject(&name, false).map(|subject| subject.versions(false));
    judged(view, name, versions.unwrap_or_default(), schema, &params).await
}

/// `POST /compatibility/subjects/{subject}/versions/{version}`
pub(super) async fn with_one(
    State(api): State<Arc<Api>>,
    Path(path): Path<(String, String)>,
    params: Params,
    body: Bytes,
) -> Answer {
    let (view, schema) = posted::read(&api, body).await?;
    let version = subjects::find(&view, &path, false)?;
    judged(view, path.0, vec![version], schema, &params).await
}

async fn judged(
    view: Arc<View>,
    subject: String,
    versions: Vec<(u32, SchemaId)>,
    schema: Schema,
    params: &Params,
) -> Answer {
    let messages = blocking(move || {
        let subject = view.subject(&subject, false);
        subject.map(|subject| judge(&view, subject, &versions, &schema)).unwrap_or_default()
    });
    let messages = messages.await?;
    let mut document = json!({"is_compatible": messages.is_empty()});
    if params.on("verbose") {
        document["messages"] = json!(messages);
    }
    Ok(document.into())
}

/// Everything that speaks against it.
fn judge(view: &View, subject: &Subject, versions: &[(u32, SchemaId)], schema: &Schema) -> Vec<String> {
    let full = match subject.level {
        None | Some(Level::None) => return Vec::new(),
        Some(level) => level == Level::Full,
    };
    let mut messages: Vec<String> = schema.ambiguities().iter().map(|found| format!("{found} (EV2106)")).collect();
    for (number, id) in versions {
        let Some(version) = view.schema(*id).map(|shown| shown.schema) else { continue };
        if version.full_name() != schema.full_name() {
            messages.push(renamed(version, schema));
            break;
        }
        let broken = |found: Vec<Violation>, what: &str, code: u16| {
            found.into_iter().map(|found| format!("{what} version {number}: {found} (EV{code})")).collect::<Vec<_>>()
        };
        let old = Plan::compile(version, schema).err().unwrap_or_default();
        messages.extend(broken(old, "the schema cannot read", 2104));
        let new = if full { Plan::compile(schema, version).err().unwrap_or_default() } else { Vec::new() };
        messages.extend(broken(new, "the schema cannot be read by", 2105));
    }
    messages.truncate(MESSAGES_MAX);
    messages
}

fn renamed(version: &Schema, schema: &Schema) -> String {
    let name = |schema: &Schema| schema.full_name().unwrap_or("a type without a name").to_owned();
    format!("the subject holds {}, not {} (EV2111)", name(version), name(schema))
}
