//! The cage from outside, as the engine tells it, and from inside, as a program finds it.

use serde_json::{Value, json};

use crate::images::{BANK, variant};
use crate::scene::{Scene, lines, works};
use crate::server::{SOON, until};

pub fn every_bar(scene: &Scene) {
    let stage = scene.stage();
    let server = stage.bank(&format!("{{image: {BANK}, pull: Never, memory: 64Mi, cpus: 0.5}}"));
    works(&server, "ada");
    let container = scene.engine.running(&stage.data());
    let user = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let wanted = [
        ("/HostConfig/NetworkMode", json!("none")),
        ("/HostConfig/ReadonlyRootfs", json!(true)),
        ("/HostConfig/SecurityOpt", json!(["no-new-privileges"])),
        ("/HostConfig/Memory", json!(64 << 20)),
        ("/HostConfig/MemorySwap", json!(64 << 20)),
        ("/HostConfig/NanoCpus", json!(500_000_000)),
        ("/HostConfig/PidsLimit", json!(256)),
        ("/HostConfig/Init", json!(true)),
        ("/HostConfig/Privileged", json!(false)),
        ("/HostConfig/RestartPolicy/Name", json!("no")),
        ("/Config/User", json!(user)),
        ("/Config/Labels/evento.function", json!("accounts")),
        ("/Config/Labels/evento.project", json!(stage.data().display().to_string())),
        ("/Config/Labels/evento.image", container["Image"].clone()),
    ];
    for (pointer, value) in wanted {
        assert_eq!(container.pointer(pointer), Some(&value), "{pointer}");
    }
    // Podman adds what it does anyway.
    let tmp = container.pointer("/HostConfig/Tmpfs/~1tmp").and_then(Value::as_str).unwrap_or_default();
    assert!(tmp.starts_with("rw,noexec,nosuid,nodev,size=16m"), "{tmp}");
    // Podman writes out which those were; what is left is seen from inside.
    let dropped = container.pointer("/HostConfig/CapDrop").and_then(Value::as_array).map_or(0, Vec::len);
    match scene.engine.is_podman() {
        true => assert!(dropped >= 10, "{dropped}"),
        false => assert_eq!(container.pointer("/HostConfig/CapDrop"), Some(&json!(["ALL"]))),
    }
    let mounts: Vec<&Value> = container["Mounts"].as_array().expect("mounts").iter().collect();
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    assert_eq!(mounts[0]["Destination"], "/run/evento");
}

pub fn from_inside(scene: &Scene) {
    let image = "evento-test/look";
    variant(&scene.engine, image, scene.context.path(), "ENTRYPOINT [\"/misfit\", \"look\"]\n");
    let stage = scene.stage();
    let server = stage.bank(&format!("{{image: {image}, pull: Never}}"));
    works(&server, "ada");
    let user = format!("stdout user {}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let wanted = [
        "stdout reach 8.8.8.8: Network is unreachable",
        "stdout write /written: Read-only file system",
        "stdout write /tmp/written: written",
        "stdout CapEff:\t0000000000000000",
        "stdout NoNewPrivs:\t1",
        "stdout Seccomp:\t2",
        user.as_str(),
        "stderr and this is stderr",
    ];
    for line in wanted {
        until(line, SOON, || lines(&server).iter().any(|found| found == line));
    }
}
