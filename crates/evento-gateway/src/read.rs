//! Reading instances: the state now, at a version, at a time; the history; who there is.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evento_log::intake::{Answer, Ask, ListFilter, Status};
use evento_log::view::StoredState;
use evento_model::{EntityId, EntityKey, OnPark, Sequence, TopicKind};
use evento_schema::avro::{JsonOptions, to_json};
use evento_schema::catalog::{Catalog, EntityType};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::Writer;
use crate::node::Node;
use crate::preference::{Preference, long_as_string, wants_stream};
use crate::problem::Problem;
use crate::routes::Gateway;
use crate::send::{entity_id, find_entity, json as json_response, put};
use crate::tail;

/// Items of a page: default and most.
const PAGE: (usize, usize) = (50, 500);
/// Events of a history that are read for a look at a time.
const HISTORY_PAGE: usize = 500;
/// Longest wait for a position, when no wait is given.
const POSITION_WAIT: Duration = Duration::from_secs(5);
/// Positions in `Evento-After`.
const POSITIONS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateQuery {
    seq: Option<String>,
    at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EventsQuery {
    from_seq: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    diff: Option<bool>,
    limit: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    prefix: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// `GET /v1/entities/{entity}/{id}`
pub(crate) async fn state(
    State(gateway): State<Arc<Gateway>>,
    Path((entity, id)): Path<(String, String)>,
    Query(query): Query<StateQuery>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let node = &*gateway.node;
    let catalog = node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let key = EntityKey { entity: entity.id, id: entity_id(&id)? };
    await_positions(node, &catalog, &headers).await?;
    let missing = || Problem::new(1020, format!("{}/{} has no events yet", entity.name, key.id.as_str()));
    let newest = node.log().state(&key)?.ok_or_else(missing)?;
    if newest.is_lost() {
        let detail = format!("the states of {} are made anew from the events", entity.name);
        return Err(Problem::new(4006, detail));
    }
    let wanted = match (&query.seq, &query.at) {
        (Some(_), Some(_)) => return Err(Problem::new(1002, "seq and at cannot both be given")),
        (Some(seq), None) => Some(number("seq", seq)?),
        (None, Some(at)) => Some(seq_at(node, &key, at)?.ok_or_else(|| {
            Problem::new(1020, format!("{}/{} had no events yet at {at}", entity.name, key.id.as_str()))
        })?),
        (None, None) => None,
    };
    let state = match wanted {
        None => newest,
        Some(seq) if seq == newest.seq => newest,
        Some(0) => return Err(missing()),
        Some(seq) if seq > newest.seq => {
            let detail = format!("{}/{} is at seq {}, there is no {seq}", entity.name, key.id.as_str(), newest.seq);
            return Err(Problem::new(1020, detail).with("seq", newest.seq));
        }
        Some(seq) => node.state_at(&key, seq).await?,
    };
    let tag = format!("\"{}\"", state.seq);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes()) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        put(response.headers_mut(), header::ETAG, &tag);
        return Ok(response);
    }
    let blocked_by = blocked_by(node, entity, &key).await;
    let mut writer = Writer::new(&catalog, long_as_string(&headers), gateway.limits.stacks);
    writer.state(entity, key.id.as_str(), &state, blocked_by.as_deref());
    let mut response = json_response(StatusCode::OK, writer.out);
    put(response.headers_mut(), header::ETAG, &tag);
    Ok(response)
}

/// The parked command that keeps an instance from going on.
async fn blocked_by(node: &dyn Node, entity: &EntityType, key: &EntityKey) -> Option<String> {
    if entity.on_park != OnPark::Block {
        return None;
    }
    let filter =
        ListFilter { entity: Some(entity.id), status: Some(Status::Parked), limit: 10_000, ..ListFilter::default() };
    let Ok(Answer::Listed(parked)) = node.ask(Ask::List(filter)).await else { return None };
    let found = parked.into_iter().find(|status| status.key == *key);
    found.map(|status| status.command_id.as_str().to_owned())
}

