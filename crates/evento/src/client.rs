//! The client of the HTTP API: one blocking connection pool, retries of what is safe to repeat, SSE.
//!
//! It knows headers, statuses and problem documents; what the bodies mean is the verbs' business.

pub mod address;
pub mod message;
pub mod sse;

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http;

use crate::cli::failure::Failure;
use crate::output::Output;

pub use address::Address;
pub use message::{Answer, Request};

/// Longest an answer may take beyond the wait that the request itself asks for.
const ANSWER_MARGIN: Duration = Duration::from_secs(30);
/// How often a refused or lost request is sent again.
const RETRIES: u32 = 3;
/// Speaks with one Evento.
pub struct Client {
    agent: ureq::Agent,
    address: Address,
    token: Option<String>,
    verbosity: u8,
}

impl Client {
    /// A client for this address. `token` is sent as bearer token and never shown.
    pub fn new(address: Address, token: Option<String>, verbosity: u8) -> Client {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(5)))
            .user_agent(concat!("evento/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Client { agent, address, token, verbosity }
    }

    /// The address it speaks with.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Reads a JSON document.
    pub fn get(&self, path: impl Into<String>) -> Result<Value, Failure> {
        self.send(Request::get(path))?.json()
    }

    /// Posts a JSON document and reads one. Sent once only.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Result<Value, Failure> {
        self.send(Request::post(path, body))?.json()
    }

    /// Sends a request; an answer of 400 or more is a failure. What is repeatable is sent again when the
    /// connection was lost, and everything is when the server says that it recorded nothing (429, 503).
    pub fn send(&self, request: Request) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.once(&request) {
                Ok(answer) if answer.status < 400 => return Ok(answer),
                Ok(answer) => {
                    let pause = answer.retry_after();
                    let overloaded = matches!(answer.status, 429 | 503);
                    let failure = answer.failure();
                    match pause {
                        Some(pause) if overloaded && attempt < RETRIES => {
                            self.trace(1, || format!("{}: sending it again in {pause:?}", failure.title));
                            std::thread::sleep(pause);
                            attempt += 1;
                            continue;
                        }
                        _ => failure,
                    }
                }
                Err(Lost::Never(failure)) => return Err(failure),
                Err(Lost::Maybe(failure)) if request.repeatable && attempt < RETRIES => {
                    self.trace(1, || format!("{}: sending it again", failure.title));
                    std::thread::sleep(Duration::from_millis(100 << attempt));
                    attempt += 1;
                    continue;
                }
                Err(Lost::Maybe(failure)) => return Err(failure),
            };
            return Err(failure);
        }
    }

    /// Opens an event stream. `resume` is the cursor of the last event seen.
    pub fn stream(&self, path: &str, resume: Option<&str>) -> Result<sse::Stream, Failure> {
        let mut request = Request::get(path).header("accept", "text/event-stream".to_owned());
        if let Some(cursor) = resume {
            request = request.header("last-event-id", cursor.to_owned());
        }
        let response = self.open(&request, None).map_err(Lost::into_failure)?;
        if response.status().as_u16() >= 400 {
            return Err(message::complete(response).map_err(|error| self.lost(&error))?.failure());
        }
        Ok(sse::Stream::new(Box::new(response.into_body().into_reader())))
    }

    /// Begins to read an answer of any length. Not sent again: what was begun cannot be gone on with.
    pub fn download(&self, path: &str) -> Result<Download, Failure> {
        let response = self.open(&Request::get(path), None).map_err(Lost::into_failure)?;
        if response.status().as_u16() >= 400 {
            return Err(message::complete(response).map_err(|error| self.lost(&error))?.failure());
        }
        let (parts, body) = response.into_parts();
        Ok(Download { headers: parts.headers, body: Box::new(body.into_with_config().limit(u64::MAX).reader()) })
    }

    fn once(&self, request: &Request) -> Result<Answer, Lost> {
        let started = Instant::now();
        let response = self.open(request, Some(request.wait + ANSWER_MARGIN))?;
        let answer = message::complete(response).map_err(|error| Lost::Maybe(self.lost(&error)))?;
        self.trace(2, || {
            let ms = started.elapsed().as_millis();
            format!("{} {}{} → {}  {ms} ms", request.method, self.address, request.path, answer.status)
        });
        Ok(answer)
    }

    fn open(&self, request: &Request, limit: Option<Duration>) -> Result<http::Response<ureq::Body>, Lost> {
        let mut builder =
            http::Request::builder().method(&request.method).uri(format!("{}{}", self.address, request.path));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(token) = &self.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        let malformed = |error: http::Error| Lost::Never(Failure::usage(format!("this cannot be sent: {error}")));
        let answer = match &request.body {
            Some((media_type, body)) => {
                let built = builder.header("content-type", *media_type).body(body.as_slice()).map_err(malformed)?;
                self.run(built, limit)
            }
            None => self.run(builder.body(()).map_err(malformed)?, limit),
        };
        answer.map_err(|error| match &error {
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                Lost::Never(self.unreachable(&error))
            }
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Lost::Never(self.unreachable(&error)),
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Lost::Never(self.unreachable(&error))
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Lost::Never(Failure::usage(format!("this cannot be sent: {error}")))
            }
            _ => Lost::Maybe(self.lost(&error)),
        })
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: http::Request<B>,
        limit: Option<Duration>,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let request = self.agent.configure_request(request).timeout_global(limit).build();
        self.agent.run(request)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(7001, format!("no Evento answers at {}", self.address))
            .why(error.to_string())
            .next("start one with evento dev, or name another with --address")
    }

    fn lost(&self, error: &ureq::Error) -> Failure {
        Failure::new(7001, format!("the connection to {} was lost before the answer", self.address))
            .why(error.to_string())
            .next("look whether Evento still runs; sending again with the same --idempotency-key is safe")
    }

    fn trace(&self, verbosity: u8, line: impl FnOnce() -> String) {
        if self.verbosity >= verbosity {
            eprintln!("{}", line());
        }
    }
}

