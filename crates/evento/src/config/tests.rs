//! Configuration: precedence, origins, and what a wrong file is told.

use expect_test::expect;

use super::settings::{Mode, SETTINGS, parse_bytes, reference};
use super::{Config, Surroundings};
use crate::cli::failure::Failure;
use crate::output::problem::render;
use crate::output::style::Style;

fn project(text: &str) -> Surroundings {
    Surroundings { project: Some(("evento.toml".into(), text.to_owned())), ..Surroundings::default() }
}

fn shown(failure: &Failure, text: &str) -> String {
    render(failure, Style::PLAIN, &|_| Some(text.to_owned()))
}

#[test]
fn the_nearest_source_wins() {
    let mut surroundings = project("[http]\nlisten = \"127.0.0.1:1\"\nmaxBody = \"2MiB\"\n");
    surroundings.user = Some(("user.toml".into(), "http.listen = \"127.0.0.1:2\"\ndata.dir = \"/srv\"\n".into()));
    surroundings.environment.insert("EVENTO_HTTP_MAX_BODY".into(), "3MiB".into());
    let config = Config::load(Mode::Dev, &surroundings, &[("log.format", "json".into())]).expect("all is well");
    let lines: Vec<String> =
        SETTINGS.iter().map(|s| format!("{} = {} ({})", s.key, config.text(s.key), config.origin(s.key))).collect();
    expect![[r#"
        http.listen = 127.0.0.1:1 (evento.toml:2)
        http.command.wait = 10s (default)
        http.maxBody = 3MiB (EVENTO_HTTP_MAX_BODY)
        kafka.listen = 127.0.0.1:9092 (default)
        kafka.advertised =  (default)
        kafka.group.initialDelay = 250ms (default)
        kafka.group.minSessionTimeout = 100ms (default)
        kafka.group.maxSessionTimeout = 30m (default)
        kafka.group.sessionTimeout = 45s (default)
        kafka.group.heartbeatInterval = 5s (default)
        kafka.quota.produceBytesPerSecond =  (default)
        kafka.quota.fetchBytesPerSecond =  (default)
        registry.listen = 127.0.0.1:8081 (default)
        http.hosts =  (default)
        http.requireIdempotencyKey = false (default)
        data.dir = /srv (user.toml:2)
        data.scrub.bytesPerSecond = 0 (default)
        data.scrub.every = 24h (default)
        dev.resources = resources (default)
        log.format = json (--log-format)
        client.address =  (default)"#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(config.bytes("http.maxBody"), 3 << 20);
    assert_eq!(config.duration_ms("http.command.wait"), 10_000);
}

#[test]
fn an_unknown_key_is_told_its_neighbour() {
    let text = "[http]\nlisen = \"127.0.0.1:1\"\n";
    let failure = Config::load(Mode::Dev, &project(text), &[]).expect_err("there is no such key");
    expect![[r#"
        error[EV7002]: unknown setting http.lisen
           ╭─[evento.toml:2:1]
         2 │ lisen = "127.0.0.1:1"
           · ──┬──
           ╰────
           next  did you mean http.listen?
           more  evento explain EV7002
        1 error, evento.toml was refused
    "#]]
    .assert_eq(&shown(&failure, text));
}

#[test]
fn a_wrong_value_is_told_its_origin() {
    let failure = Config::load(Mode::Dev, &project("http.command.wait = \"2m\"\n"), &[]).expect_err("too long");
    expect![[r#"
        error[EV7002]: http.command.wait = "2m": out of range
           why   the value comes from evento.toml:1
           next  how long a sender waits for the outcome when it does not say (a duration of 0 to 60 s)
           more  evento explain EV7002
    "#]]
    .assert_eq(&shown(&failure, ""));
}

#[test]
fn only_the_users_file_has_contexts() {
    let text = "context = \"prod\"\n[contexts.prod]\naddress = \"http://evento:8080\"\ntokenFile = \"/run/token\"\n";
    let user = Surroundings { user: Some(("config.toml".into(), text.into())), ..Surroundings::default() };
    let config = Config::load(Mode::Dev, &user, &[]).expect("all is well");
    assert_eq!(config.current_context.as_deref(), Some("prod"));
    assert_eq!(config.contexts[0].address, "http://evento:8080");
    assert_eq!(config.contexts[0].token_file.as_deref(), Some("/run/token"));
    assert!(Config::load(Mode::Dev, &project(text), &[]).is_err());
}

#[test]
fn broken_toml_names_the_place() {
    let failure = Config::load(Mode::Dev, &project("http.listen = \n"), &[]).expect_err("it is broken");
    assert_eq!(failure.violations[0].line, 1);
    assert_eq!(failure.exit.code(), 2);
}

#[test]
fn defaults_are_good_values_and_names_follow_a_rule() {
    for setting in SETTINGS {
        for mode in [Mode::Dev, Mode::Serve] {
            assert_eq!(setting.kind.check(setting.default(mode)), Ok(()), "{}", setting.key);
        }
    }
    let names: Vec<String> = SETTINGS.iter().map(super::settings::Setting::environment_name).collect();
    assert_eq!(names[0], "EVENTO_HTTP_LISTEN");
    assert_eq!(names[2], "EVENTO_HTTP_MAX_BODY");
    assert_eq!(names.last().map(String::as_str), Some("EVENTO_ADDRESS"));
    assert!(reference().contains("| `data.dir` | `EVENTO_DATA_DIR` | `--data` | `.evento` | `/var/lib/evento` |"));
}

#[test]
fn hosts_are_names_without_scheme_and_port() {
    let with = |hosts: &str| {
        let environment = [("EVENTO_HTTP_HOSTS".to_owned(), hosts.to_owned())].into();
        Config::load(Mode::Serve, &Surroundings { environment, ..Surroundings::default() }, &[])
    };
    assert_eq!(with("a.example, b.example,").expect("names").words("http.hosts"), ["a.example", "b.example"]);
    assert_eq!(with("").expect("none").words("http.hosts"), Vec::<String>::new());
    for wrong in ["http://a.example", "a.example:8080"] {
        assert_eq!(with(wrong).expect_err("no name").code.map(|code| code.0), Some(7002), "{wrong}");
    }
}

#[test]
fn sizes_read() {
    for (text, bytes) in [("1024", 1024), ("64KiB", 65_536), ("1MB", 1_000_000), ("2GiB", 2 << 30)] {
        assert_eq!(parse_bytes(text), Ok(bytes));
    }
    for text in ["", "MiB", "1Mi", "-1", "99999999999999999999"] {
        assert!(parse_bytes(text).is_err(), "{text}");
    }
}
