//! What a reply means that is no valid answer: the table of function-protocol 10.1.

use evento_model::Code;
use http::StatusCode;
use serde::Deserialize;

use super::client::Reply;
use crate::failure::{Failure, FailureClass};

/// A problem body (RFC 9457) with the protocol's extensions.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    #[serde(rename = "evento-retry")]
    retry: Option<bool>,
    #[serde(rename = "evento-fingerprint")]
    fingerprint: Option<String>,
}

pub(crate) fn contract(title: &str, detail: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Contract, Code(3005), title, detail)
}

/// Judges a status that is not the expected one.
pub(crate) fn judge_status(reply: &Reply) -> Failure {
    let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
    let status = reply.status;
    let (class, code) = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (FailureClass::BackPressure { retry_after_ms: retry_after_ms(reply) }, 3001)
        }
        StatusCode::CONFLICT => (FailureClass::Swapped, 3001),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (FailureClass::Outage, 3001),
        StatusCode::PAYLOAD_TOO_LARGE => (FailureClass::TooLarge, 3005),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (FailureClass::ModeNotSpoken, 3011),
        StatusCode::UNPROCESSABLE_ENTITY => (FailureClass::Poison, 3003),
        _ if problem.retry == Some(false) => (FailureClass::Poison, 3003),
        _ if status.is_server_error() => (FailureClass::Error, 3003),
        _ => (FailureClass::Contract, 3005),
    };
    let title = match problem.title.is_empty() {
        true => format!("the function answered {status}"),
        false => problem.title,
    };
    let detail = match (problem.detail.is_empty(), std::str::from_utf8(&reply.body)) {
        (true, _) if is_page(reply) => "with a page for browsers; what the function wrote may say more".to_owned(),
        (true, Ok(body)) if title.starts_with("the function answered") => body.to_owned(),
        _ => problem.detail,
    };
    let mut failure = Failure::new(class, Code(code), title, detail);
    if let Some(fingerprint) = problem.fingerprint.filter(|text| !text.is_empty() && text.len() <= 64) {
        failure.fingerprint = fingerprint;
    }
    failure
}

/// A web framework's own error page says nothing of the error.
fn is_page(reply: &Reply) -> bool {
    let kind = reply.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Seconds or a date (RFC 9110, 10.2.3); anything else is no time given.
fn retry_after_ms(reply: &Reply) -> Option<u64> {
    let value = reply.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(jiff::Timestamp::now()).as_millis().try_into().unwrap_or(0))
}

/// That the answer comes from the revision that was discovered (function-protocol 5, `Evento-Manifest`).
pub(crate) fn check_manifest(reply: &Reply, known: Option<&str>) -> Result<(), Failure> {
    let said = reply.headers.get("evento-manifest").and_then(|value| value.to_str().ok());
    match (known, said) {
        (Some(known), Some(said)) if !known.eq_ignore_ascii_case(said) => {
            let detail = "its manifest changed since it was discovered; it is asked for it again";
            Err(Failure::new(FailureClass::Swapped, Code(3001), "another revision answers at the address", detail))
        }
        _ => Ok(()),
    }
}

/// Content type, encoding, and that the answer is to this call (rows 1 and 2 of 8.3).
pub(crate) fn check_reply(reply: &Reply, call: &str, echo_required: bool, types: &[&str]) -> Result<(), Failure> {
    let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(encoding) = header("content-encoding").filter(|encoding| *encoding != "identity") {
        return Err(contract("the answer has a content encoding", encoding));
    }
    match header("evento-call") {
        Some(echo) if echo == call => {}
        None if !echo_required => {}
        Some(_) => return Err(contract("the answer is to another call", "Evento-Call is not the request's")),
        None => return Err(contract("the answer does not say to which call it is", "Evento-Call is missing")),
    }
    let kind = header("content-type").map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    match kind {
        Some(kind) if types.iter().any(|known| kind.eq_ignore_ascii_case(known)) => Ok(()),
        None if types.contains(&"") => Ok(()),
        _ => {
            let detail = format!("{}; expected {}", kind.unwrap_or("none"), types[0]);
            Err(contract("the answer has another content type", detail))
        }
    }
}
