//! A blocking HTTP/1.1 client that knows whether a request left: one keep-alive connection, one request at a time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer; the server itself waits 10 s at most here.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A connection, opened when it is needed.
#[derive(Default)]
pub struct Http {
    open: Option<(String, TcpStream)>,
}

/// An answer.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Evento-Position`, if it has one.
    pub position: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoReply {
    /// No request went out: nobody listens.
    NotSent,
    /// It went out, at least in part.
    Lost,
}

impl Http {
    /// Sends a request and reads the answer.
    pub fn send(
        &mut self,
        address: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, NoReply> {
        // An answer that was not read, or a server that is gone, leaves a connection that cannot be used again.
        let mut stream = match self.open.take().filter(|(to, stream)| to == address && idle(stream)) {
            Some((_, stream)) => stream,
            None => connect(address).ok_or(NoReply::NotSent)?,
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request).map_err(|_| NoReply::Lost)?;
        let reply = read(&mut stream).ok_or(NoReply::Lost)?;
        self.open = Some((address.to_owned(), stream));
        Ok(reply)
    }

    /// A GET.
    pub fn get(&mut self, address: &str, path: &str, headers: &[(&str, &str)]) -> Result<Reply, NoReply> {
        self.send(address, ("GET", path), headers, b"")
    }
}

fn connect(address: &str) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address.parse().ok()?, Duration::from_secs(2)).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    stream.set_write_timeout(Some(ANSWER_MAX)).ok()?;
    Some(stream)
}

/// Whether the other side has neither closed nor said anything.
fn idle(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    let waits = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    waits && stream.set_nonblocking(false).is_ok()
}

fn read(stream: &mut TcpStream) -> Option<Reply> {
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        more(stream, &mut buffer)?;
        let mut headers = [httparse::EMPTY_HEADER; 48];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(start) = head.parse(&buffer).ok()? else { continue };
        let header = |name: &str| {
            let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok().map(str::to_owned)
        };
        let status = head.code?;
        let position = header("evento-position");
        let length = header("content-length").map_or(Some(0), |text| text.trim().parse::<usize>().ok())?;
        if length > ANSWER_BYTES_MAX || header("transfer-encoding").is_some() {
            return None;
        }
        while buffer.len() < start + length {
            more(stream, &mut buffer)?;
        }
        return Some(Reply { status, position, body: buffer[start..start + length].to_vec() });
    }
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4_096];
    let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&chunk[..read]);
    Some(())
}
