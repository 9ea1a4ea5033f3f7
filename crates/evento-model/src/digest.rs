//! Fixed-size byte strings: SHA-256 digests, function revisions and seeds. Hashing itself happens elsewhere.

use std::fmt;

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// One immutable version of a function: a digest over its manifest and artifact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub Digest);

/// 16 bytes fixed when a command is accepted; the only source of chance `handle` may use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seed(pub [u8; 16]);

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly `N` bytes of lower- or upper-case hex.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

impl Digest {
    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Digest> {
        unhex(text).map(Digest)
    }
}

impl Revision {
    /// Reads `sha256:` and 64 hex digits.
    pub fn parse(text: &str) -> Option<Revision> {
        Digest::parse(text.strip_prefix("sha256:")?).map(Revision)
    }

    /// The first 12 hex digits, as shown to people.
    pub fn short(&self) -> String {
        self.0.to_string()[..12].to_owned()
    }
}

impl Seed {
    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<Seed> {
        unhex(text).map(Seed)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Revision, Seed};

    #[test]
    fn digests_read_back_as_they_print() {
        let digest = Digest(std::array::from_fn(|n| n as u8));
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Revision::parse(&Revision(digest).to_string()), Some(Revision(digest)));
        let seed = Seed(std::array::from_fn(|n| 255 - n as u8));
        assert_eq!(Seed::parse(&seed.to_string()), Some(seed));
        assert_eq!(Seed::parse("zz"), None);
    }
}
