//! The platform's own events: what Evento itself may write into an instance's stream.
//!
//! They tell a result that no function told: an operator gave up on a command, or a precondition turned out not to
//! hold. They take a sequence like any event, never go to a function and never change a state. Their schemas have
//! the first ids of every registry, so a record written by any Evento is read by every other.

use std::sync::LazyLock;

use bytes::Bytes;
use evento_model::{CommandId, FullName, SchemaId, Timestamp};

use crate::avro::Schema;
use crate::catalog::Registered;

/// The namespace no resource may use, except for what lies in [`CONFORMANCE`].
pub const NAMESPACE: &str = "evento";

/// The namespace of the reference entity of the conformance kit: a resource like any other.
pub const CONFORMANCE: &str = "evento.conformance";

/// First schema id that resources get; those below belong to the platform, now and later.
pub const SCHEMA_ID_FIRST: u32 = 17;

const ABANDONED: &str = r#"{"type":"record","name":"CommandAbandoned","namespace":"evento","doc":"An operator gave up on a command.","fields":[
{"name":"commandId","type":"string"},
{"name":"commandName","type":"string","doc":"full name of the command's type"},
{"name":"reason","type":"string"},
{"name":"abandonedBy","type":"string","doc":"who abandoned it"},
{"name":"attempts","type":"int","doc":"how often it was tried"},
{"name":"lastFailure","type":["null",{"type":"record","name":"LastFailure","fields":[
{"name":"kind","type":"string","doc":"EV code"},
{"name":"message","type":"string","doc":"the function's own words"},
{"name":"revision","type":"string","doc":"of the function that failed; empty when none answered"}]}]},
{"name":"parkedAt","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"doc":"null when it was not parked"}]}"#;

const PRECONDITION_FAILED: &str = r#"{"type":"record","name":"CommandPreconditionFailed","namespace":"evento","doc":"The instance was not at the sequence the sender asked for.","fields":[
{"name":"commandId","type":"string"},
{"name":"commandName","type":"string","doc":"full name of the command's type"},
{"name":"expected","type":"long","doc":"sequence the sender asked for; 0 is: must be new"},
{"name":"actual","type":"long","doc":"sequence the instance was at"}]}"#;

/// Whether a full name is the platform's own, so that no resource may have it.
pub fn is_reserved(name: &str) -> bool {
    let within = |namespace: &str| name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('.'));
    within(NAMESPACE) && !within(CONFORMANCE)
}

/// The platform's events with their schemas.
#[derive(Debug)]
pub struct Platform {
    /// `evento.CommandAbandoned`.
    pub abandoned: Registered,
    /// `evento.CommandPreconditionFailed`.
    pub precondition_failed: Registered,
}

static PLATFORM: LazyLock<Platform> = LazyLock::new(|| {
    let registered =
        |id, json| Registered { id: SchemaId(id), schema: Schema::parse(json).expect("checked by a test") };
    Platform { abandoned: registered(1, ABANDONED), precondition_failed: registered(2, PRECONDITION_FAILED) }
});

static NAMES: LazyLock<[FullName; 2]> = LazyLock::new(|| {
    ["evento.CommandAbandoned", "evento.CommandPreconditionFailed"]
        .map(|name| FullName::new(name).expect("checked by a test"))
});

/// The platform's events; the same in every registry.
pub fn platform() -> &'static Platform {
    &PLATFORM
}

impl Platform {
    /// Every platform schema with its name.
    pub fn all(&self) -> [(FullName, &Registered); 2] {
        [(abandoned_name(), &self.abandoned), (precondition_failed_name(), &self.precondition_failed)]
    }
}

/// `evento.CommandAbandoned`.
pub fn abandoned_name() -> FullName {
    NAMES[0].clone()
}

/// `evento.CommandPreconditionFailed`.
pub fn precondition_failed_name() -> FullName {
    NAMES[1].clone()
}

/// What `evento.CommandAbandoned` tells (guarantees, G11).
#[derive(Clone, Copy, Debug)]
pub struct Abandoned<'a> {
    /// The command.
    pub command_id: &'a CommandId,
    /// Full name of its type.
    pub command_name: &'a FullName,
    /// Why it was given up.
    pub reason: &'a str,
    /// Who gave it up.
    pub abandoned_by: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// EV code, message and revision of its last failure.
    pub last_failure: Option<(&'a str, &'a str, &'a str)>,
    /// When it was parked, if it was.
    pub parked_at: Option<Timestamp>,
}

