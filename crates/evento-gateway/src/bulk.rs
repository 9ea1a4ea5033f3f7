//! Many commands in one request: newline-delimited JSON in, one line per command out, in their order.
//!
//! A bad line gets its problem and stops nothing. Commands of one instance keep their order.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use evento_log::intake::{Answer, Ask, CommandRef, Offer, Want};
use evento_model::{CommandId, EntityKey};
use evento_schema::avro::from_json;
use evento_schema::catalog::{Catalog, EntityType};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::document::Writer;
use crate::preference::{Preference, long_as_string, media_type};
use crate::problem::Problem;
use crate::routes::Gateway;
use crate::send::{bad_json, entity_id, find_entity, outcome_or_status, unknown};

/// Most commands in one request.
const LINES_MAX: usize = 10_000;

/// Bytes of an outcome document, about.
const OUTCOME_BYTES: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    entity: String,
    id: String,
    command: String,
    #[serde(borrow)]
    data: &'a RawValue,
    idempotency_key: Option<String>,
    if_seq: Option<u64>,
    correlation_id: Option<String>,
    causation_id: Option<String>,
}

type Asked = (Arc<EntityType>, CommandRef, oneshot::Receiver<Answer>);

/// `POST /v1/commands`
pub(crate) async fn send_many(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    match media_type(&headers) {
        Some("application/x-ndjson" | "application/jsonl") => {}
        other => {
            let other = other.unwrap_or("none");
            return Err(Problem::new(1004, format!("{other:?} is not read here; send application/x-ndjson")));
        }
    }
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() > LINES_MAX {
        return Err(Problem::new(1005, format!("{} commands; at most {LINES_MAX} are taken at once", lines.len())));
    }
    let catalog = gateway.node.catalog();
    let preference = Preference::read(&headers);
    let async_only = preference.async_only();
    let want = if async_only { Want::Stored } else { Want::Outcome };
    let until = Instant::now() + preference.wait.unwrap_or(gateway.limits.wait);
    // All are asked before the first is waited for, so that they travel together.
    let asked: Vec<Result<Asked, Problem>> =
        lines.into_iter().map(|line| ask(&gateway, &catalog, line, want)).collect();
    let mut writer = Writer::new(&catalog, long_as_string(&headers), gateway.limits.stacks);
    writer.out.reserve(asked.len() * OUTCOME_BYTES);
    for asked in asked {
        let done = match asked {
            Ok((entity, command, answer)) => {
                let wait = if async_only { Duration::MAX / 4 } else { until.saturating_duration_since(Instant::now()) };
                let answer = outcome_or_status(&*gateway.node, answer, &command, wait).await;
                answer.and_then(|answer| line(&mut writer, &entity, answer, preference.representation))
            }
            Err(problem) => Err(problem.recorded(Some(false))),
        };
        if let Err(problem) = done {
            writer.out.extend_from_slice(problem.document().to_string().as_bytes());
        }
        writer.out.push(b'\n');
    }
    let mut response = Response::new(Body::from(writer.out));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    preference.mark(&mut response);
    Ok(response)
}

fn ask(gateway: &Gateway, catalog: &Catalog, line: &[u8], want: Want) -> Result<Asked, Problem> {
    let line: Line<'_> = serde_json::from_slice(line)
        .map_err(|error| Problem::new(1002, format!("this line is no command: {error}")))?;
    let entity = find_entity(catalog, &line.entity)?;
    let command = entity.find_command(&line.command).map_err(|error| unknown(&error, "command"))?;
    let key = EntityKey { entity: entity.id, id: entity_id(&line.id)? };
    let newest = command.newest();
    let data = line.data.get().as_bytes();
    let payload = from_json(&newest.schema, data).map_err(|violations| bad_json(data, &violations))?;
    let supplied = line.idempotency_key.map(|text| CommandId::new(&text)).transpose();
    let offer = Offer {
        key: key.clone(),
        supplied: supplied.map_err(|error| Problem::new(1006, format!("idempotencyKey: {error}")))?,
        type_name: command.full_name.clone(),
        schema: newest.id,
        payload: payload.into(),
        if_seq: line.if_seq,
        correlation: line.correlation_id.filter(|text| text.len() <= 256).map(Arc::from),
        causation: line.causation_id.filter(|text| text.len() <= 256).map(Arc::from),
        traceparent: None,
    };
    let node = &*gateway.node;
    let record = offer.record(|| node.new_id(), node.now(), node.seed());
    let command_id = record.command_id.clone();
    let answer = gateway.node.ask(Ask::Send { entity: entity.id, command: Box::new(record), want });
    Ok((entity.clone(), CommandRef { key, command_id }, answer))
}

fn line(writer: &mut Writer<'_>, entity: &EntityType, answer: Answer, with_state: bool) -> Result<(), Problem> {
    match answer {
        Answer::Done(done) => writer.outcome(entity, &done, with_state),
        Answer::Unfinished(status) => writer.status(&status),
        Answer::Refused(refusal) => return Err(Problem::of_send(refusal)),
        Answer::NotUnfinished | Answer::Listed(_) => return Err(crate::send::gone()),
    }
    Ok(())
}
