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

/// Lower-case hex of at most 32 bytes, in a buffer of the caller's.
pub fn hex<'a>(bytes: &[u8], out: &'a mut [u8; 64]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = bytes.len().min(32) * 2;
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    // Only digits were put in.
    std::str::from_utf8(&out[..length]).unwrap_or_default()
}

/// Reads exactly `N` bytes of lower- or upper-case hex. Without branches, so that many digits are read at once.
fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let digit = |byte: u8| {
        let (number, letter) = (byte.wrapping_sub(b'0'), (byte | 0x20).wrapping_sub(b'a'));
        let number = if number < 10 { number } else { 0xf0 };
        if letter < 6 { letter + 10 } else { number }
    };
    let digits = pairs.map(|pair| pair.map(digit));
    let wrong = digits.iter().fold(0, |wrong, [high, low]| wrong | high | low) & 0xf0;
    (wrong == 0).then(|| digits.map(|[high, low]| high << 4 | low))
}

impl Digest {
    /// Reads 64 hex digits.
    pub fn parse(text: impl AsRef<[u8]>) -> Option<Digest> {
        unhex(text.as_ref()).map(Digest)
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
        unhex(text.as_bytes()).map(Seed)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 64]))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 64]))
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
        assert_eq!(Digest::parse(digest.to_string()), Some(digest));
        assert_eq!(Revision::parse(&Revision(digest).to_string()), Some(Revision(digest)));
        let seed = Seed(std::array::from_fn(|n| 255 - n as u8));
        assert_eq!(Seed::parse(&seed.to_string()), Some(seed));
        assert_eq!(Seed::parse(&seed.to_string().to_uppercase()), Some(seed));
        for wrong in ["zz", "", &"0".repeat(31), &"0".repeat(33), &"0g".repeat(16), &"g0".repeat(16), &"é".repeat(16)]
        {
            assert_eq!(Seed::parse(wrong), None, "{wrong}");
        }
    }
}