/// Payload of `evento.CommandAbandoned`, canonical Avro.
pub fn abandoned(told: &Abandoned<'_>) -> Bytes {
    let mut out = Vec::with_capacity(256 + told.reason.len());
    for text in [told.command_id.as_str(), told.command_name.as_str(), told.reason, told.abandoned_by] {
        write_text(text, &mut out);
    }
    write_long(i32::try_from(told.attempts).unwrap_or(i32::MAX).into(), &mut out);
    write_long(told.last_failure.is_some().into(), &mut out);
    for text in told.last_failure.into_iter().flat_map(|(kind, message, revision)| [kind, message, revision]) {
        write_text(text, &mut out);
    }
    write_long(told.parked_at.is_some().into(), &mut out);
    if let Some(at) = told.parked_at {
        write_long(at.0, &mut out);
    }
    out.into()
}

/// Payload of `evento.CommandPreconditionFailed`, canonical Avro.
pub fn precondition_failed(command_id: &CommandId, command: &FullName, expected: u64, actual: u64) -> Bytes {
    let mut out = Vec::with_capacity(128);
    write_text(command_id.as_str(), &mut out);
    write_text(command.as_str(), &mut out);
    for sequence in [expected, actual] {
        // A sequence above i64 is never reached; a sender may still name one.
        write_long(i64::try_from(sequence).unwrap_or(i64::MAX), &mut out);
    }
    out.into()
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_long(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Avro's long: zigzag, then seven bits a byte, lowest first.
fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use evento_model::{CommandId, FullName, Timestamp};

    use super::{Abandoned, abandoned, platform, precondition_failed};
    use crate::avro::{Checked, JsonOptions, Schema, check, to_json};

    fn json(schema: &Schema, datum: &[u8]) -> String {
        assert!(matches!(check(schema, datum), Ok(Checked::Canonical(_))), "platform payloads are canonical");
        let mut out = Vec::new();
        to_json(schema, datum, &JsonOptions { long_as_string: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn platform_events_read_back_under_their_schemas() {
        let id = CommandId::new("c-1").unwrap();
        let command = FullName::new("bank.WithdrawCash").unwrap();
        let reason = "gave up: ".repeat(30);
        let bare = Abandoned {
            command_id: &id,
            command_name: &command,
            reason: &reason,
            abandoned_by: "ops@bank",
            attempts: 0,
            last_failure: None,
            parked_at: None,
        };
        let told = format!(
            r#""commandId":"c-1","commandName":"bank.WithdrawCash","reason":"{reason}","abandonedBy":"ops@bank""#
        );
        assert_eq!(
            json(&platform().abandoned.schema, &abandoned(&bare)),
            format!(r#"{{{told},"attempts":0,"lastFailure":null,"parkedAt":null}}"#)
        );
        let full = Abandoned {
            attempts: 10,
            last_failure: Some(("EV3003", "KeyError", "sha256:3f")),
            parked_at: Some(Timestamp(1_795_413_600_000)),
            ..bare
        };
        let failure = r#"{"kind":"EV3003","message":"KeyError","revision":"sha256:3f"}"#;
        assert_eq!(
            json(&platform().abandoned.schema, &abandoned(&full)),
            format!(r#"{{{told},"attempts":10,"lastFailure":{failure},"parkedAt":"2026-11-23T06:00:00.000Z"}}"#)
        );
        assert_eq!(
            json(&platform().precondition_failed.schema, &precondition_failed(&id, &command, 0, u64::MAX)),
            r#"{"commandId":"c-1","commandName":"bank.WithdrawCash","expected":0,"actual":9223372036854775807}"#
        );
    }

    #[test]
    fn the_platform_keeps_its_namespace_but_for_the_conformance_kit() {
        let reserved = ["evento.Probe", "evento.function.v1.Work", "evento.conformances.Probe"];
        assert!(reserved.iter().all(|name| super::is_reserved(name)));
        let free = ["evento.conformance.Probe", "bank.Account", "eventos.Probe"];
        assert!(!free.iter().any(|name| super::is_reserved(name)));
    }

    #[test]
    fn platform_names_are_those_of_their_schemas_and_ids_stay_below_those_of_resources() {
        for (name, registered) in platform().all() {
            assert_eq!(registered.schema.full_name(), Some(name.as_str()));
            assert!(registered.id.0 < super::SCHEMA_ID_FIRST);
        }
    }
}
