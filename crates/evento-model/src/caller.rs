//! Who calls an HTTP listener: a program, or a browser under somebody else's name.
//!
//! Pure rules on the text of a request's headers, for every listener that speaks HTTP. How a refusal looks belongs to
//! the listener.

use std::fmt;
use std::net::IpAddr;

/// What a request says of its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller<'a> {
    /// `Host` or `:authority`, with or without a port.
    pub host: &'a str,
    /// `Origin`: the page that a browser sends the request for.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether the request may change something.
    pub writes: bool,
}

/// Why a caller is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stranger<'a> {
    /// The server is called by a name that is not its own: DNS rebinding.
    Name(&'a str),
    /// A page of another site would write.
    Page,
}

impl<'a> Caller<'a> {
    /// Whether it is refused. Loopback names and addresses are ours, and the names in `hosts`.
    pub fn stranger(&self, hosts: &[String]) -> Option<Stranger<'a>> {
        if !is_ours(self.host, hosts) {
            return Some(Stranger::Name(self.host));
        }
        let origin = self.origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        let foreign = origin.is_some_and(|origin| origin != self.host) || self.fetch_site == Some("cross-site");
        (self.writes && foreign).then_some(Stranger::Page)
    }
}

impl fmt::Display for Stranger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stranger::Name(host) => write!(f, "this server is not called {host:?}; allow the name with http.hosts"),
            Stranger::Page => f.write_str("requests from pages of other sites are not taken"),
        }
    }
}

fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let bare = name.trim_matches(['[', ']']);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::{Caller, Stranger};

    #[test]
    fn names_that_are_ours_are_told_from_others() {
        let hosts = ["bank.example".to_owned()];
        let ours = ["localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]:8080", "10.0.0.7", "Bank.Example:443"];
        let others = ["evil.example", "localhost.evil.example", "bank.example.evil:80", ""];
        let stranger = |host| Caller { host, origin: None, fetch_site: None, writes: false }.stranger(&hosts);
        ours.iter().for_each(|host| assert_eq!(stranger(host), None, "{host}"));
        others.iter().for_each(|host| assert_eq!(stranger(host), Some(Stranger::Name(host)), "{host}"));
    }

    #[test]
    fn pages_of_other_sites_read_and_do_not_write() {
        let host = "localhost:8080";
        let cases = [
            (None, None, true, None),
            (Some("http://localhost:8080"), Some("same-origin"), true, None),
            (Some("http://localhost:9999"), None, true, Some(Stranger::Page)),
            (Some("https://evil.example"), None, false, None),
            (None, Some("cross-site"), true, Some(Stranger::Page)),
            (None, Some("cross-site"), false, None),
        ];
        for (origin, fetch_site, writes, wanted) in cases {
            let caller = Caller { host, origin, fetch_site, writes };
            assert_eq!(caller.stranger(&[]), wanted, "{caller:?}");
        }
    }
}
