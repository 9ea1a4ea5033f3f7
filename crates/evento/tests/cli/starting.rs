//! What a person meets first: no server, no such word, explanations, configuration.

use std::path::Path;

use expect_test::expect;

use crate::server::{Server, run_in};

fn run(line: &str) -> crate::server::Run {
    run_in(Path::new("."), &[("EVENTO_ADDRESS", "127.0.0.1:1")], line, "")
}

#[test]
fn without_a_server_the_next_step_is_told() {
    run("state account/alice").check(&expect![[r#"
        --- stderr
        error[EV7001]: no Evento answers at http://127.0.0.1:1
           why   io: Connection refused (os error 111)
           next  start one with evento dev, or name another with --address
           more  evento explain EV7001
        --- exit 7
    "#]]);
}

#[test]
fn wrong_usage_ends_with_2() {
    for line in
        ["", "sned account/alice X", "send account X", "state account/alice --at soon", "get gadgets", "explain EVX"]
    {
        let run = run(line);
        assert_eq!(run.code, 2, "{line}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{line}");
    }
    assert!(run("sned account/alice X").stderr.contains("send"), "the neighbour is named");
    assert!(run("get comands").stderr.contains("did you mean command"), "the neighbour is named");
}

#[test]
fn codes_are_explained_offline() {
    run("explain EV1011").check(&expect![[r#"
        # EV1011: The precondition was not met

        The command asked for the instance to be at a certain sequence (`If-Match`, `--if-seq`) or to be new, and it is not. The problem names the present sequence.

        ## Example

        ```
        evento send account/alice WithdrawCash amount=20 --if-seq 5
        ```

        ## What to do

        Read the state again, decide again, and send with the new sequence. If the answer carries a `commandId`, the refusal is recorded: repeating needs a new key.
        --- exit 0
    "#]]);
    run("explain EV1999").check(&expect![[r#"
        --- stderr
        error: there is no code EV1999
           next  evento explain lists all codes
        --- exit 3
    "#]]);
    assert!(run("explain").stdout.contains("EV7001  Cannot connect\n"));
}

#[test]
fn configuration_shows_its_origins() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(folder.path().join("evento.toml"), "[http]\nlisten = \"127.0.0.1:9999\"\n")
        .expect("it can be written");
    let run = |line: &str| run_in(folder.path(), &[("EVENTO_DATA_DIR", "/srv/evento")], line, "");
    run("config view --origins").check(&expect![[r#"
        SETTING                            VALUE           ORIGIN
        http.listen                        127.0.0.1:9999  evento.toml:2
        http.command.wait                  10s             default
        http.maxBody                       1MiB            default
        kafka.listen                       127.0.0.1:9092  default
        kafka.advertised                                   default
        kafka.group.initialDelay           250ms           default
        kafka.group.minSessionTimeout      100ms           default
        kafka.group.maxSessionTimeout      30m             default
        kafka.group.sessionTimeout         45s             default
        kafka.group.heartbeatInterval      5s              default
        kafka.quota.produceBytesPerSecond                  default
        kafka.quota.fetchBytesPerSecond                    default
        registry.listen                    127.0.0.1:8081  default
        http.hosts                                         default
        http.requireIdempotencyKey         false           default
        data.dir                           /srv/evento     EVENTO_DATA_DIR
        data.scrub.bytesPerSecond          0               default
        data.scrub.every                   24h             default
        dev.resources                      resources       default
        log.format                         auto            default
        client.address                                     default
        --- exit 0
    "#]]);
    assert!(run("state account/alice").stderr.contains("no Evento answers at http://127.0.0.1:9999\n"));
    std::fs::write(folder.path().join("evento.toml"), "[http]\nlisen = \"127.0.0.1:9999\"\n")
        .expect("it can be written");
    run("config view").check(&expect![[r#"
        --- stderr
        error[EV7002]: unknown setting http.lisen
           ╭─[evento.toml:2:1]
         2 │ lisen = "127.0.0.1:9999"
           · ──┬──
           ╰────
           next  did you mean http.listen?
           more  evento explain EV7002
        1 error, evento.toml was refused
        --- exit 2
    "#]]);
}

#[test]
fn contexts_come_from_the_users_file() {
    let server = Server::start().answer("GET /v1/functions", 200, r#"{"items":[]}"#);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let home = folder.path().join("evento");
    std::fs::create_dir(&home).expect("it can be made");
    std::fs::write(home.join("token"), "secret\n").expect("it can be written");
    let other = run_in(Path::new("."), &[], "version", "");
    assert_eq!(other.code, 0, "{}", other.stderr);
    let text = format!(
        "context = \"far\"\n[contexts.far]\naddress = \"127.0.0.1:1\"\n[contexts.near]\naddress = \"{}\"\ntokenFile = \
         \"{}\"\n",
        server.address(),
        home.join("token").display()
    );
    std::fs::write(home.join("config.toml"), text).expect("it can be written");
    let home = folder.path().display().to_string();
    let run = |line: &str| run_in(Path::new("."), &[("XDG_CONFIG_HOME", &home)], line, "");
    assert!(run("function list").stderr.contains("no Evento answers at http://127.0.0.1:1\n"));
    let near = run("function list --context near -o json -vv");
    assert_eq!((near.code, near.stdout.as_str()), (0, "{\n  \"items\": []\n}\n"), "{}", near.stderr);
    assert!(!near.stderr.contains("secret"), "tokens are never shown: {}", near.stderr);
    assert_eq!(server.requests(), ["GET /v1/functions\n  authorization: Bearer secret"]);
    assert_eq!(run("function list --context nowhere").code, 2);
}

#[test]
fn completion_scripts_call_the_program_back() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = run(&format!("completion {shell}"));
        assert_eq!(script.code, 0, "{}", script.stderr);
        assert!(script.stdout.contains("EVENTO_COMPLETE"), "{shell}");
    }
}

#[test]
fn completion_asks_the_server_for_names() {
    let server = Server::start()
        .answer(
            "GET /v1/resources/entity",
            200,
            r#"{"items":[{"metadata":{"name":"account"}},{"metadata":{"name":"order"}}]}"#,
        )
        .answer("GET /v1/entities/account?prefix=al&limit=50", 200, r#"{"items":[{"id":"alice"},{"id":"albert"}]}"#);
    let address = server.address();
    let complete = |words: &str, index: &str| {
        let environment = [
            ("EVENTO_ADDRESS", address),
            ("EVENTO_COMPLETE", "bash"),
            ("_CLAP_COMPLETE_INDEX", index),
            ("_CLAP_IFS", "\n"),
        ];
        run_in(Path::new("."), &environment, words, "").stdout
    };
    assert_eq!(complete("-- evento state acc", "2"), "account/");
    assert_eq!(complete("-- evento state account/al", "2"), "account/alice\naccount/albert");
}
