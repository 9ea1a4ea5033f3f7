//! The table of settings: help texts, environment names, the reference page and all checks come from here.

use std::fmt;

use crate::output::time::parse_duration_ms;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Dotted name, as in `evento.toml`.
    pub key: &'static str,
    /// The flag of the same meaning, if there is one.
    pub flag: Option<&'static str>,
    /// What a value looks like.
    pub kind: Kind,
    /// Default under `evento dev` and everywhere but `evento serve`.
    pub dev: &'static str,
    /// Default under `evento serve`.
    pub serve: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// Which defaults count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// `evento dev`, and every verb that is a client.
    Dev,
    /// `evento serve`.
    Serve,
}

/// What a value looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `host:port`.
    Listen,
    /// `host:port`, or empty.
    OptionalListen,
    /// The address of an Evento; empty = derived.
    Address,
    /// `500ms`, `10s`, `1m30s`; at least and at most so many milliseconds.
    Duration(u64, u64),
    /// `64KiB`, `1MiB`, or a number of bytes; at least and at most.
    Bytes(u64, u64),
    /// The same, or empty.
    OptionalBytes(u64, u64),
    /// A file or folder.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Names of hosts with commas between them; may be empty.
    Hosts,
}

/// Every setting there is. A key outside this table is refused.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "http.listen",
        flag: Some("listen"),
        kind: Kind::Listen,
        dev: "127.0.0.1:8080",
        serve: "127.0.0.1:8080",
        doc: "where the HTTP API listens",
    },
    Setting {
        key: "http.command.wait",
        flag: None,
        kind: Kind::Duration(0, 60_000),
        dev: "10s",
        serve: "10s",
        doc: "how long a sender waits for the outcome when it does not say",
    },
    Setting {
        key: "http.maxBody",
        flag: None,
        kind: Kind::Bytes(1024, 16 << 20),
        dev: "1MiB",
        serve: "1MiB",
        doc: "largest command body",
    },
    Setting {
        key: "kafka.listen",
        flag: Some("kafka-listen"),
        kind: Kind::OptionalListen,
        dev: "127.0.0.1:9092",
        serve: "127.0.0.1:9092",
        doc: "where Kafka clients connect; empty turns it off",
    },
    Setting {
        key: "kafka.advertised",
        flag: None,
        kind: Kind::OptionalListen,
        dev: "",
        serve: "",
        doc: "host and port that Kafka clients are told; empty is where it listens",
    },
    Setting {
        key: "kafka.group.initialDelay",
        flag: None,
        kind: Kind::Duration(0, 60_000),
        dev: "250ms",
        serve: "250ms",
        doc: "how long an empty classic group waits for more members (group.initial.rebalance.delay.ms)",
    },
    Setting {
        key: "kafka.group.minSessionTimeout",
        flag: None,
        kind: Kind::Duration(1, 1_800_000),
        dev: "100ms",
        serve: "100ms",
        doc: "shortest session timeout that a classic member may ask for (group.min.session.timeout.ms)",
    },
    Setting {
        key: "kafka.group.maxSessionTimeout",
        flag: None,
        kind: Kind::Duration(1, 1_800_000),
        dev: "30m",
        serve: "30m",
        doc: "longest session timeout that a classic member may ask for (group.max.session.timeout.ms)",
    },
    Setting {
        key: "kafka.group.sessionTimeout",
        flag: None,
        kind: Kind::Duration(500, 1_800_000),
        dev: "45s",
        serve: "45s",
        doc: "silence after which a KIP-848 member is given up (group.consumer.session.timeout.ms)",
    },
    Setting {
        key: "kafka.group.heartbeatInterval",
        flag: None,
        kind: Kind::Duration(100, 60_000),
        dev: "5s",
        serve: "5s",
        doc: "time between two heartbeats of a KIP-848 member (group.consumer.heartbeat.interval.ms)",
    },
    Setting {
        key: "kafka.quota.produceBytesPerSecond",
        flag: None,
        kind: Kind::OptionalBytes(1024, 1 << 40),
        dev: "",
        serve: "",
        doc: "bytes that the clients of one client id may send in a second; empty is no limit",
    },
    Setting {
        key: "kafka.quota.fetchBytesPerSecond",
        flag: None,
        kind: Kind::OptionalBytes(1024, 1 << 40),
        dev: "",
        serve: "",
        doc: "bytes of records that the clients of one client id may read in a second; empty is no limit",
    },
    Setting {
        key: "registry.listen",
        flag: Some("registry-listen"),
        kind: Kind::OptionalListen,
        dev: "127.0.0.1:8081",
        serve: "127.0.0.1:8081",
        doc: "where the schema registry API listens; empty turns it off",
    },
    Setting {
        key: "http.hosts",
        flag: None,
        kind: Kind::Hosts,
        dev: "",
        serve: "",
        doc: "names by which the HTTP API may be called beside localhost and addresses, as a proxy does",
    },
    Setting {
        key: "http.requireIdempotencyKey",
        flag: None,
        kind: Kind::Word(&["true", "false"]),
        dev: "false",
        serve: "false",
        doc: "refuse commands without Idempotency-Key (EV1014)",
    },
    Setting {
        key: "data.dir",
        flag: Some("data"),
        kind: Kind::Path,
        dev: ".evento",
        serve: "/var/lib/evento",
        doc: "where everything is stored",
    },
    Setting {
        key: "data.scrub.bytesPerSecond",
        flag: None,
        kind: Kind::Bytes(0, 1 << 40),
        dev: "0",
        serve: "4MiB",
        doc: "how fast everything stored is looked through for damage; 0 turns it off",
    },
    Setting {
        key: "data.scrub.every",
        flag: None,
        kind: Kind::Duration(1_000, 366 * 86_400_000),
        dev: "24h",
        serve: "24h",
        doc: "how long after the end of one pass the next begins",
    },
    Setting {
        key: "dev.resources",
        flag: Some("resources"),
        kind: Kind::Path,
        dev: "resources",
        serve: "resources",
        doc: "the folder of resources that evento dev applies and watches",
    },
    Setting {
        key: "log.format",
        flag: Some("log-format"),
        kind: Kind::Word(&["auto", "text", "json"]),
        dev: "auto",
        serve: "auto",
        doc: "form of the program's own log on stderr; auto is text on a terminal, else json",
    },
    Setting {
        key: "client.address",
        flag: Some("address"),
        kind: Kind::Address,
        dev: "",
        serve: "",
        doc: "the Evento that the client verbs speak with; empty is the one at http.listen",
    },
];

