//! `ENTITY/ID` and `ENTITY/ID/COMMAND-ID` as people write them.

use std::str::FromStr;

/// An instance: `account/alice`. The entity ends at the first slash, so that ids may hold slashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// The entity, by any of its names.
    pub entity: String,
    /// The instance id as written, not percent-encoded.
    pub id: String,
}

/// A command: `account/alice/0198f2c4…` or its bare id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandTarget {
    /// The instance, unless only the command id was given.
    pub instance: Option<Instance>,
    /// The command id. It never holds a slash here: it is what follows the last one.
    pub id: String,
}

/// Everything of an entity, or one instance: `account` or `account/alice`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// The entity, by any of its names.
    pub entity: String,
    /// The instance, when one was named.
    pub id: Option<String>,
}

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Instance, String> {
        match text.split_once('/') {
            Some((entity, id)) if !entity.is_empty() && !id.is_empty() => {
                Ok(Instance { entity: entity.to_owned(), id: id.to_owned() })
            }
            _ => Err("an instance is written ENTITY/ID, such as account/alice".to_owned()),
        }
    }
}

impl FromStr for CommandTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<CommandTarget, String> {
        let (instance, id) = match text.rsplit_once('/') {
            Some((instance, id)) => (
                Some(instance.parse().map_err(|_| {
                    "a command is written ENTITY/ID/COMMAND-ID, or its id alone when that is unique".to_owned()
                })?),
                id,
            ),
            None => (None, text),
        };
        if id.is_empty() {
            return Err("the command id is missing".to_owned());
        }
        Ok(CommandTarget { instance, id: id.to_owned() })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        match text.split_once('/') {
            None if !text.is_empty() => Ok(Scope { entity: text.to_owned(), id: None }),
            _ => text.parse().map(|Instance { entity, id }| Scope { entity, id: Some(id) }),
        }
    }
}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.entity, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommandTarget, Instance, Scope};

    #[test]
    fn ids_may_hold_slashes() {
        let instance = Instance { entity: "account".into(), id: "a/b".into() };
        assert_eq!("account/a/b".parse(), Ok(instance.clone()));
        assert_eq!("account/a/b/7".parse(), Ok(CommandTarget { instance: Some(instance), id: "7".into() }));
        assert_eq!("7".parse(), Ok(CommandTarget { instance: None, id: "7".into() }));
        assert_eq!("account".parse(), Ok(Scope { entity: "account".into(), id: None }));
        assert_eq!("account/a".parse(), Ok(Scope { entity: "account".into(), id: Some("a".into()) }));
    }

    #[test]
    fn half_an_instance_is_refused() {
        for text in ["", "account", "account/", "/alice"] {
            assert!(text.parse::<Instance>().is_err(), "{text}");
        }
        for text in ["", "account/", "account/7", "/7"] {
            assert!(text.parse::<CommandTarget>().is_err(), "{text}");
        }
        assert!("account/".parse::<Scope>().is_err());
    }
}
