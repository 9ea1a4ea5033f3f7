//! All routes, and what every answer has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, post};
use evento_model::Caller;
use tokio::sync::{Semaphore, watch};

use crate::node::Node;
use crate::problem::Problem;
use crate::{admin, backup, bulk, commands, openapi, read, send, tail};

/// Bytes of a request with many commands, or of a set of resources.
const LARGE_BODY: usize = 16 << 20;

/// What the gateway allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a command's body.
    pub body_bytes_max: usize,
    /// How long a command is waited for when the request does not say.
    pub wait: Duration,
    /// Whether every command must come with an idempotency key.
    pub require_key: bool,
    /// Whether functions' stack traces are shown to callers.
    pub stacks: bool,
    /// Host names under which this server may be called, beside loopback ones; guards against DNS rebinding.
    pub hosts: Vec<String>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 1 << 20,
            wait: Duration::from_secs(10),
            require_key: false,
            stacks: false,
            hosts: Vec::new(),
        }
    }
}

/// What every handler has.
pub(crate) struct Gateway {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) limits: Limits,
    /// True when the server ends: streams end then, which would otherwise never.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Held while a backup is being sent: one at a time.
    pub(crate) backing_up: Arc<Semaphore>,
}

/// One way in: method and path as the document describes them, and what answers. Large ones take sets.
struct Route {
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Arc<Gateway>>,
    large: bool,
}

fn routes() -> Vec<Route> {
    let route = |method, path, handler| Route { method, path, handler, large: false };
    let large = |method, path, handler| Route { method, path, handler, large: true };
    vec![
        route("post", "/v1/entities/{entity}/{id}/commands/{command}", post(send::send)),
        route("get", "/v1/entities/{entity}/{id}/commands/{command}", get(commands::get)),
        route("post", "/v1/entities/{entity}/{id}/commands/{command}/{verb}", post(commands::operate)),
        route("get", "/v1/entities/{entity}/{id}/events", get(read::events)),
        route("get", "/v1/entities/{entity}/{id}", get(read::state)),
        route("get", "/v1/entities/{entity}", get(read::instances)),
        route("get", "/v1/events", get(tail::all)),
        large("post", "/v1/commands", post(bulk::send_many)),
        route("get", "/v1/commands", get(commands::list)),
        route("get", "/v1/commands/groups", get(commands::groups)),
        large("post", "/v1/apply", post(admin::apply)),
        large("post", "/v1/diff", post(admin::diff)),
        route("get", "/v1/resources/{kind}", get(admin::resources)),
        route("get", "/v1/resources/{kind}/{name}", get(admin::resource)),
        route("delete", "/v1/resources/{kind}/{name}", delete(admin::delete)),
        route("get", "/v1/topics", get(admin::topics)),
        route("get", "/v1/topics/{name}", get(admin::topic)),
        route("get", "/v1/groups", get(admin::groups)),
        route("get", "/v1/groups/{name}", get(admin::group)),
        route("get", "/v1/refused", get(admin::refused)),
        route("get", "/v1/functions", get(admin::functions)),
        route("get", "/v1/functions/{name}", get(admin::function)),
        route("get", "/v1/functions/{name}/logs", get(admin::logs)),
        route("post", "/v1/functions/{name}/rollback", post(admin::roll_back)),
        route("post", "/v1/functions/{name}/test", post(admin::test)),
        route("get", "/v1/backup", get(backup::backup)),
        route("get", "/v1/openapi.json", get(openapi::document)),
        route("get", "/livez", get(admin::alive)),
        route("get", "/readyz", get(admin::ready)),
        route("get", "/startupz", get(admin::ready)),
        route("get", "/metrics", get(admin::metrics)),
    ]
}

