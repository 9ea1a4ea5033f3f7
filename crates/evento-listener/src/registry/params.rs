//! What requests say in path and query, and the limits on it.

use std::collections::HashMap;
use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::answer::Refusal;

/// Longest subject, in bytes: an entity's name, a record's full name, and what joins them, are shorter.
const SUBJECT_BYTES_MAX: usize = 1_024;

/// The query. Parameters that nobody here knows are passed over, as Confluent's server does.
pub(super) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, Infallible> {
        let query = Query::try_from_uri(&parts.uri);
        Ok(Params(query.map(|Query(query)| query).unwrap_or_default()))
    }
}

impl Params {
    /// Whether a switch is on: `true`, in any case, as Python writes it otherwise than Java.
    pub(super) fn on(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }

    /// A text, empty if it is not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The part of a list that `offset` and `limit` ask for.
    pub(super) fn page<T>(&self, list: impl Iterator<Item = T>) -> Vec<T> {
        let offset = self.text("offset").parse().unwrap_or(0);
        let limit = self.text("limit").parse().unwrap_or(usize::MAX);
        list.skip(offset).take(limit).collect()
    }
}

/// A subject as a path names it.
///
/// # Errors
///
/// 42208: it is empty, too long, or has control characters.
pub(super) fn subject(name: &str) -> Result<&str, Refusal> {
    if name.is_empty() || name.len() > SUBJECT_BYTES_MAX || name.chars().any(char::is_control) {
        let shown: String = name.chars().take(80).collect();
        return Err(Refusal::new(
            42208,
            format!("The specified subject '{}' is not a valid subject.", shown.escape_debug()),
        ));
    }
    Ok(name)
}

/// Which version a path asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// `latest`, or -1.
    Latest,
    /// One by its number.
    Number(u32),
}

impl Version {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// 42202: it is neither.
    pub(super) fn read(text: &str) -> Result<Version, Refusal> {
        let number = text.parse::<i32>().ok();
        match number.map(u32::try_from) {
            _ if text == "latest" || number == Some(-1) => Ok(Version::Latest),
            Some(Ok(number @ 1..)) => Ok(Version::Number(number)),
            _ => {
                let shown: String = text.chars().take(80).collect();
                let allowed = "Allowed values are between [1, 2^31-1] and the string \"latest\"";
                let message = format!("The specified version '{shown}' is not a valid version id. {allowed}");
                Err(Refusal::new(42202, message))
            }
        }
    }
}
