//! The server: discovery, both framings, readiness, graceful stop. HTTP/1.1 and h2c, TCP and unix sockets.
//!
//! One thread: a pure function needs no more, and batches make up for it. Source: function-protocol 3 to 6.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::avro::{put_bytes, put_long};
use crate::identity::{Claimed, Verifier};
use crate::manifest::{self, BODY_BYTES_MAX};
use crate::run::{RUN_TYPE, panicked, run_until};
use crate::stream::Stream;
use crate::values::days_of;
use crate::{ApplyContext, Context, Encoded, Failure, FailureKind, Function, Timestamp};

/// How long requests in flight are waited for after SIGTERM; Evento kills after 5 s.
const GRACE: Duration = Duration::from_millis(4_500);
/// Time a client has for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most header fields of a request.
const HEADERS_MAX: usize = 64;
/// Most connections; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// Most requests in flight over one h2 connection.
const STREAMS_MAX: u32 = 32;
/// Most requests whose bodies are held at once; more are told to come back.
const REQUESTS_MAX: usize = 64;
const MANIFEST_TYPE: &str = "application/vnd.evento.manifest.v1+json";
const EVENTS_TYPE: &str = "application/vnd.evento.events.v1+avro";
const DATUM_TYPE: &str = "avro/binary";

/// Why serving ended before it was asked to.
#[derive(Debug)]
pub struct ServeError(String);

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

struct Served {
    function: Box<dyn Function>,
    manifest: Bytes,
    /// The manifest as it is looked into for each plain request.
    declared: serde_json::Value,
    manifest_digest: HeaderValue,
    /// Set when Evento started this process; a request for another start is refused.
    instance: Option<String>,
    /// Set when only Evento may call.
    identity: Option<Verifier>,
    // Bound: REQUESTS_MAX bodies.
    bodies: Semaphore,
    /// After SIGTERM: what comes now is told to come back.
    stopping: AtomicBool,
}

/// The time of a request is over: nobody waits for its answer, so the connection is closed.
#[derive(Debug)]
struct Overdue;

impl std::fmt::Display for Overdue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time of the request is over")
    }
}

impl std::error::Error for Overdue {}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Serves a function until SIGTERM or SIGINT; what is in flight is answered first.
///
/// Listens on `EVENTO_LISTEN` (`unix:/…` or `host:port`), else on `0.0.0.0:$PORT`, else on `0.0.0.0:8080`.
/// Errors when the address cannot be listened on.
pub fn serve(function: impl Function) -> Result<(), ServeError> {
    let fail = |error: std::io::Error| ServeError(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
    runtime.block_on(async {
        let listener = listen().await?;
        let stop = async {
            let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
                return std::future::pending().await;
            };
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        };
        accept(listener, Arc::new(Served::new(function)?), stop).await;
        Ok(())
    })
}

async fn listen() -> Result<Listener, ServeError> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let place = std::env::var("EVENTO_LISTEN").unwrap_or_else(|_| format!("0.0.0.0:{port}"));
    let fail = |error: std::io::Error| ServeError(format!("listen on {place}: {error}"));
    match place.strip_prefix("unix:") {
        Some(path) => {
            let path = PathBuf::from(path);
            let _ = std::fs::remove_file(&path);
            Ok(Listener::Unix(UnixListener::bind(&path).map_err(fail)?, path))
        }
        None => Ok(Listener::Tcp(TcpListener::bind(&place).await.map_err(fail)?)),
    }
}

async fn accept(listener: Listener, served: Arc<Served>, stop: impl Future<Output = ()>) {
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    server.http1().max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    server.http2().max_header_list_size(HEAD_BYTES_MAX as u32);
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let (stream, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = next(&listener, &connections) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        let called = served.clone();
        let service = service_fn(move |request| {
            let served = called.clone();
            async move { served.answer(request).await }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is nobody's fault here.
            let _ = connection.await;
            drop(permit);
        });
    }
    served.stopping.store(true, Ordering::Relaxed);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    if let Listener::Unix(_, path) = listener {
        let _ = std::fs::remove_file(path);
    }
}

