//! Where an engine listens: `DOCKER_HOST`, or the places where Docker and Podman put their sockets.
//!
//! Unix sockets only: an engine elsewhere cannot share a folder with this machine.

use std::path::PathBuf;

use crate::error::{EngineError, ErrorKind};

/// The sockets to try, in order: the one that `DOCKER_HOST` names and no other, or the usual ones.
pub fn places() -> Result<Vec<PathBuf>, EngineError> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => Ok(vec![named(&host)?]),
        _ => Ok(default_places(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))),
    }
}

/// Docker's socket, then those of a user's own Docker and Podman, then Podman's.
pub fn default_places(runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let own = runtime.into_iter().flat_map(|folder| [folder.join("docker.sock"), folder.join("podman/podman.sock")]);
    std::iter::once(PathBuf::from("/var/run/docker.sock"))
        .chain(own)
        .chain([PathBuf::from("/run/podman/podman.sock")])
        .collect()
}

fn named(host: &str) -> Result<PathBuf, EngineError> {
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => {
            let message = format!("DOCKER_HOST is {host:?}, which is no unix socket of this machine");
            Err(EngineError::new(ErrorKind::Engine, message).next(
                "functions are reached through a folder that both share: set DOCKER_HOST=unix:///path/docker.sock",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{default_places, named};

    #[test]
    fn a_named_engine_is_a_socket_of_this_machine() {
        assert_eq!(named("unix:///run/x.sock"), Ok(PathBuf::from("/run/x.sock")));
        for host in ["tcp://10.0.0.1:2375", "ssh://host", "unix://relative", "http://x", "/run/x.sock"] {
            let error = named(host).expect_err(host);
            assert!(error.message.contains(host) && error.next.is_some(), "{error}");
        }
    }

    #[test]
    fn the_users_own_engines_are_tried_between_those_of_the_machine() {
        let found = default_places(Some(PathBuf::from("/run/user/7")));
        let wanted = [
            "/var/run/docker.sock",
            "/run/user/7/docker.sock",
            "/run/user/7/podman/podman.sock",
            "/run/podman/podman.sock",
        ];
        assert_eq!(found, wanted.map(PathBuf::from));
        assert_eq!(default_places(None).len(), 2);
    }
}
