//! S11: request identity. The kit signs with a key that everybody knows (RFC 8032), for a function started with it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use evento_function::call::{RunRequest, Want};
use serde_json::{Value, json};
use sha2::Digest as _;

use super::command;
use super::golden::identity_key;
use super::model::number;
use crate::report::Findings;
use crate::start::Launch;
use crate::subject::{Mode, Subject};
use crate::wire::{Ask, Version, Wire};

/// What is done to a good token or its request.
type Spoil = (&'static str, fn(&mut Token, &mut Ask));

/// A token before it is signed.
struct Token {
    header: Value,
    claims: Value,
    /// Signed with another key.
    forged: bool,
    /// Nothing is sent at all.
    absent: bool,
    /// A byte of the signature is changed afterwards.
    torn: bool,
}

const SPOILS: [Spoil; 15] = [
    ("no token", |token, _| token.absent = true),
    ("a signature with a changed byte", |token, _| token.torn = true),
    ("signed by another key under the known id", |token, _| token.forged = true),
    ("an unknown key id", |token, _| token.header["kid"] = json!("k9")),
    ("alg none", |token, _| token.header["alg"] = json!("none")),
    ("another issuer", |token, _| token.claims["iss"] = json!("mallory")),
    ("another path in aud", |token, _| token.claims["aud"] = json!("POST /handle/bank.CloseAccount")),
    ("another method in aud", |token, _| {
        let aud = token.claims["aud"].as_str().unwrap_or_default().replacen("POST", "GET", 1);
        token.claims["aud"] = json!(aud);
    }),
    ("a time two minutes and more gone", |token, _| shift(token, -200)),
    ("a time two minutes to come", |token, _| shift(token, 150)),
    ("another call id", |token, _| token.claims["call"] = json!("00000000000000000000000000000000")),
    ("another revision", |token, _| token.claims["rev"] = json!("sha256:00")),
    ("another body", |_, ask| ask.body = [&ask.body[..], &[0]].concat().into()),
    ("no digest of the body", |token, _| drop(token.claims.as_object_mut().map(|claims| claims.remove("bh")))),
    ("no expiry", |token, _| drop(token.claims.as_object_mut().map(|claims| claims.remove("exp")))),
];

fn shift(token: &mut Token, seconds: i64) {
    for claim in ["iat", "exp"] {
        token.claims[claim] = json!(token.claims[claim].as_i64().unwrap_or_default() + seconds);
    }
}

pub(crate) async fn s11(subject: &Subject, launch: &Launch, out: &mut Findings) {
    let (_, keys, _) = identity_key();
    let started = match launch.start_with(None, &[("EVENTO_IDENTITY_KEYS", &keys)]).await {
        Ok(started) => started,
        Err(why) => return out.fault("starting it with EVENTO_IDENTITY_KEYS", why),
    };
    let keyed = subject.at(Wire::new(started.place.clone(), Version::H1), Some(started.instance.clone()));
    for mode in keyed.modes.clone() {
        let good = match signed(&keyed, mode, None) {
            Ok(good) => good,
            Err(why) => return out.fault("signing", why),
        };
        out.check(format!("{mode}: a good token"), status(&keyed, &good, 200).await);
        out.check(format!("{mode}: the same token a second time"), status(&keyed, &good, 401).await);
        for spoil in &SPOILS {
            let came = match signed(&keyed, mode, Some(spoil.1)) {
                Ok(ask) => status(&keyed, &ask, 401).await,
                Err(why) => Err(why),
            };
            out.check(format!("{mode}: {}", spoil.0), came);
        }
        let again = match signed(&keyed, mode, None) {
            Ok(good) => status(&keyed, &good, 200).await,
            Err(why) => Err(why),
        };
        out.check(format!("{mode}: a good token afterwards"), again);
    }
    started.process.stop().await;
}

async fn status(subject: &Subject, ask: &Ask, wanted: u16) -> Result<(), String> {
    match subject.wire.ask(ask, subject.timeout).await?.status {
        status if status == wanted => Ok(()),
        status => Err(format!("status {status}, not {wanted}")),
    }
}

/// A request with its token.
fn signed(subject: &Subject, mode: Mode, spoil: Option<fn(&mut Token, &mut Ask)>) -> Result<Ask, String> {
    let call = command(subject, "EmitMany", number(1), None)?;
    let (mut ask, attempt) = match mode {
        Mode::Plain => (subject.plain_ask(&call), call.attempt),
        Mode::Run => {
            let request = RunRequest { entity: call.entity.clone(), work: vec![subject.work(&call, Want::Each)?] };
            (subject.run_ask(&request), 0)
        }
    };
    let (kid, _, secret) = identity_key();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
    let mut token = Token {
        header: json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"}),
        claims: json!({"iss": "evento", "aud": format!("POST {}{}", subject.wire.place.base(), ask.path), "iat": now,
            "exp": now + 60, "call": ask.header("evento-call"), "att": attempt,
            "rev": ask.header("evento-revision"), "bh": body_hash(&ask.body)}),
        forged: false,
        absent: false,
        torn: false,
    };
    if let Some(spoil) = spoil {
        spoil(&mut token, &mut ask);
    }
    let secret = if token.forged { vec![7; 32] } else { secret };
    match token.absent {
        true => Ok(ask),
        false => Ok(ask.with("evento-identity", &write(&token, &secret)?)),
    }
}

fn body_hash(body: &Bytes) -> String {
    URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(body))
}

/// The compact form, signed (RFC 7515, RFC 8037).
fn write(token: &Token, secret: &[u8]) -> Result<String, String> {
    let seed = ed25519_compact::Seed::from_slice(secret).map_err(|error| error.to_string())?;
    let key = ed25519_compact::KeyPair::from_seed(seed);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&token.header), part(&token.claims));
    let mut signature = key.sk.sign(&text, None).to_vec();
    if token.torn {
        signature[10] ^= 1;
    }
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
