//! A small Kafka client of the tests, which sends what it is told to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A connection.
pub struct Wire(pub TcpStream);

impl Wire {
    pub fn connect(address: &str) -> Wire {
        let stream = TcpStream::connect(address).expect("the listener takes connections");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("set");
        stream.set_write_timeout(Some(ANSWER_MAX)).expect("set");
        Wire(stream)
    }

    /// Sends a request and reads the answer.
    pub fn ask<Q: Request>(&mut self, version: i16, request: &Q) -> std::io::Result<Q::Response> {
        self.send(&frame(version, request))?;
        let mut answer = &self.read()?[..];
        ResponseHeader::decode(&mut answer, Q::Response::header_version(version)).expect("a header");
        Ok(Q::Response::decode(&mut answer, version).expect("an answer"))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Reads one answer without its length.
    pub fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// Whether the other side ends the connection without an answer.
    pub fn is_ended(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// The bytes of a request, with their length before them.
pub fn frame<Q: Request>(version: i16, request: &Q) -> Vec<u8> {
    let key = ApiKey::try_from(Q::KEY).expect("a known kind");
    let mut body = Vec::new();
    let header = RequestHeader::default().with_request_api_key(Q::KEY).with_request_api_version(version);
    header.encode(&mut body, key.request_header_version(version)).expect("encoded");
    request.encode(&mut body, version).expect("encoded");
    framed(&body)
}

/// Bytes with their length before them.
pub fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}
