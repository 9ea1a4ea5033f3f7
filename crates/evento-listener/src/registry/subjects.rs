//! Subjects and their versions.

use std::sync::Arc;

use axum::extract::{Path, State};
use evento_model::SchemaId;
use serde_json::{Value, json};

use super::Api;
use super::answer::{Answer, Document, Refusal};
use super::params::{self, Params, Version};
use super::schemas::{formatted, shown};
use super::view::View;

/// `GET /subjects`
pub(super) async fn list(State(api): State<Arc<Api>>, params: Params) -> Answer {
    let view = api.view().await?;
    let (deleted_only, deleted) = (params.on("deletedOnly"), params.on("deleted"));
    let prefix = params.text("subjectPrefix");
    let all = view.subjects(deleted || deleted_only);
    let wanted = all.filter(|(name, subject)| name.starts_with(prefix) && !(deleted_only && subject.level.is_some()));
    Ok(json!(params.page(wanted.map(|(name, _)| name))).into())
}

/// `GET /subjects/{subject}/versions`
pub(super) async fn versions(State(api): State<Arc<Api>>, Path(name): Path<String>, params: Params) -> Answer {
    let view = api.view().await?;
    let name = params::subject(&name)?;
    let deleted = params.on("deleted");
    let subject = view.subject(name, deleted).ok_or_else(|| Refusal::no_subject(name))?;
    Ok(json!(params.page(subject.versions(deleted).into_iter().map(|(number, _)| number))).into())
}

/// `GET /subjects/{subject}/versions/{version}`
pub(super) async fn version(State(api): State<Arc<Api>>, Path(path): Path<(String, String)>, params: Params) -> Answer {
    let view = api.view().await?;
    let (number, id) = find(&view, &path, params.on("deleted"))?;
    Ok(described(&view, &path.0, number, id, params.text("format")).into())
}

/// `GET /subjects/{subject}/versions/{version}/schema`
pub(super) async fn text(State(api): State<Arc<Api>>, Path(path): Path<(String, String)>, params: Params) -> Answer {
    let view = api.view().await?;
    let (_, id) = find(&view, &path, params.on("deleted"))?;
    let (text, _) = formatted(&view, id, params.text("format"));
    Ok(Document::text(&text))
}

/// `GET /subjects/{subject}/versions/{version}/referencedby`
pub(super) async fn referenced_by(
    State(api): State<Arc<Api>>,
    Path(path): Path<(String, String)>,
    params: Params,
) -> Answer {
    let view = api.view().await?;
    let (number, _) = find(&view, &path, true)?;
    Ok(json!(params.page(view.referring(&path.0, number).into_iter())).into())
}

/// A version as it is answered.
pub(super) fn described(view: &View, subject: &str, version: u32, id: SchemaId, format: &str) -> Value {
    let mut document = json!({"subject": subject, "version": version, "id": id.0});
    if let (Value::Object(document), Value::Object(shown)) = (&mut document, shown(view, id, format)) {
        document.extend(shown);
    }
    document
}

/// The version that a path names.
pub(super) fn find(view: &View, (name, version): &(String, String), deleted: bool) -> Result<(u32, SchemaId), Refusal> {
    let name = params::subject(name)?;
    let asked = Version::read(version)?;
    let subject = view.subject(name, deleted).ok_or_else(|| Refusal::no_subject(name))?;
    let found = match asked {
        Version::Latest => subject.latest(deleted),
        Version::Number(number) => subject.versions(deleted).into_iter().find(|(known, _)| *known == number),
    };
    found.ok_or_else(|| Refusal::no_version(version))
}
