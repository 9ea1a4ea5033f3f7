//! Commands after they were sent: where they stand, and what a person does about those that do not end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use evento_log::intake::{Answer, Ask, CommandRef, CommandStatus, Done, ListFilter, Status};
use evento_model::{CommandId, EntityKey, ResourceName};
use evento_schema::catalog::{Catalog, EntityType};
use serde::Deserialize;
use serde_json::json;

use crate::document::Writer;
use crate::node::Node;
use crate::preference::{Preference, long_as_string};
use crate::problem::Problem;
use crate::read::{number, page_limit};
use crate::routes::Gateway;
use crate::send::{Show, entity_id, find_entity, json as json_response, outcome_or_status, respond};

/// Commands grouped at most.
const GROUPED_MAX: usize = 100_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CommandsQuery {
    status: Option<String>,
    entity: Option<String>,
    function: Option<String>,
    fingerprint: Option<String>,
    id: Option<String>,
    limit: Option<String>,
}

#[derive(Deserialize)]
struct AbandonBody {
    reason: String,
}

fn reference(entity: &EntityType, id: &str, command: &str) -> Result<CommandRef, Problem> {
    let key = EntityKey { entity: entity.id, id: entity_id(id)? };
    let command_id = CommandId::new(command).map_err(|error| Problem::new(1006, format!("the command id: {error}")))?;
    Ok(CommandRef { key, command_id })
}

