//! Bad input against the real server: each gets its own clear error, and nothing is recorded.

use crate::server::{Reply, Server, bank_function, bank_resources};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Method, path, headers, body; expected status and what the answer must say.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, Vec<u8>, u16, &'a str);

#[test]
fn every_kind_of_bad_input_gets_its_error_and_records_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let open = |id: &str| format!("/v1/entities/account/{id}/commands/open-account");
    let deposit = "/v1/entities/account/ada/commands/receive-deposit";
    let ok: Reply = server.post(&open("ada"), &[JSON], b"{\"owner\":\"Ada\"}").expect("an answer");
    assert_eq!(ok.status, 200, "{}", ok.text());
    let keyed = ("Idempotency-Key", "once");
    assert_eq!(server.post(deposit, &[JSON, keyed], b"{\"amount\":5}").expect("an answer").status, 200);

    let deep = [b"[".repeat(1_000), b"]".repeat(1_000)].concat();
    let deep_field = [b"{\"amount\":".to_vec(), deep.clone(), b"}".to_vec()].concat();
    let (long_id, open_long) = ("x".repeat(257), open(&"x".repeat(257)));
    let nul = open("a%00b");
    let long_header = "x".repeat(40 << 10);
    assert_eq!(long_id.len(), 257);
    let cases: Vec<Case<'_>> = vec![
        ("POST", deposit, vec![JSON], b"{\"amount\":".to_vec(), 400, "EV1002"),
        ("POST", deposit, vec![JSON], b"".to_vec(), 400, "the body is empty"),
        ("POST", deposit, vec![JSON], b"{\"amount\":\"many\"}".to_vec(), 400, "EV1003"),
        ("POST", deposit, vec![JSON], b"{\"amuont\":1}".to_vec(), 400, "did you mean amount"),
        ("POST", deposit, vec![JSON], b"{\"amount\":1,\"amount\":2}".to_vec(), 400, "EV1003"),
        ("POST", deposit, vec![JSON], b"{\"amount\":9223372036854775808}".to_vec(), 400, "EV1003"),
        ("POST", deposit, vec![JSON], deep, 400, "EV100"),
        ("POST", deposit, vec![JSON], deep_field, 400, "EV100"),
        ("POST", deposit, vec![JSON], vec![b' '; (1 << 20) + 1], 413, "at most 1048576 bytes"),
        ("POST", deposit, vec![("Content-Type", "text/csv")], b"1".to_vec(), 415, "EV1004"),
        ("POST", deposit, vec![("Content-Type", "avro/binary")], b"\xff".to_vec(), 400, "EV1002"),
        ("POST", deposit, vec![("Content-Type", "avro/binary")], b"\x02\x00\x00".to_vec(), 400, "EV1002"),
        ("POST", deposit, vec![JSON, keyed], b"{\"amount\":6}".to_vec(), 422, "EV1010"),
        ("POST", deposit, vec![JSON, ("If-Match", "\"7\"")], b"{\"amount\":1}".to_vec(), 412, "\"seq\":2"),
        ("POST", deposit, vec![JSON, ("If-Match", "\"-1\"")], b"{\"amount\":1}".to_vec(), 400, "EV1011"),
        ("POST", deposit, vec![JSON, ("If-None-Match", "*")], b"{\"amount\":1}".to_vec(), 412, "EV1011"),
        ("POST", deposit, vec![JSON, ("Idempotency-Key", "a b")], b"{\"amount\":1}".to_vec(), 400, "EV1006"),
        ("POST", "/v1/entities/acount/ada/commands/receive-deposit", vec![JSON], b"{}".to_vec(), 404, "account"),
        (
            "POST",
            "/v1/entities/account/ada/commands/recieve-deposit",
            vec![JSON],
            b"{}".to_vec(),
            404,
            "receive-deposit",
        ),
        ("POST", &open_long, vec![JSON], b"{\"owner\":\"x\"}".to_vec(), 400, "EV1006"),
        ("POST", &nul, vec![JSON], b"{\"owner\":\"x\"}".to_vec(), 400, "EV1006"),
        ("GET", "/v1/entities/account/ada?seq=-1", vec![], vec![], 400, "whole number"),
        ("GET", "/v1/entities/account/ada?seq=99", vec![], vec![], 404, "EV1020"),
        ("GET", "/v1/entities/account/ada?at=yesterday", vec![], vec![], 400, "EV1002"),
        ("GET", "/v1/entities/account/ada?at=1900-01-01T00:00:00Z", vec![], vec![], 404, "had no events yet at 1900"),
        ("GET", "/v1/entities/account/nobody", vec![], vec![], 404, "EV1020"),
        ("GET", "/v1/entities/account?cursor=nonsense", vec![], vec![], 400, "EV1022"),
        ("GET", "/v1/events?from=nonsense", vec![], vec![], 400, "EV1022"),
        ("GET", "/v1/entities/account/ada/commands/never", vec![], vec![], 404, "EV1021"),
        ("GET", "/v1/commands?status=tired", vec![], vec![], 400, "parked"),
        ("GET", "/nowhere", vec![], vec![], 404, "EV1001"),
        ("GET", "/livez", vec![("X-Long", &long_header)], vec![], 431, ""),
        ("GET", "/livez", vec![("Host", "evil.example")], vec![], 403, "EV6002"),
        ("POST", deposit, vec![JSON, ("Origin", "https://evil.example")], b"{\"amount\":1}".to_vec(), 403, "EV6002"),
        ("POST", "/v1/apply", vec![JSON], b"{\"files\":[]}".to_vec(), 400, "EV1002"),
        ("POST", "/v1/commands", vec![JSON], b"{}".to_vec(), 415, "x-ndjson"),
    ];
    for (method, path, headers, body, status, says) in cases {
        let reply = crate::server::request(&server.address, method, path, &headers, &body);
        let reply = reply.unwrap_or_else(|| panic!("no answer to {method} {path}"));
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(reply.status, status, "{method} {path} {shown}: {}", reply.text());
        assert!(reply.text().contains(says), "{method} {path} {shown}: {}", reply.text());
        if method == "POST" && path.contains("/commands") {
            assert_eq!(reply.json()["recorded"], false, "{path} {shown}: {}", reply.text());
        }
    }
    assert_eq!(server.json("/v1/entities/account/ada")["seq"], 2, "something was recorded");
}

