//! Request identity: whether it is Evento who calls (function protocol, section 9).
//!
//! A token is a compact EdDSA one (Ed25519) over method, path, call, revision and body; it is good once. Checked
//! whenever keys are set in `EVENTO_IDENTITY_KEYS` or in the file that `EVENTO_IDENTITY_KEYS_FILE` names.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{PublicKey, Signature};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How far the two clocks may differ, in seconds.
const SKEW_S: i64 = 60;

/// How often a file of keys is read again, in seconds.
const REREAD_S: i64 = 60;

/// How long a call id is remembered at least: a token's life and the skew on both sides, in seconds.
const REMEMBERED_S: i64 = 180;

/// Most call ids of one period.
const CALLS_MAX: usize = 1_000_000;

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// What a request says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) call: &'a str,
    pub(crate) revision: &'a str,
    /// 0 where the header is missing, as in batches.
    pub(crate) attempt: i64,
    pub(crate) body: &'a [u8],
}

/// Knows the keys and the calls there were.
#[derive(Debug)]
pub(crate) struct Verifier {
    source: Source,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
enum Source {
    Fixed(HashMap<String, PublicKey>),
    File(PathBuf),
}

#[derive(Debug, Default)]
struct Seen {
    /// Keys of a file, and when they were read.
    keys: HashMap<String, PublicKey>,
    read_at: i64,
    // Bound: CALLS_MAX each; the older one is dropped when the period ends.
    recent: HashSet<[u8; 16]>,
    older: HashSet<[u8; 16]>,
    since: i64,
}

impl Verifier {
    /// The verifier that the environment asks for, if it does.
    pub(crate) fn from_environment() -> Result<Option<Verifier>, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let source = match (variable("EVENTO_IDENTITY_KEYS"), variable("EVENTO_IDENTITY_KEYS_FILE")) {
            (Some(text), _) => Source::Fixed(keys(&text)?),
            (None, Some(file)) => Source::File(file.into()),
            (None, None) => return Ok(None),
        };
        Ok(Some(Verifier { source, seen: Mutex::default() }))
    }

    /// Whether the request is Evento's, and the first with this token; `now` in seconds since 1970.
    pub(crate) fn check(&self, token: Option<&str>, claimed: Claimed<'_>, now: i64) -> Result<(), &'static str> {
        let token = token.filter(|token| token.len() <= TOKEN_BYTES_MAX).ok_or("no Evento-Identity")?;
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("no token of three parts");
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let header = json(header)?;
        if header["alg"] != "EdDSA" {
            return Err("another algorithm than EdDSA");
        }
        let key = self.key(&mut seen, header["kid"].as_str().unwrap_or(""), now).ok_or("an unknown key")?;
        let signature = decode(signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| "no signature")?;
        let signed = &token[..token.rfind('.').unwrap_or(0)];
        key.verify(signed, &signature).map_err(|_| "a wrong signature")?;
        fits(&json(payload)?, claimed, now)?;
        seen.first_time(claimed.call, now)
    }

    fn key(&self, seen: &mut Seen, id: &str, now: i64) -> Option<PublicKey> {
        match &self.source {
            Source::Fixed(keys) => keys.get(id).copied(),
            Source::File(path) => {
                if (now - seen.read_at).abs() >= REREAD_S {
                    seen.read_at = now;
                    // A file that is being replaced is read again in a minute; until then the old keys hold.
                    if let Some(read) = std::fs::read_to_string(path).ok().and_then(|text| keys(&text).ok()) {
                        seen.keys = read;
                    }
                }
                seen.keys.get(id).copied()
            }
        }
    }
}

impl Seen {
    fn first_time(&mut self, call: &str, now: i64) -> Result<(), &'static str> {
        if now - self.since >= REMEMBERED_S {
            self.older = std::mem::take(&mut self.recent);
            self.since = now;
        }
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(call)[..16]);
        if self.recent.len() >= CALLS_MAX {
            return Err("too many calls to remember");
        }
        if self.older.contains(&id) || !self.recent.insert(id) { Err("a token that was used before") } else { Ok(()) }
    }
}