/// An answer that is read bit by bit. It ends with an error when the connection does before its end.
pub struct Download {
    headers: http::HeaderMap,
    body: Box<dyn Read>,
}

impl Download {
    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.body.read(buffer)
    }
}

/// A request without an answer.
enum Lost {
    /// It was not sent, or sending it again cannot help.
    Never(Failure),
    /// It may have arrived.
    Maybe(Failure),
}

impl Lost {
    fn into_failure(self) -> Failure {
        match self {
            Lost::Never(failure) | Lost::Maybe(failure) => failure,
        }
    }
}

/// One path segment or query value, percent-encoded (RFC 3986: all but unreserved characters).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A path with the query parameters that have a value.
pub fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut out = path.to_owned();
    for (name, value) in parameters {
        if let Some(value) = value {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.push_str(&format!("{name}={}", encode(value)));
        }
    }
    out
}

/// Reads all pages of a list. `most` ends it early (0 = no limit).
pub fn pages(client: &Client, path: &str, most: usize) -> Result<Vec<Value>, Failure> {
    // Bound: `most`, or the whole list when the person asked for all of it.
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let limit = if most == 0 { 500 } else { (most - items.len()).min(500) }.to_string();
        let page = client.get(with_query(path, &[("limit", Some(&limit)), ("cursor", cursor.as_deref())]))?;
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        cursor = page["nextCursor"].as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
        if cursor.is_none() || (most > 0 && items.len() >= most) {
            return Ok(items);
        }
    }
}

/// Follows an event stream for ever, resuming where it broke off. `seen` returns false to stop.
pub fn follow(
    client: &Client,
    output: &Output,
    path: &str,
    mut resume: Option<String>,
    mut seen: impl FnMut(sse::Event) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut failures = 0;
    loop {
        match client.stream(path, resume.as_deref()) {
            Ok(stream) => {
                failures = 0;
                for event in stream {
                    let Ok(event) = event else { break };
                    if let Some(id) = &event.id {
                        resume = Some(id.clone());
                    }
                    if event.name == "evento.closed" {
                        output.trace(1, || format!("the server closed the stream: {}", event.data));
                        break;
                    }
                    if !seen(event)? {
                        return Ok(());
                    }
                }
                output.trace(1, || "the stream ended, resuming".to_owned());
            }
            // The first failure of a stream that never ran is told at once.
            Err(failure) if resume.is_none() || failure.exit != crate::cli::exit::Exit::Unavailable => {
                return Err(failure);
            }
            Err(failure) if failures >= 8 => return Err(failure),
            Err(failure) => output.trace(1, || format!("{}, trying again", failure.title)),
        }
        std::thread::sleep(Duration::from_millis(100 << failures.min(6)));
        failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{encode, with_query};

    #[test]
    fn every_oddity_of_an_id_is_encoded() {
        assert_eq!(encode("a/b c?d#e%"), "a%2Fb%20c%3Fd%23e%25");
        assert_eq!(encode("zoë.日~"), "zo%C3%AB.%E6%97%A5~");
        assert_eq!(with_query("/v1/x", &[("a", Some("1&2")), ("b", None), ("c", Some(""))]), "/v1/x?a=1%262&c=");
    }
}
