//! What is answered: documents, and refusals with the codes of Confluent's API.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// The media type of every body.
pub(super) const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// A body of JSON, or the text of a schema, with status 200.
pub(super) struct Document(String);

/// Why a request is not granted: status, code and text.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: u32,
    message: String,
}

/// What a handler gives.
pub(super) type Answer = Result<Document, Refusal>;

impl Document {
    /// The text of a schema, bare.
    pub(super) fn text(text: &str) -> Document {
        Document(text.to_owned())
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document(value.to_string())
    }
}

impl Refusal {
    /// A refusal whose status is the first three digits of its code.
    pub(super) fn new(code: u32, message: impl Into<String>) -> Refusal {
        let status = if code < 1_000 { code } else { code / 100 };
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        Refusal { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code, message: message.into() }
    }

    /// 40401
    pub(super) fn no_subject(subject: &str) -> Refusal {
        Refusal::new(40401, format!("Subject '{subject}' not found."))
    }

    /// 40402
    pub(super) fn no_version(version: impl std::fmt::Display) -> Refusal {
        Refusal::new(40402, format!("Version {version} not found."))
    }

    /// 40403
    pub(super) fn no_schema(what: impl std::fmt::Display) -> Refusal {
        Refusal::new(40403, format!("Schema {what} not found"))
    }

    /// 42201
    pub(super) fn invalid(why: impl std::fmt::Display) -> Refusal {
        Refusal::new(42201, format!("Invalid schema: {why}"))
    }

    /// 40301: resources are the only way to change a schema or how it may change.
    pub(super) fn not_here(why: impl std::fmt::Display) -> Refusal {
        Refusal::new(40301, format!("{why}: schemas belong to resources, register with evento apply"))
    }

    /// 50001: the log cannot be read or written as it should.
    pub(super) fn fault(why: impl std::fmt::Display) -> Refusal {
        tracing::error!("the schema registry cannot answer: {why}");
        Refusal::new(50001, format!("Error in the backend data store: {why}"))
    }

    /// What the framework said, in the words that clients know.
    pub(super) fn plain(status: StatusCode) -> Refusal {
        let reason = status.canonical_reason().unwrap_or_default();
        Refusal { status, code: status.as_u16().into(), message: format!("HTTP {} {reason}", status.as_u16()) }
    }
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

impl IntoResponse for Document {
    fn into_response(self) -> Response<Body> {
        response(StatusCode::OK, self.0)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        response(self.status, json!({"error_code": self.code, "message": self.message}).to_string())
    }
}
