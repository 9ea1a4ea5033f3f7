//! Sending a command: the hot path. Checked here completely, so that what is stored is valid for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use evento_log::intake::{Answer, Ask, CommandRef, CommandStatus, Done, Offer, Want};
use evento_model::{CommandId, EntityId, EntityKey, SchemaId};
use evento_schema::avro::{Checked, check, from_json};
use evento_schema::catalog::{Catalog, CommandType, EntityType, LookupError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::document::{Writer, outcome_word, position};
use crate::node::Node;
use crate::preference::{Preference, idempotency_key, if_seq, long_as_string, media_type};
use crate::problem::Problem;
use crate::routes::Gateway;

/// How long the answer that must come is waited for, once the command path has said that it comes.
const GRACE: Duration = Duration::from_secs(5);
const PRECONDITION_FAILED: &str = "evento.CommandPreconditionFailed";

/// `POST /v1/entities/{entity}/{id}/commands/{command}`
pub(crate) async fn send(
    State(gateway): State<Arc<Gateway>>,
    Path((entity, id, command)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    let node = &*gateway.node;
    let catalog = node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let command = entity.find_command(&command).map_err(|error| unknown(&error, "command"))?;
    let key = EntityKey { entity: entity.id, id: entity_id(&id)? };
    let (schema, payload) = read_payload(&headers, command, &body)?;
    let preference = Preference::read(&headers);
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).filter(|t| t.len() <= 256).map(Arc::from);
    let supplied = idempotency_key(&headers)?;
    if supplied.is_none() && gateway.limits.require_key {
        return Err(Problem::new(1014, "send the header Idempotency-Key with every command"));
    }
    let offer = Offer {
        key: key.clone(),
        supplied,
        type_name: command.full_name.clone(),
        schema,
        payload,
        if_seq: if_seq(&headers)?,
        correlation: text("evento-correlation-id"),
        causation: text("evento-causation-id"),
        traceparent: text("traceparent"),
    };
    let record = offer.record(|| node.new_id(), node.now(), node.seed());
    let command_id = record.command_id.clone();
    let async_only = preference.async_only();
    let want = if async_only { Want::Stored } else { Want::Outcome };
    let wait = preference.wait.unwrap_or(gateway.limits.wait);
    let answer = node.ask(Ask::Send { entity: entity.id, command: Box::new(record), want });
    let reference = CommandRef { key, command_id };
    let answer = match async_only {
        true => answer.await.map_err(|_| gone())?,
        false => outcome_or_status(node, answer, &reference, wait).await?,
    };
    if let Answer::Refused(refusal) = answer {
        return Err(Problem::of_send(refusal));
    }
    let show = Show { long_as_string: long_as_string(&headers), with_state: preference.representation };
    let mut response = respond(&gateway, &catalog, entity, answer, &reference, show)?;
    preference.mark(&mut response);
    Ok(response)
}

/// How an answer is to be shown.
#[derive(Clone, Copy)]
pub(crate) struct Show {
    pub(crate) long_as_string: bool,
    pub(crate) with_state: bool,
}

/// The outcome if it comes in time; else the status, once the command is durable.
pub(crate) async fn outcome_or_status(
    node: &dyn Node,
    mut answer: oneshot::Receiver<Answer>,
    command: &CommandRef,
    wait: Duration,
) -> Result<Answer, Problem> {
    match answer.try_recv() {
        Ok(answer) => return Ok(answer),
        Err(oneshot::error::TryRecvError::Closed) => return Err(gone()),
        Err(oneshot::error::TryRecvError::Empty) => {}
    }
    let until = Instant::now() + wait;
    if let Ok(answer) = tokio::time::timeout_at(until, &mut answer).await {
        return answer.map_err(|_| gone());
    }
    let stored = node.ask(Ask::Persist(command.clone()));
    tokio::select! {
        biased;
        answer = &mut answer => answer.map_err(|_| gone()),
        stored = stored => match stored.map_err(|_| gone())? {
            // It ended in this moment: its answer is on the way.
            Answer::NotUnfinished => match tokio::time::timeout(GRACE, answer).await {
                Ok(answer) => answer.map_err(|_| gone()),
                Err(_) => Err(gone()),
            },
            other => Ok(other),
        },
    }
}

/// The command path ended before it answered.
pub(crate) fn gone() -> Problem {
    Problem::new(
        4001,
        "the server is ending; whether the command was recorded is known by sending it again with its key",
    )
    .recorded(None)
}

pub(crate) fn find_entity<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Arc<EntityType>, Problem> {
    catalog.find_entity(name).map_err(|error| unknown(&error, "entity"))
}

pub(crate) fn unknown(error: &LookupError, what: &str) -> Problem {
    let detail = match error.code.0 {
        2003 => format!("{:?} is the name of more than one {what}", error.name),
        _ if error.candidates.is_empty() => format!("no {what} is called {:?}", error.name),
        _ => format!("no {what} is called {:?}; did you mean {}?", error.name, error.candidates.join(" or ")),
    };
    Problem::new(error.code.0, detail).with("candidates", error.candidates.clone())
}

pub(crate) fn entity_id(text: &str) -> Result<EntityId, Problem> {
    EntityId::new(text).map_err(|error| Problem::new(1006, format!("the instance id: {error}")))
}

/// The canonical payload and the registered version it is of.
fn read_payload(headers: &HeaderMap, command: &CommandType, body: &Bytes) -> Result<(SchemaId, Bytes), Problem> {
    match media_type(headers) {
        None | Some("application/json") => {
            let newest = command.newest();
            let payload = from_json(&newest.schema, body).map_err(|violations| bad_json(body, &violations))?;
            Ok((newest.id, payload.into()))
        }
        Some("avro/binary") => {
            let version = match headers.get("evento-schema-id") {
                None => command.newest(),
                Some(value) => {
                    let id = value.to_str().ok().and_then(|text| text.trim().parse::<u32>().ok()).map(SchemaId);
                    let known = command.versions.iter().find(|version| Some(version.id) == id);
                    known.ok_or_else(|| {
                        let ids: Vec<u32> = command.versions.iter().map(|version| version.id.0).collect();
                        let detail = format!("Evento-Schema-Id is {value:?}; this command has the schema ids {ids:?}");
                        Problem::new(1002, detail)
                    })?
                }
            };
            let checked = match check(&version.schema, body) {
                Ok(Checked::Canonical(_)) => body.clone(),
                Ok(Checked::Rewritten(bytes)) => bytes.into(),
                Err(error) => {
                    let detail = format!("{}: {} (at byte {})", error.path, error.message, error.offset);
                    return Err(Problem::new(1002, detail));
                }
            };
            Ok((version.id, checked))
        }
        Some(other) => {
            Err(Problem::new(1004, format!("{other:?} is not read here; send application/json or avro/binary")))
        }
    }
}

/// No JSON at all is another error than JSON of another shape.
pub(crate) fn bad_json(body: &[u8], violations: &[evento_schema::avro::JsonViolation]) -> Problem {
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) if !error.to_string().contains("recursion") => {
            let shown = if body.is_empty() { "the body is empty".to_owned() } else { error.to_string() };
            Problem::new(1002, format!("the body is no JSON: {shown}"))
        }
        _ => Problem::violations(violations),
    }
}

