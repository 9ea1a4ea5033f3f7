//! Events as they happen: server-sent events with resume, for one instance or for all.
//!
//! A reader takes at its own speed; events wait in the log, not in memory, so that a slow reader costs nothing
//! but its connection. Delivery is at least once after a resume, in order per instance.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use evento_log::embedded::Fault;
use evento_log::view::StoredEvent;
use evento_model::{EntityKey, EntityTypeId, Offset, Sequence, TopicKind};
use evento_schema::catalog::EntityType;
use futures::stream;
use serde_json::json;
use tokio::sync::watch;

use crate::document::Writer;
use crate::preference::{long_as_string, wants_stream};
use crate::problem::Problem;
use crate::read::{bad_cursor, page_limit, same_type};
use crate::routes::Gateway;
use crate::send::{find_entity, json as json_response};

/// Events taken out of the log at once.
const BATCH: usize = 256;
/// Bytes taken out of one partition at once.
const BATCH_BYTES: usize = 64 << 10;
/// A comment this often, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The stream of one instance, from a sequence on; of some types only, if any are named.
pub(crate) fn instance(
    gateway: Arc<Gateway>,
    entity: Arc<EntityType>,
    key: EntityKey,
    from: Sequence,
    types: Vec<String>,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let resumed = match last_event_id(headers) {
        Some(text) => Some(text.parse::<Sequence>().map_err(|_| bad_cursor())? + 1),
        None => None,
    };
    let source = Source::Instance { entity, key, next: resumed.unwrap_or(from) };
    Ok(respond(Tail::new(gateway, source, types, long_as_string(headers))))
}

/// `GET /v1/events`
pub(crate) async fn all(
    State(gateway): State<Arc<Gateway>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let catalog = gateway.node.catalog();
    let (mut entities, mut types, mut from, mut limit) = (Vec::new(), Vec::new(), None, None);
    for pair in query.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "entity" => entities.push(find_entity(&catalog, &value)?.clone()),
            "type" => types.push(value),
            "from" | "cursor" => from = Some(value),
            "limit" => limit = Some(value),
            other => return Err(Problem::new(1002, format!("{other:?} is no parameter of this list"))),
        }
    }
    if entities.is_empty() {
        entities = catalog.entities().to_vec();
    }
    let streaming = wants_stream(&headers);
    let from = last_event_id(&headers).map(str::to_owned).or(from);
    let mut places = Places::new();
    match from.as_deref() {
        None if streaming => ends(&gateway, &entities, &mut places),
        None | Some("start") => {}
        Some("now") => ends(&gateway, &entities, &mut places),
        Some(token) => places = read_token(token)?,
    }
    let source = Source::All { entities, places };
    let mut tail = Tail::new(gateway, source, types, long_as_string(&headers));
    if streaming {
        return Ok(respond(tail));
    }
    let limit = page_limit(limit.as_deref())?;
    let mut items = Vec::new();
    while items.len() < limit {
        let found = tail.take(limit - items.len())?;
        if found.is_empty() {
            break;
        }
        items.extend(found.into_iter().map(|item| item.data));
    }
    let next = tail.token();
    let mut body = b"{\"items\":[".to_vec();
    body.extend_from_slice(&items.join(&b","[..]));
    body.extend_from_slice(format!("],\"nextCursor\":{}}}", json!(next)).as_bytes());
    Ok(json_response(StatusCode::OK, body))
}

/// Next offset by entity type and partition; what is not there begins at 0.
type Places = BTreeMap<(u32, u32), Offset>;

fn ends(gateway: &Gateway, entities: &[Arc<EntityType>], places: &mut Places) {
    for entity in entities {
        for partition in 0..entity.partitions {
            let end = gateway.node.log().end_offset(entity.id, TopicKind::Events, partition);
            places.insert((entity.id.0, partition), end);
        }
    }
}

pub(crate) fn read_token(token: &str) -> Result<Places, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad_cursor())?;
    let triples: Vec<(u32, u32, Offset)> = serde_json::from_slice(&bytes).map_err(|_| bad_cursor())?;
    Ok(triples.into_iter().map(|(entity, partition, offset)| ((entity, partition), offset)).collect())
}

fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok().filter(|text| !text.is_empty())
}

enum Source {
    Instance { entity: Arc<EntityType>, key: EntityKey, next: Sequence },
    All { entities: Vec<Arc<EntityType>>, places: Places },
}