/// `GET /v1/entities/{entity}/{id}/commands/{commandId}`
pub(crate) async fn get(
    State(gateway): State<Arc<Gateway>>,
    Path((entity, id, command)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let node = &*gateway.node;
    let catalog = node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let command = reference(entity, &id, &command)?;
    let show = Show { long_as_string: long_as_string(&headers), with_state: false };
    if let Some(done) = finished(node, &command)? {
        return respond(&gateway, &catalog, entity, Answer::Done(Arc::new(done)), &command, show);
    }
    let answer = match Preference::read(&headers).wait {
        None => node.ask(Ask::Status(command.clone())).await.map_err(|_| crate::send::gone())?,
        Some(wait) => outcome_or_status(node, node.ask(Ask::Wait(command.clone())), &command, wait).await?,
    };
    // It may have ended between the two questions.
    let answer = match answer {
        Answer::NotUnfinished => finished(node, &command)?.map_or(Answer::NotUnfinished, |d| Answer::Done(Arc::new(d))),
        other => other,
    };
    respond(&gateway, &catalog, entity, answer, &command, show)
}

/// The outcome that the log has under an id.
fn finished(node: &dyn Node, command: &CommandRef) -> Result<Option<Done>, Problem> {
    let Some(found) = node.log().outcome(&command.key, &command.command_id)? else { return Ok(None) };
    let at = found.event_position;
    let count = (found.seq_last - found.seq_first + 1) as u32;
    let events: Vec<_> =
        node.log().events(at.entity, at.partition, at.offset, count)?.into_iter().map(|event| event.record).collect();
    let Some(first) = events.first() else { return Ok(None) };
    Ok(Some(Done {
        command_position: None,
        key: command.key.clone(),
        command_id: command.command_id.clone(),
        command_type: first.command_type.clone(),
        outcome: found.outcome,
        events,
        state: None,
        position: at,
        attempts: found.attempts,
        revision: found.revision,
        accepted_at: found.accepted_at,
        committed_at: found.committed_at,
        replayed: false,
    }))
}

/// `POST /v1/entities/{entity}/{id}/commands/{commandId}/{verb}`
pub(crate) async fn operate(
    State(gateway): State<Arc<Gateway>>,
    Path((entity, id, command, verb)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    let node = &*gateway.node;
    let catalog = node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let command = reference(entity, &id, &command)?;
    let ask = match verb.as_str() {
        "retry" => Ask::Retry(command.clone()),
        "park" => Ask::Park(command.clone()),
        "abandon" => {
            let wanted = || Problem::new(1002, "abandon needs a body {\"reason\": \"…\"}: it goes into the event");
            let AbandonBody { reason } = serde_json::from_slice(&body).map_err(|_| wanted())?;
            if reason.trim().is_empty() || reason.len() > 1_000 {
                return Err(Problem::new(1003, "the reason must have 1 to 1,000 bytes"));
            }
            Ask::Abandon { command: command.clone(), by: "operator".into(), reason: reason.into() }
        }
        other => return Err(Problem::new(1021, format!("{other:?} cannot be done with a command"))),
    };
    let wait = Preference::read(&headers).wait.unwrap_or(Duration::from_secs(10));
    let answer = match tokio::time::timeout(wait, node.ask(ask)).await {
        Ok(answer) => answer.map_err(|_| crate::send::gone())?,
        Err(_) => node.ask(Ask::Status(command.clone())).await.map_err(|_| crate::send::gone())?,
    };
    let answer = match answer {
        Answer::NotUnfinished if finished(node, &command)?.is_some() => {
            let detail = format!("command {} has ended; what has ended stays as it is", command.command_id);
            return Err(Problem::new(1021, detail).status(StatusCode::CONFLICT));
        }
        other => other,
    };
    let show = Show { long_as_string: long_as_string(&headers), with_state: false };
    respond(&gateway, &catalog, entity, answer, &command, show)
}

fn filter(catalog: &Catalog, query: &CommandsQuery, limit: usize) -> Result<ListFilter, Problem> {
    let status = match query.status.as_deref() {
        None => None,
        Some(text) => Some(Status::parse(text).ok_or_else(|| {
            let known = "queued, waiting, running, retrying, parked";
            Problem::new(1002, format!("status is {text:?}; known are {known}"))
        })?),
    };
    let function = query.function.as_deref().map(ResourceName::new).transpose();
    let command_id = query.id.as_deref().map(CommandId::new).transpose();
    Ok(ListFilter {
        entity: query.entity.as_deref().map(|name| find_entity(catalog, name).map(|e| e.id)).transpose()?,
        status,
        function: function.map_err(|error| Problem::new(1002, format!("function: {}", error.message)))?,
        fingerprint: query.fingerprint.clone(),
        command_id: command_id.map_err(|error| Problem::new(1006, format!("id: {error}")))?,
        limit,
    })
}

async fn listed(node: &dyn Node, filter: ListFilter) -> Result<Vec<CommandStatus>, Problem> {
    match node.ask(Ask::List(filter)).await.map_err(|_| crate::send::gone())? {
        Answer::Listed(list) => Ok(list),
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Ok(Vec::new()),
    }
}

/// `GET /v1/commands`
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<CommandsQuery>,
) -> Result<Response<Body>, Problem> {
    let catalog = gateway.node.catalog();
    let limit = page_limit(query.limit.as_deref())?;
    let mut found = listed(&*gateway.node, filter(&catalog, &query, limit)?).await?;
    found.sort_by(|a, b| (a.accepted_at, &a.command_id).cmp(&(b.accepted_at, &b.command_id)));
    let mut writer = Writer::new(&catalog, false, gateway.limits.stacks);
    writer.out.extend_from_slice(b"{\"items\":[");
    for (n, status) in found.iter().enumerate() {
        if n > 0 {
            writer.out.push(b',');
        }
        writer.status(status);
    }
    writer.out.extend_from_slice(b"],\"nextCursor\":null}");
    Ok(json_response(StatusCode::OK, writer.out))
}

/// `GET /v1/commands/groups`
pub(crate) async fn groups(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<CommandsQuery>,
) -> Result<Response<Body>, Problem> {
    let catalog = gateway.node.catalog();
    if let Some(limit) = query.limit.as_deref() {
        number("limit", limit)?;
    }
    let found = listed(&*gateway.node, filter(&catalog, &query, GROUPED_MAX)?).await?;
    let mut groups: BTreeMap<String, (u64, CommandStatus)> = BTreeMap::new();
    for status in found {
        let Some(fingerprint) = status.last_error.as_ref().map(|error| error.fingerprint.clone()) else { continue };
        let group = groups.entry(fingerprint).or_insert_with(|| (0, status.clone()));
        group.0 += 1;
        if status.accepted_at < group.1.accepted_at {
            group.1 = status;
        }
    }
    let items: Vec<_> = groups
        .into_iter()
        .filter_map(|(fingerprint, (count, oldest))| {
            let error = oldest.last_error?;
            Some(json!({
                "fingerprint": fingerprint, "count": count, "code": error.code.to_string(), "title": error.title,
                "detail": error.detail, "function": error.function, "oldest": oldest.accepted_at.rfc3339().to_string(),
                "example": {"id": oldest.key.id.as_str(), "commandId": oldest.command_id.as_str(),
                    "command": oldest.command_type.as_str()},
            }))
        })
        .collect();
    Ok(json_response(StatusCode::OK, json!({ "items": items }).to_string().into_bytes()))
}
