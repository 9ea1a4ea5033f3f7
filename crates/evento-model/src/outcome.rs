//! How a command ends, and the stages it passes on its way.

use std::fmt;

/// How a command ended. In either case at least one event tells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The function decided events of which none is a rejection.
    Accepted,
    /// At least one of its events is one that the entity declares a rejection: the business said no.
    Rejected,
    /// An operator gave up on it.
    Abandoned,
}

impl Outcome {
    /// The word used in JSON, headers, metrics and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Abandoned => "abandoned",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Outcome> {
        [Outcome::Accepted, Outcome::Rejected, Outcome::Abandoned].into_iter().find(|o| o.as_str() == text)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a command is on its way through a partition. The names are those of the engine's files, of spans,
/// of metric labels and of the docs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// Take the next command from the log and...
    Receive,
    /// ...bring its entity up to date, so that...
    Load,
    /// ...the entity's function can decide what happened, and...
    Handle,
    /// ...what the entity has become; then...
    Apply,
    /// ...write events, entity and outcome together, and...
    Commit,
    /// ...let everybody see it.
    Publish,
}

impl Stage {
    /// The word used in spans, metrics and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Receive => "receive",
            Stage::Load => "load",
            Stage::Handle => "handle",
            Stage::Apply => "apply",
            Stage::Commit => "commit",
            Stage::Publish => "publish",
        }
    }
}