struct Tail {
    gateway: Arc<Gateway>,
    durable: watch::Receiver<u64>,
    source: Source,
    types: Vec<String>,
    long_as_string: bool,
}

struct Item {
    id: String,
    kind: String,
    data: Vec<u8>,
}

impl Tail {
    fn new(gateway: Arc<Gateway>, source: Source, types: Vec<String>, long_as_string: bool) -> Tail {
        let durable = gateway.node.log().watch();
        Tail { gateway, durable, source, types, long_as_string }
    }

    fn token(&self) -> String {
        match &self.source {
            Source::Instance { next, .. } => next.to_string(),
            Source::All { places, .. } => {
                let triples: Vec<(u32, u32, Offset)> = places.iter().map(|((e, p), o)| (*e, *p, *o)).collect();
                URL_SAFE_NO_PAD.encode(json!(triples).to_string())
            }
        }
    }

    /// The next events, at most so many; none when there are none yet.
    fn take(&mut self, limit: usize) -> Result<Vec<Item>, Fault> {
        // What is durable from here on wakes the next wait.
        self.durable.mark_unchanged();
        let log = self.gateway.node.log().clone();
        let found: Vec<(Arc<EntityType>, StoredEvent)> = match &mut self.source {
            Source::Instance { entity, key, next } => {
                let events = log.history(key, *next, limit.min(BATCH))?;
                *next += events.len() as u64;
                events.into_iter().map(|event| (entity.clone(), event)).collect()
            }
            Source::All { entities, places } => {
                let mut found = Vec::new();
                'all: for entity in entities.iter() {
                    for partition in 0..entity.partitions {
                        let next = places.entry((entity.id.0, partition)).or_insert(0);
                        if *next >= log.end_offset(entity.id, TopicKind::Events, partition) {
                            continue;
                        }
                        for event in log.read_events(EntityTypeId(entity.id.0), partition, *next, BATCH_BYTES)? {
                            *next = event.position.offset + 1;
                            found.push((entity.clone(), event));
                            if found.len() >= limit {
                                break 'all;
                            }
                        }
                    }
                }
                // Commits are one after the other: across partitions their time orders what was read together.
                found.sort_by_key(|(_, event)| event.committed_at);
                found
            }
        };
        let catalog = self.gateway.node.catalog();
        let token = self.token();
        let last = found.len();
        let mut items = Vec::with_capacity(found.len());
        for (n, (entity, event)) in found.into_iter().enumerate() {
            let kind = event.record.type_name.as_str();
            if !self.types.is_empty() && !self.types.iter().any(|wanted| same_type(wanted, kind)) {
                continue;
            }
            let mut writer = Writer::new(&catalog, self.long_as_string, false);
            writer.event(&entity, &event.record, event.committed_at);
            let id = match &self.source {
                Source::Instance { .. } => event.record.seq.to_string(),
                // Only the last of a batch can be resumed after: an earlier token would skip others.
                Source::All { .. } if n + 1 == last => token.clone(),
                Source::All { .. } => String::new(),
            };
            items.push(Item { id, kind: kind.to_owned(), data: writer.out });
        }
        Ok(items)
    }
}

fn respond(tail: Tail) -> Response<Body> {
    let stream = stream::unfold((tail, false), |(mut tail, ended)| async move {
        if ended {
            return None;
        }
        loop {
            let items = match tail.take(BATCH) {
                Ok(items) => items,
                Err(fault) => {
                    tracing::error!(code = %fault.code(), "an event stream ends: {fault}");
                    let closed = json!({"reason": "fault", "code": fault.code().to_string()});
                    let text = format!("event: evento.closed\ndata: {closed}\n\n");
                    return Some((Ok::<Bytes, Infallible>(text.into()), (tail, true)));
                }
            };
            if !items.is_empty() {
                let mut out = Vec::new();
                for item in items {
                    if !item.id.is_empty() {
                        out.extend_from_slice(format!("id: {}\n", item.id).as_bytes());
                    }
                    out.extend_from_slice(format!("event: {}\ndata: ", item.kind).as_bytes());
                    out.extend_from_slice(&item.data);
                    out.extend_from_slice(b"\n\n");
                }
                return Some((Ok(out.into()), (tail, false)));
            }
            let mut stopping = tail.gateway.stopping.clone();
            let grown = tokio::select! {
                grown = tokio::time::timeout(KEEP_ALIVE, tail.durable.changed()) => grown,
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            };
            match grown {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some((Ok(Bytes::from_static(b": still here\n\n")), (tail, false))),
            }
        }
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