/// Method and path pattern of every way in, to compare with what is described.
pub fn paths() -> Vec<(&'static str, &'static str)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// The whole API. Event streams end when `stopping` becomes true.
pub fn router(node: Arc<dyn Node>, limits: Limits, stopping: watch::Receiver<bool>) -> Router {
    let body_bytes_max = limits.body_bytes_max;
    let gateway = Arc::new(Gateway { node, limits, stopping, backing_up: Arc::new(Semaphore::new(1)) });
    let mut all = Router::new();
    for route in routes() {
        let most = if route.large { LARGE_BODY } else { body_bytes_max };
        all = all.route(route.path, route.handler.layer(DefaultBodyLimit::max(most)));
    }
    all.fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(gateway.clone(), every_answer))
        .with_state(gateway)
}

async fn no_such_path(request: Request) -> Problem {
    Problem::new(1001, format!("there is nothing at {}", request.uri().path()))
}

async fn no_such_method(request: Request) -> Problem {
    let detail = format!("{} is not possible at {}", request.method(), request.uri().path());
    Problem::new(1001, detail).status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Guards, request id, and errors of the framework in our own form.
async fn every_answer(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response<Body> {
    let id = uuid::Uuid::now_v7();
    let asked = Asked::of(&request);
    let mut response = match stranger(&gateway.limits, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = as_problem(response, &asked, &id, gateway.limits.body_bytes_max).await;
    }
    let mut text = [0; 36];
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        response.headers_mut().insert("evento-request-id", value);
    }
    response
}

/// A browser page of another site, or a name that is not ours: refused before anything is read.
fn stranger(limits: &Limits, request: &Request) -> Option<Problem> {
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let caller = Caller {
        host: header(header::HOST).or_else(|| request.uri().host()).unwrap_or("localhost"),
        origin: header(header::ORIGIN),
        fetch_site: header(header::HeaderName::from_static("sec-fetch-site")),
        writes: !matches!(*request.method(), Method::GET | Method::HEAD),
    };
    caller.stranger(&limits.hosts).map(|stranger| Problem::new(6002, stranger.to_string()))
}

/// What an error answer needs of its request.
struct Asked {
    path: String,
    /// Commands come with it.
    is_send: bool,
}

impl Asked {
    fn of(request: &Request) -> Asked {
        let path = request.uri().path().to_owned();
        let one = matches!(path.split('/').collect::<Vec<_>>()[..], ["", "v1", "entities", _, _, "commands", _]);
        Asked { is_send: request.method() == Method::POST && (one || path == "/v1/commands"), path }
    }
}

/// Gives every error the path and the request's id; turns the framework's own words into a problem. A send that is
/// refused before the command path was asked recorded nothing.
async fn as_problem(response: Response<Body>, asked: &Asked, id: &uuid::Uuid, body_bytes_max: usize) -> Response<Body> {
    let path = asked.path.as_str();
    let (mut parts, body) = response.into_parts();
    let ours = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !ours && !kind.starts_with("text/plain") && !kind.is_empty() {
        return Response::from_parts(parts, body);
    }
    if !ours && path.ends_with('z') {
        return Response::from_parts(parts, body);
    }
    let bytes = axum::body::to_bytes(body, LARGE_BODY).await.unwrap_or_default();
    let mut document = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(document) if ours => document,
        _ => {
            let code = match parts.status {
                StatusCode::PAYLOAD_TOO_LARGE => 1005,
                StatusCode::UNSUPPORTED_MEDIA_TYPE => 1004,
                StatusCode::NOT_FOUND => 1001,
                _ => 1002,
            };
            let detail = match code {
                1005 => too_large(path, body_bytes_max).into(),
                _ => String::from_utf8_lossy(&bytes),
            };
            Problem::new(code, detail).status(parts.status).document()
        }
    };
    if asked.is_send && document.get("recorded").is_none() {
        document["recorded"] = false.into();
    }
    document["instance"] = path.into();
    document["requestId"] = id.to_string().into();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(document.to_string()))
}

/// How large a body may be at a path.
fn too_large(path: &str, body_bytes_max: usize) -> String {
    match path {
        "/v1/commands" | "/v1/apply" | "/v1/diff" => format!("at most {LARGE_BODY} bytes are taken here"),
        _ => format!("at most {body_bytes_max} bytes are taken here (http.maxBody)"),
    }
}
