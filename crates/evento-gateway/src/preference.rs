//! Request headers that say how an answer is wanted: `Prefer`, idempotency, preconditions, media types.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use evento_model::{CommandId, Sequence};

use crate::problem::Problem;

/// What `Prefer` asks for (RFC 7240).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Preference {
    pub(crate) wait: Option<Duration>,
    pub(crate) respond_async: bool,
    pub(crate) representation: bool,
    pub(crate) lenient: bool,
}

/// Longest wait.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);

impl Preference {
    pub(crate) fn read(headers: &HeaderMap) -> Preference {
        let mut preference = Preference::default();
        for value in headers.get_all("prefer") {
            for token in value.to_str().unwrap_or_default().split([',', ';']) {
                let (name, value) = token.split_once('=').map_or((token, ""), |(name, value)| (name, value));
                match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"')) {
                    ("wait", seconds) => {
                        let seconds = seconds.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
                        let wait = seconds.map(|s| Duration::from_secs_f64(s.min(WAIT_MAX.as_secs_f64())));
                        preference.wait = wait.or(preference.wait);
                    }
                    ("respond-async", _) => preference.respond_async = true,
                    ("return", "representation") => preference.representation = true,
                    ("handling", "lenient") => preference.lenient = true,
                    _ => {}
                }
            }
        }
        preference
    }

    /// Whether only the storing is waited for. With both, the wait counts.
    pub(crate) fn async_only(self) -> bool {
        self.respond_async && self.wait.is_none()
    }

    /// Says in the answer what was heeded (RFC 7240, section 3).
    pub(crate) fn mark(self, response: &mut Response<Body>) {
        let mut heeded = Vec::new();
        if let Some(wait) = self.wait {
            heeded.push(format!("wait={}", wait.as_secs_f64()));
        }
        if self.async_only() {
            heeded.push("respond-async".to_owned());
        }
        if self.representation {
            heeded.push("return=representation".to_owned());
        }
        if let (false, Ok(value)) = (heeded.is_empty(), HeaderValue::from_str(&heeded.join(", "))) {
            response.headers_mut().insert("preference-applied", value);
        }
    }
}

/// The client's command id, if it sent one. A structured field string or bare.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<CommandId>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::new(1006, "Idempotency-Key is not visible ASCII"))?.trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    match CommandId::new(bare) {
        Ok(id) => Ok(Some(id)),
        Err(error) => Err(Problem::new(1006, format!("Idempotency-Key: {error}"))),
    }
}

/// The sequence the instance must have: `If-Match: "5"`, or `If-None-Match: *` for none.
pub(crate) fn if_seq(headers: &HeaderMap) -> Result<Option<Sequence>, Problem> {
    if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*") {
        return Ok(Some(0));
    }
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    match digits.parse::<Sequence>() {
        Ok(seq) => Ok(Some(seq)),
        Err(_) => Err(Problem::new(1011, format!("If-Match is {text:?}; it must be a sequence number like \"5\""))
            .status(axum::http::StatusCode::BAD_REQUEST)),
    }
}

/// The content type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// Whether numbers above 2^53 are wanted as strings.
pub(crate) fn long_as_string(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("long=string"))
}

/// Whether an event stream is wanted.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("text/event-stream"))
}
