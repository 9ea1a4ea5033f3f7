//! A function written in this test: a real HTTP server, 1.1 and h2c, on TCP or a unix socket.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evento_function::call::{RunRequest, Step, StepKind, Want, Work};
use evento_function::http::{Address, HttpFunction};
use evento_function::manifest::{self, Manifest};
use evento_model::{Digest, EntityId, FullName, Revision, Seed, Timestamp};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, UnixListener};

/// Long enough for anything that answers at all.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A request as the peer saw it.
#[derive(Clone)]
pub struct Seen {
    pub version: http::Version,
    pub line: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The four ways to a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    TcpHttp1,
    TcpHttp2,
    UnixHttp1,
    UnixHttp2,
}

pub const WIRES: [Wire; 4] = [Wire::TcpHttp1, Wire::TcpHttp2, Wire::UnixHttp1, Wire::UnixHttp2];

impl Wire {
    pub fn is_http2(self) -> bool {
        matches!(self, Wire::TcpHttp2 | Wire::UnixHttp2)
    }
}

pub struct Peer {
    pub address: Address,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub connections: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Peer {
    pub async fn start(wire: Wire, answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Peer {
        let folder = tempfile::tempdir().expect("a folder");
        let (seen, connections) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let (noted, counted, answer) = (seen.clone(), connections.clone(), Arc::new(answer));
        let service = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let (noted, answer) = (noted.clone(), answer.clone());
            service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (noted, answer) = (noted.clone(), answer.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    let line = format!("{} {}", parts.method, parts.uri.path());
                    let seen = Seen { version: parts.version, line, headers: parts.headers, body };
                    noted.lock().expect("no panic").push(seen.clone());
                    Ok::<_, Infallible>(answer(&seen).map(Full::new))
                }
            })
        };
        let address = match wire {
            Wire::TcpHttp1 | Wire::TcpHttp2 => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let port = listener.local_addr().expect("an address").port();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let service = service();
                        tokio::spawn(async move {
                            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
                        });
                    }
                });
                Address::parse(&format!("http://127.0.0.1:{port}")).expect("an address")
            }
            Wire::UnixHttp1 | Wire::UnixHttp2 => {
                let path = folder.path().join("f.sock");
                let listener = UnixListener::bind(&path).expect("a socket");
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let service = service();
                        tokio::spawn(async move {
                            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
                        });
                    }
                });
                Address::unix(path)
            }
        };
        Peer { address, seen, connections, _folder: folder }
    }

    pub fn last(&self) -> Seen {
        self.seen.lock().expect("no panic").last().expect("a request").clone()
    }
}

pub fn manifest(batch: bool, http2: bool) -> Manifest {
    let modes = if batch { "\"run\",\"plain\"" } else { "\"plain\"" };
    let versions = if http2 { "\"1.1\",\"2\"" } else { "\"1.1\"" };
    let text = format!(
        "{{\"manifestVersion\":1,\"protocol\":{{\"min\":1,\"max\":1,\"modes\":[{modes}],\"http\":[{versions}]}},\
         \"schemas\":[],\"entities\":[{{\"name\":\"bank.Account\",\"stateVersion\":1,\
         \"handles\":[{{\"command\":\"bank.DepositCash\",\"emits\":[\"bank.DepositReceived\"]}}],\
         \"applies\":[\"bank.DepositReceived\"]}}]}}"
    );
    manifest::read(text.as_bytes()).expect("a manifest")
}

/// A function at an address, called in one framing.
pub fn function(address: &Address, batch: bool, http2: bool) -> HttpFunction {
    HttpFunction::new(address.clone(), &manifest(batch, http2), Revision(Digest([0xab; 32])), Some("i-1".into()))
}

pub fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).expect("hex"), 16).expect("hex")).collect()
}

/// The call of the golden files (function-protocol 6.3).
pub fn request() -> RunRequest {
    let name = |text| FullName::new(text).expect("a valid name");
    let step = Step {
        type_name: name("bank.DepositCash"),
        payload: unhex("f0 01 08 72 65 6e 74"),
        id: "c-9".into(),
        time: Timestamp(1_795_413_600_000),
        seed: Some(Seed([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])),
        attempt: 1,
        traceparent: None,
    };
    let work = Work {
        reference: 7,
        entity_id: EntityId::new("a-1").expect("a valid id"),
        seq: 3,
        state: Some(unhex("06 41 64 61 06 45 55 52 d0 0f 04")),
        kind: StepKind::Command,
        want: Want::Each,
        steps: vec![step],
    };
    RunRequest { entity: name("bank.Account"), work: vec![work] }
}

pub fn golden(name: &str) -> Bytes {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/conformance/golden").join(name);
    unhex(&std::fs::read_to_string(path).expect("a golden file"))
}

/// A reply with the echo of the request's call.
pub fn reply(seen: &Seen, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut built = Response::builder().status(status);
    if let Some(call) = seen.headers.get("evento-call").filter(|_| headers.iter().all(|(n, _)| *n != "evento-call")) {
        built = built.header("evento-call", call);
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        built = built.header(*name, *value);
    }
    built.body(body.into()).expect("a reply")
}
