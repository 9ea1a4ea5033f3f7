//! Errors as problem documents (RFC 9457) with Evento's codes.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use evento_log::embedded::Fault;
use evento_log::intake::Refusal;
use evento_model::Code;
use evento_schema::avro::JsonViolation;
use serde_json::{Map, Value, json};

/// An error that a person or a program is told.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// EV code.
    pub code: Code,
    /// What happened, in one line.
    pub title: String,
    /// More.
    pub detail: String,
    /// Places that are wrong.
    pub violations: Vec<Value>,
    /// Further members.
    pub members: Map<String, Value>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with the status and title that its code has.
    pub fn new(code: u16, detail: impl Into<String>) -> Problem {
        let (status, title) = row(code);
        let retry_after = matches!(status, 429 | 503 | 507).then_some(1);
        Problem {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: Code(code),
            title: title.to_owned(),
            detail: detail.into(),
            violations: Vec::new(),
            members: Map::new(),
            retry_after,
        }
    }

    /// With a further member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says whether the command is in the log, which every error answer to a send does: `true`, `false` or
    /// `"unknown"` (G20).
    pub fn recorded(self, recorded: Option<bool>) -> Problem {
        self.with("recorded", recorded.map_or_else(|| Value::from("unknown"), Value::from))
    }

    /// Why a command that was sent is refused.
    pub(crate) fn of_send(refusal: Refusal) -> Problem {
        let recorded = refusal.recorded();
        Problem::from(refusal).recorded(recorded)
    }

    /// With another status than its code usually has.
    pub fn status(mut self, status: StatusCode) -> Problem {
        self.status = status;
        self
    }

    /// Fields that do not fit their schema.
    pub fn violations(violations: &[JsonViolation]) -> Problem {
        let mut problem = Problem::new(1003, count(violations.len(), "violation"));
        problem.violations = violations.iter().map(|v| json!({"pointer": v.pointer, "message": v.message})).collect();
        problem
    }

    /// The body.
    pub fn document(&self) -> Value {
        let mut body = json!({
            "type": format!("https://evento.dev/errors/{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code.to_string(),
            "detail": self.detail,
        });
        if let Value::Object(fields) = &mut body {
            if !self.violations.is_empty() {
                fields.insert("violations".to_owned(), self.violations.clone().into());
            }
            fields.extend(self.members.clone());
        }
        body
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.document().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let mut problem = Problem::new(refusal.code.0, refusal.detail);
        if let Some(ms) = refusal.retry_after_ms {
            problem.retry_after = Some(ms.div_ceil(1_000).max(1));
        }
        if let Some(seq) = refusal.seq {
            problem = problem.with("seq", seq);
        }
        problem
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::new(fault.code().0, fault.to_string())
    }
}

/// Status and title of a code.
fn row(code: u16) -> (u16, &'static str) {
    match code {
        1001 => (404, "Unknown entity or command"),
        1002 => (400, "The request cannot be read"),
        1003 => (400, "Command does not match its schema"),
        1004 => (415, "Content type not supported"),
        1005 => (413, "Too large"),
        1006 => (400, "Not a valid id"),
        1010 => (422, "Idempotency key used for something else"),
        1011 => (412, "Precondition not met"),
        1012 => (503, "Position not reached"),
        1014 => (400, "Idempotency key missing"),
        1020 => (404, "No such instance"),
        1021 => (404, "No such command"),
        1022 => (400, "Not a valid cursor"),
        2003 => (400, "Ambiguous name"),
        2001..=2299 => (422, "The resources were refused"),
        2307 => (409, "There is no revision to go back to"),
        2300..=2399 => (422, "The function cannot be rolled out"),
        2400..=2499 => (409, "It cannot be deleted"),
        3001..=3999 => (502, "The function failed"),
        4001 | 4004 | 4010 => (503, "The log cannot be written"),
        4002 | 4003 => (500, "The log is damaged"),
        4005 => (507, "The disk is full"),
        4006 => (503, "States are being rebuilt"),
        6001 => (401, "Not authenticated"),
        6002 => (403, "Not permitted"),
        6010 => (503, "Overloaded"),
        6011 => (429, "Too many requests"),
        _ => (500, "Internal error"),
    }
}
