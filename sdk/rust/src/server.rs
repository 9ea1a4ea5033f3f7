//! The server: discovery, both framings, readiness, graceful stop. HTTP/1.1 and h2c, TCP and unix sockets.
//!
//! One thread: a pure function needs no more, and batches make up for it. Source: function-protocol 3 to 6.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use crate::avro::{Reader, put_bytes, put_long};
use crate::manifest::{self, BODY_BYTES_MAX};
use crate::run::{RUN_TYPE, panicked, run};
use crate::{ApplyContext, Context, Encoded, Failure, FailureKind, Function};

const GRACE: Duration = Duration::from_secs(5);
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
}

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
        accept(listener, Arc::new(Served::new(function)), stop).await;
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
    let server = Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let served = served.clone();
        let service = service_fn(move |request| {
            let served = served.clone();
            async move { Ok::<_, Infallible>(served.answer(request).await) }
        });
        match &listener {
            Listener::Tcp(tcp) => tokio::select! {
                () = &mut stop => break,
                accepted = tcp.accept() => if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
                    tokio::spawn(graceful.watch(connection));
                },
            },
            Listener::Unix(unix, _) => tokio::select! {
                () = &mut stop => break,
                accepted = unix.accept() => if let Ok((stream, _)) = accepted {
                    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
                    tokio::spawn(graceful.watch(connection));
                },
            },
        }
    }
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    if let Listener::Unix(_, path) = listener {
        let _ = std::fs::remove_file(path);
    }
}

type Reply = Response<Full<Bytes>>;

impl Served {
    fn new(function: impl Function) -> Served {
        let name = std::env::var("EVENTO_FUNCTION").unwrap_or_else(|_| function.entity().to_owned());
        let declared = manifest::document(&function, &name, &["plain", "run"]);
        let manifest = Bytes::from(declared.to_string());
        let digest: String = Sha256::digest(&manifest).iter().map(|byte| format!("{byte:02x}")).collect();
        Served {
            function: Box::new(function),
            manifest,
            declared,
            manifest_digest: HeaderValue::from_str(&digest).unwrap_or(HeaderValue::from_static("")),
            instance: std::env::var("EVENTO_INSTANCE").ok(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let mut reply = match self.refused(&parts.headers) {
            Some(reply) => reply,
            None => match gather(body).await {
                Ok(body) => self.route(&parts.method, parts.uri.path(), &parts.headers, &body),
                Err(reply) => reply,
            },
        };
        let headers = reply.headers_mut();
        if let Some(call) = parts.headers.get("evento-call") {
            headers.insert("evento-call", call.clone());
        }
        headers.insert("evento-manifest", self.manifest_digest.clone());
        reply
    }

    /// Requests meant for another start of this process.
    fn refused(&self, headers: &HeaderMap) -> Option<Reply> {
        let (ours, theirs) = (self.instance.as_deref()?, headers.get("evento-instance")?);
        (theirs.as_bytes() != ours.as_bytes()).then(|| problem(StatusCode::CONFLICT, "this is another instance", ""))
    }

    fn route(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        match (method.as_str(), path) {
            ("GET", "/.well-known/evento") => reply(MANIFEST_TYPE, self.manifest.clone()),
            ("GET", "/ready") => reply("text/plain", Bytes::from_static(b"ready\n")),
            ("POST", "/run") if content_type(headers) != Some(RUN_TYPE) => wrong_type(RUN_TYPE),
            ("POST", "/run") => match run(&*self.function, body) {
                Ok(answer) => reply(RUN_TYPE, answer.into()),
                Err(error) => problem(StatusCode::BAD_REQUEST, "the envelope cannot be read", &error.0),
            },
            ("POST", _) => match (path.strip_prefix("/handle/"), path.strip_prefix("/apply/")) {
                (None, None) => problem(StatusCode::NOT_FOUND, "no such path", path),
                _ if content_type(headers) != Some(DATUM_TYPE) => wrong_type(DATUM_TYPE),
                (Some(command), _) => self.handle(command, headers, body),
                (_, Some(event)) => self.apply(event, headers, body),
            },
            _ => problem(StatusCode::NOT_FOUND, "no such path", path),
        }
    }

    fn handle(&self, command: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        let Some((payload, state)) = self.split(command, true, body) else { return unknown_or_bad(command) };
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
        let Some((payload, state)) = self.split(event, false, body) else { return unknown_or_bad(event) };
        let context = ApplyContext { entity_id: entity_id(headers), time_ms: time(headers).unwrap_or_default() };
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

    /// Where the payload ends and the state begins: the schema of the payload tells.
    fn split<'a>(&self, name: &str, command: bool, body: &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        let schemas = self.declared["schemas"].as_array()?;
        let entity = &self.declared["entities"][0];
        let known = match command {
            true => entity["handles"].as_array()?.iter().any(|handled| handled["command"] == name),
            false => entity["applies"].as_array()?.iter().any(|applied| applied == name),
        };
        if !known {
            return None;
        }
        let mut reader = Reader::over(body);
        crate::avro::skip(&json!(name), schemas, &mut reader).ok()?;
        let (payload, rest) = body.split_at(body.len() - reader.left());
        match rest.split_first()? {
            (0, []) => Some((payload, None)),
            (2, state) => Some((payload, Some(state))),
            _ => None,
        }
    }
}

fn unknown_or_bad(name: &str) -> Reply {
    problem(StatusCode::NOT_FOUND, "no such name, or its payload cannot be read", name)
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
    Some(Context {
        entity_id: entity_id(headers),
        seq: text(headers, "evento-seq")?.parse().ok()?,
        command_id: unpercent(text(headers, "evento-id")?),
        time_ms: time(headers)?,
        seed,
    })
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

/// Reads `2026-11-23T06:00:00.000Z` as milliseconds (days after Hinnant, "low-level date algorithms").
fn time(headers: &HeaderMap) -> Option<i64> {
    let text = text(headers, "evento-time")?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let ms = number(20, 23)?;
    let y = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + ms)
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
