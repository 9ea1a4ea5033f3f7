//! Posted schemas: read, looked up, and never taken.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use evento_schema::avro::Schema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::kept::Reference;
use super::params::{self, Params};
use super::subjects::described;
use super::view::View;
use super::{Api, blocking};

/// Most references of a posted schema: as many as a topic has records.
const REFERENCES_MAX: usize = 2_000;

/// The body of a POST, as far as it matters here.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    schema: Option<String>,
    #[serde(default, rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

/// `POST /subjects/{subject}/versions`: a schema that is registered already, under whatever subject, answers its id.
pub(super) async fn register(State(api): State<Arc<Api>>, Path(name): Path<String>, body: Bytes) -> Answer {
    let name = params::subject(&name)?;
    let (view, schema) = read(&api, body).await?;
    let here = view.subject(name, false).and_then(|subject| view.find(subject, &schema, false));
    let id = here.map(|(_, id)| id).or_else(|| view.id_of(&schema));
    let id = id.ok_or_else(|| Refusal::not_here(unknown(&view, &schema)))?;
    let mut document = json!({"id": id.0});
    if let Some((version, _)) = here {
        document["version"] = version.into();
    }
    if let Some(guid) = view.guid(id) {
        document["guid"] = guid.to_string().into();
    }
    Ok(document.into())
}

/// `POST /subjects/{subject}`: which version of the subject a schema is.
pub(super) async fn look_up(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Answer {
    let name = params::subject(&name)?;
    let deleted = params.on("deleted");
    let (view, schema) = read(&api, body).await?;
    let subject = view.subject(name, deleted).ok_or_else(|| Refusal::no_subject(name))?;
    let found = view.find(subject, &schema, deleted);
    let (version, id) = found.ok_or_else(|| Refusal::new(40403, "Schema not found"))?;
    Ok(described(&view, name, version, id, params.text("format")).into())
}

/// Reads a posted schema, with its references put in place.
///
/// # Errors
///
/// 400 where the body is no JSON, 42201 where it holds no schema of Avro.
pub(super) async fn read(api: &Api, body: Bytes) -> Result<(Arc<View>, Schema), Refusal> {
    let body: Body = serde_json::from_slice(&body).map_err(|error| Refusal::new(400, error.to_string()))?;
    let view = api.view().await?;
    let _permit = api.reading.acquire().await.map_err(Refusal::fault)?;
    blocking(move || parse(&view, &body).map(|schema| (view, schema))).await?
}

fn parse(view: &View, body: &Body) -> Result<Schema, Refusal> {
    if let Some(kind) = body.kind.as_deref().filter(|kind| !kind.is_empty() && !kind.eq_ignore_ascii_case("AVRO")) {
        let shown: String = kind.chars().take(80).collect();
        return Err(Refusal::invalid(format!("schemas of type {shown} are not known here, only AVRO")));
    }
    let references = body.references.as_deref().unwrap_or_default();
    if references.len() > REFERENCES_MAX {
        return Err(Refusal::invalid(format!("more than {REFERENCES_MAX} references")));
    }
    let named = references.iter().map(|reference| {
        let subject = view.subject(&reference.subject, true);
        let version =
            subject.and_then(|known| known.versions(true).into_iter().find(|(number, _)| *number == reference.version));
        let shown = version.and_then(|(_, id)| view.schema(id)).map(|shown| shown.schema.clone());
        let missing =
            || format!("reference {}: no version {} of {}", reference.name, reference.version, reference.subject);
        shown.ok_or_else(|| Refusal::invalid(missing()))
    });
    let named = named.collect::<Result<Vec<Schema>, Refusal>>()?;
    let text = body.schema.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Refusal::invalid("the schema is empty"));
    }
    Schema::parse_with(text, &named).map_err(Refusal::invalid)
}

/// Why a schema is not known, in words that lead on.
fn unknown(view: &View, schema: &Schema) -> String {
    let Some(name) = schema.full_name() else { return "this schema is not registered".to_owned() };
    let holds = |id| view.schema(id).is_some_and(|shown| shown.schema.full_name() == Some(name));
    let alike = view.subjects(false).find(|(_, subject)| subject.versions(false).into_iter().any(|(_, id)| holds(id)));
    match alike {
        Some((subject, _)) => format!("this schema of {name} is not one of the versions of {subject}"),
        None => format!("{name} is not registered"),
    }
}