#[test]
fn ids_of_every_kind_come_back_as_they_were_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let ids =
        ["a/b", "100%", "zoë", "Ω≈ç√", "🏦", "مرحبا", "a b", "?&=#", "..", "e\u{301}", "\u{10ffff}", &"x".repeat(256)];
    for id in ids {
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/v1/entities/account/{encoded}");
        let body = format!("{{\"owner\":{}}}", serde_json::json!(id));
        let reply = server.post(&format!("{path}/commands/open-account"), &[JSON], body.as_bytes()).expect("an answer");
        assert_eq!(reply.status, 200, "{id:?}: {}", reply.text());
        let state = server.json(&path);
        assert_eq!((state["id"].as_str(), state["state"]["owner"].as_str()), (Some(id), Some(id)));
    }
    let listed = server.json("/v1/entities/account?limit=500");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(ids.len()));
}

#[test]
fn a_bad_line_among_many_commands_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let resources = bank_resources(folder.path(), bank_function(), "");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&resources);
    let lines = [
        r#"{"entity":"account","id":"ada","command":"open-account","data":{"owner":"Ada"}}"#,
        "no json at all",
        r#"{"entity":"account","id":"ada","command":"receive-deposit","data":{"amount":"x"}}"#,
        r#"{"entity":"account","id":"ada","command":"receive-deposit","data":{"amount":7},"idempotencyKey":"k"}"#,
        r#"{"entity":"account","id":"ada","command":"withdraw-cash","data":{"amount":100}}"#,
    ];
    let body = lines.join("\n");
    let reply =
        server.post("/v1/commands", &[("Content-Type", "application/x-ndjson")], body.as_bytes()).expect("an answer");
    let text = reply.text();
    let answers: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let words: Vec<&str> =
        answers.iter().map(|a| a["outcome"].as_str().or(a["code"].as_str()).unwrap_or("?")).collect();
    assert_eq!(words, ["accepted", "EV1002", "EV1003", "accepted", "rejected"]);
}