impl Setting {
    /// The setting of this key.
    pub fn find(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The default in this mode.
    pub fn default(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::Dev => self.dev,
            Mode::Serve => self.serve,
        }
    }

    /// `EVENTO_HTTP_MAX_BODY` for `http.maxBody`; the client's address is short, `EVENTO_ADDRESS`.
    pub fn environment_name(&self) -> String {
        let key = self.key.strip_prefix("client.").unwrap_or(self.key);
        let mut name = String::from("EVENTO_");
        for c in key.chars() {
            match c {
                '.' => name.push('_'),
                c if c.is_ascii_uppercase() => name.extend(['_', c]),
                c => name.push(c.to_ascii_uppercase()),
            }
        }
        name
    }
}

impl Kind {
    /// Says what is wrong with a value.
    pub fn check(self, value: &str) -> Result<(), String> {
        let within = |number: u64, least: u64, most: u64| {
            if (least..=most).contains(&number) { Ok(()) } else { Err("out of range".to_owned()) }
        };
        match self {
            Kind::OptionalListen if value.is_empty() => Ok(()),
            Kind::Listen | Kind::OptionalListen => match value.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
                _ => Err("not a host and port".to_owned()),
            },
            Kind::Address if value.is_empty() => Ok(()),
            Kind::Address => value.parse::<crate::client::Address>().map(|_| ()),
            Kind::Duration(least, most) => within(parse_duration_ms(value)?, least, most),
            Kind::OptionalBytes(..) if value.is_empty() => Ok(()),
            Kind::Bytes(least, most) | Kind::OptionalBytes(least, most) => within(parse_bytes(value)?, least, most),
            Kind::Path if value.is_empty() => Err("empty".to_owned()),
            Kind::Path => Ok(()),
            Kind::Hosts => match value.split(',').map(str::trim).find(|host| host.contains(['/', ':', ' '])) {
                Some(host) => Err(format!("{host:?} is no host name: it goes without scheme and port")),
                None => Ok(()),
            },
            Kind::Word(words) if words.contains(&value) => Ok(()),
            Kind::Word(words) => {
                let near = words.iter().find(|word| strsim::damerau_levenshtein(word, value) <= 2);
                Err(near.map_or("not one of the words".to_owned(), |word| format!("did you mean {word}?")))
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Listen => f.write_str("host:port, port 0 takes a free one"),
            Kind::OptionalListen => f.write_str("host:port, port 0 takes a free one; or empty"),
            Kind::Address => f.write_str("http://host:port"),
            Kind::Duration(least, most) => {
                write!(f, "a duration of {} to {} s", *least as f64 / 1000.0, *most as f64 / 1000.0)
            }
            Kind::Bytes(least, most) => write!(f, "a size of {least} to {most} bytes, such as 1MiB"),
            Kind::OptionalBytes(least, most) => write!(f, "{}; or empty", Kind::Bytes(*least, *most)),
            Kind::Path => f.write_str("a file or folder"),
            Kind::Word(words) => f.write_str(&words.join(" | ")),
            Kind::Hosts => f.write_str("host names with commas between them"),
        }
    }
}

/// Reads `1024`, `64KiB`, `1MiB`, `2GiB`, `500kB`, `1MB`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => 0,
    };
    text[..digits]
        .parse::<u64>()
        .ok()
        .filter(|_| factor > 0)
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is not a size such as 64KiB or 1MiB"))
}

/// The reference page of all settings, in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\nGenerated from `crates/evento/src/config/settings.rs`.\n\nPrecedence, highest first: flag, \
         environment, `./evento.toml`, `$XDG_CONFIG_HOME/evento/config.toml`, default.\n`evento config view --origins` \
         shows each value with its source.\n\n| setting | environment | flag | default of `dev` | default of `serve` \
         | value | meaning |\n|---|---|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        out.push_str(&format!(
            "| `{}` | `{}` | {} | {} | {} | {} | {} |\n",
            setting.key,
            setting.environment_name(),
            setting.flag.map(|flag| format!("`--{flag}`")).unwrap_or_default(),
            code(setting.dev),
            code(setting.serve),
            setting.kind.to_string().replace('|', "\\|"),
            setting.doc
        ));
    }
    out
}
