//! The files of `sdk/conformance`, compiled in, and what is read out of them.

use serde_json::Value;

macro_rules! schema {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../sdk/conformance/schemas/", $name, ".avsc")))
    };
}

macro_rules! golden {
    ($file:literal) => {
        include_str!(concat!("../../../../sdk/conformance/golden/", $file))
    };
}

/// The record with every type.
pub(super) const EVERYTHING: &str = include_str!("../../../../sdk/conformance/schemas/Everything.avsc");

/// Schemas of entity, commands and events by simple name.
pub(super) const SCHEMAS: [(&str, &str); 21] = [
    schema!("Probe"),
    schema!("Echo"),
    schema!("EmitMany"),
    schema!("Reject"),
    schema!("RejectAndCount"),
    schema!("ExpectCount"),
    schema!("End"),
    schema!("Throw"),
    schema!("Poison"),
    schema!("Break"),
    schema!("Sleep"),
    schema!("Context"),
    schema!("Maps"),
    schema!("Echoed"),
    schema!("Noted"),
    schema!("Rejected"),
    schema!("RejectedAndCounted"),
    schema!("Ended"),
    schema!("Broken"),
    schema!("ContextSeen"),
    schema!("Mapped"),
];

/// Values of `Everything`: name, what goes in, what comes out.
pub(super) const ECHOES: [(&str, &str, &str); 6] = [
    ("zero", golden!("everything-zero.hex"), golden!("everything-zero.hex")),
    ("low", golden!("everything-low.hex"), golden!("everything-low.hex")),
    ("high", golden!("everything-high.hex"), golden!("everything-high.hex")),
    ("mixed", golden!("everything-mixed.hex"), golden!("everything-mixed.hex")),
    ("special", golden!("everything-special.hex"), golden!("everything-special.hex")),
    ("mixed-loose", golden!("everything-mixed-loose.hex"), golden!("everything-mixed.hex")),
];

const CONTEXT: &str = golden!("context.json");
const REPLAY: &str = golden!("replay.json");
const IDENTITY: &str = golden!("identity.json");

/// Bytes of hex digits, whatever stands between them.
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

/// One vector of `Context`.
pub(super) struct Vector {
    pub(super) entity_id: String,
    pub(super) seq: u64,
    pub(super) command_id: String,
    pub(super) time: i64,
    pub(super) seed: [u8; 16],
    pub(super) seen: Vec<u8>,
}

pub(super) fn vectors() -> Vec<Vector> {
    let file: Value = serde_json::from_str(CONTEXT).unwrap_or_default();
    let vector = |value: &Value| {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        Vector {
            entity_id: text("entityId").to_owned(),
            seq: text("seq").parse().unwrap_or_default(),
            command_id: text("commandId").to_owned(),
            time: value["time"].as_i64().unwrap_or_default(),
            seed: unhex(text("seed")).try_into().unwrap_or_default(),
            seen: unhex(text("contextSeen")),
        }
    };
    file["vectors"].as_array().into_iter().flatten().map(vector).collect()
}

/// States of the replay by the number of events before them, ascending.
pub(super) fn replay_states() -> Vec<(usize, Option<Vec<u8>>)> {
    let file: Value = serde_json::from_str(REPLAY).unwrap_or_default();
    let states = file["states"].as_object().into_iter().flatten();
    let mut states: Vec<_> =
        states.filter_map(|(count, state)| Some((count.parse().ok()?, state.as_str().map(unhex)))).collect();
    states.sort();
    states
}

/// The key of the identity tokens: id, `EVENTO_IDENTITY_KEYS`, the secret's seed.
pub(super) fn identity_key() -> (String, String, Vec<u8>) {
    let file: Value = serde_json::from_str(IDENTITY).unwrap_or_default();
    let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
    (text("keyId"), text("keys"), unhex(&text("secretKey")))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use evento_schema::avro::{Checked, JsonOptions, Schema, check, from_json, to_json};
    use serde_json::Value;

    use super::{ECHOES, EVERYTHING, IDENTITY, identity_key, replay_states, unhex, vectors};

    #[test]
    fn the_golden_values_are_canonical_and_pass_through_plain_json() {
        let schema = Schema::parse(EVERYTHING).expect("valid");
        for (name, _, out) in ECHOES {
            let bytes = unhex(out);
            assert!(matches!(check(&schema, &bytes), Ok(Checked::Canonical(_))), "{name} is not canonical");
            let mut json = Vec::new();
            to_json(&schema, &bytes, &JsonOptions { long_as_string: true }, &mut json).expect("a value");
            assert_eq!(from_json(&schema, &json).expect("reads back"), bytes, "{name}");
        }
    }

    #[test]
    fn loose_bytes_mean_the_canonical_ones() {
        let schema = Schema::parse(EVERYTHING).expect("valid");
        let (_, loose, out) = ECHOES[5];
        assert!(matches!(check(&schema, &unhex(loose)), Ok(Checked::Rewritten(bytes)) if bytes == unhex(out)));
    }

    #[test]
    fn the_files_read_whole() {
        assert_eq!(vectors().len(), 3);
        assert!(vectors().iter().all(|vector| vector.seen.len() > 400 && !vector.command_id.is_empty()));
        let counts: Vec<usize> = replay_states().iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [1, 100, 4999, 5000, 5001, 10_000]);
    }

    #[test]
    fn the_golden_token_is_signed_by_the_golden_key() {
        let file: Value = serde_json::from_str(IDENTITY).expect("JSON");
        let token = file["token"].as_str().expect("a token");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let seed = ed25519_compact::Seed::from_slice(&identity_key().2).expect("32 bytes");
        let key = ed25519_compact::KeyPair::from_seed(seed);
        assert_eq!(URL_SAFE_NO_PAD.encode(*key.pk), file["publicKey"].as_str().expect("a key"));
        assert_eq!(URL_SAFE_NO_PAD.encode(*key.sk.sign(signed, None)), signature);
    }
}
