//! Connections to one address: idle HTTP/1.1 ones to be taken, or one HTTP/2 connection that is shared.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use evento_model::Code;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::address::{Address, Place};
use crate::failure::{Failure, FailureClass};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// Idle connections kept.
const IDLE_MAX: usize = 64;
/// Longest time a connection stays idle.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Response headers: bytes and fields.
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// Which HTTP is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    Http1,
    Http2,
}

/// Since when it is idle, and the connection.
type Idle = (Instant, http1::SendRequest<Full<Bytes>>);

pub(crate) struct Client {
    address: Address,
    wire: Wire,
    /// Bound: `IDLE_MAX`.
    idle: std::sync::Mutex<Vec<Idle>>,
    shared: Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
}

pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

fn failure(class: FailureClass, code: u16, title: &str, detail: impl ToString) -> Failure {
    Failure::new(class, Code(code), title, detail.to_string())
}

impl Client {
    pub(crate) fn new(address: Address, wire: Wire) -> Client {
        Client { address, wire, idle: std::sync::Mutex::default(), shared: Mutex::new(None) }
    }

    /// One request and its whole answer, within a total deadline, as `read` understands it. A connection on
    /// which something came that breaks the protocol is not used again: what comes next may belong to it.
    pub(crate) async fn send<T>(
        &self,
        request: Request<'_>,
        deadline: Duration,
        bytes_max: usize,
        read: impl FnOnce(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + deadline;
        let late = |_| {
            let title = format!("no answer within {} ms", deadline.as_millis());
            Failure::new(FailureClass::Timeout, Code(3002), title, format!("{} {}", self.address, request.path))
        };
        let request_sent = self.request(&request)?;
        timeout_at(until, self.exchange(request_sent, bytes_max, read)).await.map_err(late)?
    }

    fn request(&self, request: &Request<'_>) -> Result<http::Request<Full<Bytes>>, Failure> {
        let path = format!("{}{}", self.address.base, request.path);
        let uri = match self.wire {
            Wire::Http1 => path,
            Wire::Http2 => format!("http://{}{path}", self.address.host()),
        };
        let mut built = http::Request::new(Full::new(request.body.clone()));
        *built.method_mut() = request.method.clone();
        *built.uri_mut() =
            uri.parse().map_err(|error| failure(FailureClass::Contract, 3005, "a path that cannot be sent", error))?;
        *built.headers_mut() = request.headers.clone();
        if self.wire == Wire::Http1 {
            let host = HeaderValue::from_str(self.address.host());
            built
                .headers_mut()
                .insert(http::header::HOST, host.unwrap_or_else(|_| HeaderValue::from_static("localhost")));
        }
        Ok(built)
    }

    async fn exchange<T>(
        &self,
        request: http::Request<Full<Bytes>>,
        bytes_max: usize,
        read: impl FnOnce(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let wrong =
            |answer: &Result<T, Failure>| matches!(answer, Err(failure) if failure.class == FailureClass::Contract);
        match self.wire {
            Wire::Http1 => {
                let (mut sender, used) = self.take().await?;
                let response = match sender.send_request(request.clone()).await {
                    // A kept connection that was probably closed meanwhile. The function is pure, so the request
                    // goes again, once; if nobody is there any more, it was a crash after all.
                    Err(error) if used && !error.is_parse() => {
                        sender = self.connect_http1().await.map_err(|_| broken(error))?;
                        sender.send_request(request).await
                    }
                    other => other,
                };
                let reply = gather(response.map_err(broken)?, bytes_max).await?;
                let keep = reply.headers.get(http::header::CONNECTION).is_none_or(|v| v != "close");
                let answer = read(reply);
                if keep && !wrong(&answer) && sender.ready().await.is_ok() {
                    self.put_back(sender);
                }
                answer
            }
            Wire::Http2 => {
                let mut sender = self.shared_http2().await?;
                let response = sender.send_request(request).await.map_err(broken)?;
                let answer = gather(response, bytes_max).await.and_then(read);
                if wrong(&answer) {
                    // Calls that are under way keep their handle; the connection ends with the last of them.
                    *self.shared.lock().await = None;
                }
                answer
            }
        }
    }

    /// A connection that is ready: an idle one, or a new one.
    async fn take(&self) -> Result<(http1::SendRequest<Full<Bytes>>, bool), Failure> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
            match kept {
                Some((since, sender)) if !sender.is_closed() && since.elapsed() < IDLE_TIME_MAX => {
                    return Ok((sender, true));
                }
                Some(_) => {}
                None => return Ok((self.connect_http1().await?, false)),
            }
        }
    }

