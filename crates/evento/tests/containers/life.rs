//! From start to end: deciding, dying, coming back, being stopped, being left behind.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::images::BANK;
use crate::scene::{Scene, described, send, until_described, works};
use crate::server::{SOON, Server, bank_function, bank_resources, root, until};

pub fn decides_as_a_process(scene: &Scene) {
    let stage = scene.stage();
    let as_container = decide(&stage.bank(&format!("{{image: {BANK}, pull: Never}}")));
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank_resources(folder.path(), bank_function(), ""));
    assert_eq!(as_container, decide(&server));
    assert_eq!(as_container.0.len(), 8);
}

/// The events and the state that some commands lead to.
fn decide(server: &Server) -> (Vec<Value>, Value) {
    let commands = [
        ("receive-deposit", json!({"amount": 5})),
        ("open-account", json!({"owner": "Zoë"})),
        ("receive-deposit", json!({"amount": 120, "reference": "rent"})),
        ("withdraw-cash", json!({"amount": 500})),
        ("withdraw-cash", json!({"amount": 20, "reference": "ATM 7"})),
        ("transfer-out", json!({"amount": 100, "to": "bob"})),
        ("close-account", json!({})),
        ("close-account", json!({})),
    ];
    for (command, data) in commands {
        send(server, "ada", command, data);
    }
    let page = server.json("/v1/entities/account/ada/events?limit=500");
    let shown = |event: &Value| json!([event["seq"], event["type"], event["data"], event["outcome"]]);
    let events = page["items"].as_array().expect("items").iter().map(shown).collect();
    (events, server.json("/v1/entities/account/ada")["state"].clone())
}

pub fn example(scene: &Scene) {
    let image = "evento-test/example";
    let output = Command::new(root().join("examples/bank-container/build-image"))
        .arg(image)
        .env("DOCKER_HOST", scene.engine.host())
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "build-image: {}", String::from_utf8_lossy(&output.stderr));
    let stage = scene.stage();
    works(&stage.bank(&format!("{{image: {image}, pull: Never}}")), "ada");
}

pub fn conforms(scene: &Scene) {
    let output = Command::new(env!("CARGO_BIN_EXE_evento"))
        .args(["conformance", &format!("image:{BANK}")])
        .env("DOCKER_HOST", scene.engine.host())
        .output()
        .expect("evento runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().last(), Some("10 passed, 0 failed"), "{said}");
}

pub fn killed(scene: &Scene) {
    let stage = scene.stage();
    let server = stage.bank(&format!("{{image: {BANK}, pull: Never}}"));
    works(&server, "ada");
    let before = scene.engine.running(&stage.data());
    scene.engine.kill(&before);
    // It waits for the next one.
    send(&server, "ada", "receive-deposit", json!({"amount": 7}));
    let after = scene.engine.running(&stage.data());
    assert_ne!(before["Id"], after["Id"]);
    assert_eq!(described(&server)["restarts"], 1);
    until("the killed one is removed", SOON, || scene.engine.containers(&stage.data()).len() == 1);
}

pub fn stopped(scene: &Scene) {
    let stage = scene.stage();
    let mut server = stage.bank(&format!("{{image: {BANK}, pull: Never}}"));
    works(&server, "ada");
    terminate(&server);
    assert_eq!(server.ended(), Some(0));
    assert_eq!(scene.engine.containers(&stage.data()), Vec::<Value>::new());
    assert_eq!(private_folders(&stage.data()), 0);
}

pub fn leftovers(scene: &Scene) {
    let stage = scene.stage();
    let mut server = stage.bank(&format!("{{image: {BANK}, pull: Never}}"));
    works(&server, "ada");
    let left = scene.engine.running(&stage.data());
    server.kill();
    assert_eq!(scene.engine.running(&stage.data())["Id"], left["Id"], "it outlives the server");
    let server = stage.server();
    send(&server, "ada", "receive-deposit", json!({"amount": 7}));
    assert_ne!(scene.engine.running(&stage.data())["Id"], left["Id"]);
    assert_eq!(scene.engine.containers(&stage.data()).len(), 1);
    assert_eq!(private_folders(&stage.data()), 1);
}

/// It is replaced while it runs, and told to go: it does not, and is killed after its five seconds.
pub fn deaf(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/deaf";
    crate::images::variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"deaf\"]\n");
    let server = stage.bank(&format!("{{image: {image}, pull: Never}}"));
    works(&server, "ada");
    let deaf = scene.engine.running(&stage.data());
    let told = Instant::now();
    server.apply(&stage.resources(&format!("{{image: {BANK}, pull: Never}}"), ""));
    send(&server, "ada", "receive-deposit", json!({"amount": 7}));
    until("it is gone", SOON, || scene.engine.containers(&stage.data()).iter().all(|one| one["Id"] != deaf["Id"]));
    assert!(told.elapsed() >= Duration::from_secs(5), "it was not given its time: {:?}", told.elapsed());
    until_described(&server, "ready", |function| function["state"] == "ready");
}

fn terminate(server: &Server) {
    let status = Command::new("kill").arg(server.pid().to_string()).status().expect("kill runs");
    assert!(status.success());
}

fn private_folders(data: &Path) -> usize {
    let entries = std::fs::read_dir(data.join("sockets")).expect("listed").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("c-")).count()
}
