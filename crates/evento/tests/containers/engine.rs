//! A container engine for the tests: the one that runs here, or a `dockerd` of our own in a temporary folder.
//!
//! Our own has no bridge and changes no firewall: functions have no network anyway, and images come from no registry.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::server::until;

/// Longest wait for an engine that starts, and for one that ends.
const START_MAX: Duration = Duration::from_secs(90);

/// An engine; ours is ended and its folder removed when this is dropped.
pub struct Engine {
    socket: PathBuf,
    ours: Option<(Child, tempfile::TempDir)>,
}

impl Engine {
    /// The engine named by `EVENTO_TEST_ENGINE` (the path of its socket), the machine's, or one of our own. The error
    /// says why there is none.
    pub fn find() -> Result<Engine, String> {
        if let Some(socket) = std::env::var_os("EVENTO_TEST_ENGINE").filter(|socket| socket != "required") {
            let engine = Engine { socket: socket.into(), ours: None };
            return if engine.answers() { Ok(engine) } else { Err("nobody answers at EVENTO_TEST_ENGINE".to_owned()) };
        }
        let machine = Engine { socket: "/var/run/docker.sock".into(), ours: None };
        if machine.answers() { Ok(machine) } else { Engine::start() }
    }

    fn start() -> Result<Engine, String> {
        if !rustix::process::getuid().is_root() {
            return Err("no engine answers at /var/run/docker.sock, and only root can start dockerd".to_owned());
        }
        let folder = tempfile::Builder::new().prefix("evd").tempdir().map_err(|error| error.to_string())?;
        let (socket, log) = (folder.path().join("docker.sock"), folder.path().join("log"));
        let output = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut child = Command::new("dockerd")
            .arg("--data-root")
            .arg(folder.path().join("data"))
            .arg("--exec-root")
            .arg(folder.path().join("exec"))
            .arg("--pidfile")
            .arg(folder.path().join("pid"))
            .arg(format!("--host=unix://{}", socket.display()))
            .args(["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("dockerd: {error} (Debian: apt-get install docker.io)"))?;
        let mut ended = false;
        let mut engine = Engine { socket, ours: None };
        until("dockerd answers or ends", START_MAX, || {
            ended = child.try_wait().is_ok_and(|status| status.is_some());
            ended || engine.answers()
        });
        if ended {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("dockerd ended: {}", text.lines().last().unwrap_or_default()));
        }
        engine.ours = Some((child, folder));
        Ok(engine)
    }

    /// What `DOCKER_HOST` is set to.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Whether it is Podman, which tells some things in other words.
    pub fn is_podman(&self) -> bool {
        self.json("/v1.41/version")["Components"][0]["Name"].as_str().is_some_and(|name| name.contains("Podman"))
    }

    fn answers(&self) -> bool {
        self.call("GET", "/_ping", "", &[]).is_some_and(|(status, _)| status == 200)
    }

    /// One call: status and body, whose end is that of the connection or of the last chunk.
    pub fn call(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
        // HTTP/1.0 keeps answers free of chunks.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        Some((status, answer.split_off(end)))
    }

    /// The JSON of a path that must be there.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, "", &[]).expect("the engine answers");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Builds an image of a folder. The Dockerfile is in it.
    pub fn build(&self, name: &str, folder: &Path) {
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_dir_all(".", folder).expect("packed");
        let context = archive.into_inner().expect("packed");
        let path = format!("/v1.41/build?t={name}&q=1&rm=1&forcerm=1");
        let (status, body) = self.call("POST", &path, "application/x-tar", &context).expect("the engine answers");
        let text = String::from_utf8_lossy(&body);
        assert!(status == 200 && !text.contains("errorDetail"), "{name}: {status} {text}");
    }

    /// Another name for an image.
    pub fn tag(&self, image: &str, name: &str) {
        let path = format!("/v1.41/images/{image}/tag?repo={name}&tag=latest");
        assert_eq!(self.call("POST", &path, "", &[]).map(|(status, _)| status), Some(201), "{image} as {name}");
    }

    /// What the engine says of every container of a data directory, running or not.
    pub fn containers(&self, data: &Path) -> Vec<Value> {
        let label = format!("evento.project={}", data.display());
        let filters: String = serde_json::json!({ "label": [label] })
            .to_string()
            .bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect();
        let list = self.json(&format!("/v1.41/containers/json?all=1&filters={filters}"));
        let ids = list.as_array().expect("a list").iter().filter_map(|one| one["Id"].as_str());
        ids.filter_map(|id| self.call("GET", &format!("/v1.41/containers/{id}/json"), "", &[]))
            .filter(|(status, _)| *status == 200)
            .map(|(_, body)| serde_json::from_slice(&body).expect("JSON"))
            .collect()
    }

    /// Removes every container of a data directory.
    pub fn remove_containers(&self, data: &Path) {
        for one in self.containers(data) {
            let id = one["Id"].as_str().unwrap_or_default();
            let _ = self.call("DELETE", &format!("/v1.41/containers/{id}?force=1"), "", &[]);
        }
    }

    /// Removes the images of the tests.
    fn remove_images(&self) {
        let list = self.json("/v1.41/images/json?filters=%7B%22reference%22%3A%5B%22evento-test%2F%2A%22%5D%7D");
        let names = list.as_array().into_iter().flatten().flat_map(|image| image["RepoTags"].as_array()).flatten();
        for name in names.filter_map(Value::as_str) {
            let _ = self.call("DELETE", &format!("/v1.41/images/{name}?force=1"), "", &[]);
        }
    }

    /// The one container of a data directory that runs.
    pub fn running(&self, data: &Path) -> Value {
        let mut running: Vec<Value> = Vec::new();
        until("one container runs", START_MAX, || {
            running = self.containers(data).into_iter().filter(|one| one["State"]["Running"] == true).collect();
            running.len() == 1
        });
        running.remove(0)
    }

    /// SIGKILL to a container.
    pub fn kill(&self, container: &Value) {
        let id = container["Id"].as_str().expect("an id");
        let (status, _) = self.call("POST", &format!("/v1.41/containers/{id}/kill"), "", &[]).expect("an answer");
        assert_eq!(status, 204);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.ours.is_none() && self.answers() {
            self.remove_images();
        }
        if let Some((child, folder)) = &mut self.ours {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let mut ended = false;
            let deadline = std::time::Instant::now() + START_MAX;
            while !ended && std::time::Instant::now() < deadline {
                ended = child.try_wait().is_ok_and(|status| status.is_some());
                std::thread::park_timeout(Duration::from_millis(20));
            }
            if !ended {
                eprintln!(
                    "containers: dockerd (pid {}) did not end; its folder {} stays",
                    child.id(),
                    folder.path().display()
                );
            }
        }
    }
}