pub(crate) fn respond(
    gateway: &Gateway,
    catalog: &Catalog,
    entity: &EntityType,
    answer: Answer,
    command: &CommandRef,
    show: Show,
) -> Result<Response<Body>, Problem> {
    match answer {
        Answer::Done(done) => outcome(gateway, catalog, entity, &done, show),
        Answer::Unfinished(status) => Ok(accepted(gateway, catalog, entity, &status, show)),
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::NotUnfinished | Answer::Listed(_) => {
            Err(Problem::new(1021, format!("no command {} is known for this instance", command.command_id)))
        }
    }
}

pub(crate) fn outcome(
    gateway: &Gateway,
    catalog: &Catalog,
    entity: &EntityType,
    done: &Done,
    show: Show,
) -> Result<Response<Body>, Problem> {
    let seq = done.events.last().map_or(0, |event| event.seq);
    if done.events.iter().any(|event| event.type_name.as_str() == PRECONDITION_FAILED) {
        let problem = Problem::new(1011, "another command came first; this one was recorded as rejected");
        let event = format!("{}/{}/{seq}", entity.name, done.key.id.as_str());
        return Err(problem
            .recorded(Some(true))
            .with("seq", seq)
            .with("commandId", done.command_id.as_str())
            .with("event", event));
    }
    let mut writer = Writer::new(catalog, show.long_as_string, gateway.limits.stacks);
    writer.outcome(entity, done, show.with_state);
    let mut response = json(StatusCode::OK, writer.out);
    let headers = response.headers_mut();
    put(headers, header::ETAG, &format!("\"{seq}\""));
    headers.insert("evento-outcome", HeaderValue::from_static(outcome_word(done.outcome)));
    let token = position(entity, done.position.partition, done.position.offset);
    put(headers, HeaderName::from_static("evento-position"), &token);
    put(headers, header::LOCATION, &location(entity, done.key.id.as_str(), &done.command_id));
    if done.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn accepted(
    gateway: &Gateway,
    catalog: &Catalog,
    entity: &EntityType,
    status: &CommandStatus,
    show: Show,
) -> Response<Body> {
    let mut writer = Writer::new(catalog, show.long_as_string, gateway.limits.stacks);
    writer.status(status);
    let mut response = json(StatusCode::ACCEPTED, writer.out);
    let headers = response.headers_mut();
    put(headers, header::LOCATION, &location(entity, status.key.id.as_str(), &status.command_id));
    if status.status != evento_log::intake::Status::Parked {
        let next = status.next_attempt_at.map_or(1, |at| at.ms_since(gateway.node.now()).div_ceil(1_000).max(1));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(next));
    }
    response
}

pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn location(entity: &EntityType, id: &str, command: &CommandId) -> String {
    let (id, command) = (segment(id), segment(command.as_str()));
    format!("/v1/entities/{}/{id}/commands/{command}", entity.name)
}

/// A path segment, percent-encoded.
pub(crate) fn segment(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}
