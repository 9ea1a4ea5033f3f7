//! The history: one line for everything a client was told, a reader saw, or a nemesis did.
//!
//! JSON, one object a line, in the order of `t`. A harness writes it outside of the system under test, the line
//! of a send before the request leaves. Reading and writing the file is the caller's business.

use evento_model::{Digest, Outcome};
use serde::{Deserialize, Serialize};

use crate::words;

/// One line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Nanoseconds of one monotonic clock; never falls from line to line.
    pub t: u64,
    /// The operation; a send and its answers carry the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// The client or reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a line tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "lowercase")]
pub enum What {
    /// A command is about to be sent.
    Send {
        /// The instance, `entity/id`.
        k: String,
        /// Its id, chosen by the client.
        cmd: String,
        /// Full name of its type.
        name: String,
        /// Digest of its content: SHA-256 over type name, a zero byte and canonical payload.
        #[serde(with = "words::digest")]
        pd: Digest,
        /// The way in: `http`, `kafka`.
        way: String,
        /// The function fails on it by intent: it must be parked, and may be.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bad: bool,
    },
    /// It is in the log, and has no outcome yet. `done` may follow under the same operation.
    Ack {
        /// The command.
        cmd: String,
        /// Where its record is, `account.commands/3/1881`, if that was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pos: Option<String>,
    },
    /// Its outcome was told.
    Done {
        /// The command.
        cmd: String,
        /// How it ended.
        #[serde(with = "words::outcome")]
        outcome: Outcome,
        /// Sequence of its first event.
        first: u64,
        /// Sequence of its last event.
        last: u64,
        /// Digest of the state after it, if that was told.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "words::known_digest")]
        sd: Option<Digest>,
    },
    /// It was refused.
    Fail {
        /// The command.
        cmd: String,
        /// HTTP status; 0 when no request went out.
        status: u16,
        /// Whether it is in the log, as far as that was told.
        recorded: Recorded,
    },
    /// No answer came: it may have happened or not.
    Unknown {
        /// The command.
        cmd: String,
    },
    /// A state was read.
    Read {
        /// The instance.
        k: String,
        /// When the read began, as `t`.
        from: u64,
        /// The sequence that had to be seen: the read carried the position of its command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// The sequence that was answered.
        seq: u64,
        /// Digest of the state that was answered.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "words::known_digest")]
        sd: Option<Digest>,
    },
    /// A reader of the stream saw an event.
    Seen {
        /// The instance.
        k: String,
        /// Its sequence.
        seq: u64,
        /// Where it is, `account.events/3/40211`.
        pos: String,
        /// Digest of its content: SHA-256 over type name, a zero byte and payload.
        #[serde(with = "words::digest")]
        ed: Digest,
        /// The command that caused it.
        cmd: String,
    },
    /// The reader `c` began anew, and may see again what it has seen.
    Restart,
    /// A list of commands showed this one as parked.
    Parked {
        /// The instance.
        k: String,
        /// The command.
        cmd: String,
    },
    /// From here on (`open`) the function answers nobody, or does again.
    Outage {
        /// Whether it begins.
        open: bool,
    },
    /// A fault was made.
    Nemesis {
        /// Which: `kill`, `stop`, `power-cut`, …
        what: String,
        /// To whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// The last fault is over.
    Calm,
    /// The harness stopped: the last line.
    End {
        /// Lines before this one.
        lines: u64,
        /// Whether the server said that it is ready (`/readyz`).
        ready: bool,
    },
}

/// What an error answer says about the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Said", into = "Said")]
pub enum Recorded {
    /// The command is in the log.
    Yes,
    /// It is not, and never will be by this request.
    No,
    /// Nobody knows; as if no answer had come.
    Unknown,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Said {
    Flag(bool),
    Word(String),
}

impl TryFrom<Said> for Recorded {
    type Error = String;

    fn try_from(said: Said) -> Result<Recorded, String> {
        match said {
            Said::Flag(true) => Ok(Recorded::Yes),
            Said::Flag(false) => Ok(Recorded::No),
            Said::Word(word) if word == "unknown" => Ok(Recorded::Unknown),
            Said::Word(word) => Err(format!("recorded is {word:?}; it is true, false or \"unknown\"")),
        }
    }
}

impl From<Recorded> for Said {
    fn from(recorded: Recorded) -> Said {
        match recorded {
            Recorded::Yes => Said::Flag(true),
            Recorded::No => Said::Flag(false),
            Recorded::Unknown => Said::Word("unknown".to_owned()),
        }
    }
}

impl Line {
    /// Reads one line of a history file.
    pub fn parse(text: &str) -> Result<Line, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The line without its end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The instance it speaks of, where it names one itself.
    pub fn instance(&self) -> Option<&str> {
        match &self.what {
            What::Send { k, .. } | What::Read { k, .. } | What::Seen { k, .. } | What::Parked { k, .. } => Some(k),
            _ => None,
        }
    }

    /// The command it speaks of.
    pub fn command(&self) -> Option<&str> {
        match &self.what {
            What::Send { cmd, .. }
            | What::Ack { cmd, .. }
            | What::Done { cmd, .. }
            | What::Fail { cmd, .. }
            | What::Unknown { cmd }
            | What::Seen { cmd, .. }
            | What::Parked { cmd, .. } => Some(cmd),
            _ => None,
        }
    }
}

/// Digest of a command's or event's content, as lines carry it.
pub fn content_digest(type_name: &str, payload: &[u8]) -> Digest {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    hash.update(type_name.as_bytes());
    hash.update([0]);
    hash.update(payload);
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn lines_read_and_write_as_the_format_says() {
        let digest = "ab".repeat(32);
        for text in [
            format!(
                r#"{{"t":1,"op":7,"c":"w3","e":"send","k":"account/a-17","cmd":"0198c1","name":"bank.WithdrawCash","pd":"{digest}","way":"http"}}"#
            ),
            r#"{"t":5,"op":7,"c":"w3","e":"ack","cmd":"0198c1","pos":"account.commands/3/1881"}"#.to_owned(),
            format!(
                r#"{{"t":9,"op":7,"c":"w3","e":"done","cmd":"0198c1","outcome":"accepted","first":18,"last":18,"sd":"{digest}"}}"#
            ),
            r#"{"t":9,"op":8,"c":"w1","e":"fail","cmd":"0198c2","status":503,"recorded":false}"#.to_owned(),
            r#"{"t":9,"op":8,"c":"w1","e":"fail","cmd":"0198c2","status":503,"recorded":"unknown"}"#.to_owned(),
            r#"{"t":9,"op":9,"c":"w2","e":"unknown","cmd":"0198c3"}"#.to_owned(),
            format!(
                r#"{{"t":11,"op":12,"c":"r1","e":"read","k":"account/a-17","from":10,"after":18,"seq":18,"sd":"{digest}"}}"#
            ),
            format!(
                r#"{{"t":12,"c":"kafka-1","e":"seen","k":"account/a-17","seq":18,"pos":"account.events/3/40211","ed":"{digest}","cmd":"0198c1"}}"#
            ),
            r#"{"t":20,"e":"nemesis","what":"kill","node":"n1"}"#.to_owned(),
            r#"{"t":21,"e":"calm"}"#.to_owned(),
            r#"{"t":22,"e":"end","lines":9,"ready":true}"#.to_owned(),
        ] {
            assert_eq!(Line::parse(&text).map(|line| line.text()), Ok(text));
        }
        for text in ["{}", r#"{"t":1,"e":"fail","cmd":"c","status":1,"recorded":"no"}"#, r#"{"t":1,"e":"sent"}"#] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
    }
}