/// Reads `k1:<base64url>,k2:<base64url>`.
fn keys(text: &str) -> Result<HashMap<String, PublicKey>, String> {
    let key = |entry: &str| {
        let (id, key) = entry.trim().split_once(':')?;
        Some((id.to_owned(), PublicKey::from_slice(&decode(key).ok()?).ok()?))
    };
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    let wrong =
        |entry: &str| format!("identity keys: {entry:?} is no key; they are given as k1:<base64url>,k2:<base64url>");
    entries.map(|entry| key(entry).ok_or_else(|| wrong(entry))).collect()
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "no base64url")
}

fn json(text: &str) -> Result<Value, &'static str> {
    serde_json::from_slice(&decode(text)?).map_err(|_| "no JSON")
}

fn fits(payload: &Value, claimed: Claimed<'_>, now: i64) -> Result<(), &'static str> {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(claimed.body));
    let (Some(issued), Some(expires)) = (payload["iat"].as_i64(), payload["exp"].as_i64()) else {
        return Err("a token without times");
    };
    let rules = [
        (payload["iss"] == "evento", "another issuer"),
        (payload["aud"] == format!("{} {}", claimed.method, claimed.path), "a token for another path"),
        (payload["call"] == claimed.call, "a token for another call"),
        (payload["rev"] == claimed.revision, "a token for another revision"),
        (payload["att"] == claimed.attempt, "a token for another attempt"),
        (payload["bh"] == digest, "a token for another body"),
        (issued - SKEW_S <= now && now <= expires + SKEW_S, "a token of another time"),
        (expires - issued <= 60, "a token that lives too long"),
    ];
    rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(why))
}

#[cfg(test)]
mod tests {
    use super::{Claimed, Source, Verifier, keys};
    use serde_json::Value;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
        digits.chunks(2).map(pair).collect()
    }

    #[test]
    fn the_golden_token_is_good_once_for_its_request_and_for_no_other() {
        let golden: Value = serde_json::from_str(include_str!("../../conformance/golden/identity.json")).expect("JSON");
        let body = unhex(include_str!("../../conformance/golden/run-request.hex"));
        let text = |pointer: &str| golden.pointer(pointer).and_then(Value::as_str).expect("a text");
        let verifier =
            |text: &str| Verifier { source: Source::Fixed(keys(text).expect("keys")), seen: Default::default() };
        let token = text("/token");
        let good = Claimed {
            method: "POST",
            path: "/run",
            call: text("/request/call"),
            revision: text("/request/revision"),
            attempt: 0,
            body: &body,
        };
        let now = 1_795_413_600;
        let once = verifier(text("/keys"));
        assert_eq!(once.check(Some(token), good, now), Ok(()));
        assert_eq!(once.check(Some(token), good, now + 170), Err("a token of another time"));
        assert_eq!(once.check(Some(token), good, now), Err("a token that was used before"));
        let changed = [
            Claimed { method: "GET", ..good },
            Claimed { path: "/handle/bank.DepositCash", ..good },
            Claimed { call: "00", ..good },
            Claimed { revision: "none", ..good },
            Claimed { attempt: 1, ..good },
            Claimed { body: &body[1..], ..good },
        ];
        for claimed in changed {
            assert!(verifier(text("/keys")).check(Some(token), claimed, now).is_err(), "{claimed:?}");
        }
        for (token, at) in [(Some(token), now - 61), (Some(token), now + 121), (None, now), (Some("a.b.c"), now)] {
            assert!(verifier(text("/keys")).check(token, good, at).is_err(), "{token:?} at {at}");
        }
        assert!(verifier(&text("/keys").replace("k1", "k2")).check(Some(token), good, now).is_err());
        assert!(keys("k1:short").is_err());
    }
}
