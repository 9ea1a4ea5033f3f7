//! HTTP/1.1 over a unix socket, one connection per call: enough for an engine on the same machine.
//!
//! Every call has a deadline for its whole answer and a limit for its size. Nothing is retried.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::{EngineError, ErrorKind};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Response headers: bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// What stays as it is in paths and queries. Names of images have slashes, colons and at signs.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b':').remove(b'@');

/// A text as a part of a path or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A call: what, where, with what.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, encoded.
    pub(crate) path: String,
    /// Media type and content.
    pub(crate) body: Option<(&'static str, Bytes)>,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Call {
        Call { method: Method::GET, path: path.into(), body: None }
    }

    pub(crate) fn post(path: impl Into<String>) -> Call {
        Call { method: Method::POST, path: path.into(), body: None }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Call {
        Call { method: Method::DELETE, path: path.into(), body: None }
    }

    pub(crate) fn json(self, value: &serde_json::Value) -> Call {
        Call { body: Some(("application/json", value.to_string().into())), ..self }
    }

    pub(crate) fn tar(self, bytes: Bytes) -> Call {
        Call { body: Some(("application/x-tar", bytes)), ..self }
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// An answer whose body is read as it comes. The connection ends with it.
pub(crate) struct Streamed {
    pub(crate) status: StatusCode,
    body: Incoming,
    _sender: http1::SendRequest<Full<Bytes>>,
}

impl Streamed {
    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// All of it, never more than allowed.
    pub(crate) async fn whole(mut self, bytes_max: usize) -> Result<Answer, EngineError> {
        let mut gathered = BytesMut::new();
        while let Some(data) = self.next().await? {
            if gathered.len() + data.len() > bytes_max {
                let message = format!("the container engine's answer has more than {bytes_max} bytes");
                return Err(EngineError::new(ErrorKind::Engine, message));
            }
            gathered.extend_from_slice(&data);
        }
        Ok(Answer { status: self.status, body: gathered.freeze() })
    }
}

/// The socket of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    socket: PathBuf,
}

impl Wire {
    pub(crate) fn new(socket: PathBuf) -> Wire {
        Wire { socket }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// One call and its whole answer within a deadline.
    pub(crate) async fn send(&self, call: Call, deadline: Duration, bytes_max: usize) -> Result<Answer, EngineError> {
        let what = format!("{} {}", call.method, call.path.split('?').next().unwrap_or_default());
        let exchange = async { self.stream(call).await?.whole(bytes_max).await };
        timeout(deadline, exchange).await.unwrap_or_else(|_| {
            let message = format!("the container engine did not answer {what} within {} s", deadline.as_secs());
            Err(EngineError::new(ErrorKind::Engine, message))
        })
    }

    /// One call whose answer is read as it comes. The deadline is the caller's.
    pub(crate) async fn stream(&self, call: Call) -> Result<Streamed, EngineError> {
        let stream = self.connect().await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEADER_BYTES_MAX);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let response = sender.send_request(request(call)?).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        Ok(Streamed { status: parts.status, body, _sender: sender })
    }

    async fn connect(&self) -> Result<UnixStream, EngineError> {
        let place = self.socket.display();
        match timeout(CONNECT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(EngineError::new(ErrorKind::Engine, format!("{place}: {error}"))),
            Err(_) => Err(EngineError::new(ErrorKind::Engine, format!("{place}: no connection within 2 s"))),
        }
    }
}

fn request(call: Call) -> Result<http::Request<Full<Bytes>>, EngineError> {
    let (kind, body) = call.body.unzip();
    let mut request = http::Request::new(Full::new(body.unwrap_or_default()));
    *request.method_mut() = call.method;
    *request.uri_mut() = call.path.parse().map_err(|error| {
        EngineError::new(ErrorKind::Refused, format!("{:?} cannot be asked for: {error}", call.path))
    })?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Ok(request)
}

fn broken(error: hyper::Error) -> EngineError {
    EngineError::new(ErrorKind::Engine, format!("the connection to the container engine broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn names_stay_readable_and_nothing_gets_out_of_its_place() {
        assert_eq!(
            encoded("registry.example/bank/accounts:1.2@sha256:ab"),
            "registry.example/bank/accounts:1.2@sha256:ab"
        );
        assert_eq!(encoded("a?x=1&y#z {\"é\"}"), "a%3Fx%3D1%26y%23z%20%7B%22%C3%A9%22%7D");
    }
}
