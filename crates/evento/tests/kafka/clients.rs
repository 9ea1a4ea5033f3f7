//! The clients: how each is started, in which version, and what it cannot do by itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::features::Feature;
use crate::server::root;

/// A Kafka client library, or a program made with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Kcat,
    Confluent,
    Aiokafka,
    KafkaPython,
    Java,
    Kafkajs,
    Platformatic,
    Rdkafka,
}

use Client::{Aiokafka, Confluent, Java, KafkaPython, Kafkajs, Kcat, Platformatic, Rdkafka};

/// All of them, in the order of the table's columns.
pub const CLIENTS: &[Client] = &[Java, Confluent, Kcat, Rdkafka, Kafkajs, Platformatic, Aiokafka, KafkaPython];

/// What a client cannot do, whatever the server does, and why. Everything that is not here must pass.
const CANNOT: &[(&[Client], &[Feature], &str)] = &[
    (&[Kcat], &[Feature::Avro], "Debian builds kcat without Avro; it prints the bytes"),
    (
        &[Kcat],
        &[Feature::Transactions, Feature::Fencing, Feature::OffsetsInTransaction],
        "kcat makes one transaction of all that it reads, which cannot be aborted at will",
    ),
    (&[Kcat], &[Feature::Admin], "kcat only lists brokers and topics"),
    (&[Kcat, Kafkajs, Aiokafka, KafkaPython], &[Feature::NewGroup], "the client does not have the protocol of KIP-848"),
    (&[Kafkajs, Aiokafka], &[Feature::CooperativeGroup], "the client has eager assignors only"),
    (&[Kafkajs], &[Feature::StaticMember], "the client has no `group.instance.id`"),
    (
        &[Kcat, Rdkafka, Java, Kafkajs, Platformatic],
        &[Feature::CloudEvents],
        "tried with the Python SDK, whose input is what any client hands out",
    ),
    (
        &[Kcat, Rdkafka, Kafkajs, Platformatic, Aiokafka, KafkaPython],
        &[Feature::Serializers],
        "the client has no serializer with settings for the subject, or none at all",
    ),
];

impl Client {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Kcat => "kcat",
            Confluent => "confluent-kafka",
            Aiokafka => "aiokafka",
            KafkaPython => "kafka-python",
            Java => "kafka-clients",
            Kafkajs => "kafkajs",
            Platformatic => "@platformatic/kafka",
            Rdkafka => "rdkafka",
        }
    }

    /// Its language, and the version that is tried, from the file that pins it.
    pub fn version(self) -> String {
        match self {
            Kcat => "C, Debian's".to_owned(),
            Confluent => {
                format!("Python, {}", pinned("python/requirements.txt", "confluent-kafka[avro,schemaregistry]=="))
            }
            Aiokafka => format!("Python, {}", pinned("python/requirements.txt", "aiokafka==")),
            KafkaPython => format!("Python, {}", pinned("python/requirements.txt", "kafka-python==")),
            Java => format!("Java, {}", pinned("../../../../../scripts/setup-kafka-clients", "kafka=")),
            Kafkajs => format!("Node.js, {}", pinned("node/package.json", "\"kafkajs\": \"")),
            Platformatic => format!("Node.js, {}", pinned("node/package.json", "\"@platformatic/kafka\": \"")),
            Rdkafka => format!("Rust, {}", pinned("rust/Cargo.toml", "rdkafka = { version = \"=")),
        }
    }

    /// Why it cannot do something, if so.
    pub fn cannot(self, feature: Feature) -> Option<&'static str> {
        let mut all = CANNOT.iter();
        all.find(|(clients, features, _)| clients.contains(&self) && features.contains(&feature)).map(|(.., why)| *why)
    }

    /// Its program, ready for a verb and options.
    pub fn command(self) -> Command {
        let home = set_up();
        let python = home.join("venv/bin/python");
        let node = home.join("node/bin/node");
        let script = |program: PathBuf, path: &str| {
            let mut command = Command::new(program);
            command.arg(folder().join(path));
            command
        };
        let mut command = match self {
            Kcat => script(python, "python/kcat.py"),
            Confluent => script(python, "python/confluent.py"),
            Aiokafka => script(python, "python/aio.py"),
            KafkaPython => script(python, "python/kpython.py"),
            Java => java(home),
            Kafkajs => script(node, "node/kafkajs.js"),
            Platformatic => script(node, "node/platformatic.js"),
            Rdkafka => Command::new(home.join("rust/release/kafka-client")),
        };
        command.env("NODE_PATH", home.join("npm/node_modules")).env("NODE_NO_WARNINGS", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Reasons why something cannot be done, in the order of the table's notes.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    CANNOT.iter().map(|(.., why)| *why)
}

fn java(home: &Path) -> Command {
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m", "-cp"]);
    command.arg(format!("{0}/classes:{0}/jars/*", home.display())).arg("Client");
    command
}

/// The folder of the programs.
pub fn folder() -> PathBuf {
    root().join("crates/evento/tests/kafka/clients")
}

/// The version after these words in a file.
fn pinned(file: &str, before: &str) -> String {
    let text = std::fs::read_to_string(folder().join(file)).expect("read");
    let line = text.lines().map(str::trim).find_map(|line| line.strip_prefix(before)).expect("pinned");
    line.split(['"', ' ']).next().unwrap_or(line).to_owned()
}

/// Where the clients are installed; gets them on first use.
pub fn set_up() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let output = Command::new(root().join("scripts/setup-kafka-clients"))
            .stdin(Stdio::null())
            .output()
            .expect("the script runs");
        assert!(output.status.success(), "setup-kafka-clients: {}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).expect("text").trim())
    })
}
