//! The kinds of resources.

use std::fmt;

/// Kind of a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A class of business objects.
    Entity,
    /// An intent that targets one entity.
    Command,
    /// Something that can happen to an entity.
    Event,
    /// Who decides and evolves.
    Function,
}

/// Kinds that documents may not use yet.
pub(crate) const RESERVED: [&str; 4] = ["Projection", "Reaction", "Saga", "Schedule"];

impl Kind {
    /// Every kind, in the order in which they depend on each other.
    pub const ALL: [Kind; 4] = [Kind::Entity, Kind::Command, Kind::Event, Kind::Function];

    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Entity => "Entity",
            Kind::Command => "Command",
            Kind::Event => "Event",
            Kind::Function => "Function",
        }
    }

    /// The word in addresses and on the command line.
    pub fn lower(self) -> &'static str {
        match self {
            Kind::Entity => "entity",
            Kind::Command => "command",
            Kind::Event => "event",
            Kind::Function => "function",
        }
    }

    /// Reads a kind as people write it: any case, singular or plural.
    pub fn parse(text: &str) -> Option<Kind> {
        let text = text.to_ascii_lowercase();
        Kind::ALL.into_iter().find(|kind| {
            let one = kind.lower();
            text == one || text == format!("{one}s") || (*kind == Kind::Entity && text == "entities")
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn kinds_read_in_every_form_people_write() {
        for (text, kind) in [
            ("Entity", Some(Kind::Entity)),
            ("entities", Some(Kind::Entity)),
            ("commands", Some(Kind::Command)),
            ("EVENT", Some(Kind::Event)),
            ("function", Some(Kind::Function)),
            ("pod", None),
        ] {
            assert_eq!(Kind::parse(text), kind, "{text}");
        }
    }
}
