//! Server-sent events (WHATWG HTML, "Server-sent events"), read line by line.

use std::io::{self, BufRead, BufReader, Read};

// Bound: a line of more than 2 MiB ends the stream; events are at most 1 MiB.
const LINE_BYTES_MAX: u64 = 2 << 20;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The resume cursor.
    pub id: Option<String>,
    /// The event's name; `message` when the server names none.
    pub name: String,
    /// Its data; several `data` lines are joined by line feeds.
    pub data: String,
}

/// The events of one connection. It ends when the server ends it; a broken connection is an error.
pub struct Stream {
    lines: BufReader<Box<dyn Read + Send>>,
}

impl Stream {
    /// Reads events from a body.
    pub fn new(body: Box<dyn Read + Send>) -> Stream {
        Stream { lines: BufReader::new(body) }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream broke off within a line"));
        }
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map(Some).map_err(io::Error::other)
    }
}

impl Iterator for Stream {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<io::Result<Event>> {
        let mut event = Event { id: None, name: "message".to_owned(), data: String::new() };
        let mut with_data = false;
        loop {
            let line = match self.line() {
                Ok(Some(line)) => line,
                // An event that was not ended by an empty line is not an event.
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            if line.is_empty() {
                if with_data {
                    return Some(Ok(event));
                }
                event = Event { id: None, name: "message".to_owned(), data: String::new() };
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" if !value.contains('\0') => event.id = Some(value.to_owned()),
                "event" => event.name = value.to_owned(),
                "data" => {
                    if with_data {
                        event.data.push('\n');
                    }
                    with_data = true;
                    event.data.push_str(value);
                }
                // Comments keep the connection open; other fields are for browsers.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Stream};

    #[test]
    fn events_read_with_cursor_name_and_data() {
        let body = ": hello\n\nid: MDp\r\nevent: bank.CashWithdrawn\r\ndata: {\"a\":1}\r\n\r\ndata: x\ndata: y\n\n\
                    id: lost\ndata: not ended\n";
        let events: Vec<Event> = Stream::new(Box::new(body.as_bytes())).map(|e| e.expect("whole lines")).collect();
        let event = |id: Option<&str>, name: &str, data: &str| Event {
            id: id.map(str::to_owned),
            name: name.into(),
            data: data.into(),
        };
        assert_eq!(events, [event(Some("MDp"), "bank.CashWithdrawn", "{\"a\":1}"), event(None, "message", "x\ny")]);
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let endless = std::io::repeat(b'x');
        assert!(Stream::new(Box::new(endless)).next().is_some_and(|event| event.is_err()));
        assert!(Stream::new(Box::new(&b"data: x"[..])).next().is_some_and(|event| event.is_err()));
    }
}
