//! What a fuzz target reaches and nobody else: texts that come with a request. Built with `--cfg fuzzing` only.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::preference::{self, Preference};
use crate::{read, tail};

const HEADERS: [&str; 6] = ["prefer", "idempotency-key", "if-match", "if-none-match", "content-type", "accept"];

/// The first byte says which header the rest is; it is a cursor, a token and a number as well.
pub fn texts(data: &[u8]) {
    let [which, rest @ ..] = data else { return };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(rest) {
        let name = HEADERS[usize::from(*which) % HEADERS.len()];
        headers.insert(HeaderName::from_static(name), value);
    }
    let _ = Preference::read(&headers);
    let _ = (preference::idempotency_key(&headers), preference::if_seq(&headers));
    let _ = (preference::media_type(&headers), preference::long_as_string(&headers));
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let _ = (read::page_limit(Some(text)), read::number("seq", text), tail::read_token(text));
    if let Ok(place) = read::read_cursor(text, "i", "") {
        assert_eq!(read::read_cursor(&read::cursor("i", "", &place), "i", "").ok(), Some(place));
    }
}