/// The next connection, once there is room for it.
async fn next(listener: &Listener, connections: &Arc<Semaphore>) -> Option<(Stream, OwnedSemaphorePermit)> {
    let permit = connections.clone().acquire_owned().await.ok()?;
    let accepted = match listener {
        Listener::Tcp(tcp) => tcp.accept().await.map(|(stream, _)| {
            let _ = stream.set_nodelay(true);
            Stream::Tcp(stream)
        }),
        Listener::Unix(unix, _) => unix.accept().await.map(|(stream, _)| Stream::Unix(stream)),
    };
    if accepted.is_err() {
        // No file handle is left, say: not to try again at once.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    accepted.ok().map(|stream| (stream, permit))
}

type Reply = Response<Full<Bytes>>;

impl Served {
    fn new(function: impl Function) -> Result<Served, ServeError> {
        let name = std::env::var("EVENTO_FUNCTION").unwrap_or_else(|_| function.entity().to_owned());
        let declared = manifest::document(&function, &name, &["plain", "run"]);
        let manifest = Bytes::from(declared.to_string());
        let digest: String = Sha256::digest(&manifest).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Served {
            function: Box::new(function),
            manifest,
            declared,
            manifest_digest: HeaderValue::from_str(&digest).unwrap_or(HeaderValue::from_static("")),
            instance: std::env::var("EVENTO_INSTANCE").ok(),
            identity: Verifier::from_environment().map_err(ServeError)?,
            bodies: Semaphore::new(REQUESTS_MAX),
            stopping: AtomicBool::new(false),
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Overdue> {
        let (parts, body) = request.into_parts();
        let timeout = text(&parts.headers, "evento-timeout-ms").and_then(|text| text.parse().ok());
        // Without a word on it: longer than Evento ever waits (15 min).
        let deadline = Instant::now() + Duration::from_millis(timeout.unwrap_or(900_000).min(900_000));
        let mut reply = match (self.refused(&parts.headers), self.bodies.try_acquire()) {
            (Some(reply), _) => reply,
            (None, Err(_)) => busy(),
            (None, Ok(_held)) => match tokio::time::timeout_at(deadline.into(), gather(body)).await {
                Err(_) => return Err(Overdue),
                Ok(Err(reply)) => reply,
                Ok(Ok(body)) => match self.stranger(&parts, &body) {
                    Some(reply) => reply,
                    None => {
                        let reply = self.route(&parts.method, parts.uri.path(), &parts.headers, &body, deadline);
                        reply.filter(|_| Instant::now() < deadline).ok_or(Overdue)?
                    }
                },
            },
        };
        let headers = reply.headers_mut();
        if let Some(call) = parts.headers.get("evento-call") {
            headers.insert("evento-call", call.clone());
        }
        headers.insert("evento-manifest", self.manifest_digest.clone());
        Ok(reply)
    }

    /// Refuses who is not Evento; discovery is for everybody.
    fn stranger(&self, parts: &Parts, body: &[u8]) -> Option<Reply> {
        let verifier = self.identity.as_ref().filter(|_| parts.method != Method::GET)?;
        let text = |name: &str| text(&parts.headers, name).unwrap_or("");
        let claimed = Claimed {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            call: text("evento-call"),
            revision: text("evento-revision"),
            attempt: text("evento-attempt").parse().unwrap_or(0),
            body,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let checked = verifier.check(self::text(&parts.headers, "evento-identity"), claimed, now);
        checked.err().map(|why| problem(StatusCode::UNAUTHORIZED, "the caller is not known to be Evento", why))
    }

    /// Requests meant for another start of this process, and what comes when it stops.
    fn refused(&self, headers: &HeaderMap) -> Option<Reply> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some(busy());
        }
        let (ours, theirs) = (self.instance.as_deref()?, headers.get("evento-instance")?);
        (theirs.as_bytes() != ours.as_bytes()).then(|| problem(StatusCode::CONFLICT, "this is another instance", ""))
    }

    /// None when the time was over before the work was done.
    fn route(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8], deadline: Instant) -> Option<Reply> {
        Some(match (method.as_str(), path) {
            ("GET", "/.well-known/evento") => reply(MANIFEST_TYPE, self.manifest.clone()),
            ("GET", "/ready") => reply("text/plain", Bytes::from_static(b"ready\n")),
            ("POST", "/run") if content_type(headers) != Some(RUN_TYPE) => wrong_type(RUN_TYPE),
            ("POST", "/run") => match run_until(&*self.function, body, &|| Instant::now() >= deadline) {
                Ok(answer) => reply(RUN_TYPE, answer?.into()),
                Err(error) => problem(StatusCode::BAD_REQUEST, "the envelope cannot be read", &error.0),
            },
            ("POST", _) => match (path.strip_prefix("/handle/"), path.strip_prefix("/apply/")) {
                (None, None) => problem(StatusCode::NOT_FOUND, "no such path", path),
                _ if content_type(headers) != Some(DATUM_TYPE) => wrong_type(DATUM_TYPE),
                (Some(command), _) => self.handle(command, headers, body),
                (_, Some(event)) => self.apply(event, headers, body),
            },
            _ => problem(StatusCode::NOT_FOUND, "no such path", path),
        })
    }

    fn handle(&self, command: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        let (payload, state) = match self.split(command, true, body) {
            Ok(parts) => parts,
            Err(reply) => return reply,
        };
        let Some(context) = context(headers) else {
            return problem(
                StatusCode::BAD_REQUEST,
                "Evento-Time, Evento-Seed or Evento-Seq is missing or malformed",
                "",
            );
        };
        let decided = catch_unwind(AssertUnwindSafe(|| self.function.handle(command, payload, state, &context)));
        match decided.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Err(failure) => failed(&failure),
            Ok(mut events) if events.len() == 1 => {
                let Encoded { type_name, payload } = events.remove(0);
                let mut reply = reply(DATUM_TYPE, payload.into());
                reply.headers_mut().insert("evento-event", HeaderValue::from_static(type_name));
                reply
            }
            Ok(events) => {
                let mut out = Vec::new();
                put_long(&mut out, events.len() as i64);
                for event in events {
                    put_bytes(&mut out, event.type_name.as_bytes());
                    put_bytes(&mut out, &event.payload);
                }
                out.push(0);
                reply(EVENTS_TYPE, out.into())
            }
        }
    }

    fn apply(&self, event: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        let (payload, state) = match self.split(event, false, body) {
            Ok(parts) => parts,
            Err(reply) => return reply,
        };
        let context = ApplyContext { entity_id: entity_id(headers), time: time(headers).unwrap_or_default() };
        let applied = catch_unwind(AssertUnwindSafe(|| self.function.apply(event, payload, state, &context)));
        match applied.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Err(failure) => failed(&failure),
            Ok(Some(state)) => reply(DATUM_TYPE, state.into()),
            Ok(None) => {
                let mut reply = reply(DATUM_TYPE, Bytes::new());
                *reply.status_mut() = StatusCode::NO_CONTENT;
                reply
            }
        }
    }

    /// Where the payload ends and the state begins. An unknown name is 404, bytes of another schema 400.
    fn split<'a>(&self, name: &str, command: bool, body: &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), Reply> {
        let entity = &self.declared["entities"][0];
        let listed = |list: &serde_json::Value, key: Option<&str>| {
            let name_of = |entry: &serde_json::Value| key.map_or(entry == name, |key| entry[key] == name);
            list.as_array().is_some_and(|list| list.iter().any(name_of))
        };
        let known =
            if command { listed(&entity["handles"], Some("command")) } else { listed(&entity["applies"], None) };
        if !known {
            return Err(problem(StatusCode::NOT_FOUND, "no such name", name));
        }
        let (payload, rest) = body.split_at(self.function.length(name, body).map_err(|failure| failed(&failure))?);
        match rest.split_first() {
            Some((0, [])) => Ok((payload, None)),
            Some((2, state)) => Ok((payload, Some(state))),
            _ => Err(problem(StatusCode::BAD_REQUEST, "no state after the payload", "00, or 02 and the state")),
        }
    }
}

