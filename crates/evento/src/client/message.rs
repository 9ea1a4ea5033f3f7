//! A request and its answer, as values.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{self, Method};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Longest the client waits by itself because a server says `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
// Bound: an answer of more than 64 MiB is refused; lists are paged at 500 entries.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// A request before it is sent.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, already percent-encoded.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body and its media type.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// How long the server was asked to wait.
    pub wait: Duration,
    /// Whether sending it twice does the same as sending it once.
    pub repeatable: bool,
}

/// A complete answer of a status below 400.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A read.
    pub fn get(path: impl Into<String>) -> Request {
        Request {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            wait: Duration::ZERO,
            repeatable: true,
        }
    }

    /// A JSON document to be sent once.
    pub fn post(path: impl Into<String>, body: &Value) -> Request {
        Request {
            method: Method::POST,
            body: Some(("application/json", body.to_string().into_bytes())),
            repeatable: false,
            ..Request::get(path)
        }
    }

    /// A deletion.
    pub fn delete(path: impl Into<String>) -> Request {
        Request { method: Method::DELETE, repeatable: false, ..Request::get(path) }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: String) -> Request {
        self.headers.push((name, value));
        self
    }

    /// The same, allowing the server this long.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Request {
        self.wait = wait;
        self
    }
}

impl Answer {
    /// The body as JSON; an empty body is null.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::plain(Exit::Failed, "the answer is not JSON")
                .why(error.to_string())
                .next("is this address that of an Evento?")
        })
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The pause a refusal asks for, cut to what this client waits by itself.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
    }

    pub(super) fn failure(&self) -> Failure {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(document) if document.is_object() => Failure::from_problem(self.status, document),
            _ => {
                let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
                let exit = Exit::of(None, self.status);
                Failure::plain(exit, format!("the server answered {}", self.status)).why(text.trim())
            }
        }
    }
}

/// Reads the whole body.
pub(super) fn complete(response: http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    body.into_with_config().limit(BODY_BYTES_MAX).reader().read_to_end(&mut bytes).map_err(ureq::Error::Io)?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: bytes })
}