pub(crate) fn number(name: &str, text: &str) -> Result<u64, Problem> {
    let wrong = || Problem::new(1002, format!("{name} is {text:?}; it must be a whole number from 0"));
    text.parse::<u64>().map_err(|_| wrong())
}

/// The number of the last event committed at or before a time.
fn seq_at(node: &dyn Node, key: &EntityKey, at: &str) -> Result<Option<Sequence>, Problem> {
    let time: jiff::Timestamp = at
        .parse()
        .map_err(|_| Problem::new(1002, format!("at is {at:?}; it must be a time like 2026-11-23T06:00:00Z")))?;
    let mut found = None;
    let mut from = 1;
    loop {
        let events = node.log().history(key, from, HISTORY_PAGE)?;
        for event in &events {
            if event.committed_at.0 > time.as_millisecond() {
                return Ok(found);
            }
            found = Some(event.record.seq);
        }
        if events.len() < HISTORY_PAGE {
            return Ok(found);
        }
        from += events.len() as u64;
    }
}

/// Waits until every position of `Evento-After` can be seen.
async fn await_positions(node: &dyn Node, catalog: &Catalog, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get("evento-after") else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let tokens: Vec<&str> = text.split(',').map(str::trim).collect();
    let preference = Preference::read(headers);
    if tokens.len() > POSITIONS_MAX {
        return Err(Problem::new(1022, format!("{} positions; at most {POSITIONS_MAX} are taken", tokens.len())));
    }
    let until = tokio::time::Instant::now() + preference.wait.unwrap_or(POSITION_WAIT);
    for token in tokens {
        let bad = || Problem::new(1022, format!("{token:?} is no position that Evento gave"));
        let mut parts = token.rsplitn(3, '/');
        let offset = parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or_else(bad)?;
        let partition = parts.next().and_then(|part| part.parse::<u32>().ok()).ok_or_else(bad)?;
        let name = parts.next().and_then(|topic| topic.strip_suffix(".events")).ok_or_else(bad)?;
        let entity = catalog.find_entity(name).map_err(|_| bad())?.id;
        let mut durable = node.log().watch();
        while node.log().end_offset(entity, TopicKind::Events, partition) <= offset {
            let grown = tokio::time::timeout_at(until, durable.changed()).await;
            if !matches!(grown, Ok(Ok(()))) {
                if preference.lenient {
                    return Ok(());
                }
                return Err(Problem::new(1012, format!("{token} cannot be seen yet")));
            }
        }
    }
    Ok(())
}

