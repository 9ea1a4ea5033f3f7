//! Where a function listens: `http://host:port[/base]` or `unix:/path.sock[?prefix=/base]`.

use std::fmt;
use std::path::PathBuf;

/// Longest path of a unix socket, in bytes (sockaddr_un, less a reserve).
const SOCKET_BYTES_MAX: usize = 100;

/// An address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Where to connect.
    pub(crate) place: Place,
    /// Put before every path; empty or beginning with a slash, never ending with one.
    pub(crate) base: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Tcp(String),
    Unix(PathBuf),
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

impl Address {
    /// A unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Address {
        Address { place: Place::Unix(path.into()), base: String::new() }
    }

    /// Reads an address. Clear text is for loopback only; anything else needs `https`, which this build lacks.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let fail = |what: &str| Err(AddressError(format!("{text:?}: {what}")));
        if let Some(rest) = text.strip_prefix("unix:") {
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let base = query.strip_prefix("prefix=").unwrap_or_default().trim_end_matches('/').to_owned();
            if !path.starts_with('/') || path.len() > SOCKET_BYTES_MAX {
                return fail("a socket's path is absolute and has at most 100 bytes");
            }
            return Ok(Address { place: Place::Unix(path.into()), base });
        }
        if text.starts_with("https://") {
            return fail("https is not served by this build yet; use http to loopback, or a unix socket");
        }
        let Some(rest) = text.strip_prefix("http://") else { return fail("it begins with neither http:// nor unix:") };
        let (host, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || host.contains(['@', ' ', '?', '#']) || base.contains(['?', '#']) {
            return fail("it is no http://host:port[/base]");
        }
        let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
        let loopback = name == "localhost"
            || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !loopback {
            return fail("clear text is allowed to loopback only");
        }
        let host = if name.len() == host.len() { format!("{host}:80") } else { host.to_owned() };
        Ok(Address { place: Place::Tcp(host), base: base.trim_end_matches('/').to_owned() })
    }

    /// What the `Host` header says.
    pub(crate) fn host(&self) -> &str {
        match &self.place {
            Place::Tcp(host) => host,
            Place::Unix(_) => "localhost",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(host) => write!(f, "http://{host}{}", self.base),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_read_as_they_are_written_and_strangers_are_refused() {
        let cases = [
            ("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000")),
            ("http://localhost/base/", Ok("http://localhost:80/base")),
            ("http://[::1]:7000/x", Ok("http://[::1]:7000/x")),
            ("unix:/run/f.sock?prefix=/b", Ok("unix:/run/f.sock")),
            ("http://example.org", Err("loopback only")),
            ("http://169.254.169.254/latest", Err("loopback only")),
            ("http://127.0.0.1@evil.example:80", Err("no http://host")),
            ("https://localhost", Err("not served by this build")),
            ("unix:relative", Err("absolute")),
            ("ftp://x", Err("neither")),
        ];
        for (text, wanted) in cases {
            match (Address::parse(text), wanted) {
                (Ok(address), Ok(wanted)) => assert_eq!(address.to_string(), wanted),
                (Err(error), Err(wanted)) => assert!(error.to_string().contains(wanted), "{error}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        }
    }
}
