//! A function that is called in this process: the batch framing without HTTP.
//!
//! What carries a request elsewhere (media types, `Evento-Call`) is the host's here, so it is added to the answers, and
//! the rules that ask for it are not asked.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evento_function::envelope::RUN_TYPE;
use evento_function::{Failure, FailureClass};
use http::{HeaderMap, HeaderValue, header};

use super::{Ask, Reply};
use crate::rules::discovery::MANIFEST_TYPE;

/// The answer of a call, when it is there.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + Send + 'a>>;

/// A WebAssembly module or component in its host.
pub trait Module: Send + Sync {
    /// The manifest as the file has it; nothing if it has none.
    fn manifest(&self) -> Option<Bytes>;
    /// One request of the batch framing (function-protocol 6), answered or given up within the deadline.
    fn call(&self, request: Bytes, deadline: Duration) -> Answering<'_>;
}

/// Asks it as if it were at an address.
pub(super) async fn ask(module: &Arc<dyn Module>, ask: &Ask, deadline: Duration) -> Reply {
    match ask.path.as_str() {
        "/.well-known/evento" => match module.manifest() {
            Some(manifest) => reply(200, MANIFEST_TYPE, manifest, ask),
            None => reply(404, "text/plain", Bytes::new(), ask),
        },
        _ => match module.call(ask.body.clone(), deadline).await {
            Ok(answer) => reply(200, RUN_TYPE, answer, ask),
            Err(failure) => {
                // Any failure but a refused request is one of the code itself.
                let status = if failure.class == FailureClass::Contract { 400 } else { 500 };
                let problem = serde_json::json!({"title": failure.title, "detail": failure.detail});
                reply(status, "application/problem+json", problem.to_string().into(), ask)
            }
        },
    }
}

fn reply(status: u16, kind: &'static str, body: Bytes, ask: &Ask) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(call) = ask.headers.get("evento-call") {
        headers.insert("evento-call", call.clone());
    }
    Reply { status, headers, body }
}
