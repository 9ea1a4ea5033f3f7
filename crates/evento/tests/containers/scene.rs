//! What every scenario begins with: an engine, the bank's image, and a server whose function is a container.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::images;
use crate::server::{SOON, Server, bank_resources, until};

/// The engine and the bank's image.
pub struct Scene {
    pub engine: Engine,
    /// The context of the bank's image.
    pub context: tempfile::TempDir,
}

impl Scene {
    /// Finds or starts an engine and builds the image. The error says why there is none.
    pub fn set() -> Result<Scene, String> {
        let engine = Engine::find()?;
        let context = tempfile::tempdir().map_err(|error| error.to_string())?;
        images::build(&engine, context.path());
        Ok(Scene { engine, context })
    }

    /// A folder for a server's data and resources.
    pub fn stage(&self) -> Stage<'_> {
        Stage { scene: self, folder: tempfile::tempdir().expect("a folder") }
    }
}

/// A folder of one scenario.
pub struct Stage<'s> {
    pub scene: &'s Scene,
    folder: tempfile::TempDir,
}

impl Stage<'_> {
    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("there").join("data")
    }

    /// Resources: the bank, whose function is this container. `spec` is put beside.
    pub fn resources(&self, container: &str, spec: &str) -> PathBuf {
        let resources = bank_resources(self.folder.path(), Path::new("unused"), "");
        let function = format!(
            "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n  runtime: container\n  container: {container}\n{spec}"
        );
        std::fs::write(resources.join("function.yaml"), function).expect("written");
        resources
    }

    /// A server that finds the scene's engine, or another.
    pub fn server_with(&self, host: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
        command.env("DOCKER_HOST", host);
        Server::start_by(command, &self.data())
    }

    pub fn server(&self) -> Server {
        self.server_with(&self.scene.engine.host())
    }

    /// A server with the bank in this container, applied.
    pub fn bank(&self, container: &str) -> Server {
        let server = self.server();
        server.apply(&self.resources(container, ""));
        server
    }

    /// What applying these resources is refused with.
    pub fn refusal(&self, server: &Server, container: &str, spec: &str) -> String {
        let resources = self.resources(container, spec);
        let (code, _, errors) = server.evento(&["apply", "--file", &resources.display().to_string()]);
        assert_ne!(code, 0, "it was not refused");
        errors
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // The server was killed, and nobody else will ever have this label.
        self.scene.engine.remove_containers(&self.data());
    }
}

/// Sends a command and waits for its outcome.
pub fn send(server: &Server, id: &str, command: &str, data: Value) -> Value {
    let path = format!("/v1/entities/account/{id}/commands/{command}");
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
    let reply = server.post(&path, &headers, data.to_string().as_bytes()).expect("an answer");
    assert_eq!(reply.status, 200, "{command}: {}", reply.text());
    reply.json()
}

/// Sends a command that cannot be done yet; what whoever waits a moment is told.
pub fn leave(server: &Server, id: &str, command: &str, data: Value) -> Value {
    let path = format!("/v1/entities/account/{id}/commands/{command}");
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=2")];
    let reply = server.post(&path, &headers, data.to_string().as_bytes()).expect("an answer");
    assert_eq!(reply.status, 202, "{command}: {}", reply.text());
    reply.json()
}

/// Opens an account, which shows that the function decides and evolves.
pub fn works(server: &Server, id: &str) {
    let answer = send(server, id, "open-account", json!({"owner": "Ada"}));
    assert_eq!(answer["outcome"], "accepted", "{answer}");
}

/// The function as it is described.
pub fn described(server: &Server) -> Value {
    server.json("/v1/functions/accounts")
}

/// Waits until the function is described as being so.
pub fn until_described(server: &Server, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    until(what, SOON, || {
        last = described(server);
        is(&last)
    });
    last
}

/// Everything the function wrote.
pub fn lines(server: &Server) -> Vec<String> {
    let page = server.json("/v1/functions/accounts/logs?limit=500");
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| format!("{} {}", item["stream"].as_str().unwrap_or(""), item["line"].as_str().unwrap_or("")))
        .collect()
}
