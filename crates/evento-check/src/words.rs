//! How nouns of the model look in a history: digests as hex, outcomes as their words.

use evento_model::{Digest, Outcome};
use serde::{Deserialize, Deserializer, Serializer, de};

/// A digest as 64 hex digits.
pub(crate) mod digest {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(digest)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        Digest::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no digest of 64 hex digits")))
    }
}

/// A digest that may be unknown.
pub(crate) mod known_digest {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(digest: &Option<Digest>, out: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => out.collect_str(digest),
            None => out.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Digest>, D::Error> {
        super::digest::deserialize(from).map(Some)
    }
}

/// `accepted`, `rejected`, `abandoned`.
pub(crate) mod outcome {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(outcome: &Outcome, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(outcome.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Outcome, D::Error> {
        let text = String::deserialize(from)?;
        Outcome::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no outcome")))
    }
}
