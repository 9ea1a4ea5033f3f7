//! As much HTTP/1.1 as a proxy between the kit and the probe needs: heads, lengths, bodies.

use std::io::{Read, Write};

/// A connection of either kind.
pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A request or an answer.
#[derive(Clone, Debug)]
pub struct Message {
    /// `POST /run HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub first: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The other side went away between messages.
    Closed,
    /// It went away in the middle of a head.
    InHead,
    /// It went away in the middle of a body.
    InBody,
    /// It speaks no HTTP.
    Noise,
}

impl Message {
    pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message { first: format!("HTTP/1.1 {status} It"), headers, body: body.to_vec() }
    }

    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn has(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// Reads one message. The kit sends none before the answer to the one before, so nothing follows its body.
    pub fn read(stream: &mut dyn Stream) -> Result<Message, End> {
        let mut head = Vec::new();
        let mut chunk = [0; 8 << 10];
        let end = loop {
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut chunk) {
                Ok(n) if n > 0 && head.len() < 64 << 10 => head.extend_from_slice(&chunk[..n]),
                Ok(n) if n > 0 => return Err(End::Noise),
                _ if head.is_empty() => return Err(End::Closed),
                _ if head.is_ascii() => return Err(End::InHead),
                _ => return Err(End::Noise),
            }
        };
        let begun = head.split_off(end);
        let text = String::from_utf8(head).map_err(|_| End::Noise)?;
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let mut message = Message { first, headers, body: Vec::new() };
        let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0usize);
        message.body = begun;
        let read = message.body.len().min(length);
        message.body.resize(length.min(64 << 20), 0);
        stream.read_exact(&mut message.body[read..]).map_err(|_| End::InBody)?;
        Ok(message)
    }

    /// Writes it with its own length.
    pub fn write(&self, stream: &mut dyn Stream) -> std::io::Result<()> {
        let mut bytes = format!("{}\r\n", self.first).into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "content-length") {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        // An answer without content must not have a length (RFC 9110, 8.6).
        if self.status() != 204 {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        stream.write_all(&bytes)?;
        stream.flush()
    }
}