/// `GET /v1/entities/{entity}/{id}/events`
pub(crate) async fn events(
    State(gateway): State<Arc<Gateway>>,
    Path((entity, id)): Path<(String, String)>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let catalog = gateway.node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let key = EntityKey { entity: entity.id, id: entity_id(&id)? };
    let from = match (&query.cursor, &query.from_seq) {
        (Some(cursor), _) => read_cursor(cursor, "h", key.id.as_str())?.parse().map_err(|_| bad_cursor())?,
        (None, Some(text)) => number("fromSeq", text)?.max(1),
        (None, None) => 1,
    };
    if wants_stream(&headers) {
        let types = query.kind.into_iter().collect();
        return tail::instance(gateway.clone(), entity.clone(), key, from, types, &headers);
    }
    await_positions(&*gateway.node, &catalog, &headers).await?;
    if gateway.node.log().state(&key)?.is_none() {
        return Err(Problem::new(1020, format!("{}/{} has no events yet", entity.name, key.id.as_str())));
    }
    let limit = page_limit(query.limit.as_deref())?;
    let found = gateway.node.log().history(&key, from, limit + 1)?;
    let next = found.get(limit).map(|event| cursor("h", key.id.as_str(), &event.record.seq.to_string()));
    let mut writer = Writer::new(&catalog, long_as_string(&headers), gateway.limits.stacks);
    let mut before = match query.diff {
        Some(true) if from > 1 => Some(shown(&catalog, &gateway.node.state_at(&key, from - 1).await?)),
        Some(true) => Some(Value::Null),
        _ => None,
    };
    writer.out.extend_from_slice(b"{\"items\":[");
    let mut first = true;
    for event in found.iter().take(limit) {
        let mut changes = None;
        if let Some(before) = &mut before {
            let after = shown(&catalog, &gateway.node.state_at(&key, event.record.seq).await?);
            changes = Some(patch(before, &after));
            *before = after;
        }
        if query.kind.as_deref().is_some_and(|kind| !same_type(kind, event.record.type_name.as_str())) {
            continue;
        }
        if !std::mem::take(&mut first) {
            writer.out.push(b',');
        }
        writer.event(entity, &event.record, event.committed_at);
        if let Some(changes) = changes {
            writer.out.pop();
            writer.out.extend_from_slice(b",\"patch\":");
            writer.out.extend_from_slice(Value::from(changes).to_string().as_bytes());
            writer.out.push(b'}');
        }
    }
    writer.out.extend_from_slice(format!("],\"nextCursor\":{}}}", json!(next)).as_bytes());
    Ok(json_response(StatusCode::OK, writer.out))
}

/// Full or short name.
pub(crate) fn same_type(wanted: &str, full_name: &str) -> bool {
    wanted == full_name || full_name.rsplit_once('.').is_some_and(|(_, short)| short == wanted)
}

/// A state as a JSON value.
fn shown(catalog: &Catalog, state: &StoredState) -> Value {
    let (Some(bytes), Some(schema)) = (&state.state, catalog.schema(state.schema)) else { return Value::Null };
    let mut out = Vec::new();
    match to_json(schema, bytes, &JsonOptions { long_as_string: false }, &mut out) {
        Ok(()) => serde_json::from_slice(&out).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    }
}

/// A JSON Patch (RFC 6902) from one state to the next, field by field.
fn patch(before: &Value, after: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    differ("", before, after, &mut operations);
    operations
}

fn differ(path: &str, before: &Value, after: &Value, operations: &mut Vec<Value>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => {
            let pointer = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                operations.push(json!({"op": "remove", "path": pointer(key)}));
            }
            for (key, value) in after {
                match before.get(key) {
                    Some(old) => differ(&pointer(key), old, value, operations),
                    None => operations.push(json!({"op": "add", "path": pointer(key), "value": value})),
                }
            }
        }
        _ => operations.push(json!({"op": "replace", "path": path, "value": after})),
    }
}

/// `GET /v1/entities/{entity}`
pub(crate) async fn instances(
    State(gateway): State<Arc<Gateway>>,
    Path(entity): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response<Body>, Problem> {
    let catalog = gateway.node.catalog();
    let entity = find_entity(&catalog, &entity)?;
    let limit = page_limit(query.limit.as_deref())?;
    let prefix = query.prefix.clone().unwrap_or_default();
    let blocked = match query.status.as_deref() {
        None => None,
        Some("blocked") => Some(blocked_instances(&*gateway.node, entity).await),
        Some(other) => return Err(Problem::new(1002, format!("status is {other:?}; only blocked is known"))),
    };
    let mut after = match &query.cursor {
        None => None,
        Some(cursor) => {
            let text = read_cursor(cursor, "i", &prefix)?;
            let (partition, id) = text.split_once('/').ok_or_else(bad_cursor)?;
            Some((partition.parse().map_err(|_| bad_cursor())?, EntityId::new(id).map_err(|_| bad_cursor())?))
        }
    };
    let mut writer = Writer::new(&catalog, false, false);
    writer.out.extend_from_slice(b"{\"items\":[");
    let (mut count, mut next) = (0, None);
    'pages: loop {
        let rows = gateway.node.log().instances(entity.id, after.clone(), HISTORY_PAGE)?;
        let last = rows.len() < HISTORY_PAGE;
        for row in rows {
            let place = (row.partition, row.id.clone());
            let fits = row.id.as_str().starts_with(&prefix) && blocked.as_ref().is_none_or(|b| b.contains(&row.id));
            if fits && count == limit {
                let at: Option<&(u32, EntityId)> = after.as_ref();
                next = at.map(|(partition, id)| cursor("i", &prefix, &format!("{partition}/{}", id.as_str())));
                break 'pages;
            }
            if fits {
                if count > 0 {
                    writer.out.push(b',');
                }
                count += 1;
                writer.out.push(b'{');
                writer.text("entity", entity.full_name.as_str());
                writer.text("id", row.id.as_str());
                writer.number("seq", row.state.seq);
                writer.time("updatedAt", row.state.updated_at);
                writer.out.push(b'}');
            }
            after = Some(place);
        }
        if last {
            break;
        }
    }
    writer.out.extend_from_slice(format!("],\"nextCursor\":{}}}", json!(next)).as_bytes());
    Ok(json_response(StatusCode::OK, writer.out))
}

