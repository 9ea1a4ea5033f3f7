//! `evento dev`: a new image or a changed folder is a new revision, through the gate, while it serves.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::images::{BANK, context, variant};
use crate::scene::Scene;
use crate::server::{SOON, free_address, request, until};

/// An `evento dev` that runs; killed when dropped.
struct Development {
    child: Child,
    address: String,
}

impl Development {
    fn start(scene: &Scene, data: &std::path::Path, resources: &std::path::Path) -> Development {
        let address = free_address();
        let log = std::fs::File::create(data.with_extension("log")).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_evento"))
            .args(["dev", "--listen", &address, "--kafka-listen", "", "--registry-listen", "", "--data"])
            .arg(data)
            .arg("--resources")
            .arg(resources)
            .env("DOCKER_HOST", scene.engine.host())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("evento runs");
        let mut development = Development { child, address };
        until("evento dev serves", SOON, || {
            let ended = development.child.try_wait().expect("its status");
            let log = || std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
            assert!(ended.is_none(), "it ended: {}", log());
            development.function()["state"] == "ready"
        });
        development
    }

    fn function(&self) -> Value {
        let reply = request(&self.address, "GET", "/v1/functions/accounts", &[], b"");
        reply.filter(|reply| reply.status == 200).map_or(Value::Null, |reply| reply.json())
    }

    fn works(&self, id: &str) {
        let path = format!("/v1/entities/account/{id}/commands/open-account");
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=60")];
        let body = json!({"owner": "Ada"}).to_string();
        let reply = request(&self.address, "POST", &path, &headers, body.as_bytes()).expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Waits for another revision than this one, which serves.
    fn until_revised(&self, before: &Value) {
        until("another revision serves", SOON, || {
            let now = self.function();
            now["state"] == "ready" && now["revision"].is_string() && now["revision"] != *before
        });
    }

    fn stop(mut self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(status.success());
        until("evento dev ends", SOON, || self.child.try_wait().expect("its status").is_some());
    }
}

impl Drop for Development {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn new_image(scene: &Scene) {
    let stage = scene.stage();
    let name = "evento-test/moving";
    scene.engine.tag(BANK, name);
    let resources = stage.resources(&format!("{{image: {name}, pull: Never}}"), "");
    let development = Development::start(scene, &stage.data(), &resources);
    development.works("ada");
    let (revision, old) = (development.function()["revision"].clone(), scene.engine.running(&stage.data()));
    variant(&scene.engine, "evento-test/other", scene.context.path(), "LABEL n=2\nENTRYPOINT [\"/bank-function\"]\n");
    scene.engine.tag("evento-test/other", name);
    development.until_revised(&revision);
    development.works("bob");
    until("the old one is gone", SOON, || {
        scene.engine.containers(&stage.data()).iter().all(|one| one["Id"] != old["Id"])
    });
    development.stop();
    assert_eq!(scene.engine.containers(&stage.data()).len(), 0);
}

pub fn changed_folder(scene: &Scene) {
    let (stage, folder) = (scene.stage(), tempfile::tempdir().expect("a folder"));
    context(folder.path(), "ENTRYPOINT [\"/bank-function\"]\n");
    let resources = stage.resources(&format!("{{build: {}}}", folder.path().display()), "");
    let development = Development::start(scene, &stage.data(), &resources);
    development.works("ada");
    let revision = development.function()["revision"].clone();
    std::fs::write(folder.path().join("root/new"), "another file of the image").expect("written");
    development.until_revised(&revision);
    development.works("bob");
    development.stop();
}
