//! Request identity: whether a request comes from Evento. Source: function-protocol 9; RFC 7515, RFC 8037.
//!
//! Keys come from `EVENTO_IDENTITY_KEYS` (`id:base64url,…`) or from the file that `EVENTO_IDENTITY_KEYS_FILE` names,
//! which is read again every minute. Without either nothing is checked: a private socket is protection enough.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{PublicKey, Signature};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// Longest time a token is good for, in seconds.
const LIFE: i64 = 60;
/// Calls remembered at most. More in two minutes are refused, since a second use could no longer be told.
const CALLS_MAX: usize = 2_000_000;
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4 << 10;
const REREAD: Duration = Duration::from_secs(60);

/// What a token must say of its request.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) call: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) body: &'a [u8],
}

/// Checks tokens.
pub(crate) struct Verifier {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    keys: HashMap<String, PublicKey>,
    read_at: Instant,
    /// Calls that were taken, and until when they are remembered (seconds since 1970). Bound: `CALLS_MAX`.
    calls: HashMap<String, i64>,
}

impl Verifier {
    /// From the environment; `None` when no keys are named.
    pub(crate) fn from_environment() -> Result<Option<Verifier>, String> {
        let file = std::env::var_os("EVENTO_IDENTITY_KEYS_FILE").map(PathBuf::from);
        let text = match (&file, std::env::var("EVENTO_IDENTITY_KEYS")) {
            (_, Ok(text)) => text,
            (Some(file), Err(_)) => read_file(file)?,
            (None, Err(_)) => return Ok(None),
        };
        Verifier::new(&text, file).map(Some)
    }

    fn new(keys: &str, file: Option<PathBuf>) -> Result<Verifier, String> {
        let state = State { keys: parse(keys)?, read_at: Instant::now(), calls: HashMap::new() };
        Ok(Verifier { file, state: Mutex::new(state) })
    }

    /// Checks a request at a time in seconds since 1970; the error says what does not fit.
    pub(crate) fn check(&self, token: Option<&str>, seen: &Seen<'_>, now: i64) -> Result<(), &'static str> {
        let token = token.filter(|token| token.len() <= TOKEN_BYTES_MAX).ok_or("Evento-Identity is missing")?;
        let (signed, signature) = token.rsplit_once('.').ok_or("it is no token")?;
        let (header, claims) = signed.split_once('.').ok_or("it is no token")?;
        let (header, claims) = (json(header)?, json(claims)?);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.reread(&mut state);
        if header["alg"] != "EdDSA" {
            return Err("alg is not EdDSA");
        }
        let key = header["kid"].as_str().and_then(|kid| state.keys.get(kid)).ok_or("the key is unknown")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        let signature = signature.ok_or("the signature is none")?;
        key.verify(signed, &signature).map_err(|_| "the signature is not of this key")?;
        let expires = fits(&claims, seen, now)?;
        let forgotten = |until: &i64| *until < now;
        if state.calls.get(seen.call).is_some_and(|until| !forgotten(until)) {
            return Err("the call was made before");
        }
        if state.calls.len() >= CALLS_MAX {
            state.calls.retain(|_, until| !forgotten(until));
        }
        if state.calls.len() >= CALLS_MAX {
            return Err("too many calls to remember");
        }
        state.calls.insert(seen.call.to_owned(), expires + LEEWAY);
        Ok(())
    }

    /// A file that cannot be read leaves the keys as they are.
    fn reread(&self, state: &mut State) {
        if let Some(file) = self.file.as_ref().filter(|_| state.read_at.elapsed() > REREAD) {
            state.read_at = Instant::now();
            if let Ok(keys) = read_file(file).and_then(|text| parse(&text)) {
                state.keys = keys;
            }
        }
    }
}

/// When the token expires, if every claim is there and fits.
fn fits(claims: &Value, seen: &Seen<'_>, now: i64) -> Result<i64, &'static str> {
    let text = |claim: &str| claims[claim].as_str().unwrap_or_default();
    let aud = format!("{} {}", seen.method, seen.path);
    let body = URL_SAFE_NO_PAD.encode(Sha256::digest(seen.body));
    let wanted = [("iss", "evento"), ("aud", &aud), ("call", seen.call), ("rev", seen.revision), ("bh", &body)];
    if wanted.iter().any(|(claim, value)| text(claim) != *value) || seen.call.is_empty() {
        return Err("iss, aud, call, rev or bh is not the request's");
    }
    let number = |claim: &str| claims[claim].as_i64().ok_or("iat, exp or att is missing");
    let (issued, expires, _) = (number("iat")?, number("exp")?, number("att")?);
    if issued - LEEWAY > now || now > expires + LEEWAY || expires - issued > LIFE {
        return Err("it is too old, or from the time to come");
    }
    Ok(expires)
}

fn json(part: &str) -> Result<Value, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| "it is no token")?;
    serde_json::from_slice(&bytes).map_err(|_| "it is no token")
}

fn read_file(file: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// `k1:<base64url>,k2:<base64url>`
fn parse(text: &str) -> Result<HashMap<String, PublicKey>, String> {
    let one = |pair: &str| {
        let (id, key) = pair.trim().split_once(':')?;
        let key = PublicKey::from_slice(&URL_SAFE_NO_PAD.decode(key).ok()?).ok()?;
        Some((id.to_owned(), key))
    };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let keys: Option<HashMap<_, _>> = pairs.map(one).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| "identity keys are written k1:<base64url>,k2:…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Seen, Verifier};

    #[test]
    fn the_golden_token_is_taken_once_and_only_for_its_request() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../conformance/golden/identity.json")).expect("JSON");
        let text = |pointer: &str| golden.pointer(pointer).and_then(|value| value.as_str()).expect("text");
        let digits: Vec<u8> = include_str!("../../conformance/golden/run-request.hex")
            .chars()
            .filter_map(|c| c.to_digit(16))
            .map(|digit| digit as u8)
            .collect();
        let body: Vec<u8> = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect();
        let seen = |path, call| Seen { method: "POST", path, call, revision: text("/request/revision"), body: &body };
        let (token, call) = (Some(text("/token")), text("/request/call"));
        let check =
            |path, call, now| Verifier::new(text("/keys"), None).expect("keys").check(token, &seen(path, call), now);
        for (path, call, now, good) in [
            ("/run", call, 1_795_413_600, true),
            ("/run", call, 1_795_413_540, true),
            ("/run", call, 1_795_413_720, true),
            ("/run", call, 1_795_413_539, false),
            ("/run", call, 1_795_413_721, false),
            ("/ran", call, 1_795_413_600, false),
            ("/run", "5f", 1_795_413_600, false),
        ] {
            assert_eq!(check(path, call, now).is_ok(), good, "{path} {call} {now}");
        }
        let verifier = Verifier::new(text("/keys"), None).expect("keys");
        assert_eq!(verifier.check(None, &seen("/run", call), 1_795_413_600), Err("Evento-Identity is missing"));
        assert!(verifier.check(token, &seen("/run", call), 1_795_413_600).is_ok());
        assert_eq!(verifier.check(token, &seen("/run", call), 1_795_413_601), Err("the call was made before"));
    }
}