    fn put_back(&self, sender: http1::SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if idle.len() < IDLE_MAX {
            idle.push((Instant::now(), sender));
        }
    }

    async fn connect_http1(&self) -> Result<http1::SendRequest<Full<Bytes>>, Failure> {
        let mut builder = http1::Builder::new();
        builder.max_headers(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX);
        let shaken = match &self.address.place {
            Place::Tcp(host) => {
                let (sender, connection) =
                    builder.handshake(TokioIo::new(self.tcp(host).await?)).await.map_err(broken)?;
                tokio::spawn(connection);
                sender
            }
            Place::Unix(path) => {
                let (sender, connection) =
                    builder.handshake(TokioIo::new(self.unix(path).await?)).await.map_err(broken)?;
                tokio::spawn(connection);
                sender
            }
        };
        Ok(shaken)
    }

    async fn shared_http2(&self) -> Result<http2::SendRequest<Full<Bytes>>, Failure> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(HEADER_BYTES_MAX as u32);
        let sender = match &self.address.place {
            Place::Tcp(host) => {
                let (sender, connection) =
                    builder.handshake(TokioIo::new(self.tcp(host).await?)).await.map_err(broken)?;
                tokio::spawn(connection);
                sender
            }
            Place::Unix(path) => {
                let (sender, connection) =
                    builder.handshake(TokioIo::new(self.unix(path).await?)).await.map_err(broken)?;
                tokio::spawn(connection);
                sender
            }
        };
        Ok(shared.insert(sender).clone())
    }

    async fn tcp(&self, host: &str) -> Result<TcpStream, Failure> {
        let stream = self.connected(TcpStream::connect(host)).await?;
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        Ok(stream)
    }

    async fn unix(&self, path: &std::path::Path) -> Result<UnixStream, Failure> {
        self.connected(UnixStream::connect(path)).await
    }

    async fn connected<T>(&self, connecting: impl Future<Output = std::io::Result<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| self.unreachable(error)),
            Err(_) => Err(self.unreachable("it took longer than a second")),
        }
    }

    fn unreachable(&self, why: impl ToString) -> Failure {
        let detail = format!("{}: {}", self.address, why.to_string());
        Failure::new(FailureClass::Outage, Code(3001), "cannot connect to the function", detail)
    }
}

/// The connection broke with the request in flight.
fn broken(error: hyper::Error) -> Failure {
    if error.is_parse() {
        return failure(FailureClass::Contract, 3005, "the answer is no HTTP", error);
    }
    failure(FailureClass::Crash, 3004, "the connection broke while the function had the request", error)
}

/// Reads the whole body, never more than allowed.
async fn gather(response: http::Response<Incoming>, bytes_max: usize) -> Result<Reply, Failure> {
    let (parts, mut body) = response.into_parts();
    let too_large = || {
        let detail = format!("at most {bytes_max} bytes are read");
        Failure::new(FailureClass::Contract, Code(3005), "the answer is too large", detail)
    };
    let mut whole: Option<Bytes> = None;
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if gathered.len() + whole.as_ref().map_or(0, Bytes::len) + data.len() > bytes_max {
            return Err(too_large());
        }
        match whole.take() {
            // Most answers come in one piece, which is then not copied.
            None if gathered.is_empty() => whole = Some(data),
            first => {
                gathered.extend_from_slice(&first.unwrap_or_default());
                gathered.extend_from_slice(&data);
            }
        }
    }
    let body = whole.unwrap_or_else(|| gathered.freeze());
    Ok(Reply { status: parts.status, headers: parts.headers, body })
}
