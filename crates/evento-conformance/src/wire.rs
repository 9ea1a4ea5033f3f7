//! Requests to the function under test and its answers as they came: HTTP/1.1 or h2c, TCP or a unix socket.
//!
//! The kit has a client of its own, because it must see and send what Evento's own client never would. It judges
//! nothing: an answer is a status, headers and bytes, or words for why there is none.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Largest answer that is read, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Idle connections kept.
const IDLE_MAX: usize = 64;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Where the function listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// `host:port`, and a path before every path: empty or `/base`.
    Tcp(String, String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Reads `http://host:port[/base]` or `unix:/path`. Any host may be asked: whoever starts the kit names it.
    pub fn parse(text: &str) -> Result<Place, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Place::Unix(path.into())),
                false => Err(format!("{text}: the path of a socket begins with /")),
            };
        }
        if text.starts_with("https://") {
            return Err("https is not spoken by this build; ask the function at a clear-text address".to_owned());
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("{text} is no http://… and no unix:/…"))?;
        let (host, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || rest.contains(['@', ' ', '?', '#']) {
            return Err(format!("{text} is no http://host:port[/base]"));
        }
        let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if port { host.to_owned() } else { format!("{host}:80") };
        Ok(Place::Tcp(host, base.trim_end_matches('/').to_owned()))
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            Ok::<Box<dyn Stream>, std::io::Error>(match self {
                Place::Tcp(host, _) => {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
                Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
            })
        };
        match timeout(CONNECT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("no connection to {self}: {error}")),
            Err(_) => Err(format!("no connection to {self} within {} ms", CONNECT.as_millis())),
        }
    }

    /// What the `Host` header says.
    pub(crate) fn host(&self) -> &str {
        match self {
            Place::Tcp(host, _) => host,
            Place::Unix(_) => "localhost",
        }
    }

    /// Put before every path.
    pub(crate) fn base(&self) -> &str {
        match self {
            Place::Tcp(_, base) => base,
            Place::Unix(_) => "",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Tcp(host, base) => write!(f, "http://{host}{base}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

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
    pub(crate) took: Duration,
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
        let begun = Instant::now();
        let asked = async {
            match self.version {
                Version::H1 => self.ask_h1(ask, begun).await,
                Version::H2 => self.ask_h2(ask, begun).await,
            }
        };
        match timeout(deadline, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} ms", deadline.as_millis())),
        }
    }

    async fn ask_h1(&self, ask: &Ask, begun: Instant) -> Result<Reply, String> {
        for _ in 0..IDLE_MAX {
            let kept = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
            let Some(mut sender) = kept else { break };
            // A connection that the function closed meanwhile takes no request: the next one is tried.
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(self.request(ask)?).await {
                Ok(response) => return self.finish(sender, response, begun).await,
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
        self.finish(sender, response, begun).await
    }

    async fn finish(
        &self,
        sender: http1::SendRequest<Full<Bytes>>,
        response: http::Response<hyper::body::Incoming>,
        begun: Instant,
    ) -> Result<Reply, String> {
        let reply = gather(response, begun).await?;
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
        Ok(reply)
    }

    async fn ask_h2(&self, ask: &Ask, begun: Instant) -> Result<Reply, String> {
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
        gather(response, begun).await
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

async fn gather(response: http::Response<hyper::body::Incoming>, begun: Instant) -> Result<Reply, String> {
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
    let took = begun.elapsed();
    Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body: whole.freeze(), took })
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

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn addresses_read_as_they_are_written() {
        for (text, wanted) in [
            ("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000")),
            ("http://functions.example/base/", Ok("http://functions.example:80/base")),
            ("unix:/run/f.sock", Ok("unix:/run/f.sock")),
            ("unix:f.sock", Err("begins with /")),
            ("https://x", Err("clear-text")),
            ("accounts", Err("no http://")),
        ] {
            match (Place::parse(text), wanted) {
                (Ok(place), Ok(wanted)) => assert_eq!(place.to_string(), wanted),
                (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
