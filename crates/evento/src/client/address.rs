//! Where an Evento listens, as a person writes it.

use std::fmt;
use std::str::FromStr;

/// The base address of an API, without a slash at its end: `http://127.0.0.1:8080`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address(String);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let text = text.trim();
        let bare = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err("this build speaks plain HTTP only; put a TLS proxy in front and name that".to_owned());
            }
            Some((scheme, _)) => return Err(format!("{scheme} is not a scheme of an Evento address: use http")),
            None => text,
        };
        let bare = bare.trim_end_matches('/');
        let bare = bare.strip_suffix("/v1").unwrap_or(bare);
        // A listen address of all interfaces is reached over loopback.
        let bare = bare.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1);
        if bare.is_empty() || bare.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@') {
            return Err(format!("{text:?} is not an address such as http://127.0.0.1:8080"));
        }
        Ok(Address(format!("http://{bare}")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_read_as_written() {
        for (text, address) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://evento:8080/v1/", "http://evento:8080"),
            ("0.0.0.0:9", "http://127.0.0.1:9"),
            ("[::]:9", "http://[::1]:9"),
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(address.to_owned()), "{text}");
        }
        for text in ["", "http://", "https://x", "ftp://x", "a b", "user:secret@host"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
