//! Names of resources and of Avro types.

use std::fmt;
use std::sync::Arc;

/// `metadata.name` of a resource: kebab-case, `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Arc<str>);

/// Full name of an Avro type: namespace and name, `bank.WithdrawCash` (Avro 1.12, "Names").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FullName(Arc<str>);

/// Why a text is not a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameError {
    /// What is wrong, in words.
    pub message: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NameError {}

impl ResourceName {
    /// Checks and takes a resource name.
    pub fn new(text: &str) -> Result<ResourceName, NameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let bytes = text.as_bytes();
        let good = !bytes.is_empty()
            && bytes.len() <= 63
            && bytes.iter().all(|&b| inner(b))
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good {
            Ok(ResourceName(text.into()))
        } else {
            Err(NameError {
                message: format!(
                    "{text:?} is not a resource name: lower-case letters, digits and inner hyphens, 1 to 63 characters"
                ),
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FullName {
    /// Checks and takes a full name of at least two parts (a namespace is required).
    pub fn new(text: &str) -> Result<FullName, NameError> {
        let part = |p: &str| {
            let mut bytes = p.bytes();
            bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if text.len() <= 512 && text.contains('.') && text.split('.').all(part) {
            Ok(FullName(text.into()))
        } else {
            Err(NameError { message: format!("{text:?} is not the full name of an Avro type, such as bank.Account") })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last dot: `WithdrawCash`.
    pub fn short(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for FullName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ResourceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{FullName, ResourceName};

    #[test]
    fn resource_names_are_kebab_case() {
        for good in ["a", "withdraw-cash", "a1", "1a", &"x".repeat(63)] {
            assert!(ResourceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"x".repeat(64)] {
            assert!(ResourceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn full_names_have_a_namespace() {
        assert_eq!(FullName::new("bank.retail.Account").map(|n| n.short().to_owned()), Ok("Account".to_owned()));
        for bad in ["Account", "bank.", ".Account", "bank.1x", "bank.a-b", ""] {
            assert!(FullName::new(bad).is_err(), "{bad}");
        }
    }
}
