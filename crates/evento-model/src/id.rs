//! Ids of instances and commands, and the small numbers that stand for entity types and schemas.

use std::fmt;
use std::sync::Arc;

/// Identity of an entity instance: UTF-8, 1 to 256 bytes, no control characters. It is the Kafka key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(Arc<str>);

/// Identity of a command within its instance: 1 to 128 visible ASCII characters (0x21 to 0x7e).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(Arc<str>);

/// Number of an entity type, given once when it is first applied and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityTypeId(pub u32);

/// Registry id of a schema: 1, 2, 3, … never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SchemaId(pub u32);

/// One instance of one entity type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityKey {
    /// The entity type.
    pub entity: EntityTypeId,
    /// The instance.
    pub id: EntityId,
}

/// Why a text is not an id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdError {
    /// The text is empty.
    Empty,
    /// The text has more bytes than allowed.
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// A character that is not allowed, and its byte index.
    Character {
        /// The character.
        character: char,
        /// Where it stands.
        index: usize,
    },
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdError::Empty => f.write_str("an id must not be empty"),
            IdError::TooLong { bytes, most } => write!(f, "the id has {bytes} bytes, at most {most} are allowed"),
            IdError::Character { character, index } => {
                write!(f, "the character {character:?} at byte {index} is not allowed in an id")
            }
        }
    }
}

impl std::borrow::Borrow<str> for EntityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::error::Error for IdError {}

impl EntityId {
    /// Most bytes an instance id may have.
    pub const BYTES_MAX: usize = 256;

    /// Checks and takes an instance id.
    pub fn new(text: &str) -> Result<EntityId, IdError> {
        check(text, Self::BYTES_MAX, |c| !c.is_control())?;
        Ok(EntityId(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as shared text, without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl CommandId {
    /// Most characters a command id may have.
    pub const CHARS_MAX: usize = 128;

    /// Checks and takes a command id.
    pub fn new(text: &str) -> Result<CommandId, IdError> {
        check(text, Self::CHARS_MAX, |c| c.is_ascii_graphic())?;
        Ok(CommandId(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as shared text, without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

fn check(text: &str, most: usize, allowed: fn(char) -> bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > most {
        return Err(IdError::TooLong { bytes: text.len(), most });
    }
    match text.char_indices().find(|&(_, c)| !allowed(c)) {
        Some((index, character)) => Err(IdError::Character { character, index }),
        None => Ok(()),
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommandId, EntityId, IdError};

    #[test]
    fn instance_ids_take_any_text_but_control_characters() {
        for good in ["alice", "zoë", "a/b", "日本", " ", "🦀", &"x".repeat(256)] {
            assert!(EntityId::new(good).is_ok(), "{good:?}");
        }
        assert_eq!(EntityId::new(""), Err(IdError::Empty));
        assert_eq!(EntityId::new("a\nb"), Err(IdError::Character { character: '\n', index: 1 }));
        assert_eq!(EntityId::new("a\u{85}"), Err(IdError::Character { character: '\u{85}', index: 1 }));
        assert_eq!(EntityId::new(&"x".repeat(257)), Err(IdError::TooLong { bytes: 257, most: 256 }));
    }

    #[test]
    fn command_ids_are_visible_ascii() {
        assert!(CommandId::new("0198f2c4-7d1e-7c3a-9f61-3b8a52f0c1d7").is_ok());
        assert_eq!(CommandId::new("a b"), Err(IdError::Character { character: ' ', index: 1 }));
        assert_eq!(CommandId::new("ä"), Err(IdError::Character { character: 'ä', index: 0 }));
        assert_eq!(CommandId::new(&"x".repeat(129)), Err(IdError::TooLong { bytes: 129, most: 128 }));
    }
}