async fn blocked_instances(node: &dyn Node, entity: &EntityType) -> std::collections::HashSet<EntityId> {
    if entity.on_park != OnPark::Block {
        return Default::default();
    }
    let filter =
        ListFilter { entity: Some(entity.id), status: Some(Status::Parked), limit: 100_000, ..ListFilter::default() };
    match node.ask(Ask::List(filter)).await {
        Ok(Answer::Listed(parked)) => parked.into_iter().map(|status| status.key.id).collect(),
        _ => Default::default(),
    }
}

pub(crate) fn page_limit(text: Option<&str>) -> Result<usize, Problem> {
    match text {
        None => Ok(PAGE.0),
        Some(text) => match number("limit", text)? as usize {
            0 => Err(Problem::new(1002, "limit begins at 1")),
            limit => Ok(limit.min(PAGE.1)),
        },
    }
}

/// An opaque cursor, bound to its query.
pub(crate) fn cursor(kind: &str, query: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!([kind, query, place]).to_string())
}

/// The place of a cursor, if it belongs to this query.
pub(crate) fn read_cursor(text: &str, kind: &str, query: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad_cursor())?;
    let parts: [String; 3] = serde_json::from_slice(&bytes).map_err(|_| bad_cursor())?;
    let [found_kind, found_query, place] = parts;
    if found_kind != kind || found_query != query { Err(bad_cursor()) } else { Ok(place) }
}

pub(crate) fn bad_cursor() -> Problem {
    Problem::new(1022, "this cursor was not given for this query; begin again without one")
}

#[cfg(test)]
mod tests {
    use super::{cursor, patch, read_cursor};
    use serde_json::json;

    #[test]
    fn a_patch_names_the_fields_that_changed() {
        let patch = patch(
            &json!({"a": 1, "b": {"c": 2, "x/y": 0}, "gone": 1}),
            &json!({"a": 1, "b": {"c": 3, "x/y": 1}, "new": 4}),
        );
        let wanted = json!([
            {"op": "remove", "path": "/gone"},
            {"op": "replace", "path": "/b/c", "value": 3},
            {"op": "replace", "path": "/b/x~1y", "value": 1},
            {"op": "add", "path": "/new", "value": 4},
        ]);
        assert_eq!(json!(patch), wanted);
    }

    #[test]
    fn a_cursor_is_bound_to_its_query() {
        let text = cursor("i", "a", "3/zoë/x");
        assert_eq!(read_cursor(&text, "i", "a").expect("valid"), "3/zoë/x");
        for (kind, query) in [("h", "a"), ("i", "b")] {
            assert!(read_cursor(&text, kind, query).is_err());
        }
        assert!(read_cursor("%%%", "i", "a").is_err());
    }
}