/// Come back in a second.
fn busy() -> Reply {
    let mut reply = problem(StatusCode::SERVICE_UNAVAILABLE, "busy, or about to stop", "");
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

fn failed(failure: &Failure) -> Reply {
    let status = match failure.kind {
        FailureKind::Retry => StatusCode::INTERNAL_SERVER_ERROR,
        FailureKind::Poison => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::Contract => StatusCode::BAD_REQUEST,
    };
    problem(status, &failure.title, &failure.detail)
}

async fn gather(mut body: Incoming) -> Result<Bytes, Reply> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(problem(StatusCode::BAD_REQUEST, "the request ends in the middle", ""));
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > BODY_BYTES_MAX {
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large", ""));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn context(headers: &HeaderMap) -> Option<Context> {
    let hex = text(headers, "evento-seed")?;
    let mut seed = [0; 16];
    if hex.len() != 32 {
        return None;
    }
    for (byte, at) in seed.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    let seq = text(headers, "evento-seq")?.parse().ok()?;
    let id = unpercent(text(headers, "evento-id")?);
    Some(Context::new(entity_id(headers), seq, id, time(headers)?, seed))
}

fn entity_id(headers: &HeaderMap) -> String {
    text(headers, "evento-entity-id").map(unpercent).unwrap_or_default()
}

fn unpercent(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match decoded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads `2026-11-23T06:00:00.000Z`.
fn time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = text(headers, "evento-time")?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days_of(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let millis = number(20, 23)?;
    Some(Timestamp::from_millis((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + millis))
}

fn reply(kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn wrong_type(wanted: &str) -> Reply {
    problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "another content type is expected", wanted)
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Reply {
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let mut reply = reply("application/problem+json", body.to_string().into());
    *reply.status_mut() = status;
    reply
}
