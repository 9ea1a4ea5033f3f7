//! What stands before and behind every handler: who may call, and errors of the framework in the registry's form.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use evento_model::Caller;

use super::Api;
use super::answer::{MEDIA_TYPE, Refusal};

/// Longest path with its query, in bytes.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// Refuses strangers, answers OPTIONS, and gives every error the registry's form.
pub(super) async fn every_answer(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response<Body> {
    let asks_options = request.method() == Method::OPTIONS;
    let too_long = request.uri().path_and_query().is_some_and(|target| target.as_str().len() > TARGET_BYTES_MAX);
    let response = match stranger(&api.hosts, &request) {
        Some(refusal) => refusal.into_response(),
        None if too_long => Refusal::plain(StatusCode::URI_TOO_LONG).into_response(),
        None => next.run(request).await,
    };
    let status = response.status();
    if asks_options && status == StatusCode::METHOD_NOT_ALLOWED {
        return with_allow(StatusCode::NO_CONTENT.into_response(), response.headers());
    }
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if ours || status.is_success() {
        return response;
    }
    with_allow(Refusal::plain(status).into_response(), response.headers())
}

fn with_allow(mut response: Response<Body>, from: &HeaderMap) -> Response<Body> {
    if let Some(allow) = from.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

/// A name that is not ours (DNS rebinding), or a browser page of another site: refused before anything is read.
fn stranger(hosts: &[String], request: &Request) -> Option<Refusal> {
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let caller = Caller {
        host: header(header::HOST).or_else(|| request.uri().host()).unwrap_or("localhost"),
        origin: header(header::ORIGIN),
        fetch_site: header(header::HeaderName::from_static("sec-fetch-site")),
        writes: !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
    };
    caller.stranger(hosts).map(|stranger| Refusal::new(403, format!("EV6002: {stranger}")))
}
