//! What goes wrong, and where it is told: to whoever applies, describes, or waits.

use serde_json::json;

use crate::images::{BANK, variant};
use crate::scene::{Scene, Stage, leave, lines, send, until_described, works};
use crate::server::{SOON, until};

fn told(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

pub fn missing_image(scene: &Scene) {
    let stage = scene.stage();
    let server = stage.server();
    let refusal = stage.refusal(&server, "{image: evento-test/nowhere, pull: Never}", "");
    told(&refusal, &["EV2308", "there is no image evento-test/nowhere on this machine"]);
    let refusal = stage.refusal(&server, "{image: '127.0.0.1:1/evento-test/nowhere'}", "");
    told(&refusal, &["EV2308", "is not on this machine and cannot be fetched"]);
}

pub fn broken_image(scene: &Scene) {
    let image = "evento-test/broken";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/root-of-all\"]\n");
    let stage = scene.stage();
    let refusal = stage.refusal(&stage.server(), &format!("{{image: {image}, pull: Never}}"), "");
    // The engine's init is what runs; it says what it could not start.
    let named = if scene.engine.is_podman() { "failed to exec" } else { "/root-of-all" };
    told(&refusal, &["accounts", named, "No such file or directory"]);
    let none = tempfile::tempdir().expect("a folder");
    std::fs::write(none.path().join("Dockerfile"), "FROM scratch\nLABEL a=b\n").expect("written");
    scene.engine.build("evento-test/empty", none.path());
    let refusal = stage.refusal(&stage.scene.stage().server(), "{image: evento-test/empty, pull: Never}", "");
    let why = if scene.engine.is_podman() { "no command" } else { "No command specified" };
    told(&refusal, &["EV2308", "cannot be run", why]);
    assert_eq!(scene.engine.containers(&stage.data()).len(), 0, "nothing is left of them");
}

pub fn exits(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/exit";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"exit\"]\n");
    let refusal = stage.refusal(&stage.server(), &format!("{{image: {image}, pull: Never}}"), "");
    told(&refusal, &["EV2301", "accounts ended before it was ready (exit code 3)", "cannot find my settings"]);
}

pub fn late(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/late";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"late\"]\n");
    let server = stage.server();
    let refusal = stage.refusal(&server, &format!("{{image: {image}, pull: Never}}"), "  startTimeout: 1s\n");
    told(&refusal, &["EV2301", "accounts was not ready after 1 s"]);
    server.apply(&stage.resources(&format!("{{image: {image}, pull: Never}}"), ""));
    works(&server, "ada");
}

pub fn protocol(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/protocol";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"protocol\"]\n");
    let refusal = stage.refusal(&stage.server(), &format!("{{image: {image}, pull: Never}}"), "");
    told(&refusal, &["EV2302", "protocol 2 to 2"]);
}

/// The container dies of its hunger with a command in flight or not; what it did not answer is answered by the next.
pub fn memory(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/eat";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"eat\"]\n");
    let server = stage.bank(&format!("{{image: {image}, pull: Never, memory: 64Mi}}"));
    works(&server, "ada");
    let end = match scene.engine.is_podman() {
        true => "ended (exit code 137: killed, as what wants more than its 64 MiB of memory is)",
        false => "ended (out of memory: it wanted more than 64 MiB)",
    };
    tell(scene, &stage, "eat");
    until("its end is named", SOON, || lines(&server).iter().any(|line| line.contains(end)));
    send(&server, "ada", "receive-deposit", json!({"amount": 7}));
    let last = server.json("/v1/functions/accounts");
    assert_eq!((last["state"].as_str(), last["restarts"].as_u64()), (Some("ready"), Some(1)), "{last}");
}

/// What forks without end comes to its limit, inside, and is answered and stopped as ever.
pub fn forks(scene: &Scene) {
    let stage = scene.stage();
    let image = "evento-test/fork";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"fork\"]\n");
    let server = stage.bank(&format!("{{image: {image}, pull: Never, memory: 128Mi}}"));
    works(&server, "ada");
    tell(scene, &stage, "fork");
    until("its processes are limited", SOON, || {
        lines(&server).iter().any(|line| line.contains("no more after 2") && line.contains("temporarily unavailable"))
    });
    send(&server, "ada", "receive-deposit", json!({"amount": 7}));
    assert_eq!(server.json("/v1/functions/accounts")["state"], "ready");
}

/// Tells the program in the only container of a stage to begin, by a file beside its socket.
fn tell(scene: &Scene, stage: &Stage<'_>, word: &str) {
    let container = scene.engine.running(&stage.data());
    let folder = container.pointer("/Mounts/0/Source").and_then(|path| path.as_str()).expect("its folder").to_owned();
    std::fs::write(format!("{folder}/{word}"), "").expect("told");
}

pub fn engine_away(scene: &Scene) {
    let stage = scene.stage();
    let nobody = "unix:///nowhere/docker.sock";
    let server = stage.server_with(nobody);
    let container = format!("{{image: {BANK}, pull: Never}}");
    let refusal = stage.refusal(&server, &container, "");
    told(&refusal, &["EV2309", "no container engine answers: /nowhere/docker.sock", "start Docker or Podman"]);
    drop(server);
    // Registered while the engine was there, then started without it, as after a restart of the machine.
    let server = stage.bank(&container);
    works(&server, "ada");
    drop(server);
    let server = stage.server_with(nobody);
    until_described(&server, "it is told why", |function| {
        function["error"].as_str().is_some_and(|error| error.contains("no container engine answers"))
    });
    let waiting = leave(&server, "ada", "receive-deposit", json!({"amount": 7}));
    assert_eq!(waiting["lastError"]["code"], "EV2309", "{waiting}");
    assert_eq!(waiting["lastError"]["function"], "accounts", "{waiting}");
    drop(server);
    let server = stage.server();
    until("the command that waited is done", SOON, || server.json("/v1/entities/account/ada")["state"]["balance"] == 7);
}

pub fn build_outside_development(scene: &Scene) {
    let stage = scene.stage();
    let folder = scene.context.path().display();
    let refusal = stage.refusal(&stage.server(), &format!("{{build: {folder}}}"), "");
    told(&refusal, &["EV2305", "container.build is for evento dev only"]);
}
