//! Resources and functions looked after; health and metrics.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use evento_schema::catalog::nearest;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::node::{ApplyRequest, DeleteOptions};
use crate::preference::{media_type, wants_stream};
use crate::problem::Problem;
use crate::routes::Gateway;
use crate::send::json as json_response;

/// Lines of a function's output given at once.
const LINES_MAX: usize = 10_000;

fn document(value: &Value) -> Response<Body> {
    json_response(StatusCode::OK, value.to_string().into_bytes())
}

fn request(headers: &HeaderMap, body: &[u8]) -> Result<ApplyRequest, Problem> {
    match media_type(headers) {
        None | Some("application/json") => {}
        Some(other) => return Err(Problem::new(1004, format!("{other:?} is not read here; send application/json"))),
    }
    let request: ApplyRequest = serde_json::from_slice(body)
        .map_err(|error| Problem::new(1002, format!("the body is no set of files: {error}")))?;
    if request.files.is_empty() {
        return Err(Problem::new(1002, "the set has no files"));
    }
    Ok(request)
}

/// `POST /v1/apply`
pub(crate) async fn apply(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    let request = request(&headers, &body)?;
    // A client that goes away does not stop a roll-out half-way.
    let task = tokio::spawn(async move { gateway.node.apply(request).await });
    let applied = task.await.map_err(|_| Problem::new(9001, "applying ended unexpectedly; see the server's log"))?;
    Ok(document(&applied?))
}

/// `POST /v1/diff`
pub(crate) async fn diff(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    let request = request(&headers, &body)?;
    Ok(document(&gateway.node.diff(request).await?))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteQuery {
    force: bool,
    purge_data: bool,
    confirm: Option<String>,
}

/// `DELETE /v1/resources/{kind}/{name}`
pub(crate) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path((kind, name)): Path<(String, String)>,
    Query(query): Query<DeleteQuery>,
) -> Result<Response<Body>, Problem> {
    if query.purge_data && query.confirm.as_deref() != Some(name.as_str()) {
        return Err(Problem::new(2401, format!("purging the data of {name} needs confirm={name}")));
    }
    let options = DeleteOptions { force: query.force, purge_data: query.purge_data };
    Ok(document(&gateway.node.delete(&kind, &name, options).await?))
}

/// `GET /v1/resources/{kind}`
pub(crate) async fn resources(
    State(gateway): State<Arc<Gateway>>,
    Path(kind): Path<String>,
) -> Result<Response<Body>, Problem> {
    Ok(document(&gateway.node.resources(&kind, None)?))
}

/// `GET /v1/resources/{kind}/{name}`
pub(crate) async fn resource(
    State(gateway): State<Arc<Gateway>>,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    Ok(document(&gateway.node.resources(&kind, Some(&name))?))
}

/// `GET /v1/topics`
pub(crate) async fn topics(State(gateway): State<Arc<Gateway>>) -> Result<Response<Body>, Problem> {
    gateway.node.topics().map(|topics| document(&topics))
}

/// `GET /v1/topics/{name}`
pub(crate) async fn topic(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response<Body>, Problem> {
    let topics = gateway.node.topics()?;
    let items = topics["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = items.iter().find(|topic| topic["name"] == name.as_str());
    found.map(document).ok_or_else(|| {
        let near = nearest(&name, items.iter().filter_map(|topic| topic["name"].as_str()));
        let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
        Problem::new(1001, format!("no topic is called {name:?}{hint}")).with("candidates", near)
    })
}

/// `GET /v1/groups`
pub(crate) async fn groups(State(gateway): State<Arc<Gateway>>) -> Result<Response<Body>, Problem> {
    gateway.node.groups().map(|groups| document(&groups))
}

/// `GET /v1/groups/{name}`
pub(crate) async fn group(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response<Body>, Problem> {
    gateway.node.group(&name).map(|group| document(&group))
}

/// `GET /v1/refused`
pub(crate) async fn refused(State(gateway): State<Arc<Gateway>>) -> Result<Response<Body>, Problem> {
    gateway.node.refused().map(|refused| document(&refused))
}

/// `GET /v1/functions`
pub(crate) async fn functions(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    document(&json!({ "items": gateway.node.functions() }))
}

/// `GET /v1/functions/{name}`
pub(crate) async fn function(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response<Body>, Problem> {
    let found = gateway.node.functions().into_iter().find(|function| function["name"] == name.as_str());
    let missing = || Problem::new(1001, format!("no function is called {name:?}"));
    found.map(|function| document(&function)).ok_or_else(missing)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsQuery {
    after: u64,
    limit: Option<usize>,
}

/// `GET /v1/functions/{name}/logs`: a list, or a stream of new lines.
pub(crate) async fn logs(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let limit = query.limit.unwrap_or(LINES_MAX).min(LINES_MAX);
    if !wants_stream(&headers) {
        return Ok(document(&gateway.node.function_logs(&name, query.after, limit)?));
    }
    let newest = gateway.node.watch_function_logs(&name)?;
    let resumed = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|text| text.parse().ok());
    let from = resumed.unwrap_or(query.after);
    let stream =
        stream::unfold((gateway, newest, name, from), move |(gateway, mut newest, name, mut from)| async move {
            loop {
                newest.mark_unchanged();
                let lines = gateway.node.function_logs(&name, from, limit).ok()?;
                let items = lines["items"].as_array().cloned().unwrap_or_default();
                if !items.is_empty() {
                    let mut out = String::new();
                    for item in items {
                        from = item["number"].as_u64().unwrap_or(from);
                        out.push_str(&format!("id: {from}\nevent: line\ndata: {item}\n\n"));
                    }
                    return Some((Ok::<Bytes, Infallible>(out.into()), (gateway, newest, name, from)));
                }
                let mut stopping = gateway.stopping.clone();
                tokio::select! {
                    changed = newest.changed() => changed.ok()?,
                    _ = stopping.wait_for(|stopping| *stopping) => return None,
                }
            }
        });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// `POST /v1/functions/{name}/rollback`
pub(crate) async fn roll_back(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response<Body>, Problem> {
    Ok(document(&gateway.node.roll_back(&name).await?))
}

/// `POST /v1/functions/{name}/test`
pub(crate) async fn test(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| Problem::new(1002, format!("the body is no JSON: {error}")))?;
    Ok(document(&gateway.node.test_function(&name, body).await?))
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// `GET /livez`
pub(crate) async fn alive() -> Response<Body> {
    plain(StatusCode::OK, "ok\n".to_owned())
}

/// `GET /readyz` and `/startupz`
pub(crate) async fn ready(
    State(gateway): State<Arc<Gateway>>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response<Body> {
    let checks = gateway.node.health();
    let good = checks.iter().all(|(_, reason)| reason.is_none());
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if query.is_some_and(|query| query.contains("verbose")) {
        let lines = checks.into_iter().map(|(name, reason)| match reason {
            None => format!("[+]{name}: ok\n"),
            Some(reason) => format!("[-]{name}: {reason}\n"),
        });
        return plain(status, lines.collect());
    }
    plain(status, if good { "ok\n" } else { "not ready\n" }.to_owned())
}

/// `GET /metrics`
pub(crate) async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    let mut text = String::new();
    gateway.node.metrics(&mut text);
    let mut response = plain(StatusCode::OK, text);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
