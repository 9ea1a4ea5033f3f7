//! A write that fails for good: the server ends with EV4001, and nothing acknowledged is missing afterwards.

use std::process::Command;

use crate::server::{Server, bank_function, bank_resources};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_failed_write_ends_the_server_with_ev4001_and_the_next_start_has_everything_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let resources = bank_resources(folder.path(), bank_function(), "");
    // A write beyond the limit on file sizes is then an error (EFBIG) instead of a signal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_evento")]);
    let mut server = Server::start_by(command, &data);
    server.apply(&resources);
    let send = |server: &Server, path: &str, body: &[u8]| {
        server.post(&format!("/v1/entities/account/ada/commands/{path}"), &[JSON], body)
    };
    assert_eq!(send(&server, "open-account", b"{\"owner\":\"Ada\"}").expect("an answer").status, 200);

    let limited = Command::new("prlimit").args(["--fsize=4096", "--pid", &server.pid().to_string()]).status();
    assert!(limited.is_ok_and(|status| status.success()), "prlimit (util-linux) sets the limit");
    let refused = send(&server, "receive-deposit", b"{\"amount\":5}");
    assert!(refused.is_none_or(|reply| reply.status >= 500), "what was not written was acknowledged");
    assert_eq!(server.ended(), Some(1));
    let said = std::fs::read_to_string(data.with_extension("log")).expect("its log");
    assert!(said.contains("EV4001"), "{said}");

    let server = Server::start(&data);
    let state = server.json("/v1/entities/account/ada");
    assert_eq!((&state["seq"], &state["state"]["balance"]), (&1.into(), &0.into()), "{state}");
    assert_eq!(send(&server, "receive-deposit", b"{\"amount\":5}").expect("an answer").status, 200);
}
