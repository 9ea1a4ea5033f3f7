//! A small HTTP/1.1 client for load: one keep-alive connection, one request at a time, no allocation per request.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A connection to the server.
pub struct Connection {
    stream: TcpStream,
    host: String,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

/// An answer; the body stays in the connection's buffer until the next request.
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(host: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, host: host.to_owned(), out: Vec::new(), buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.send_keyed(method, path, kind, None, body).await
    }

    /// As [`send`](Connection::send), with an idempotency key.
    pub async fn send_keyed(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        key: Option<&str>,
        body: &[u8],
    ) -> anyhow::Result<Answer<'_>> {
        use std::io::Write;
        self.out.clear();
        write!(self.out, "{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host)?;
        if !body.is_empty() {
            write!(self.out, "Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len())?;
        }
        if let Some(key) = key {
            write!(self.out, "Idempotency-Key: {key}\r\n")?;
        }
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        self.stream.write_all(&self.out).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> anyhow::Result<Answer<'_>> {
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(start) = head.parse(&self.buffer)? else { continue };
            let status = head.code.unwrap_or(0);
            let header = |name: &str| head.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
            if header("transfer-encoding").is_some() {
                return self.chunked(status, start).await;
            }
            let length = match header("content-length") {
                Some(text) => std::str::from_utf8(text)?.trim().parse::<usize>()?,
                None => 0,
            };
            ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
            while self.buffer.len() < start + length {
                ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the answer ends in the middle");
            }
            return Ok(Answer { status, body: &self.buffer[start..start + length] });
        }
    }

    async fn chunked(&mut self, status: u16, start: usize) -> anyhow::Result<Answer<'_>> {
        let (mut at, mut body) = (start, Vec::new());
        loop {
            match httparse::parse_chunk_size(&self.buffer[at..]) {
                Ok(httparse::Status::Complete((head, size))) => {
                    let size = usize::try_from(size)?;
                    ensure!(body.len() + size <= ANSWER_BYTES_MAX, "an answer of more than {ANSWER_BYTES_MAX} bytes");
                    let end = at + head + size + 2;
                    while self.buffer.len() < end {
                        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the answer ends in the middle");
                    }
                    body.extend_from_slice(&self.buffer[at + head..at + head + size]);
                    at = end;
                    if size == 0 {
                        self.buffer = body;
                        return Ok(Answer { status, body: &self.buffer });
                    }
                }
                Ok(httparse::Status::Partial) => {
                    ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the answer ends in the middle");
                }
                Err(_) => bail!("a chunk without a size"),
            }
        }
    }
}
