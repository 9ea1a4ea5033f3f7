//! Requests to the function under test and its answers as they came: HTTP/1.1 or h2c, TCP or a unix socket, or a call
//! in this process.
//!
//! The kit has a client of its own, because it must see and send what Evento's own client never would. It judges
//! nothing: an answer is a status, headers and bytes, or words for why there is none.

mod module;
mod place;

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub use module::{Answering, Module};
pub use place::Place;

/// Largest answer that is read, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Idle connections kept.
const IDLE_MAX: usize = 64;

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A request without its connection.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// From the base on, such as `/run`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Ask {
        Ask { method: Method::GET, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn post(path: String, kind: &'static str, body: Bytes) -> Ask {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Ask { method: Method::POST, path, headers, body }
    }

    /// Sets a header; a value that cannot be one is a mistake of the kit and becomes empty.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Ask {
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// The header's text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type without parameters, in lower case; empty if there is none.
    pub(crate) fn kind(&self) -> String {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    H1,
    H2,
}

/// Connections to one place.
pub(crate) struct Wire {
    pub(crate) place: Place,
    pub(crate) version: Version,
    /// Bound: `IDLE_MAX`.
    idle: Mutex<Vec<http1::SendRequest<Full<Bytes>>>>,
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
}

impl Wire {
    pub(crate) fn new(place: Place, version: Version) -> Wire {
        Wire { place, version, idle: Mutex::default(), shared: tokio::sync::Mutex::new(None) }
    }

    /// One request and its whole answer within a deadline. The error says in words why there is none.
    pub(crate) async fn ask(&self, ask: &Ask, deadline: Duration) -> Result<Reply, String> {
        if let Place::Module(module) = &self.place {
            return Ok(module::ask(module, ask, deadline).await);
        }
        let asked = async {
            match self.version {
                Version::H1 => self.ask_h1(ask).await,
                Version::H2 => self.ask_h2(ask).await,
            }
        };
        match timeout(deadline, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} ms", deadline.as_millis())),
        }
    }

    async fn ask_h1(&self, ask: &Ask) -> Result<Reply, String> {
        for _ in 0..IDLE_MAX {
            let kept = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
            let Some(mut sender) = kept else { break };
            // A connection that the function closed meanwhile takes no request: the next one is tried.
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(self.request(ask)?).await {
                Ok(response) => return self.finish(sender, response).await,
                Err(mut error) => match error.take_message() {
                    Some(_) => continue,
                    None => return Err(words(&error.into_error())),
                },
            }
        }
        let stream = self.place.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| words(&e))?;
        tokio::spawn(connection);
        let response = sender.send_request(self.request(ask)?).await.map_err(|e| words(&e))?;
        self.finish(sender, response).await
    }

    async fn finish(
        &self,
        sender: http1::SendRequest<Full<Bytes>>,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<Reply, String> {
        let reply = gather(response).await?;
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
        Ok(reply)
    }

    async fn ask_h2(&self, ask: &Ask) -> Result<Reply, String> {
        let mut shared = self.shared.lock().await;
        let kept = shared.clone().filter(|sender| !sender.is_closed());
        let mut sender = match kept {
            Some(sender) => sender,
            None => {
                let stream = self.place.connect().await?;
                let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
                let (sender, connection) = handshake.await.map_err(|e| words(&e))?;
                tokio::spawn(connection);
                shared.insert(sender).clone()
            }
        };
        drop(shared);
        let response = sender.send_request(self.request(ask)?).await.map_err(|e| words(&e))?;
        gather(response).await
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, String> {
        let path = format!("{}{}", self.place.base(), ask.path);
        let uri = match self.version {
            Version::H1 => path,
            Version::H2 => format!("http://{}{path}", self.place.host()),
        };
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(uri)
            .body(Full::new(ask.body.clone()))
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = ask.headers.clone();
        if self.version == Version::H1 {
            let host = HeaderValue::from_str(self.place.host()).map_err(|error| error.to_string())?;
            request.headers_mut().insert(http::header::HOST, host);
        }
        Ok(request)
    }
}

async fn gather(response: http::Response<hyper::body::Incoming>) -> Result<Reply, String> {
    let (parts, mut body) = response.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| format!("the answer breaks off: {}", words(&e)))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > BODY_BYTES_MAX {
            return Err(format!("the answer has more than {BODY_BYTES_MAX} bytes"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body: whole.freeze() })
}

/// The error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
