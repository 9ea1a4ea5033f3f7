//! Schemas by id and by guid: what every deserializer asks for.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use evento_model::SchemaId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Api;
use super::answer::{Answer, Document, Refusal};
use super::params::Params;
use super::view::View;

/// `GET /schemas/types`
pub(super) async fn types() -> Document {
    json!(["AVRO"]).into()
}

/// `GET /schemas/ids/{id}`. The parameter `subject` names where the reader found the id; every id is the same
/// everywhere here.
pub(super) async fn by_id(State(api): State<Arc<Api>>, Path(id): Path<String>, params: Params) -> Answer {
    let (view, id) = find(&api, &id).await?;
    let mut document = shown(&view, id, params.text("format"));
    if params.on("fetchMaxId") {
        document["maxId"] = view.id_max().0.into();
    }
    Ok(document.into())
}

/// `GET /schemas/guids/{guid}`
pub(super) async fn by_guid(State(api): State<Arc<Api>>, Path(guid): Path<String>, params: Params) -> Answer {
    let view = api.view().await?;
    let found = Uuid::try_parse(&guid).ok().and_then(|guid| view.with_guid(guid));
    let id = found.ok_or_else(|| Refusal::no_schema(guid.chars().take(80).collect::<String>()))?;
    let mut document = shown(&view, id, params.text("format"));
    document["id"] = id.0.into();
    Ok(document.into())
}

/// `GET /schemas/ids/{id}/schema`
pub(super) async fn text(State(api): State<Arc<Api>>, Path(id): Path<String>, params: Params) -> Answer {
    let (view, id) = find(&api, &id).await?;
    let (text, _) = formatted(&view, id, params.text("format"));
    Ok(Document::text(&text))
}

/// `GET /schemas/ids/{id}/subjects`
pub(super) async fn subjects(State(api): State<Arc<Api>>, Path(id): Path<String>, params: Params) -> Answer {
    let (view, id) = find(&api, &id).await?;
    let places = places(&view, id, &params).map(|(subject, _)| subject);
    Ok(json!(params.page(places)).into())
}

/// `GET /schemas/ids/{id}/versions`
pub(super) async fn versions(State(api): State<Arc<Api>>, Path(id): Path<String>, params: Params) -> Answer {
    let (view, id) = find(&api, &id).await?;
    let places = places(&view, id, &params).map(|(subject, version)| json!({"subject": subject, "version": version}));
    Ok(json!(params.page(places)).into())
}

/// Schema, references and guid: what every description of a schema has. `format=resolved` puts the references in
/// place.
pub(super) fn shown(view: &View, id: SchemaId, format: &str) -> Value {
    let (text, references) = formatted(view, id, format);
    let mut document = json!({"schema": text});
    if references != json!([]) {
        document["references"] = references;
    }
    if let Some(guid) = view.guid(id) {
        document["guid"] = guid.to_string().into();
    }
    document
}

/// The text of a schema, and the references it needs.
pub(super) fn formatted(view: &View, id: SchemaId, format: &str) -> (String, Value) {
    match view.schema(id) {
        Some(found) if format == "resolved" => (found.schema.json().to_owned(), json!([])),
        Some(found) => (found.text.to_owned(), json!(found.references)),
        None => (String::new(), json!([])),
    }
}

async fn find(api: &Api, id: &str) -> Result<(Arc<View>, SchemaId), Refusal> {
    // An id is a signed number to clients; what is none is no path.
    let Ok(number) = id.parse::<i64>() else { return Err(Refusal::plain(StatusCode::NOT_FOUND)) };
    let view = api.view().await?;
    let known = u32::try_from(number).ok().map(SchemaId).filter(|id| view.schema(*id).is_some());
    known.map(|id| (view, id)).ok_or_else(|| Refusal::no_schema(number))
}

/// Subjects and versions that are this schema.
fn places<'a>(view: &'a View, id: SchemaId, params: &Params) -> impl Iterator<Item = (&'a str, u32)> + use<'a> {
    let deleted = params.on("deleted");
    let only = params.text("subject").to_owned();
    let all = view.subjects(deleted).filter(move |(name, _)| only.is_empty() || *name == only);
    all.filter_map(move |(name, subject)| {
        let version = subject.versions(deleted).into_iter().find(|(_, known)| *known == id)?;
        Some((name, version.0))
    })
}
