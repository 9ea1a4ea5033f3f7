//! The description of the HTTP interface: complete, as the golden file has it, valid for others, and true.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect_file;
use serde_json::Value;

use crate::server::{Server, bank_function, bank_resources, root};

fn bank(folder: &tempfile::TempDir) -> Server {
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    server
}

/// Method and path pattern of every operation, with the names of the bank taken out.
fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        let mut parts: Vec<&str> = path.split('/').collect();
        if let ["", "v1", "entities", entity, below @ ..] = &mut parts[..] {
            *entity = "{entity}";
            if let [_, "commands", command, verb @ ..] = below {
                *command = "{command}";
                verb.iter_mut().for_each(|verb| *verb = "{verb}");
            }
        }
        let pattern = parts.join("/");
        methods.as_object().expect("methods").keys().map(move |method| (method.clone(), pattern.clone()))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_and_every_description_is_routed() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = bank(&folder).json("/v1/openapi.json");
    let routed: BTreeSet<_> =
        evento_gateway::paths().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described(&document), routed);
    expect_file!["golden/bank.openapi.json"]
        .assert_eq(&format!("{}\n", serde_json::to_string_pretty(&document).expect("JSON")));
}

fn peer() -> PathBuf {
    let output = Command::new(root().join("scripts/setup-openapi-peer")).output().expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("text").trim())
}

fn succeeds(mut command: Command) {
    let output = command.output().expect("it starts");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
}

#[test]
fn the_description_is_valid_and_requests_made_from_it_are_answered_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = bank(&folder);
    let peer = peer();
    let document = folder.path().join("openapi.json");
    std::fs::write(&document, server.get("/v1/openapi.json").expect("an answer").body).expect("written");

    let mut validator = Command::new(peer.join("openapi-spec-validator"));
    validator.arg(&document);
    succeeds(validator);

    for id in ["ada", "zoë/1"] {
        assert_eq!(server.evento(&["send", &format!("account/{id}"), "OpenAccount", "owner=Ada"]).0, 0);
    }
    let mut schemathesis = Command::new(peer.join("st"));
    schemathesis
        .args(["run", &format!("http://{}/v1/openapi.json", server.address)])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "25",
            "--seed",
            "7",
            "--generation-deterministic",
        ])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        // Lines of JSON are not among the media types it can write.
        .args(["--exclude-operation-id", "commands.send"])
        .args(["--header", "Prefer: wait=0.2", "--no-color", "--request-timeout", "20"])
        .current_dir(folder.path());
    succeeds(schemathesis);
}
