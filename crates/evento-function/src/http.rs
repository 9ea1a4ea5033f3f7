//! A function over HTTP: one request, one answer, judged. TCP and unix sockets; HTTP/1.1 and h2c.
//!
//! Both framings look the same to the caller. Every call has a total deadline, every answer a size limit that
//! is enforced while it is read; a connection whose call went wrong is closed, so that a late answer cannot be
//! taken for another's. Nothing is retried here. Source: function-protocol 3 to 6, 8.3 (rows 1 to 3), 10.1.

mod address;
mod client;
mod plain;
mod verdict;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use evento_model::{Code, Digest, FullName, Revision};
use http::{HeaderMap, HeaderValue, StatusCode};

pub use address::{Address, AddressError};
use client::{Client, Reply, Wire};
use sha2::Digest as _;
use verdict::{contract, judge_status};

use crate::call::{RunRequest, RunResponse};
use crate::envelope::{RUN_TYPE, read_response, write_request};
use crate::failure::{Failure, FailureClass};
use crate::manifest::{self, MANIFEST_BYTES_MAX, Manifest};

/// Largest answer, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Deadline of discovery and readiness.
const DISCOVERY: Duration = Duration::from_secs(5);
const MANIFEST_TYPE: &str = "application/vnd.evento.manifest.v1+json";

/// A function at an address, as one revision of it is called.
pub struct HttpFunction {
    client: Client,
    framing: Framing,
    revision: Option<Revision>,
    instance: Option<String>,
    /// Events that its apply covers, by entity type and event: for the plain framing.
    applies: HashSet<(FullName, FullName)>,
    /// The manifest it had when it was discovered; see [`Manifest::served`].
    manifest: Option<String>,
}

/// How requests are put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// One step per POST.
    Plain,
    /// Many works per POST.
    Batch,
}

impl HttpFunction {
    /// For discovery: nothing is known yet.
    pub fn unknown(address: Address, instance: Option<String>) -> HttpFunction {
        let client = Client::new(address, Wire::Http1);
        HttpFunction {
            client,
            framing: Framing::Plain,
            revision: None,
            instance,
            applies: HashSet::new(),
            manifest: None,
        }
    }

    /// For calls, with what the manifest says.
    pub fn new(address: Address, manifest: &Manifest, revision: Revision, instance: Option<String>) -> HttpFunction {
        let wire = if manifest.http2 { Wire::Http2 } else { Wire::Http1 };
        let framing = if manifest.batch { Framing::Batch } else { Framing::Plain };
        let applies = manifest
            .entities
            .iter()
            .flat_map(|entity| entity.applies.iter().map(|event| (entity.name.clone(), event.clone())))
            .collect();
        let (client, manifest) = (Client::new(address, wire), manifest.served.clone());
        HttpFunction { client, framing, revision: Some(revision), instance, applies, manifest }
    }

    /// How it is called.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether it is called as another was: the same manifest, word for word.
    pub fn same_manifest(&self, other: &HttpFunction) -> bool {
        self.manifest == other.manifest
    }

    /// Asks for the manifest; `None` when there is no discovery endpoint.
    pub async fn discover(&self) -> Result<Option<Manifest>, Failure> {
        let mut headers = self.headers(DISCOVERY);
        headers.insert(http::header::ACCEPT, HeaderValue::from_static(MANIFEST_TYPE));
        let request =
            client::Request { method: http::Method::GET, path: "/.well-known/evento", headers, body: Bytes::new() };
        let read = |reply: Reply| match reply.status {
            StatusCode::OK => match manifest::read(&reply.body) {
                Ok(manifest) => {
                    let served = Digest(sha2::Sha256::digest(&reply.body).into()).to_string();
                    Ok(Some(Manifest { served: Some(served), ..manifest }))
                }
                Err(why) => Err(Failure::new(FailureClass::Contract, Code(2302), "the manifest is not valid", why)),
            },
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(judge_status(&reply)),
        };
        self.client.send(request, DISCOVERY, MANIFEST_BYTES_MAX, read).await
    }

    /// Whether a function without discovery endpoint says that it is ready; no endpoint for it counts as yes.
    pub async fn ready(&self) -> Result<bool, Failure> {
        let headers = self.headers(DISCOVERY);
        let request = client::Request { method: http::Method::GET, path: "/ready", headers, body: Bytes::new() };
        let read = |reply: Reply| Ok(reply.status != StatusCode::SERVICE_UNAVAILABLE);
        self.client.send(request, DISCOVERY, MANIFEST_BYTES_MAX, read).await
    }

    /// One call, in whichever framing the function speaks.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        match self.framing {
            Framing::Batch => self.run_batch(request, timeout).await,
            Framing::Plain => self.run_plain(request, timeout).await,
        }
    }

    async fn run_batch(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let mut headers = self.headers(timeout);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(RUN_TYPE));
        let call = call_id();
        headers.insert("evento-call", text(&call));
        let body = write_request(request);
        let sent = client::Request { method: http::Method::POST, path: "/run", headers, body };
        let read = |reply: Reply| {
            if reply.status != StatusCode::OK {
                return Err(judge_status(&reply));
            }
            verdict::check_reply(&reply, &call, true, &[RUN_TYPE])?;
            read_response(&reply.body, request)
                .map_err(|error| contract("the answer is no RunResponse", error.to_string()))
        };
        self.send(sent, timeout, read).await
    }

    /// One request of a call; an answer that names another manifest is thrown away.
    async fn send<T>(
        &self,
        request: client::Request<'_>,
        deadline: Duration,
        read: impl FnOnce(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let checked = |reply: Reply| {
            verdict::check_manifest(&reply, self.manifest.as_deref())?;
            read(reply)
        };
        self.client.send(request, deadline, BODY_BYTES_MAX, checked).await
    }

    /// The headers that every request has.
    fn headers(&self, timeout: Duration) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert("evento-protocol", HeaderValue::from_static("1"));
        let revision = self.revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string());
        headers.insert("evento-revision", text(&revision));
        if let Some(instance) = &self.instance {
            headers.insert("evento-instance", text(instance));
        }
        headers.insert("evento-timeout-ms", HeaderValue::from(timeout.as_millis() as u64));
        headers
    }
}

/// A header value of visible characters; anything else is left out, as it cannot be sent.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// 32 hex digits, unique per request.
fn call_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}{:016x}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}
