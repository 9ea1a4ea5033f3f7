//! Where the function under test is: `http://host:port[/base]`, `unix:/path`, or in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::{Module, Stream};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Pause between two looks whether something listens.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where the function is.
#[derive(Clone)]
pub enum Place {
    /// `host:port`, and a path before every path: empty or `/base`.
    Tcp(String, String),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// In this process.
    Module(Arc<dyn Module>),
}

impl Place {
    /// Reads `http://host:port[/base]` or `unix:/path`. Any host may be asked: whoever starts the kit names it.
    pub fn parse(text: &str) -> Result<Place, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Place::Unix(path.into())),
                false => Err(format!("{text}: the path of a socket begins with /")),
            };
        }
        if text.starts_with("https://") {
            return Err("https is not spoken by this build; ask the function at a clear-text address".to_owned());
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("{text} is no http://… and no unix:/…"))?;
        let (host, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || rest.contains(['@', ' ', '?', '#']) {
            return Err(format!("{text} is no http://host:port[/base]"));
        }
        let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if port { host.to_owned() } else { format!("{host}:80") };
        Ok(Place::Tcp(host, base.trim_end_matches('/').to_owned()))
    }

    /// Returns once something listens there.
    pub async fn listens(&self) {
        while self.connect().await.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            Ok::<Box<dyn Stream>, std::io::Error>(match self {
                Place::Tcp(host, _) => {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
                Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
                Place::Module(_) => return Err(std::io::Error::other("a module has no connection")),
            })
        };
        match timeout(CONNECT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("no connection to {self}: {error}")),
            Err(_) => Err(format!("no connection to {self} within {} ms", CONNECT.as_millis())),
        }
    }

    /// What the `Host` header says.
    pub(crate) fn host(&self) -> &str {
        match self {
            Place::Tcp(host, _) => host,
            Place::Unix(_) | Place::Module(_) => "localhost",
        }
    }

    /// Put before every path.
    pub(crate) fn base(&self) -> &str {
        match self {
            Place::Tcp(_, base) => base,
            Place::Unix(_) | Place::Module(_) => "",
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Tcp(host, base) => write!(f, "http://{host}{base}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
            Place::Module(_) => f.write_str("this process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn addresses_read_as_they_are_written() {
        for (text, wanted) in [
            ("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000")),
            ("http://functions.example/base/", Ok("http://functions.example:80/base")),
            ("unix:/run/f.sock", Ok("unix:/run/f.sock")),
            ("unix:f.sock", Err("begins with /")),
            ("https://x", Err("clear-text")),
            ("accounts", Err("no http://")),
        ] {
            match (Place::parse(text), wanted) {
                (Ok(place), Ok(wanted)) => assert_eq!(place.to_string(), wanted),
                (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
